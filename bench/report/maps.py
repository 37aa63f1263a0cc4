"""Draws the heat maps of ratios by width and batch, a panel for each peer."""

from __future__ import annotations

import importlib
import math
from collections.abc import Sequence
from typing import Any

from bench.report.drawing import (
    FASTER,
    INK,
    SAME,
    SLOWER,
    WIDTH,
    Chart,
    new_figure,
    shade,
    to_svg,
)
from bench.report.figures import Grid, grids_of
from bench.report.numbers import three_digits
from bench.results import BenchResult

PANELS_A_ROW = 3
CELL_INCHES, PANEL_MARGIN = 0.19, 1.0
NARROWEST = 0.3  # inches of a cell that holds three digits
MOST = 8.0  # ratios beyond this and its inverse have the same colour
SHADES = 47  # odd, so that a tie has its own; matplotlib draws a scale of fewer than 50 as vectors


def grid_charts(result: BenchResult) -> list[Chart]:
    """Return the map of the peers, and that of threads set by hand."""
    peers, by_hand = grids_of(result)
    charts = []
    if peers:
        title = "A peer's time over the core's, by width and batch"
        caption = (
            "Each cell is a network of that width at that batch. Blue, above 1: the core is "
            "faster; orange, below 1: the peer is. White is a tie. The colours are logarithmic, "
            "the same distance from 1 both ways; hatched cells were not measured. "
            "Numbers below 1 are bold."
        )
        charts.append(Chart("grid-peers", title, caption, _draw("grid-peers", title, peers)))
    if by_hand is not None:
        title = "The core with the best threads set by hand, over its default"
        caption = (
            "At 1 the default number of threads is as good as the best that was tried by hand. "
            "Orange, below 1: setting it by hand is faster there. The best one is picked "
            "afterwards, so noise alone gives a little less than 1."
        )
        svg = _draw("grid-threads", title, [by_hand])
        charts.append(Chart("grid-threads", title, caption, svg))
    return charts


def _draw(name: str, title: str, grids: Sequence[Grid]) -> str:
    """Draw panels with one scale of colours."""
    columns = min(PANELS_A_ROW, len(grids))
    rows = math.ceil(len(grids) / columns)
    tallest = max(len(grid.widths) for grid in grids)
    width = WIDTH * (0.55 if columns == 1 else 1)
    figure = new_figure(rows * (PANEL_MARGIN + CELL_INCHES * tallest), width)
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    norm = _norm([value for grid in grids for value in grid.values])
    room = (width - 1.6) / columns  # beside the labels and the scale of colours
    drawn = [_panel(axes, grid, norm, room) for axes, grid in zip(panels, grids, strict=False)]
    for axes in panels[len(grids) :]:
        axes.set_visible(False)
    bar = figure.colorbar(drawn[0], ax=panels, shrink=0.7, aspect=35, pad=0.015)
    named = (0.125, 0.25, 0.5, 1, 2, 4, 8) if norm.vmax > 2.5 else (0.5, 0.8, 1, 1.25, 2)
    ticks = [tick for tick in named if norm.vmin <= tick <= norm.vmax]
    bar.set_ticks(ticks, labels=[f"{tick:g}" for tick in ticks])
    bar.minorticks_off()
    bar.outline.set_visible(False)
    return to_svg(figure, name, title)


def _norm(values: Sequence[float]) -> Any:
    """Return a logarithmic scale with 1 in its middle."""
    furthest = max(1.3, *(max(value, 1 / value) for value in values))
    most = min(MOST, furthest)
    return importlib.import_module("matplotlib.colors").LogNorm(1 / most, most)


def _panel(axes: Any, grid: Grid, norm: Any, room: float) -> Any:
    """Draw one map, with numbers where they fit."""
    colours = importlib.import_module("matplotlib.colors")
    between = colours.LinearSegmentedColormap.from_list("ratio", (SLOWER, SAME, FASTER), SHADES)
    cells = [[math.nan if cell is None else cell for cell in row] for row in grid.cells]
    axes.set_facecolor("none")
    mesh = axes.pcolormesh(cells, cmap=between, norm=norm, edgecolors="face", linewidth=0.3)
    fits = room / len(grid.batches) >= NARROWEST
    for y, row in enumerate(grid.cells):
        for x, cell in enumerate(row):
            _cell(axes, x, y, cell, norm.vmax, fits)
    axes.set_xticks([x + 0.5 for x in range(len(grid.batches))], grid.batches)
    axes.set_yticks([y + 0.5 for y in range(len(grid.widths))], grid.widths, fontsize=7)
    axes.invert_yaxis()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set(xlabel="batch", ylabel="width", title=grid.name)
    return mesh


def _cell(axes: Any, x: int, y: int, cell: float | None, most: float, fits: bool) -> None:
    """Write a ratio where its cell is, in the ink that its colour asks for; hatch a gap."""
    if cell is None:
        gap = {"fill": False, "hatch": "////", "edgecolor": INK, "linewidth": 0, "alpha": 0.35}
        patches = importlib.import_module("matplotlib.patches")
        axes.add_patch(patches.Rectangle((x, y), 1, 1, **gap))
        return
    if not fits:
        return
    look = {"ha": "center", "va": "center_baseline", "fontsize": 6.5, "color": shade(cell, most)[1]}
    weight = "bold" if cell < 1 else "normal"
    axes.text(x + 0.5, y + 0.5, three_digits(cell), fontweight=weight, **look)
