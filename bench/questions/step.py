"""The question `step`: how long a training step of the named shapes takes, contender by contender.

Each contender has its own process on each shape and thread count. All are checked against the
float64 reference before anything is timed; then each keeps its faster thread count, and they take
turns.
"""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from bench.agreement import Agreement, DisagreementError, check_agreement
from bench.contenders import ContenderSpec
from bench.harness import Options, Say, interleave, turn_steps
from bench.machine import usable_cores
from bench.problem import Parameters, make_problem
from bench.processes import UnsupportedError, Worker, contender_worker
from bench.reference import reference_gradients
from bench.results import Measurement
from bench.shapes import Shape, load_shapes


@dataclasses.dataclass
class Entry:
    """A contender that passed its check: how it agreed, and its worker at its best threads."""

    spec: ContenderSpec
    worker: Worker
    threads: int
    agreement: Agreement
    step_seconds: float


def run(options: Options, say: Say) -> list[Measurement]:
    """Measure the shapes of the options, all without any.

    Raises
    ------
    DisagreementError
        If a contender's weights differ from the reference's by more than rounding.
    WorkerError
        If a contender fails.
    """
    found = []
    for shape in load_shapes(options.shapes):
        found += run_shape(shape, options, options.trainers(), say)
    return found


def run_shape(
    shape: Shape, options: Options, contenders: Sequence[ContenderSpec], say: Say
) -> list[Measurement]:
    """Check, calibrate and time the contenders on one shape."""
    say(f"{shape.title}: checking {shape.check_steps} steps, choosing thread counts ...")
    with contextlib.ExitStack() as stack:
        entries = calibrate(shape, options, contenders, say, stack)
        steps = {
            entry.spec.name: turn_steps(
                entry.step_seconds, shape.steps, entry.spec.whole_epochs, options
            )
            for entry in entries
        }
        say(f"{shape.title}: timing, rounds: {options.rounds} ...")
        turns = interleave(
            {e.spec.name: _turn(e, steps[e.spec.name]) for e in entries}, options, _cores(entries)
        )
    return [
        Measurement(
            question="step",
            case=shape.title,
            contender=entry.spec.name,
            unit="s/step",
            turns=turns[entry.spec.name],
            flops=shape.flops_per_step,
            threads=entry.threads,
            about={
                "shape": dataclasses.asdict(shape),
                "agreement": dataclasses.asdict(entry.agreement),
                "steps_per_turn": steps[entry.spec.name],
            },
        )
        for entry in entries
    ]


def calibrate(
    shape: Shape,
    options: Options,
    contenders: Sequence[ContenderSpec],
    say: Say,
    stack: contextlib.ExitStack,
) -> list[Entry]:
    """Check each contender on one thread and on all, and keep the faster."""
    counts = [options.threads] if options.threads else sorted({1, usable_cores()})
    judge = Judge(shape)
    entries = []
    for spec in contenders:
        best: Entry | None = None
        for count in counts:
            worker = stack.enter_context(contender_worker(spec, count))
            try:
                entry = judge.enter(spec, worker, count, options)
            except UnsupportedError as error:
                say(f"{shape.title}: without {error}")
                break
            if best is None or entry.step_seconds < best.step_seconds:
                best, entry = entry, best or entry
            if entry is not best:
                entry.worker.close()
        if best is not None:
            entries.append(best)
    return entries


class Judge:
    """Holds the problem of a shape, and lets contenders in that solve it."""

    def __init__(self, shape: Shape) -> None:
        problem = make_problem(shape)
        self._shape = shape
        self._checksum = problem.checksum()
        self._problem = problem.head(shape.check_steps)
        self._base: list[Parameters] = []
        self._first = reference_gradients(self._problem, 0, self._problem.parameters)

    def enter(self, spec: ContenderSpec, worker: Worker, threads: int, options: Options) -> Entry:
        """Set up, check and warm up a worker."""
        shape, steps = self._shape, self._shape.check_steps
        content = dataclasses.asdict(shape)
        if worker.ask("setup", shape=content, threads=threads)["checksum"] != self._checksum:
            raise DisagreementError(f"{spec.name} on {shape.title}: its process drew other data")
        with tempfile.TemporaryDirectory(prefix="fastmlp-bench-") as folder:
            seconds = worker.ask("check", steps=steps, folder=folder)["seconds"] / steps
            after = [_read(Path(folder, f"{n}.npz")) for n in range(1, steps + 1)]
        self._base = self._base or after
        agreement = check_agreement(spec.name, self._problem, after, self._base, self._first)
        return Entry(
            spec, worker, threads, agreement, _warm_up(worker, spec, shape, seconds, options)
        )


def _read(path: Path) -> Parameters:
    """Read (W, b) per layer from the file of a worker."""
    with np.load(path, allow_pickle=False) as file:
        arrays = [file[key] for key in file.files]
    return list(zip(arrays[::2], arrays[1::2], strict=True))


def _warm_up(
    worker: Worker, spec: ContenderSpec, shape: Shape, step_seconds: float, options: Options
) -> float:
    """Train, then train again for seconds per step; the check has warmed the very slow."""
    if step_seconds > options.turn_at_most and not spec.whole_epochs:
        return step_seconds
    steps = shape.steps
    if not spec.whole_epochs:
        steps = max(1, min(steps, int(options.turn_at_most / step_seconds)))
    worker.ask("train", steps=steps)
    return float(worker.ask("train", steps=steps)["seconds"]) / steps


def _turn(entry: Entry, steps: int) -> Callable[[], float]:
    """Return what takes a turn of a contender: seconds per step."""
    return lambda: float(entry.worker.ask("train", steps=steps)["seconds"]) / steps


def _cores(entries: Sequence[Entry]) -> Callable[[], str | None]:
    """Return what asks the core's process how near its cores are, where it runs on several."""
    for entry in entries:
        if entry.spec.name == "core" and any(other.threads > 1 for other in entries):
            return lambda: entry.worker.ask("cores")["cores"]
    return lambda: None
