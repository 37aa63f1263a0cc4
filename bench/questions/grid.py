"""The question `grid`: whether a training step falls off a cliff at some width or batch.

Networks of two hidden layers as wide as the input, many widths by some batches, a few steps each.
Beside the peers, each at the better of one thread and all, the core competes with itself: threads
as it chooses them against one and against all, forced.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Sequence

from bench.contenders import ContenderSpec
from bench.entries import Entry, Judge, core_distance_of
from bench.harness import Options, Say, interleave
from bench.machine import usable_cores
from bench.processes import Worker, contender_worker
from bench.results import Measurement
from bench.shapes import Shape

BATCHES = (1, 8, 32, 128, 1024)
NARROWEST, WIDEST, RATIO = 8, 4096, 1.26
QUICK_BATCHES, QUICK_WIDEST, QUICK_RATIO = (1, 32, 1024), 1024, 1.26**6
# They would compile, or do the same as NumPy, at each of over a hundred points; named ones may.
LEFT_OUT = ("deck", "sklearn", "torch_compile", "jax")
EPOCH_SECONDS, ASSUMED_RATE, ASSUMED_STEP = 0.01, 1e11, 2e-6  # to make data for about one turn
LARGEST_CHECKED = 2_000_000  # weights: larger networks are checked by the question step

CORE = "bench.contenders.core"
HAND_SET = (
    ContenderSpec("core, 1 thread", CORE, whole_epochs=True),
    ContenderSpec("core, all threads", CORE, "build_forced", whole_epochs=True),
)


def widths(widest: int = WIDEST, ratio: float = RATIO) -> list[int]:
    """Return widths from narrow to wide, about a factor `ratio` apart.

    Examples
    --------
    >>> widths(30, 1.5)
    [8, 12, 18, 27, 30]
    """
    found, exact = [], float(NARROWEST)
    while round(exact) < widest:
        found.append(round(exact))
        exact *= ratio
    return [*found, widest]


def point(width: int, batch: int) -> Shape:
    """Return the shape at one point of the grid."""
    weights = width * (2 * width + 10)
    seconds = max(ASSUMED_STEP, 6 * batch * weights / ASSUMED_RATE)
    return Shape(
        name="grid",
        sizes=(width, width, width, 10),
        batch=batch,
        steps=max(1, min(1000, round(EPOCH_SECONDS / seconds))),
        check_steps=1,
        activation="relu",
        output="softmax",
        loss="categorical_cross_entropy",
        learning_rate=0.01,
        init="he_normal",
        inputs="normal",
        optimizer="sgd",
        seed=1,
    )


def run(options: Options, say: Say) -> list[Measurement]:
    """Measure the grid.

    Raises
    ------
    DisagreementError
        If a contender's weights differ from the reference's by more than rounding.
    WorkerError
        If a contender fails.
    """
    options = dataclasses.replace(
        options,
        rounds=min(options.rounds, 3),
        turn_at_least=EPOCH_SECONDS,
        turn_at_most=3 * EPOCH_SECONDS,
        pause=0.002,
    )
    batches = QUICK_BATCHES if options.quick else BATCHES
    chosen_widths = widths(QUICK_WIDEST, QUICK_RATIO) if options.quick else widths()
    found = []
    with contextlib.ExitStack() as stack:
        workers = start(options, stack)
        for width in chosen_widths:
            say(f"width {width} ...")
            for batch in batches:
                found += run_point(point(width, batch), workers, options)
    return found


Workers = dict[str, list[tuple[ContenderSpec, Worker]]]  # by the contender's name, one per count


def start(options: Options, stack: contextlib.ExitStack) -> Workers:
    """Start every process once; it goes from point to point."""
    most = options.threads or usable_cores()
    # The core chooses by itself, of as many threads as the peers may have; of others, try both.
    plan = [
        (spec, [most] if spec.module == CORE else sorted({1, most}))
        for spec in options.trainers(LEFT_OUT)
    ]
    if most > 1 and any(spec.module == CORE for spec, _ in plan):
        plan += [(HAND_SET[0], [1]), (HAND_SET[1], [most])]
    return {
        spec.name: [(spec, stack.enter_context(contender_worker(spec, count))) for count in counts]
        for spec, counts in plan
    }


def run_point(shape: Shape, workers: Workers, options: Options) -> list[Measurement]:
    """Measure one point."""
    weights = sum(a * b for a, b in zip(shape.sizes, shape.sizes[1:], strict=False))
    judge = Judge(shape, options, checks=weights <= LARGEST_CHECKED)
    entries = {name: _best(judge, candidates) for name, candidates in workers.items()}
    turns = interleave(
        {name: entry.turn for name, entry in entries.items()},
        options,
        core_distance_of(list(entries.values())),
    )
    return [
        Measurement(
            question="grid",
            case=f"width {shape.sizes[0]}, batch {shape.batch}",
            contender=name,
            unit="s/step",
            turns=entry.marked(turns[name]),
            flops=shape.flops_per_step,
            threads=entry.threads,
            about={
                "width": shape.sizes[0],
                "batch": shape.batch,
                "shape": dataclasses.asdict(shape),
                "checked": entry.agreement is not None,
            },
        )
        for name, entry in entries.items()
    ]


def _best(judge: Judge, candidates: Sequence[tuple[ContenderSpec, Worker]]) -> Entry:
    """Return a contender at its faster thread count."""
    entries = [judge.enter(spec, worker, worker.threads or 1) for spec, worker in candidates]
    return min(entries, key=lambda entry: entry.step_seconds)
