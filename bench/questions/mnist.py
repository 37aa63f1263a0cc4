"""The question `mnist`: wall clock from the start of a process to the predicted test digits.

Each contender is a whole program (programs/mnist/). One that misses 97.5 % with a seed takes the
next one, which changes no time; who reaches it with none is not timed.
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.agreement import DisagreementError
from bench.contenders import chosen
from bench.harness import Options, QuestionSkippedError, Say, interleave
from bench.machine import usable_cores
from bench.program_runs import ProgramRun, is_installed, run_program
from bench.programs.mnist import BATCH, EPOCHS, LEARNING_RATE, MOMENTUM
from bench.results import Measurement, Turn

TARGET = 0.975  # of the test digits, after the epochs of programs/mnist/
TEST_DIGITS = 10_000
SEEDS = 5
TOTAL = "total"
PATIENCE = 1.5  # another number of threads is given up when it takes that much longer

# contender -> its program, and the modules it needs
PROGRAMS = {
    "core": ("mnist/with_fastmlp.py", ("fastmlp",)),
    "torch": ("mnist/with_torch.py", ("torch",)),
    "jax": ("mnist/with_jax.py", ("jax",)),
    "sklearn": ("mnist/with_sklearn.py", ("sklearn",)),
}
SETTINGS = {
    "network": "784-128-10",
    "epochs": EPOCHS,
    "batch": BATCH,
    "learning_rate": LEARNING_RATE,
    "momentum": MOMENTUM,
}


@dataclasses.dataclass
class Entry:
    """A contender that reached the target: its seed, its best number of threads, its runs."""

    name: str
    program: str
    seed: int
    threads: int
    best: ProgramRun
    runs: list[ProgramRun] = dataclasses.field(default_factory=list)

    @property
    def accuracies(self) -> list[float]:
        """Accuracy on the test digits, run by run; on several threads some peers' vary."""
        return [accuracy(run) for run in self.runs]


def run(options: Options, say: Say) -> list[Measurement]:
    """Check and time all contenders.

    Raises
    ------
    QuestionSkippedError
        If real MNIST is not on this machine, or nobody who was named can take part.
    DisagreementError
        If a contender does not reach the target.
    WorkerError
        If a program fails.
    """
    folder = mnist_folder()
    named = options.contenders or tuple(spec.name for spec in chosen(None))
    entries = []
    for name, (program, modules) in PROGRAMS.items():
        if name not in named:
            continue
        if not is_installed(*modules):
            say(f"mnist: without {name}: {', '.join(modules)} is not installed")
            continue
        say(f"mnist: {name}: checking its accuracy, choosing a thread count ...")
        entries.append(enter(name, program, folder, options))
    if not entries:
        raise QuestionSkippedError(f"of {', '.join(named)} none has a program that runs here")
    say(f"mnist: timing, rounds: {options.rounds} ...")
    turns = interleave({entry.name: _turn(entry, folder) for entry in entries}, options)
    return [m for entry in entries for m in measurements(entry, turns[entry.name])]


def mnist_folder() -> Path:
    """Return the folder of the four files.

    Raises
    ------
    QuestionSkippedError
        If there is none.
    """
    place = os.environ.get("FASTMLP_DATA")
    if place and Path(place, "mnist").is_dir():
        return Path(place, "mnist")
    raise QuestionSkippedError("real MNIST is not here: set FASTMLP_DATA to a folder with mnist/")


def accuracy(run: ProgramRun) -> float:
    """Return the share of the test digits that a run predicted rightly."""
    return (run.figures["correct"] or 0) / TEST_DIGITS


def enter(name: str, program: str, folder: Path, options: Options) -> Entry:
    """Find a seed that reaches the target, then the faster number of threads."""
    first, *others = [options.threads] if options.threads else sorted({1, usable_cores()})
    for seed in range(SEEDS):
        run = run_program(name, program, str(folder), str(seed), threads=first)
        if accuracy(run) >= TARGET:
            break
    else:
        raise DisagreementError(
            f"{name}: {accuracy(run):.2%} of the test digits with seed {seed}, and below "
            f"{TARGET:.1%} with the {SEEDS - 1} before: this is not the same training"
        )
    best = Entry(name, program, seed, first, run)
    for threads in others:
        limit = PATIENCE * best.best.seconds
        arguments = (program, str(folder), str(seed))
        try:
            run = run_program(name, *arguments, threads=threads, timeout=limit)
        except subprocess.TimeoutExpired:
            continue
        if run.seconds < best.best.seconds:
            best = Entry(name, program, seed, threads, run)
    return best


def measurements(entry: Entry, turns: Sequence[Turn]) -> list[Measurement]:
    """Return a measurement for each part of the program, and one for all of it.

    Parameters
    ----------
    entry : Entry
        With its runs.
    turns : sequence of Turn
        Those in which the runs were made.
    """
    seconds = {part: [run.parts[part] for run in entry.runs] for part in entry.best.parts}
    seconds[TOTAL] = [run.seconds for run in entry.runs]
    return [
        Measurement(
            question="mnist",
            case=case,
            contender=entry.name,
            unit="s",
            turns=[Turn(turn.round, value) for turn, value in zip(turns, values, strict=True)],
            threads=entry.threads,
            about={**SETTINGS, "seed": entry.seed, "accuracies": entry.accuracies},
        )
        for case, values in seconds.items()
    ]


def _turn(entry: Entry, folder: Path) -> Callable[[], float]:
    """Return what runs a contender's program once more and keeps the run."""

    def turn() -> float:
        entry.runs.append(
            run_program(
                entry.name, entry.program, str(folder), str(entry.seed), threads=entry.threads
            )
        )
        return entry.runs[-1].seconds

    return turn
