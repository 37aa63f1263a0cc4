"""Instruction sets: chosen by CPU, overridden by name, loud on a wrong one; no object leaks code
that another could run.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys

import pytest
from conftest import ISAS, ROOT, run_python
from fastmlp import _core

CHOSEN = "from fastmlp import _core; print(_core.cpu_info()['isa_chosen'])"


def test_the_best_one_found_is_the_default():
    assert run_python(CHOSEN, FASTMLP_ISA="") == ISAS[0] + "\n"
    assert ISAS[-1] == "portable"


@pytest.mark.parametrize("isa", ISAS)
def test_each_one_found_can_be_named(isa):
    assert run_python(CHOSEN, FASTMLP_ISA=isa) == isa + "\n"


def test_a_wrong_name_is_loud_and_lists_the_choices():
    code = (
        "from fastmlp import _core\n"
        "try: _core.Network([2, 2], ['relu'])\n"
        "except ValueError as error: print(error)"
    )
    message = run_python(code, FASTMLP_ISA="avx1024")
    assert message == (
        "FASTMLP_ISA='avx1024' is not an instruction set of this build and CPU; "
        f"choose from: {', '.join(ISAS)}\n"
    )


def test_thread_budget_respects_limits():
    code = "from fastmlp import _core; print(_core.cpu_info()['threads']['default'])"
    assert run_python(code, OMP_NUM_THREADS="1") == "1\n"
    assert 1 <= int(run_python(code, OMP_NUM_THREADS="64")) <= (os.cpu_count() or 1)
    assert _core.cpu_info()["threads"]["affinity"] == len(os.sched_getaffinity(0))


CMAKE = (ROOT / "CMakeLists.txt").read_text()
BUILT = _core.cpu_info()["isa_built"]
PAIR_ROWS = re.findall(r"fastmlp_pair_isa\((\w+)", CMAKE) if "avx512" in BUILT else []
OBJECTS = [
    *(("kernels", isa) for isa in BUILT),
    *(("sparse", isa) for isa in BUILT),
    *(("pairs", isa) for isa in [*PAIR_ROWS, *BUILT]),
]


@pytest.mark.skipif(
    shutil.which("nm") is None or shutil.which(os.environ.get("CXX", "g++")) is None,
    reason="needs g++ and nm",
)
@pytest.mark.parametrize(("table", "isa"), OBJECTS)
def test_a_kernel_object_exports_one_symbol(table, isa, tmp_path):
    """Unoptimised, so that nothing is inlined by chance: every other symbol is local or belongs to
    the object's own namespace.
    """
    flags = re.search(rf"fastmlp_(?:pair_)?isa\({isa} \w+ ?([^)]*)\)", CMAKE).group(1).split()
    kernels = tmp_path / "kernels.o"
    compiler = [
        os.environ.get("CXX", "g++"),
        "-std=c++17",
        "-O0",
        "-fvisibility=hidden",
        f"-DFASTMLP_ISA={isa}",
        *flags,
    ]
    subprocess.run(
        [*compiler, "-I", ROOT / "csrc", "-c", ROOT / f"csrc/kernels/{table}.cpp", "-o", kernels],
        check=True,
    )
    listing = subprocess.run(
        ["nm", "-C", "--defined-only", kernels], capture_output=True, text=True, check=True
    ).stdout
    shared = [line for line in listing.splitlines() if re.match(r"\w+ [A-Zuvw] ", line)]
    entry = f"fastmlp_{table}_{isa}"
    own = (f"fastmlp::{isa}::", entry, "DW.ref.")  # the last is a pointer for unwinding, not code
    foreign = [line for line in shared if not any(name in line for name in own)]
    assert any(entry in line for line in shared)
    assert foreign == []


def test_import_does_not_change_the_floating_point_environment():
    """A library linked with -ffast-math would set flush-to-zero for the whole process."""
    code = (
        "import fastmlp, numpy\n"
        "print(numpy.float64(5e-324) * 1 != 0, numpy.float32(1e-45) * numpy.float32(1) != 0)"
    )
    assert run_python(code) == "True True\n"


def test_no_fast_math_anywhere():
    text = (ROOT / "CMakeLists.txt").read_text()
    code = "\n".join(line.split("#")[0] for line in text.splitlines())
    assert "-ffast-math" not in code
    assert "-Ofast" not in code
    assert "-ffp-contract=off" in code
    assert sys.float_info.min / 2 != 0
