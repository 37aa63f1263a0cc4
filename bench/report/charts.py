"""Draws the charts of a run: bars, stacked bars, roofline, heat maps, strong scaling.

How they look stands in drawing.py. Each function returns charts, none where the run has no data.
"""

from __future__ import annotations

import importlib
import math
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

from bench.report.drawing import INK, Chart, check_matplotlib, colours_of, new_figure, style, to_svg
from bench.report.figures import BASE, TOTAL, Line, contenders_of, lines_of
from bench.report.maps import grid_charts
from bench.report.numbers import quantity, tick, times
from bench.report.roofline import roofline_charts
from bench.report.scaling import scaling_charts
from bench.results import BenchResult, Spread

BAR_INCHES, GROUP_INCHES, MARGIN_INCHES = 0.145, 0.14, 1.0


def charts_of(result: BenchResult, question: str) -> list[Chart]:
    """Return the charts of a question.

    Raises
    ------
    MatplotlibMissingError
        If matplotlib is not installed.
    """
    check_matplotlib()
    with style():
        return [chart for draw in CHARTS.get(question, ()) for chart in draw(result)]


def step_bars(result: BenchResult) -> list[Chart]:
    """Draw each contender's time over the core's by shape."""
    lines = [line for line in lines_of(result, "step") if line.ratio]
    if not lines:
        return []
    title = "Time of a step over the core's"
    caption = (
        "Each bar is the median of the ratios within a round, from 1 (the line): to the right the "
        "contender takes longer than the core, to the left less. The axis is logarithmic; whiskers "
        "are the quartiles, below four rounds the extremes."
    )
    svg = grouped_bars("step-ratio", title, lines, lambda line: line.ratio, times, 1.0)
    return [Chart("step-ratio", title, caption, svg)]


def predict_bars(result: BenchResult) -> list[Chart]:
    """Draw the time for a row by case."""
    return _value_bars(result, "predict", "s/row", "Time for a row", log=True)


def start_bars(result: BenchResult) -> list[Chart]:
    """Draw times and memory."""
    return [
        *_value_bars(result, "start", "s", "Time from the start", log=True),
        *_value_bars(result, "start", "bytes", "Memory", log=False),
        *_value_bars(result, "start", "bytes/row", "Memory for each row", log=True),
        *_value_bars(result, "start", "B on disk", "Installed on disk", log=True),
    ]


def _value_bars(
    result: BenchResult, question: str, unit: str, title: str, log: bool
) -> list[Chart]:
    """Draw medians of one unit, whiskers between the quartiles."""
    lines = [n for n in lines_of(result, question) if n.measurement.unit == unit]
    lines = [n for n in lines if n.measurement.median > 0]
    if not lines:
        return []
    spreads = [n.measurement.spread for n in lines]
    smallest = min(value for s in spreads for value in (s.low, s.median) if value > 0)
    start = 10 ** math.floor(math.log10(smallest)) if log else None
    scale = "The axis begins at zero."
    if log:
        scale = "The axis is logarithmic: compare where bars end, not how long they are."
    caption = (
        "Medians; whiskers are the quartiles (below four rounds the extremes). Shorter is "
        f"better. {scale}"
    )
    name = f"{question}-{unit.replace('/', '-per-').replace(' ', '-')}"

    def spell(value: float) -> str:
        return quantity(value, unit)

    svg = grouped_bars(name, title, lines, lambda line: line.measurement.spread, spell, start)
    return [Chart(name, title, caption, svg)]


def grouped_bars(
    name: str,
    title: str,
    lines: Sequence[Line],
    value: Callable[[Line], Spread | None],
    spell: Callable[[float], str],
    log_from: float | None,
) -> str:
    """Draw a group of horizontal bars for each case.

    Parameters
    ----------
    log_from : float or None
        Where bars begin on a logarithmic axis; None: a linear axis from zero.
    """
    cases = list(dict.fromkeys(_case(line) for line in lines))
    names = contenders_of(line.measurement for line in lines)
    colours = colours_of(names)
    height = MARGIN_INCHES + BAR_INCHES * len(lines) + GROUP_INCHES * len(cases)
    figure = new_figure(height)
    axes = figure.subplots()
    ticks, y = [], 0.0
    for case in cases:
        first = y
        for line in (n for n in lines if _case(n) == case):
            spread = value(line)
            if spread is not None:
                _bar(axes, y, spread, colours[line.name], spell, log_from)
            y += 1
        ticks.append((first + y - 1) / 2)
        y += GROUP_INCHES / BAR_INCHES
    axes.set_yticks(ticks, [_folded(case) for case in cases])
    axes.set_ylim(y - 0.5, -0.8)
    axes.tick_params(axis="y", length=0)
    _finish_values(axes, spell, log_from)
    _legend(figure, names, colours)
    return to_svg(figure, name, title)


