"""Draws strong scaling: the speed-up by threads, a panel for each case, beside the ideal."""

from __future__ import annotations

import math
from typing import Any

from bench.report.drawing import INK, WIDTH, Chart, colours_of, new_figure, to_svg
from bench.report.figures import contenders_of, one_thread, ratio_of
from bench.results import BenchResult, Measurement, Spread

PANELS_A_ROW = 3
MARKERS = "osD^vPX*"


def scaling_charts(result: BenchResult) -> list[Chart]:
    """Return the speed-up over one thread; nothing where only one thread ran."""
    measurements = [m for m in result.select("scaling") if m.threads]
    if len({m.threads for m in measurements}) < 2:
        return []
    cases = list(dict.fromkeys(m.case for m in measurements))
    names = contenders_of(measurements)
    columns = min(PANELS_A_ROW, len(cases))
    rows = math.ceil(len(cases) / columns)
    figure = new_figure(0.5 + 2.5 * rows, WIDTH if columns > 1 else 0.55 * WIDTH)
    panels = list(figure.subplots(rows, columns, squeeze=False, sharey=True).flat)
    for axes, case in zip(panels, cases, strict=False):
        _panel(axes, result, case, [m for m in measurements if m.case == case], names)
    for axes in panels[len(cases) :]:
        axes.set_visible(False)
    for axes in panels[::columns]:
        axes.set_ylabel("speed-up")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=min(8, len(labels)))
    title = "Speed-up over one thread"
    caption = (
        "Each contender against itself on one thread, median and quartiles of the ratios within a "
        "round. On the dashed line n threads are n times as fast as one. A high line says nothing "
        "of the time itself: who is slow on one thread scales easily."
    )
    return [Chart("scaling", title, caption, to_svg(figure, "scaling", title))]


def _panel(
    axes: Any, result: BenchResult, case: str, measurements: list[Measurement], names: list[str]
) -> None:
    """Draw the lines of one case."""
    colours = colours_of(names)
    counts = sorted({m.threads for m in measurements if m.threads})
    axes.plot(counts, counts, "--", color=INK, linewidth=0.9, label="ideal")
    for name in names:
        points = _points(result, [m for m in measurements if m.contender == name])
        if not points:
            continue
        threads, spreads = list(points), list(points.values())
        medians = [s.median for s in spreads]
        whiskers = [[s.median - s.low for s in spreads], [s.high - s.median for s in spreads]]
        marker = MARKERS[names.index(name) % len(MARKERS)]
        look = {"marker": marker, "markersize": 4.5, "linewidth": 1.3, "elinewidth": 0.8}
        axes.errorbar(threads, medians, whiskers, color=colours[name], label=name, **look)
    axes.set(title=case.replace(", ", "\n", 1), xlabel="threads", ylim=(0, None))
    if len(counts) <= 8:
        axes.set_xticks(counts)
    axes.grid(axis="y")


def _points(result: BenchResult, measurements: list[Measurement]) -> dict[int, Spread]:
    """Return threads -> speed-up over one thread, paired by round."""
    points = {}
    for measurement in sorted(measurements, key=lambda m: m.threads or 0):
        single = one_thread(result, measurement)
        gain = None if single is None else ratio_of(result, single, measurement)
        if gain is not None and measurement.threads:
            points[measurement.threads] = gain
    return points
