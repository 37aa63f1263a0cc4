"""``fastmlp find-learning-rate``: the sweep of learning_rates/finder.py, with train's flags."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from ..config.keys import Kind, real, whole
from ..learning_rates import LearningRateSweep, find_learning_rate
from ..learning_rates.finder import OWN, SWEEP
from .text import as_json
from .train import add_keys, add_source, configure

HELP = "raise the learning rate step by step, and tell where the loss falls fastest"
ROWS = 20  # of the table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add SOURCE, the flags of the sweep, and those of the training it makes."""
    add_source(parser)
    about: dict[str, tuple[Kind, str]] = {
        "lowest": (real(0, closed=False), "rate that the sweep begins with"),
        "highest": (real(0, closed=False), "rate that it ends with"),
        "steps": (whole(10), "steps of the sweep"),
        "smoothing": (real(0, 1), "share of the average loss that is kept at a step"),
    }
    for name, (kind, meaning) in about.items():
        parser.add_argument(
            f"--{name}",
            metavar=kind.shown,
            type=kind.read,
            default=SWEEP[name],
            help=f"{meaning} (default: {SWEEP[name]:g})",
        )
    parser.add_argument("--plot", metavar="FILE", help="draw the sweep: .png, .svg, .pdf")
    parser.add_argument("--json", action="store_true", help="print one JSON document, nothing else")
    add_keys(parser, without=OWN)


def run(options: argparse.Namespace) -> int:
    """Sweep and tell; return the exit code."""
    chosen: dict[str, Any] = {name: getattr(options, name) for name in SWEEP}
    sweep = find_learning_rate(config=configure(options), **chosen)
    if options.plot is not None:
        sweep.plot(options.plot)
    print(as_json(sweep.as_dict()) if options.json else _told(sweep))
    return 0


def _told(sweep: LearningRateSweep) -> str:
    """Return a table of some steps, and what follows from all."""
    last = len(sweep.losses) - 1
    lines = ["learning rate   smoothed loss"]
    for at in np.unique(np.linspace(0, last, ROWS).round().astype(int)).tolist():
        lines.append(f"{sweep.learning_rates[at]:13.3g}   {sweep.smoothed[at]:13.4g}")
    end = "diverged" if sweep.diverged else "ended at the highest rate"
    return "\n".join(
        [
            *lines,
            f"{end} after {last + 1} steps",
            f"steepest fall at {sweep.steepest:.3g}: a rate to begin with",
            f"a tenth of the rate of the lowest loss: {sweep.tenth_of_minimum:.3g}",
        ]
    )
