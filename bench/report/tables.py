"""Lays out the tables of every question; text.py prints them with spaces, html.py with tags."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence

from bench.report.figures import (
    BASE,
    TOTAL,
    Grid,
    Line,
    geometric_mean,
    grids_of,
    lines_of,
    one_thread,
    ratio_of,
)
from bench.report.numbers import TIMES, duration, percent, quantity, span, three_digits, times
from bench.results import BenchResult, Measurement

BY_HAND = (
    "the default number of threads is as good as the best one set by hand. That one is picked "
    "afterwards, so noise alone gives a little less than 1."
)
OVER_CORE = "its time over the core's"
HEADS = {
    "s/step": "time/step",
    "s/row": "time/row",
    "s": "time",
    "bytes": "memory",
    "bytes/row": "memory/row",
    "B on disk": "on disk",
}


@dataclasses.dataclass(frozen=True)
class Table:
    """Rows of text under a head.

    Attributes
    ----------
    title : may be empty
    head, rows : the first `words` columns are words, the others numbers
    notes : what a reader must know to read it
    shades : for a heat map, the ratio behind each number column of each row
    bars : a ratio to the core for each row, None where there is none
    """

    title: str
    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    words: int = 2
    notes: tuple[str, ...] = ()
    shades: list[list[float | None]] | None = None
    bars: list[float | None] | None = None


def timed_tables(result: BenchResult, question: str) -> list[Table]:
    """Return a table for each unit of the question, a row for each line."""
    lines = lines_of(result, question)
    units = dict.fromkeys(line.measurement.unit for line in lines)
    return [_timed([n for n in lines if n.measurement.unit == unit], unit) for unit in units]


def _timed(lines: Sequence[Line], unit: str) -> Table:
    """Lay out the lines of one unit; columns that hold nothing are left out."""
    columns: dict[str, list[str]] = {
        "case": _once([line.measurement.case for line in lines]),
        "contender": [line.name for line in lines],
        "cores": [line.cores for line in lines],
        "threads": [str(line.measurement.threads or "") for line in lines],
        HEADS.get(unit, "value"): [quantity(line.measurement.median, unit) for line in lines],
        "spread": [_scatter(line.measurement) for line in lines],
        f"{TIMES} {BASE}": [times(line.ratio.median) if line.ratio else "" for line in lines],
        "range": [_range(line) for line in lines],
        "GFLOP/s": [_gigaflops(line.measurement) for line in lines],
        "of peak": [percent(line.share) if line.share is not None else "" for line in lines],
        "rounds": [str(len(line.measurement.turns)) for line in lines],
    }
    kept = {head: cells for head, cells in columns.items() if any(cells)}
    words = sum(head in kept for head in ("case", "contender", "cores"))
    bars = [line.ratio.median if line.ratio else None for line in lines]
    rows = list(zip(*kept.values(), strict=True))
    return Table("", tuple(kept), rows, words, bars=bars if any(bars) else None)


def _once(names: Sequence[str]) -> list[str]:
    """Return each name where it first comes, empty where it would be repeated."""
    return [n if i == 0 or n != names[i - 1] else "" for i, n in enumerate(names)]


def _scatter(measurement: Measurement) -> str:
    """Return the spread; nothing for a single value, which has none."""
    if len(measurement.turns) == 1:
        return ""
    return f"\u00b1{100 * measurement.spread.relative:.1f} %"


def _range(line: Line) -> str:
    """Return the quartiles of the ratios; nothing where there is but one."""
    return span(line.ratio) if line.ratio and len(line.measurement.turns) > 1 else ""


def _gigaflops(measurement: Measurement) -> str:
    rate = measurement.flop_rate
    return "" if rate is None else three_digits(rate / 1e9)


def grid_tables(result: BenchResult, question: str) -> list[Table]:
    """Return a heat map for each peer, and one for hand-set threads."""
    peers, by_hand = grids_of(result)
    found = [_heat_map(grid, f"{grid.name}: {OVER_CORE}") for grid in peers]
    if by_hand is not None:
        note = f"1.00: {BY_HAND}"
        title = "core: time with the best hand-set threads over time by default"
        found.append(dataclasses.replace(_heat_map(by_hand, title), notes=(note,)))
    return found or timed_tables(result, question)


def _heat_map(grid: Grid, title: str) -> Table:
    """Lay out ratios, a row for each width."""
    head = ("width \\ batch", *map(str, grid.batches))
    rows = [
        (str(width), *("" if cell is None else three_digits(cell) for cell in cells))
        for width, cells in zip(grid.widths, grid.cells, strict=True)
    ]
    below = sum(value < 1 for value in grid.values)
    note = (
        f"{below} of {len(grid.values)} cells below 1; lowest {three_digits(min(grid.values))}, "
        f"highest {three_digits(max(grid.values))}, "
        f"geometric mean {three_digits(geometric_mean(grid.values))}."
    )
    return Table(title, head, rows, 0, (note,), grid.cells)


def scaling_tables(result: BenchResult, question: str) -> list[Table]:
    """Return the times by threads, with the speed-up over one thread of the same contender."""
    rows = []
    lines = lines_of(result, question)
    cases = _once([n.measurement.case for n in lines])
    names = _once([f"{n.measurement.case}\0{n.name}" for n in lines])
    for line, case, name in zip(lines, cases, names, strict=True):
        m = line.measurement
        single = one_thread(result, m)
        gain = None if single is None else ratio_of(result, single, m)
        rows.append(
            (
                case,
                m.contender if name else "",
                line.cores,
                str(m.threads or ""),
                quantity(m.median, m.unit),
                _scatter(m),
                times(gain.median) if gain else "",
                span(gain) if gain and len(m.turns) > 1 else "",
                percent(gain.median / m.threads) if gain and m.threads else "",
                _gigaflops(m),
                percent(line.share) if line.share is not None else "",
            )
        )
    head = ("case", "contender", "cores", "threads", "time/step", "spread", "speed-up", "range")
    table = Table("", (*head, "efficiency", "GFLOP/s", "of peak"), rows, 3)
    return [_without_empty_columns(table)] if rows else []


def mnist_tables(result: BenchResult, question: str) -> list[Table]:
    """Return a row for each contender: the parts, the whole, and how well it did."""
    totals = [line for line in lines_of(result, question) if line.measurement.case == TOTAL]
    measurements = result.select(question)
    parts = [case for case in dict.fromkeys(m.case for m in measurements) if case != TOTAL]
    median = {(m.contender, m.case): duration(m.median) for m in measurements}
    rows = []
    for line in totals:
        m = line.measurement
        right = [float(share) for share in m.about.get("accuracies") or ()]
        rows.append(
            (
                line.name,
                str(m.threads or ""),
                *(median.get((line.name, part), "") for part in parts),
                duration(m.median),
                _scatter(m),
                times(line.ratio.median) if line.ratio else "",
                _range(line),
                f"{100 * statistics.median(right):.2f} %" if right else "",
            )
        )
    head = ("contender", "threads", *parts, TOTAL, "spread", f"{TIMES} {BASE}", "range", "accuracy")
    if not rows:
        return timed_tables(result, question)
    return [_without_empty_columns(Table("", head, rows, 1))]


def interrupt_tables(result: BenchResult, question: str) -> list[Table]:
    """Return the waits, with the longest."""
    rows = []
    measurements = result.select(question)
    for m, case in zip(measurements, _once([m.case for m in measurements]), strict=True):
        worst = max(turn.value for turn in m.turns)
        row = (case, str(m.threads or ""), duration(m.median), duration(worst), str(len(m.turns)))
        rows.append(row)
    return [Table("", ("case", "threads", "wait", "longest", "signals"), rows, 1)] if rows else []


def sparse_tables(result: BenchResult, question: str) -> list[Table]:
    """Return the time for each share of zeros, and how often it goes into the dense way's."""
    measurements = result.select(question)
    dense = {m.case: m.median for m in measurements if m.contender == "dense"}
    cases = _once([m.case for m in measurements])
    rows = [
        (
            case,
            m.contender,
            str(m.about["way"]),
            duration(m.median),
            times(dense[m.case] / m.median),
        )
        for m, case in zip(measurements, cases, strict=True)
    ]
    return [Table("", ("case", "weights", "way", "time", TIMES), rows, 3)] if rows else []


