"""Tiles live in registers: no vector is stored to the stack inside the loop of any micro-kernel."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from conftest import ROOT
from test_portability import X86, first_of, flags_of, rows

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not X86, reason="the assembly of x86-64 is what is read here"),
]

# Kernels with sums in registers, by the file that instantiates them, and what adds to a sum.
KERNELS = {
    "kernels": r"(tile|update_tile|skipping_tile|few_rows\w*|fma_peak)I",
    "pairs": r"tileI",
}
ADDS = re.compile(r"\s(vfmadd|vdpbf16)")
SPILL = re.compile(r"\svmov\w+\s+(%[xyz]mm\d+), -?\d*\(%r[sb]p")


def assembly(table: str, isa: str, flags: list[str], folder: Path) -> str:
    """Compile a table of kernels as CMakeLists.txt does, to text."""
    out = folder / "kernels.s"
    command = [first_of(["g++"], 12), "-S", "-std=c++17", "-O3", "-fPIC", *flags]
    command += [*flags_of("FASTMLP_ARITHMETIC"), f"-DFASTMLP_ISA={isa}", f"-I{ROOT / 'csrc'}"]
    source = ROOT / "csrc" / "kernels" / f"{table}.cpp"
    subprocess.run([*command, str(source), "-o", str(out)], check=True)
    return out.read_text()


def loops(function: str) -> list[list[str]]:
    """Innermost loops: from a label to the jump back to it, with no other loop inside."""
    lines = function.splitlines()
    places = {line[:-1]: i for i, line in enumerate(lines) if re.match(r"\.L\w+:$", line)}
    found = []
    for i, line in enumerate(lines):
        jump = re.match(r"\tj\w+\t(\.L\w+)$", line)
        if jump and places.get(jump[1], len(lines)) < i:
            found.append((places[jump[1]], i))
    inner = [
        (a, b) for a, b in found if not any(a <= c and d < b for c, d in found if (c, d) != (a, b))
    ]
    return [lines[a:b] for a, b in inner]


@pytest.mark.parametrize("table", KERNELS)
def test_no_sum_leaves_its_register_inside_a_loop(table, tmp_path):
    seen = 0
    for isa, _, flags in rows(True, table):
        if isa == "portable":
            continue  # without FMA there is no instruction to look for
        text = assembly(table, isa, flags, tmp_path)
        for name, body in re.findall(
            r"^(_Z\w+):\n(.*?)^\t\.size\t\1", text, re.MULTILINE | re.DOTALL
        ):
            if not re.search(KERNELS[table], name):
                continue
            for loop in loops(body):
                if any(ADDS.search(line) for line in loop):
                    seen += 1
                    stored = {match[1] for line in loop if (match := SPILL.search(line))}
                    sums = {line.split(", ")[-1] for line in loop if ADDS.search(line)}
                    assert not stored & sums, (isa, name, stored & sums)
    assert seen > 100, seen
