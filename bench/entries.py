"""Lets a contender into a comparison: set up, checked against the reference, warmed up.

Only what has passed is timed. A contender enters with one thread count; who tries several enters
once for each, with a process each.
"""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from bench.agreement import Agreement, DisagreementError, check_agreement, check_mixed_agreement
from bench.contenders import ContenderSpec
from bench.harness import Options, Say, turn_steps
from bench.problem import Parameters, make_problem
from bench.processes import UnsupportedError, Worker, contender_worker
from bench.reference import Gradients, reference_gradients
from bench.results import Turn
from bench.shapes import Shape

WARM_SECONDS = 0.1  # in which the core finds out how many threads pay


@dataclasses.dataclass
class Entry:
    """A contender that passed its check on a shape.

    Attributes
    ----------
    spec, worker, threads : who it is, its process, and the threads that it was given
    agreement : how near it came; None where the judge does not check
    step_seconds : as the warm-up found
    steps : of a turn
    """

    spec: ContenderSpec
    worker: Worker
    threads: int
    agreement: Agreement | None
    step_seconds: float
    steps: int

    def turn(self) -> float:
        """Take a turn; returns seconds per step."""
        return float(self.worker.ask("train", steps=self.steps)["seconds"]) / self.steps

    def marked(self, turns: Sequence[Turn]) -> list[Turn]:
        """Return its turns; how near the cores are matters only to several threads."""
        if self.threads > 1:
            return list(turns)
        return [dataclasses.replace(turn, cores=None) for turn in turns]


class Judge:
    """Holds the problem of a shape, and lets contenders in that solve it; `checks` False: all."""

    def __init__(self, shape: Shape, options: Options, checks: bool = True) -> None:
        problem = make_problem(shape)
        self._shape = shape
        self._options = options
        self._checksum = problem.checksum()
        self._problem = problem.head(shape.check_steps)
        self._base: list[Parameters] = []
        self._first: Gradients | None = None
        if checks:
            self._first = reference_gradients(self._problem, 0, self._problem.parameters)

    def enter(self, spec: ContenderSpec, worker: Worker, threads: int) -> Entry:
        """Set up, check and warm up a worker.

        Raises
        ------
        DisagreementError
            If its weights differ from the reference's by more than rounding.
        WorkerError
            If it fails, or cannot train this.
        """
        shape = self._shape
        content = dataclasses.asdict(shape)
        if worker.ask("setup", shape=content, threads=threads)["checksum"] != self._checksum:
            raise DisagreementError(f"{spec.name} on {shape.title}: its process drew other data")
        agreement = self._check(spec, worker) if self._first else None
        seconds = self._warm_up(spec, worker)
        count = turn_steps(seconds, shape.steps, spec.whole_epochs, self._options)
        return Entry(spec, worker, threads, agreement, seconds, count)

    def _check(self, spec: ContenderSpec, worker: Worker) -> Agreement:
        """Hold the weights after each of the first steps against the reference."""
        steps = self._shape.check_steps
        with tempfile.TemporaryDirectory(prefix="fastmlp-bench-") as folder:
            worker.ask("check", steps=steps, whole_epochs=spec.whole_epochs, folder=folder)
            after = [_read(Path(folder, f"{n}.npz")) for n in range(1, steps + 1)]
        self._base = self._base or after
        check = check_mixed_agreement if spec.mixed else check_agreement
        return check(spec.name, self._problem, after, self._base, self._first)

    def _warm_up(self, spec: ContenderSpec, worker: Worker) -> float:
        """Return seconds per step; the first steps make the network and may compile it."""
        longest, epoch = self._options.turn_at_most, self._shape.steps
        steps = epoch if spec.whole_epochs else 1
        spent = float(worker.ask("train", steps=steps)["seconds"])
        while spec.whole_epochs and spent < WARM_SECONDS:
            spent += float(worker.ask("train", steps=steps)["seconds"])
        while True:
            seconds = float(worker.ask("train", steps=steps)["seconds"])
            if steps == epoch or seconds > longest / 4:
                return seconds / steps
            steps = min(epoch, max(2 * steps, int(longest / 2 * steps / seconds)))


def _read(path: Path) -> Parameters:
    """Read (W, b) per layer from the file of a worker."""
    with np.load(path, allow_pickle=False) as file:
        arrays = [file[key] for key in file.files]
    return list(zip(arrays[::2], arrays[1::2], strict=True))


def enter_with_each(
    judge: Judge, spec: ContenderSpec, counts: Sequence[int], say: Say, stack: contextlib.ExitStack
) -> list[Entry]:
    """Let a contender in with each thread count, a process each; none if it cannot train this."""
    entries = []
    for count in counts:
        worker = stack.enter_context(contender_worker(spec, count))
        try:
            entries.append(judge.enter(spec, worker, count))
        except UnsupportedError as error:
            say(f"  without {error}")
            worker.close()
            break
    return entries


def core_distance_of(entries: Sequence[Entry]) -> Callable[[], str | None]:
    """Return what asks the core's process how near its cores are, where anyone uses several."""
    several = any(entry.threads > 1 for entry in entries)
    core = max(
        (entry for entry in entries if entry.spec.name == "core"),
        key=lambda entry: entry.threads,
        default=None,
    )
    if core is None or not several:
        return lambda: None

    def ask() -> str | None:
        answer: str | None = core.worker.ask("cores")["cores"]
        return answer

    return ask
