"""The question `scaling`: how much faster the same training step is on 1, 2, ... all cores.

Strong scaling: network and batch stay. Every contender runs with every thread count, all in the
same interleaved rounds.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator

from bench.entries import Judge, core_distance_of, enter_with_each
from bench.harness import Options, QuestionSkippedError, Say, interleave
from bench.machine import usable_cores
from bench.results import Measurement
from bench.shapes import Shape, load_shapes

SHAPES = ("small", "medium", "large", "wide")
QUICK_SHAPES = ("small", "medium")
# One thread by design, or too slow to start for what they would add here; named ones take part.
LEFT_OUT = ("deck", "sklearn", "torch_compile")


def run(options: Options, say: Say) -> Iterator[Measurement]:
    """Measure the shapes of the options; without any, those from small to wide.

    Each shape is handed out once it is measured: one that fails spoils none before it.

    Raises
    ------
    QuestionSkippedError
        If only one core may be used.
    DisagreementError
        If a contender's weights differ from the reference's by more than rounding.
    WorkerError
        If a contender fails.
    """
    most = options.threads or usable_cores()
    if most < 2:
        raise QuestionSkippedError("only one core may be used here")
    options = dataclasses.replace(options, rounds=min(options.rounds, 3), contender_at_most=8.0)
    names = options.shapes or (QUICK_SHAPES if options.quick else SHAPES)
    shapes = load_shapes(names)
    return (row for shape in shapes for row in run_shape(shape, most, options, say))


def thread_counts(most: int) -> list[int]:
    """Return all counts up to 4, then doublings, and the most.

    Examples
    --------
    >>> thread_counts(2), thread_counts(24)
    ([1, 2], [1, 2, 3, 4, 8, 16, 24])
    """
    counts = {count for count in (1, 2, 3, 4, most) if count <= most}
    while (double := 2 * max(counts - {most}, default=most)) < most:
        counts.add(double)
    return sorted(counts)


def run_shape(shape: Shape, most: int, options: Options, say: Say) -> list[Measurement]:
    """Measure one shape with every thread count."""
    counts = thread_counts(most)
    say(f"{shape.title}: on {', '.join(map(str, counts))} threads ...")
    with contextlib.ExitStack() as stack:
        judge = Judge(shape, options)
        entries = {
            f"{spec.name}, {entry.threads}": entry
            for spec in options.trainers(LEFT_OUT)
            for entry in enter_with_each(judge, spec, counts, say, stack)
        }
        turns = interleave(
            {key: entry.turn for key, entry in entries.items()},
            options,
            core_distance_of(list(entries.values())),
        )
    return [
        Measurement(
            question="scaling",
            case=shape.title,
            contender=entry.spec.name,
            unit="s/step",
            turns=entry.marked(turns[key]),
            flops=shape.flops_per_step,
            threads=entry.threads,
            about={"shape": dataclasses.asdict(shape)},
        )
        for key, entry in entries.items()
    ]
