"""Runs the contenders of a shape against each other: checked, then timed in interleaved rounds.

Each contender has its own process, and all but one of them wait. How a process is spoken to
stands in processes.py, what makes weights agree in agreement.py, what a round yields in
results.py.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from bench.agreement import Agreement, DisagreementError, check_agreement
from bench.contender import CONTENDERS, ContenderSpec
from bench.problem import Parameters, make_problem
from bench.processes import THREAD_VARIABLES, ContenderMissingError, Worker
from bench.results import BenchResult, ShapeResult, Turn
from bench.shapes import Shape


@dataclasses.dataclass(frozen=True)
class Options:
    """How long and how to measure.

    Attributes
    ----------
    rounds : turns of each contender
    threads : limit for all contenders alike; None leaves each to its default (all cores)
    turn_at_least : seconds; a faster contender repeats epochs
    turn_at_most : seconds; a slower contender takes fewer steps, at least one (or a whole epoch)
    contender_at_most : seconds of a contender's turns on a shape; rounds go on without it
    pause : seconds before each turn, in which the threads of the one before stop spinning
    """

    rounds: int = 5
    threads: int | None = None
    turn_at_least: float = 0.2
    turn_at_most: float = 1.0
    contender_at_most: float = 20.0
    pause: float = 0.05


def run_bench(
    shapes: Sequence[Shape],
    options: Options,
    contenders: Sequence[ContenderSpec] = CONTENDERS,
    say: Callable[[str], object] = print,
    skip_missing: bool = True,
) -> BenchResult:
    """Check and time the contenders on each shape; one that is not installed may be skipped.

    Raises
    ------
    DisagreementError
        If a contender's weights differ from the reference's by more than rounding.
    WorkerError
        If a contender fails, or is not installed and may not be skipped.
    """
    started = datetime.now(UTC).isoformat(timespec="seconds")
    described, skipped = _describe(contenders, options, say)
    present = [spec for spec in contenders if spec.name in described]
    if not present or (skipped and not skip_missing):
        raise ContenderMissingError("; ".join(skipped.values()))
    results = [run_shape(shape, options, present, say) for shape in shapes]
    settings = dataclasses.asdict(options)
    return BenchResult(started, settings, _machine(), described, skipped, results)


def run_shape(
    shape: Shape,
    options: Options,
    contenders: Sequence[ContenderSpec],
    say: Callable[[str], object],
) -> ShapeResult:
    """Check and time the contenders on one shape; the first one is the base of the comparison."""
    say(f"{shape.title}: comparing {shape.check_steps} steps ...")
    with contextlib.ExitStack() as stack:
        workers = [stack.enter_context(Worker(spec, options.threads)) for spec in contenders]
        agreement, seconds = _check(shape, options, workers)
        steps = {}
        for worker in workers:
            name, whole = worker.spec.name, worker.spec.whole_epochs
            estimate = _warm_up(worker, shape, seconds[name], options)
            steps[name] = turn_steps(estimate, shape.steps, whole, options)
        say(f"{shape.title}: timing, rounds: {options.rounds} ...")
        turns = _rounds(workers, steps, options)
    return ShapeResult(shape, agreement, turns)


def turn_steps(step_seconds: float, epoch: int, whole_epochs: bool, options: Options) -> int:
    """Return the steps of a turn: whole epochs, or fewer for a contender too slow for one.

    Examples
    --------
    >>> turn_steps(0.001, 100, True, Options(turn_at_least=0.25))
    300
    >>> turn_steps(0.3, 100, False, Options(turn_at_most=1.0))
    3
    """
    if step_seconds * epoch > options.turn_at_most and not whole_epochs:
        return max(1, int(options.turn_at_most / step_seconds))
    return epoch * max(1, math.ceil(options.turn_at_least / (step_seconds * epoch)))


def _check(
    shape: Shape, options: Options, workers: Sequence[Worker]
) -> tuple[dict[str, Agreement], dict[str, float]]:
    """Return how each contender agrees, and its seconds per step while it showed so."""
    problem = make_problem(shape)
    checksum = problem.checksum()
    problem = problem.head(shape.check_steps)
    agreement: dict[str, Agreement] = {}
    seconds: dict[str, float] = {}
    base: list[Parameters] = []
    content = dataclasses.asdict(shape)
    for worker in workers:
        name = worker.spec.name
        if worker.ask("setup", shape=content, threads=options.threads)["checksum"] != checksum:
            raise DisagreementError(f"{name} on {shape.title}: its process drew other data")
        with tempfile.TemporaryDirectory(prefix="fastmlp-bench-") as folder:
            answer = worker.ask("check", steps=shape.check_steps, folder=folder)
            after = [_read(Path(folder, f"{n}.npz")) for n in range(1, shape.check_steps + 1)]
        base = base or after
        agreement[name] = check_agreement(name, problem, after, base)
        seconds[name] = answer["seconds"] / shape.check_steps
    return agreement, seconds


def _read(path: Path) -> Parameters:
    """Read (W, b) per layer from the file of a worker."""
    with np.load(path, allow_pickle=False) as file:
        arrays = [file[key] for key in file.files]
    return list(zip(arrays[::2], arrays[1::2], strict=True))


def _warm_up(worker: Worker, shape: Shape, step_seconds: float, options: Options) -> float:
    """Train, then train again for seconds per step; the check has warmed the very slow."""
    if step_seconds > options.turn_at_most and not worker.spec.whole_epochs:
        return step_seconds
    steps = shape.steps
    if not worker.spec.whole_epochs:
        steps = max(1, min(steps, int(options.turn_at_most / step_seconds)))
    worker.ask("train", steps=steps)
    return float(worker.ask("train", steps=steps)["seconds"]) / steps


def _rounds(
    workers: Sequence[Worker], steps: dict[str, int], options: Options
) -> dict[str, list[Turn]]:
    """Let the contenders take turns; the order moves on by one from round to round."""
    turns: dict[str, list[Turn]] = {worker.spec.name: [] for worker in workers}
    for number in range(options.rounds):
        first = number % len(workers)
        for position, worker in enumerate([*workers[first:], *workers[:first]]):
            mine = turns[worker.spec.name]
            spent = sum(turn.seconds for turn in mine)
            if mine and spent + mine[-1].seconds > options.contender_at_most:
                continue
            time.sleep(options.pause)
            count = steps[worker.spec.name]
            seconds = float(worker.ask("train", steps=count)["seconds"])
            mine.append(Turn(number, position, count, seconds))
    return turns


def _describe(
    contenders: Sequence[ContenderSpec], options: Options, say: Callable[[str], object]
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Return what each contender says of itself, and why the others are missing."""
    described: dict[str, dict[str, Any]] = {}
    skipped: dict[str, str] = {}
    for spec in contenders:
        try:
            with Worker(spec, options.threads) as worker:
                described[spec.name] = worker.ask("describe")
        except ContenderMissingError as error:
            skipped[spec.name] = str(error)
            say(f"skipped {error}")
    return described, skipped


def _machine() -> dict[str, Any]:
    """Return what is known of the machine without the core, which has its own `cpu_info`."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cores_usable": usable,
        "thread_variables": {key: os.environ[key] for key in THREAD_VARIABLES if key in os.environ},
    }
