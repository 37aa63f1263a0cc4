"""The question `step`: how long a training step of the named shapes takes, contender by contender.

Each contender has its own process on each shape and thread count. All are checked against the
float64 reference before anything is timed; then each keeps its faster thread count, and they take
turns.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence

from bench.contenders import ContenderSpec
from bench.entries import Entry, Judge, core_distance_of, enter_with_each
from bench.harness import Options, Say, interleave
from bench.machine import usable_cores
from bench.results import Measurement
from bench.shapes import Shape, load_shapes

QUICK_SHAPES = ("tiny", "nielsen", "small", "tabular", "medium")


def run(options: Options, say: Say) -> Iterator[Measurement]:
    """Measure the shapes of the options; without any, all, or in a quick run the short ones.

    Each shape is handed out once it is measured: one that fails spoils none before it.

    Raises
    ------
    DisagreementError
        If a contender's weights differ from the reference's by more than rounding.
    WorkerError
        If a contender fails.
    """
    # Compiling takes longer than all the rest of a quick run.
    contenders = options.trainers(("torch_compile",) if options.quick else ())
    for shape in load_shapes(options.shapes or (QUICK_SHAPES if options.quick else ())):
        yield from run_shape(shape, options, contenders, say)


def run_shape(
    shape: Shape, options: Options, contenders: Sequence[ContenderSpec], say: Say
) -> list[Measurement]:
    """Check, calibrate and time the contenders on one shape."""
    say(f"{shape.title}: checking {shape.check_steps} steps, choosing thread counts ...")
    counts = [options.threads] if options.threads else sorted({1, usable_cores()})
    with contextlib.ExitStack() as stack:
        judge = Judge(shape, options)
        entries = []
        for spec in contenders:
            if tried := enter_with_each(judge, spec, counts, say, stack):
                entries.append(_fastest(tried))
        say(f"{shape.title}: timing, rounds: {options.rounds} ...")
        turns = interleave(
            {e.spec.name: e.turn for e in entries}, options, core_distance_of(entries)
        )
    return [
        Measurement(
            question="step",
            case=shape.title,
            contender=entry.spec.name,
            unit="s/step",
            turns=entry.marked(turns[entry.spec.name]),
            flops=shape.flops_per_step,
            threads=entry.threads,
            about={
                "shape": dataclasses.asdict(shape),
                "agreement": entry.agreement and dataclasses.asdict(entry.agreement),
                "steps_per_turn": entry.steps,
            },
        )
        for entry in entries
    ]


def _fastest(tried: Sequence[Entry]) -> Entry:
    """Return the fastest entry of a contender and end the others' processes."""
    best = min(tried, key=lambda entry: entry.step_seconds)
    for entry in tried:
        if entry is not best:
            entry.worker.close()
    return best
