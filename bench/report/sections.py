"""What the report says of each question: heading, what was asked, and which tables answer it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from bench.report.tables import (
    Table,
    counts_tables,
    grid_tables,
    interrupt_tables,
    machine_tables,
    mnist_tables,
    scaling_tables,
    sparse_tables,
    timed_tables,
)
from bench.results import BenchResult


@dataclasses.dataclass(frozen=True)
class Section:
    """What the report says of one question: heading, what was asked, how its tables are made."""

    heading: str
    lead: str
    tables: Callable[[BenchResult, str], list[Table]]


SECTIONS = {
    "step": Section(
        "A training step",
        "A step of SGD (or of what the case names) in float32, from the same weights on the same "
        "batches, each contender on its own best number of threads.",
        timed_tables,
    ),
    "grid": Section(
        "Widths and batches: is there a cliff?",
        "A training step of a network of two hidden layers at many widths and batches. A number "
        "is a contender's time over the core's: above 1 the core is faster.",
        grid_tables,
    ),
    "scaling": Section(
        "Strong scaling",
        "The same step on 1, 2, ... threads. Speed-up is over the same contender's one thread, "
        "paired by round; efficiency is the speed-up over the threads.",
        scaling_tables,
    ),
    "predict": Section(
        "Prediction", "One row from Python, and many rows at once; time for each row.", timed_tables
    ),
    "start": Section(
        "Start and memory",
        "From nothing to the first prediction in a fresh process, and what it holds in memory.",
        timed_tables,
    ),
    "mnist": Section(
        "MNIST from the start of the process",
        "Import, load, train 784-128-10 for 5 epochs with momentum, predict the test set: the time "
        "a person waits.",
        mnist_tables,
    ),
    "machine": Section(
        "The machine",
        "What the peaks are that the shares above refer to, measured in the same run.",
        machine_tables,
    ),
    "sparse": Section(
        "Zero weights",
        "Prediction of one layer on one thread, of which a share of the weights is zero; times is "
        "the dense way's time over it.",
        sparse_tables,
    ),
    "counts": Section(
        "Instructions",
        "How many instructions a step takes on one thread, in all and function by function: free "
        "of noise. The AVX2 kernels are counted, and nothing is said of how fast they are.",
        counts_tables,
    ),
    "interrupt": Section(
        "Interruption", "How long a Ctrl-C waits for the next whole step.", interrupt_tables
    ),
}


def sections_of(result: BenchResult) -> list[tuple[str, Section]]:
    """Return the sections that have something to say; an unknown question gets a plain one."""
    asked = dict.fromkeys(m.question for m in result.measurements)
    named = [name for name in SECTIONS if name in asked]
    return [(name, SECTIONS[name]) for name in named] + [
        (name, Section(name.capitalize(), "", timed_tables))
        for name in asked
        if name not in SECTIONS
    ]
