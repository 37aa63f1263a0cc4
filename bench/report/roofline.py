"""Draws the roofline: the machine's peaks, and each shape's step by its arithmetic intensity."""

from __future__ import annotations

import dataclasses
import importlib
import math
from collections.abc import Sequence
from typing import Any

from bench.report.drawing import FAINT, GROUND, INK, Chart, colours_of, new_figure, to_svg
from bench.report.figures import (
    BASE,
    Line,
    bytes_per_step,
    contenders_of,
    limits_of,
    lines_of,
)
from bench.report.numbers import quantity, tick
from bench.results import BenchResult, Measurement

CAPTION = (
    "Each column of points is a shape, each point a contender's rate of dense products; the core's "
    "are the large ones. The flat lines are the measured peaks of arithmetic, the sloped ones the "
    "measured bandwidth of the memory, on one thread (dotted, left out where it is nearly the "
    "same) and on all. Across: FLOP for each byte, where bytes are 4 times the sum "
    "over the layers (m inputs, n outputs, batch B) of mn + Bm + Bn for each of the products "
    "(forward, weight gradient, and, but for the first layer, backward) plus mn for the update: "
    "what moves if nothing stays in a cache between two products. A point above the slope is "
    "served by the caches."
)


DISTINCT = 1.25  # a smaller factor leaves no room for words between two lines


@dataclasses.dataclass(frozen=True)
class Roof:
    """A limit of the machine: arithmetic in flop/s, or memory in bytes/s."""

    label: str
    rate: float
    is_memory: bool
    threads: int


def roofline_charts(result: BenchResult) -> list[Chart]:
    """Return the roofline of the steps; nothing without a measured peak."""
    roofs = roofs_of(result)
    points = [(intensity(n.measurement), n) for n in lines_of(result, "step")]
    known = [(x, n) for x, n in points if x is not None]
    if not known or all(roof.is_memory for roof in roofs):
        return []
    figure = new_figure(5.4)
    axes = figure.subplots()
    left, right = min(x for x, _ in known) / 2.2, max(x for x, _ in known) * 2.2
    rates = [n.measurement.flop_rate or 1.0 for _, n in known]
    top = max([*rates, *(roof.rate for roof in roofs if not roof.is_memory)]) * 2
    axes.set(xscale="log", yscale="log", xlim=(left, right), ylim=(min(rates) / 2.5, top))
    axes.set(xlabel="arithmetic intensity [FLOP/byte]", ylabel="rate of the dense products")
    axes.yaxis.set_major_formatter(lambda value, _: tick(quantity(value, "flop/s")))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.grid()
    _points(axes, known)
    handles, labels = axes.get_legend_handles_labels()  # the core is drawn last, but named first
    figure.legend(handles[::-1], labels[::-1], loc="outside upper left", ncols=8)
    _roofs(figure, axes, roofs, left, right)
    title = "Roofline of the training step"
    return [Chart("roofline", title, CAPTION, to_svg(figure, "roofline", title))]


def intensity(measurement: Measurement) -> float | None:
    """Return FLOP per byte of a training step; None if its shape is not known."""
    shape = measurement.about.get("shape") or {}
    if measurement.flops is None or not {"sizes", "batch"} <= set(shape):
        return None
    return measurement.flops / bytes_per_step(shape["sizes"], int(shape["batch"]))


def roofs_of(result: BenchResult) -> list[Roof]:
    """Return the float32 peaks and the highest bandwidths, on one thread and on the most."""
    best: dict[tuple[bool, int], Measurement] = {}
    for m in limits_of(result):
        is_memory = m.unit == "bytes/s"
        if not is_memory and m.about.get("what") != "fma":
            continue
        key = (is_memory, m.threads or 0)
        if key not in best or m.median > best[key].median:
            best[key] = m
    found = [
        Roof(f"{m.contender}: {quantity(m.median, m.unit)}", m.median, is_memory, threads)
        for (is_memory, threads), m in best.items()
    ]
    return [roof for roof in found if not any(_hides(other, roof) for other in found)]


def _hides(one: Roof, other: Roof) -> bool:
    """Return whether the line of fewer threads would run into that of more."""
    more = one.is_memory == other.is_memory and one.threads > other.threads
    return more and max(one.rate / other.rate, other.rate / one.rate) < DISTINCT


def _points(axes: Any, points: Sequence[tuple[float, Line]]) -> None:
    """Draw the contenders of each shape above each other, and name the shape below them."""
    names = contenders_of(line.measurement for _, line in points)
    colours = colours_of(names)
    for name in reversed(names):
        mine = [(x, n.measurement.flop_rate) for x, n in points if n.name == name]
        size, order = (62, 4) if name == BASE else (20, 3)
        look = {"s": size, "zorder": order, "linewidth": 0, "color": colours[name]}
        axes.scatter(*zip(*mine, strict=True), label=name, **look)
    for x, name in {x: n.measurement.about["shape"].get("name", "") for x, n in points}.items():
        axes.axvline(x, color=FAINT, linewidth=0.8)
        place = {"xy": (x, 0), "xycoords": ("data", "axes fraction"), "xytext": (-2, 4)}
        axes.annotate(
            name, **place, textcoords="offset points", rotation=90, ha="right", fontsize=8
        )


def _roofs(figure: Any, axes: Any, roofs: Sequence[Roof], left: float, right: float) -> None:
    """Draw the limits, each with its words along it."""
    for _ in range(2):  # settles the place of the axes, hence the angle of a slope
        figure.draw_without_rendering()
    (x0, y0), (x1, y1) = axes.transData.transform([(left, 1e9), (10 * left, 1e10)])
    slope = math.degrees(math.atan2(y1 - y0, x1 - x0))
    most = max(roof.threads for roof in roofs)
    halo = importlib.import_module("matplotlib.patheffects").withStroke(
        linewidth=2.5, foreground=GROUND
    )
    for roof in roofs:
        style = "-" if roof.threads == most else ":"
        below = [r.rate for r in roofs if not r.is_memory and r.threads <= roof.threads]
        end = min(right, max(below, default=math.inf) / roof.rate) if roof.is_memory else right
        ends = [roof.rate * x for x in (left, end)] if roof.is_memory else [roof.rate] * 2
        axes.plot([left, end], ends, color=INK, linewidth=1.1, linestyle=style)
        look = {"textcoords": "offset points", "fontsize": 7.5, "path_effects": [halo]}
        if roof.is_memory:  # words begin at the left end of a slope, and end at the right of a top
            turned = {"rotation": slope, "rotation_mode": "anchor"}
            axes.annotate(roof.label, (left, ends[0]), xytext=(4, 5), **turned, **look)
        else:
            axes.annotate(roof.label, (right, roof.rate), xytext=(-4, 3), ha="right", **look)
