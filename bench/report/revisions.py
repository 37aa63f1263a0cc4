"""Builds two git revisions, each in a virtual environment of its own, and measures them in turns.

Both are measured by the benchmark of this tree, pass by pass: A B, B A, A B, ... A pass is a new
process that builds everything anew, so that what depends on where code and data come to lie counts
as noise, as it should. The value of a pass is the median of its rounds.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import io
import os
import site
import statistics
import subprocess
import sys
import tarfile
import tempfile
import venv
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.processes import ROOT
from bench.report.figures import keyed
from bench.results import BenchResult, Measurement, Turn, read_json

BUILD_TOOLS = ("scikit_build_core", "pybind11")
THIS_TREE = "."


class RevisionError(RuntimeError):
    """A revision does not exist, or could not be built or measured; the message says why."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is measured of each revision, and how often."""

    questions: tuple[str, ...] = ("step",)
    shapes: tuple[str, ...] = ()
    passes: int = 7
    rounds: int = 2
    threads: int | None = None
    quick: bool = False

    def commands(self) -> list[list[str]]:
        """Return the arguments of ``python -m bench`` for each question."""
        options = ["--contenders", "core", "--rounds", str(self.rounds)]
        if self.threads:
            options += ["--threads", str(self.threads)]
        if self.quick:
            options.append("--quick")
        return [
            [question, *(self.shapes if question in ("step", "scaling") else ()), *options]
            for question in self.questions
        ]


def measure_revisions(
    revisions: Sequence[str], plan: Plan, say: Callable[[str], object]
) -> tuple[BenchResult, BenchResult]:
    """Build both, then measure them in turns; rounds of the results are passes.

    Raises
    ------
    RevisionError
        If a revision is unknown, does not build, or its measurement fails.
    """
    commits = [_commit(revision) for revision in revisions]
    with tempfile.TemporaryDirectory(prefix="fastmlp-compare-") as folder:
        pythons = []
        for place, commit in enumerate(commits):
            say(f"building {revisions[place]} ({commit[:12]}) ...")
            pythons.append(build(commit, Path(folder, str(place))))
        passes: list[list[BenchResult]] = [[], []]
        for number in range(plan.passes):
            say(f"pass {number + 1} of {plan.passes} ...")
            for place in ((0, 1), (1, 0))[number % 2]:
                passes[place] += _pass(pythons[place], plan, Path(folder, "result.json"))
    return merged(passes[0], len(plan.questions)), merged(passes[1], len(plan.questions))


def _git(*arguments: str) -> bytes:
    """Return what a git command prints."""
    try:
        done = subprocess.run(
            ["git", "-C", str(ROOT), *arguments], capture_output=True, check=False
        )
    except FileNotFoundError:
        raise RevisionError("to compare revisions git must be installed") from None
    if done.returncode:
        raise RevisionError(done.stderr.decode(errors="replace").strip())
    return done.stdout


def _commit(revision: str) -> str:
    """Return the commit of a revision; this tree stays what it is."""
    if revision == THIS_TREE:
        return THIS_TREE
    try:
        return _git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}").decode().strip()
    except RevisionError as error:
        words = str(error) or "no such file, and no such git revision"
        raise RevisionError(f"{revision}: {words}") from None


def build(commit: str, folder: Path) -> Path:
    """Build a commit into a new environment; returns its Python.

    The other packages are those of this environment, so that both revisions meet the same NumPy.
    """
    source, environment = folder / "source", folder / "venv"
    source.mkdir(parents=True)
    _export(commit, source)
    venv.create(environment, symlinks=os.name != "nt", with_pip=False)
    python = environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    where = subprocess.run(
        [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    # A path in a .pth file comes after the environment's own, and no .pth file in it is followed:
    # a development install of fastmlp here cannot come before the build.
    Path(where, "of_this_environment.pth").write_text("\n".join(site.getsitepackages()) + "\n")
    here = all(importlib.util.find_spec(tool) for tool in BUILD_TOOLS)
    flags = ["--no-build-isolation"] if here else []
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    _run([*install, "--no-deps", "--ignore-installed", *flags, str(source)], {"PATH": path})
    return python


def _export(commit: str, folder: Path) -> None:
    """Write the files of a commit, or of this tree as it is, into a folder."""
    if commit != THIS_TREE:
        with tarfile.open(fileobj=io.BytesIO(_git("archive", commit))) as archive:
            archive.extractall(folder, filter="data")
        return
    for name in _git("ls-files", "-z", "-co", "--exclude-standard").decode().split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())


def _run(command: Sequence[str], environment: dict[str, str]) -> None:
    """Run a command from the root of this tree, and tell its last words if it fails."""
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        command, cwd=ROOT, env={**kept, **environment}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        words = (done.stderr or done.stdout).strip()[-2000:]
        raise RevisionError(f"{' '.join(command[1:4])} ... failed:\n{words}")


def _pass(python: Path, plan: Plan, file: Path) -> list[BenchResult]:
    """Measure each question once."""
    found = []
    for command in plan.commands():
        _run([str(python), "-m", "bench", *command, "--json", str(file)], {})
        found.append(read_json(file))
    return found


def merged(results: Sequence[BenchResult], questions: int) -> BenchResult:
    """Return one result of many passes, each of so many questions: a turn is a pass's median."""
    turns: dict[tuple[object, ...], list[Turn]] = {}
    first: dict[tuple[object, ...], Measurement] = {}
    for place, result in enumerate(results):
        for key, m in keyed(result.measurements).items():
            first.setdefault(key, m)
            for mark in dict.fromkeys(turn.cores for turn in m.turns):
                values = [turn.value for turn in m.turns if turn.cores == mark]
                turn = Turn(place // questions, statistics.median(values), mark)
                turns.setdefault(key, []).append(turn)
    measurements = [dataclasses.replace(m, turns=turns[key]) for key, m in first.items()]
    return dataclasses.replace(results[0], measurements=measurements)
