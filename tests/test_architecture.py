"""ARCHITECTURE.md holds: who may include whom, how long a file may be, and that names stand in one
place.
"""

from __future__ import annotations

import re

import pytest
from conftest import CATALOG, ROOT

TEXT = (ROOT / "ARCHITECTURE.md").read_text()
CSRC = ROOT / "csrc"
SOURCES = sorted(p for p in CSRC.rglob("*") if p.suffix in {".h", ".cpp"})


def allowed():
    """The rows `| folder | may include |` of the table."""
    rows = re.findall(r"^\| `(\w+)/` \| ([^|]*) \|", TEXT, re.MULTILINE)
    return {folder: {folder, *re.findall(r"`(\w+)/`", others)} for folder, others in rows}


def test_the_table_names_every_folder():
    assert set(allowed()) == {p.name for p in CSRC.iterdir()}


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(CSRC)))
def test_includes_go_downward_only(path):
    folder = path.relative_to(CSRC).parts[0]
    for included in re.findall(r'#include "(\w+)/', path.read_text()):
        assert included in allowed()[folder], f"{folder}/ must not include {included}/"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(CSRC)))
def test_files_are_rooms_not_halls(path):
    assert len(path.read_text().splitlines()) <= 320


def test_intrinsics_stand_in_simd_alone():
    for path in SOURCES:
        if path.parent.name != "simd" and path.name not in {
            "team.cpp",
            "arithmetic.h",
        }:  # pause and the control register
            assert not re.search(r"\b_mm\d*_|\bv\w+q_f(32|64)\b", path.read_text()), path


def test_openmp_stands_in_the_team_alone():
    for path in SOURCES:
        if path.name != "team.cpp":
            assert "#pragma omp" not in path.read_text(), path


def test_kernels_use_no_standard_library_code():
    """Its inline functions would be compiled once per instruction set, and the linker keeps one
    copy for all (numpy issue 25274).
    """
    for path in SOURCES:
        if path.parent.name in {"math", "simd", "kernels"}:
            assert "std::" not in path.read_text(), path
            assert set(re.findall(r"#include <(\w+)", path.read_text())) <= {
                "cstdint",
                "immintrin",
                "arm_neon",
            }, path


HOMES = {
    "activations": {"activations.h", "piecewise.h", "smooth.h", "gates.h", "learned.h"},
    "optimizers": {"optimizers.h", "optimizers_adam.h"},
    "losses": {"losses.h", "class_losses.h"},
}


@pytest.mark.parametrize("kind", ["activations", "losses", "optimizers", "schedules"])
def test_a_name_is_spelt_once_in_the_engine(kind):
    for row in CATALOG[kind]:
        places = [p.name for p in SOURCES if f'"{row["name"]}"' in p.read_text()]
        places = [
            p for p in places if p != "testing.cpp"
        ]  # functions of one variable carry some of the same names
        homes = HOMES.get(kind, {f"{kind}.h"})
        assert len(places) == 1, (row["name"], places)
        assert places[0] in homes, (row["name"], places)
