"""Runs the programs of programs/ from outside: wall clock from a process's start to its end."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import subprocess
import sys
import time
from pathlib import Path

from bench.processes import ROOT, WorkerError, worker_environment

PROGRAMS = ROOT / "bench" / "programs"
TIMEOUT = 600.0  # far beyond any single program; one that takes longer hangs
TAIL_LINES = 20


@dataclasses.dataclass(frozen=True)
class ProgramRun:
    """One run of a program.

    Attributes
    ----------
    seconds : from starting the process to its end
    parts : seconds of each part in order, the first from the start of the process; the last,
        "exit", is what the interpreter needs to end
    figures : what else the program said
    """

    seconds: float
    parts: dict[str, float]
    figures: dict[str, float | None]


def is_installed(*modules: str) -> bool:
    """Return whether all of these top-level modules can be imported.

    Examples
    --------
    >>> is_installed("json"), is_installed("json", "no_such_module")
    (True, False)
    """
    return all(importlib.util.find_spec(module) is not None for module in modules)


def run_program(
    name: str, program: str, *arguments: str, threads: int | None, timeout: float | None = None
) -> ProgramRun:
    """Run a program of programs/.

    Parameters
    ----------
    name : str
        Who it is, for messages.
    program : str
        Its path below programs/.
    *arguments : str
        Its command line.
    threads : int or None
        Limit of the libraries' threads; None leaves them alone.
    timeout : float, optional
        Seconds after which it is ended, for a caller who has another plan then.

    Raises
    ------
    WorkerError
        If it fails; the message holds what it said.
    subprocess.TimeoutExpired
        If it takes longer than `timeout`; without one, a program that hangs is a WorkerError.
    """
    start = time.monotonic()
    said = run_python(name, [str(PROGRAMS / program), *arguments], threads, timeout)
    end = time.monotonic()
    told = json.loads(said.splitlines()[-1])
    parts, before = {}, start
    for part, moment in [*told["moments"].items(), ("exit", end)]:
        parts[part] = moment - before
        before = moment
    return ProgramRun(end - start, parts, told["figures"])


def run_python(
    name: str, arguments: list[str], threads: int | None, timeout: float | None = None
) -> str:
    """Run this interpreter and return what it printed; errors as in `run_program`."""
    what = Path(arguments[0]).name
    try:
        done = subprocess.run(
            [sys.executable, *arguments],
            env=worker_environment(threads),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT if timeout is None else timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        if timeout is not None:
            raise
        raise WorkerError(f"{name}: {what} did not end within {TIMEOUT:.0f} s") from None
    if done.returncode != 0:
        tail = "\n".join(done.stderr.splitlines()[-TAIL_LINES:])
        raise WorkerError(f"{name}: {what} ended with status {done.returncode}\n{tail}")
    return done.stdout
