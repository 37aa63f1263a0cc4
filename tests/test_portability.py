"""The same bits from other compilers, other processors and other numbers of threads: whatever
compilers and emulators are on PATH build tests/cpp/train_bits.cpp, the engine without Python, and
every build must print the same lines. Sanitizers run over it too. Flags and rows of kernels are
read from CMakeLists.txt; a tool that is missing is a skip that names it.
"""

from __future__ import annotations

import functools
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import ROOT

pytestmark = pytest.mark.long

CMAKE = (ROOT / "CMakeLists.txt").read_text()
X86 = platform.machine() in {"x86_64", "AMD64"}
HOST_ARM = platform.machine() == "aarch64"
CLANGS = ["clang++", *(f"clang++-{version}" for version in range(25, 14, -1))]
OLDEST = {"g++": 12, "clang++": 15}
THREADS = [1, 2, 3]


@dataclass(frozen=True)
class Build:
    """One way to compile the program."""

    name: str
    compiler: str
    backend: str = "std"
    flags: tuple[str, ...] = ()
    x86: bool = X86
    runner: tuple[str, ...] = ()


@dataclass(frozen=True)
class Output:
    """What one run said: its lines, and the instruction set that dispatch chose."""

    lines: list[str]
    isa: str
    found: list[str]
    fused: bool


def rows(x86: bool, table: str) -> list[tuple[str, str, list[str]]]:
    """(name, predicate, flags) of each row of a table; those indented are x86-64's alone."""
    kind = "fastmlp_(?:pair_)?isa" if table == "pairs" else "fastmlp_isa"
    found = re.findall(rf"^( *){kind}\((\w+) (\w+) ?([^)]*)\)", CMAKE, re.MULTILINE)
    return [(name, test, flags.split()) for indent, name, test, flags in found if x86 or not indent]


def flags_of(variable: str) -> list[str]:
    found = re.search(rf'set\({variable} "?([^")]*)', CMAKE)
    assert found is not None, variable
    return found[1].split()


def version(compiler: str) -> int:
    done = subprocess.run([compiler, "-dumpversion"], capture_output=True, text=True, check=True)
    return int(done.stdout.split(".")[0])


def first_of(names: list[str], oldest: int = 0) -> str:
    """The first tool on PATH that is new enough; skips where there is none."""
    for name in names:
        if shutil.which(name) and (not oldest or version(name) >= oldest):
            return name
    newer = f" (version {oldest} or newer)" if oldest else ""
    pytest.skip(f"not on PATH: {' or '.join(names[:3])}{newer}")


def compile_program(build: Build, folder: Path) -> Path:
    """Compile engine, kernels and program into `folder`."""
    lists = {
        "kernels": "FASTMLP_ISAS",
        "sparse": "FASTMLP_SPARSE_ISAS",
        "pairs": "FASTMLP_PAIR_ISAS",
    }
    header = ""
    for table, macro in lists.items():
        found = " ".join(f"row({name}, {test})" for name, test, _ in rows(build.x86, table))
        header += f"#define {macro}(row) {found}\n"
    (folder / "runtime").mkdir()
    (folder / "runtime" / "isas.h").write_text(header)
    csrc = ROOT / "csrc"
    common = ["-std=c++17", *flags_of("CMAKE_CXX_FLAGS_RELEASE"), *flags_of("FASTMLP_ARITHMETIC")]
    common += [f"-I{csrc}", f"-I{folder}", f"-DFASTMLP_TEAM_{build.backend.upper()}"]
    common += ["-fopenmp" if build.backend == "openmp" else "-pthread", *build.flags]
    jobs = [
        (csrc / "kernels" / f"{table}.cpp", f"{table}_{name}", [f"-DFASTMLP_ISA={name}", *flags])
        for table in lists
        for name, _, flags in rows(build.x86, table)
    ]
    sources = [
        p
        for part in ("descent", "gemm", "network", "random", "runtime")
        for p in sorted((csrc / part).glob("*.cpp"))
    ]
    jobs += [
        (p, f"{p.parent.name}_{p.stem}", [])
        for p in [*sources, ROOT / "tests" / "cpp" / "train_bits.cpp"]
    ]

    def compiled(job: tuple[Path, str, list[str]]) -> str:
        source, name, flags = job
        target = str(folder / f"{name}.o")
        execute([build.compiler, *common, *flags, "-c", str(source), "-o", target])
        return target

    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        objects = list(pool.map(compiled, jobs))
    program = folder / "train_bits"
    execute([build.compiler, *common, *objects, "-o", str(program)])
    return program