def counts_tables(result: BenchResult, question: str) -> list[Table]:
    """Return the instructions of each function, with their share of the case's largest, the sum."""
    measurements = result.select(question)
    cases = _once([m.case for m in measurements])
    rows = []
    for m, case in zip(measurements, cases, strict=True):
        most = max(other.median for other in measurements if other.case == m.case)
        share = percent(m.median / most) if most > 0 else ""
        rows.append((case, m.contender, quantity(m.median, m.unit), share))
    return [Table("", ("case", "function", "instructions", "share"), rows, 2)] if rows else []


def machine_tables(result: BenchResult, question: str) -> list[Table]:
    """Return what was measured of the machine, kind by kind."""
    measurements = result.select(question)
    kinds = list(dict.fromkeys(m.case for m in measurements))
    rows = [
        (m.case, m.contender, quantity(m.median, m.unit), _scatter(m), str(len(m.turns)))
        for m in sorted(measurements, key=lambda m: kinds.index(m.case))
    ]
    names = _once([row[0] for row in rows])
    rows = [(name, *row[1:]) for name, row in zip(names, rows, strict=True)]
    table = Table("", ("case", "what", "value", "spread", "rounds"), rows, 2)
    return [_without_empty_columns(table)] if rows else []


def _without_empty_columns(table: Table) -> Table:
    """Drop the columns in which nothing stands."""
    kept = [i for i in range(len(table.head)) if any(row[i] for row in table.rows)]
    return dataclasses.replace(
        table,
        head=tuple(table.head[i] for i in kept),
        rows=[tuple(row[i] for i in kept) for row in table.rows],
        words=sum(i < table.words for i in kept),
    )