def _bar(
    axes: Any,
    y: float,
    spread: Spread,
    colour: str,
    spell: Callable[[float], str],
    log_from: float | None,
) -> None:
    """Draw one bar with its whiskers and its value behind it."""
    start = log_from or 0.0
    axes.barh(y, spread.median - start, 0.86, left=start, color=colour)
    low = spread.low if spread.low > 0 else start  # a logarithmic axis has no place for it
    axes.plot([low, spread.high], [y, y], color=INK, linewidth=0.8, solid_capstyle="butt")
    left = spread.median < start
    axes.annotate(
        spell(spread.median),
        (low if left else spread.high, y),
        xytext=(-3 if left else 3, 0),
        textcoords="offset points",
        ha="right" if left else "left",
        va="center_baseline",
        fontsize=7,
        annotation_clip=False,
    )


def _finish_values(axes: Any, spell: Callable[[float], str], log_from: float | None) -> None:
    """Make the axis of values: scale, room for the numbers, grid, words at the ticks."""
    if log_from is None:
        axes.set_xlim(0, axes.get_xlim()[1] * 1.12)
    else:
        axes.set_xscale("log")
        low, high = axes.dataLim.x0, axes.dataLim.x1
        room = (max(high, log_from) / min(low, log_from)) ** 0.12
        left = low / room if low < log_from else log_from
        axes.set_xlim(left, max(high * room, 1.1 * log_from))
        axes.axvline(log_from, color=INK, linewidth=0.9)
        if high / low < 300:
            ticker = importlib.import_module("matplotlib.ticker")
            axes.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(lambda value, _: tick(spell(value)))
    axes.xaxis.set_minor_formatter(lambda value, _: "")
    axes.grid(axis="x")


def _case(line: Line) -> str:
    """Return the case with its mark."""
    case = line.measurement.case
    return f"{case}, {line.cores} cores" if line.cores else case


def _folded(text: str) -> str:
    """Break a long name, at a comma if there is one."""
    first, comma, rest = text.partition(", ")
    if len(text) <= 22 or "\n" in rest:
        return text
    if comma:
        return f"{first},\n{textwrap.fill(rest, 22)}"
    return textwrap.fill(text, 22)


def _legend(figure: Any, names: Sequence[str], colours: dict[str, str]) -> None:
    """Put the contenders above the axes."""
    patch = importlib.import_module("matplotlib.patches").Patch
    handles = [patch(color=colours[name], label=name) for name in names]
    figure.legend(handles=handles, loc="outside upper left", ncols=min(8, len(names)))


def mnist_bars(result: BenchResult) -> list[Chart]:
    """Draw the phases of each contender on top of each other."""
    measurements = [m for m in result.select("mnist") if m.unit == "s" and m.case != TOTAL]
    if not measurements:
        return []
    names = contenders_of(measurements)
    phases = list(dict.fromkeys(m.case for m in measurements))
    title = "From the start of the process to predictions"
    figure = new_figure(MARGIN_INCHES + 0.3 * len(names))
    axes = figure.subplots()
    shades = _phase_shades(len(phases))
    for place, name in enumerate(names):
        left = 0.0
        for phase, shade in zip(phases, shades, strict=True):
            seconds = sum(m.median for m in measurements if (m.contender, m.case) == (name, phase))
            axes.barh(place, seconds, 0.7, left=left, color=shade)
            left += seconds
        axes.annotate(
            quantity(left, "s"),
            (left, place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
        )
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    _finish_values(axes, lambda value: quantity(value, "s"), None)
    _legend(figure, phases, dict(zip(phases, shades, strict=True)))
    caption = (
        "The parts of the time a person waits, one behind the other; medians. "
        f"{BASE} is fastmlp. Shorter is better."
    )
    return [Chart("mnist-parts", title, caption, to_svg(figure, "mnist-parts", title))]


def _phase_shades(count: int) -> list[str]:
    """Return colours for phases; no contender's meaning is lent to them."""
    shades = ["#c2cbd3", "#8fa3b3", "#4f7a94", "#d1b26f", "#a08bb0", "#7c9c6a"]
    return [shades[i % len(shades)] for i in range(count)]


CHARTS: dict[str, tuple[Callable[[BenchResult], list[Chart]], ...]] = {
    "step": (step_bars, roofline_charts),
    "grid": (grid_charts,),
    "scaling": (scaling_charts,),
    "predict": (predict_bars,),
    "start": (start_bars,),
    "mnist": (mnist_bars,),
}