def execute(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"


@pytest.fixture(scope="session")
def programs(tmp_path_factory) -> Callable[[Build], Path]:
    """Compile each build once."""

    @functools.cache
    def program(build: Build) -> Path:
        return compile_program(build, tmp_path_factory.mktemp(build.name))

    return program


def run(
    build: Build,
    program: Path,
    threads: int,
    *,
    isa: str = "",
    long: bool = False,
    runner: tuple[str, ...] = (),
) -> Output:
    command = [*(runner or build.runner), str(program), str(threads), *(["long"] if long else [])]
    environment = {**os.environ, "FASTMLP_ISA": isa}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment, timeout=1200
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"
    header = re.search(r"isa=(\w+) found=(\S+) fma=(\d)", done.stderr)
    assert header is not None, done.stderr
    lines = done.stdout.splitlines()
    assert not [line for line in lines if "FAULT" in line]
    return Output(lines, header[1], header[2].split(","), header[3] == "1")


def host_build() -> Build:
    return Build("host", first_of(["g++"], OLDEST["g++"]), "openmp")


@pytest.fixture(scope="session")
def expected(programs) -> Callable[[bool], list[str]]:
    """The lines that every build must print, by whether its fma has one rounding or two."""
    build = host_build()

    @functools.cache
    def lines(fused: bool) -> list[str]:
        program = programs(build)
        for isa in run(build, program, 1).found:
            output = run(build, program, 1, isa=isa, long=True)
            if output.fused == fused:
                return output.lines
        pytest.skip(f"no instruction set of this CPU has fma={fused}")

    return lines


def check(output: Output, expected: Callable[[bool], list[str]]) -> None:
    """Equal lines; a run without `long` is compared up to where it ends."""
    assert len(output.lines) > 100
    assert output.lines == expected(output.fused)[: len(output.lines)]


@pytest.mark.parametrize("threads", THREADS)
def test_instruction_sets_and_teams_agree(programs, expected, threads):
    build = host_build()
    for isa in run(build, programs(build), 1).found:
        check(run(build, programs(build), threads, isa=isa, long=True), expected)


@pytest.mark.parametrize("threads", THREADS)
def test_clang_agrees(programs, expected, threads):
    build = Build("clang", first_of(CLANGS, OLDEST["clang++"]))
    for isa in run(build, programs(build), 1).found:
        check(run(build, programs(build), threads, isa=isa, long=True), expected)


@pytest.mark.parametrize("level", ["-O1", "-O2"])
def test_optimisation_levels_agree(programs, expected, level):
    build = Build(f"level{level}", first_of(["g++"], OLDEST["g++"]), flags=(level,))
    for isa in run(build, programs(build), 1).found:
        check(run(build, programs(build), 2, isa=isa), expected)


@pytest.mark.parametrize("threads", THREADS)
def test_another_processor_agrees(programs, expected, threads):
    """64-bit ARM, under an emulator."""
    if HOST_ARM:
        pytest.skip("this processor is 64-bit ARM itself: its own build is the test")
    compiler = first_of(["aarch64-linux-gnu-g++"], OLDEST["g++"])
    emulator = first_of(["qemu-aarch64", "qemu-aarch64-static"])
    build = Build("aarch64", compiler, flags=("-static",), x86=False, runner=(emulator,))
    output = run(build, programs(build), threads)
    assert output.fused
    check(output, expected)


@pytest.mark.skipif(not X86, reason="dispatch has a choice on x86-64 only")
@pytest.mark.parametrize(
    ("model", "isa"), [("Nehalem", "portable"), ("Haswell", "avx2"), ("max", None)]
)
def test_an_older_processor_gets_what_it_can_run(programs, expected, model, isa):
    build = host_build()
    emulator = first_of(["qemu-x86_64", "qemu-x86_64-static"])
    output = run(build, programs(build), 2, runner=(emulator, "-cpu", model))
    if isa == "avx2" and output.isa == "portable":
        pytest.skip(f"{emulator} is too old to emulate AVX2 (7.2 and newer do)")
    assert isa in {None, output.isa}
    check(output, expected)


SANITIZERS = {
    "address-openmp": ("openmp", "-fsanitize=address,undefined"),
    "address-std": ("std", "-fsanitize=address,undefined"),
    "thread-std": ("std", "-fsanitize=thread"),  # does not understand an OpenMP runtime
}


@pytest.mark.parametrize("sanitizer", SANITIZERS)
def test_sanitizers_find_nothing(programs, expected, sanitizer, tmp_path):
    backend, option = SANITIZERS[sanitizer]
    compiler = first_of(["g++"], OLDEST["g++"])
    empty = tmp_path / "empty.cpp"
    empty.write_text("int main() {}\n")
    probe = [compiler, option, str(empty), "-o", str(tmp_path / "empty")]
    if subprocess.run(probe, capture_output=True, check=False).returncode != 0:
        pytest.skip(f"{compiler} has no library for {option}")
    if subprocess.run([str(tmp_path / "empty")], capture_output=True, check=False).returncode != 0:
        pytest.skip(f"a program with {option} does not start on this system")
    flags = ("-O1", "-g", option, "-fno-sanitize-recover=all", "-D_GLIBCXX_ASSERTIONS")
    build = Build(sanitizer, compiler, backend, flags)
    found = run(build, programs(build), 1).found
    races = option == "-fsanitize=thread"  # the same in all kernels
    for isa in found[:1] if races else found:
        for threads in [2, 4] if races else [1, 3]:
            long = threads > 2 and isa == found[0]
            check(run(build, programs(build), threads, isa=isa, long=long), expected)
