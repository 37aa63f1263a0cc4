"""What follows from the turns: medians, ratios to the core, shares of the peak. It spells nothing.

A `Line` is one measurement, or its part with cores near each other or far apart where a run met
both: a step on two threads takes a different time in each.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

from bench.results import BenchResult, Measurement, Spread

BASE = "core"
TOTAL = "total"  # the case of a question whose other cases are its parts


@dataclasses.dataclass(frozen=True)
class Line:
    """The figures of one row of a table.

    Attributes
    ----------
    measurement : with the turns that count here
    cores : "near" or "far" where the measurement has both, else empty
    ratio : its value over the base's, paired by round; None for the base itself or without one
    share : of the peak of as many threads as it used; None where no peak or no FLOP is known
    """

    measurement: Measurement
    cores: str
    ratio: Spread | None
    share: float | None

    @property
    def name(self) -> str:
        """The contender."""
        return self.measurement.contender


def is_core(contender: str) -> bool:
    """Return whether this is fastmlp, in whatever variant.

    Examples
    --------
    >>> [is_core(name) for name in ("core", "core_bf16", "core, 1 thread", "model", "core to core")]
    [True, True, True, True, False]
    """
    return re.fullmatch(rf"({BASE}|model)(_\w+|, .+)?", contender) is not None


def keyed(measurements: Iterable[Measurement]) -> dict[tuple[object, ...], Measurement]:
    """Return measurements by what makes them the same in another run of the same questions.

    Threads belong to it where a case was measured with several; else they are a choice.
    """
    by_key: dict[tuple[object, ...], list[Measurement]] = {}
    for m in measurements:
        by_key.setdefault((m.question, m.case, m.contender, m.unit), []).append(m)
    return {
        (*key, m.threads if len(group) > 1 else None): m
        for key, group in by_key.items()
        for m in group
    }


def kinds(measurements: Iterable[Measurement]) -> list[str]:
    """Return the marks of the turns, sorted; those without one do not count."""
    return sorted(
        {turn.cores for m in measurements for turn in m.turns if turn.cores}, reverse=True
    )


def part(measurement: Measurement, cores: str) -> Measurement | None:
    """Return the measurement with the turns of one mark only; None if there are none."""
    turns = [turn for turn in measurement.turns if turn.cores == cores]
    return dataclasses.replace(measurement, turns=turns) if turns else None


def base_of(result: BenchResult, measurement: Measurement) -> Measurement | None:
    """Return the core's measurement of the same case and unit (scaling: and threads).

    The core is its own base.
    """
    if measurement.contender == BASE:
        return measurement
    found = [
        m
        for m in result.select(measurement.question, measurement.case, BASE)
        if m.unit == measurement.unit
    ]
    if measurement.question == "scaling":
        found = [m for m in found if m.threads == measurement.threads]
    return next(iter(found), None)


def ratio_of(result: BenchResult, measurement: Measurement, base: Measurement) -> Spread | None:
    """Return measurement / base paired by round; None without a shared round or a positive value.

    A difference (an import without the interpreter's start) may come out at zero or below.
    """
    if min(turn.value for m in (measurement, base) for turn in m.turns) <= 0:
        return None
    return result.ratio(measurement, base)


def share_of_peak(result: BenchResult, measurement: Measurement) -> float | None:
    """Return the share of the peak of the threads that were used, by the float32 FMA rate."""
    rate, peak = measurement.flop_rate, result.peak(measurement.threads)
    if rate is None or not peak or not math.isfinite(rate):
        return None
    return rate / peak


def lines_of(result: BenchResult, question: str) -> list[Line]:
    """Return the lines of a question: by case, in the order of the file."""
    measurements = result.select(question)
    lines = []
    for case in dict.fromkeys(m.case for m in measurements):
        for measurement in (m for m in measurements if m.case == case):
            lines += _lines(result, measurement)
    return lines


def _lines(result: BenchResult, measurement: Measurement) -> list[Line]:
    """Return one line, or one each for near and far, which mean nothing to one thread."""
    base = base_of(result, measurement)
    found = kinds([measurement]) if measurement.threads != 1 else []
    parts = [(mark, part(measurement, mark)) for mark in found if len(found) > 1]
    return [
        Line(
            piece,
            mark,
            None if base is None or base is measurement else ratio_of(result, piece, base),
            share_of_peak(result, piece),
        )
        for mark, piece in parts or [("", measurement)]
        if piece is not None
    ]


def contenders_of(measurements: Iterable[Measurement]) -> list[str]:
    """Return the names, the core and its variants first, else in the order of the file."""
    names = list(dict.fromkeys(m.contender for m in measurements))
    return sorted(names, key=lambda name: (name != BASE, not is_core(name)))


def one_thread(result: BenchResult, measurement: Measurement) -> Measurement | None:
    """Return the measurement of the same contender and case on one thread."""
    found = result.select(measurement.question, measurement.case, measurement.contender)
    return next((one for one in found if one.threads == 1), None)


def geometric_mean(values: Sequence[float]) -> float:
    """Return the mean that treats twice as fast and twice as slow alike.

    Examples
    --------
    >>> geometric_mean([0.5, 2.0])
    1.0
    """
    return math.exp(math.fsum(map(math.log, values)) / len(values))


def limits_of(result: BenchResult) -> list[Measurement]:
    """Return the machine's rates, on one thread and on the most that were measured."""
    rates = [m for m in result.select("machine") if m.unit in ("flop/s", "bytes/s")]
    most = max((m.threads or 1 for m in rates), default=1)
    return [m for m in rates if (m.threads or 1) in (1, most)]


@dataclasses.dataclass(frozen=True)
class Grid:
    """Ratios by width and batch for one name; a cell that was not measured is None."""

    name: str
    widths: list[int]
    batches: list[int]
    cells: list[list[float | None]]

    @property
    def values(self) -> list[float]:
        """The cells that were measured."""
        return [value for row in self.cells for value in row if value is not None]


def grids_of(result: BenchResult) -> tuple[list[Grid], Grid | None]:
    """Return a grid of ratios to the core for each peer, and that of the best hand-set threads.

    The second holds time with hand-set threads (the best of each cell) over time by default: below
    1, setting them by hand is faster.
    """
    by_name: dict[str, dict[tuple[int, int], float]] = {}
    by_hand: dict[tuple[int, int], float] = {}
    for measurement in result.select("grid"):
        base, place = base_of(result, measurement), place_of(measurement)
        if base is None or base is measurement or place is None:
            continue
        ratio = ratio_of(result, measurement, base)
        if ratio is None:
            continue
        if is_core(measurement.contender):
            by_hand[place] = min(ratio.median, by_hand.get(place, math.inf))
        else:
            by_name.setdefault(measurement.contender, {})[place] = ratio.median
    grids = [_grid(name, cells) for name, cells in by_name.items()]
    return grids, _grid("core, threads set by hand", by_hand) if by_hand else None


def place_of(measurement: Measurement) -> tuple[int, int] | None:
    """Return (width, batch) of a cell of the grid."""
    about: dict[str, Any] = measurement.about
    if "width" not in about or "batch" not in about:
        return None
    return int(about["width"]), int(about["batch"])


def _grid(name: str, cells: dict[tuple[int, int], float]) -> Grid:
    widths = sorted({width for width, _ in cells})
    batches = sorted({batch for _, batch in cells})
    return Grid(name, widths, batches, [[cells.get((w, b)) for b in batches] for w in widths])


def bytes_per_step(sizes: Sequence[int], batch: int, itemsize: int = 4) -> int:
    """Return the bytes a training step moves if nothing stays in a cache between its products.

    A layer of m inputs and n outputs, B rows: forward reads mn + Bm and writes Bn; the weight
    gradient with its update reads Bm + Bn + mn and writes mn; backward (not in the first layer)
    reads mn + Bn and writes Bm.

    Examples
    --------
    >>> bytes_per_step([3, 2], batch=5)
    272
    """
    words = 0
    for place, (m, n) in enumerate(itertools.pairwise(sizes)):
        product = m * n + batch * m + batch * n
        words += 2 * product + m * n + (product if place else 0)
    return itemsize * words
