"""Draws a run as a picture with matplotlib: time per step and speed-up by shape."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from bench.report import duration, three_digits
from bench.results import BenchResult

SUFFIXES = (".svg", ".png", ".pdf")


class ChartError(RuntimeError):
    """No picture can be drawn; the message says what to do."""


def check_chart(path: Path) -> None:
    """Find out before hours of measuring whether `draw` could write this file.

    Raises
    ------
    ChartError
        If the suffix is unknown or matplotlib is missing.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise ChartError(f"--chart {path}: the name must end in one of {', '.join(SUFFIXES)}")
    try:
        importlib.import_module("matplotlib.figure")
    except ImportError as error:
        raise ChartError(
            f"--chart needs matplotlib ({error}); install it with: pip install 'fastmlp[bench]'"
        ) from error


def draw(result: BenchResult, path: Path) -> None:
    """Write the picture.

    Raises
    ------
    ChartError
        If the suffix is unknown or matplotlib is missing.
    """
    check_chart(path)
    figure: Any = importlib.import_module("matplotlib.figure").Figure(
        figsize=(11, 1.2 + 0.75 * len(result.shapes)), layout="constrained"
    )
    times, ratios = figure.subplots(1, 2, sharey=True)
    base = result.shapes[0].base
    _bars(times, result, list(result.contenders), ratio=False)
    times.set(xlabel="time per step [s]", xscale="log", title="time per step (shorter is better)")
    _bars(ratios, result, [n for n in result.contenders if n != base], ratio=True)
    ratios.set(xlabel=f"times {base}", xscale="log", title=f"speed-up of {base}")
    ratios.axvline(1, color="black", linewidth=0.8)
    labels = [shape.shape.title.replace(" ", "\n", 1) for shape in result.shapes]
    times.set_yticks(range(len(labels)), labels)
    times.invert_yaxis()
    times.legend()
    figure.savefig(path)


def _bars(axes: Any, result: BenchResult, names: list[str], ratio: bool) -> None:
    """Draw a group of bars per shape, whiskers between the quartiles, the median beside it."""
    order = list(result.contenders)
    height = 0.8 / max(1, len(order))
    for name in names:
        index = order.index(name)
        for place, shape in enumerate(result.shapes):
            spread = shape.speed_up(name) if ratio else shape.step_seconds(name)
            text = f"{three_digits(spread.median)}x" if ratio else duration(spread.median)
            whiskers = [[spread.median - spread.low], [spread.high - spread.median]]
            y = place + (index - (len(order) - 1) / 2) * height
            label = name if place == 0 else None
            axes.barh(y, spread.median, height, color=f"C{index}", xerr=whiskers, label=label)
            axes.annotate(
                text,
                (spread.high, y),
                xytext=(3, 0),
                textcoords="offset points",
                va="center",
                fontsize=7,
            )
    axes.margins(x=0.15)
