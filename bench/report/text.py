"""Prints a run in plain characters: the tables of tables.py, with bars and marks for the eye."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence

from bench.report.numbers import TIMES
from bench.report.sections import Section, sections_of
from bench.report.summary import headlines, settings, skipped, versions
from bench.report.tables import Table
from bench.results import BenchResult

WIDTH = 100
BAR = 24
# A ratio up to the limit has the mark behind it; the largest is for everything above.
MARKS = ((0.67, "--"), (0.95, "-"), (1.05, "="), (1.5, "+"), (3.0, "++"), (math.inf, "+++"))
MARKS_TEXT = "Marks: -- below 0.67, - below 0.95, = within 5 %, + to 1.5, ++ to 3, +++ above."


def render(result: BenchResult) -> str:
    """Return the whole report of a run."""
    parts = ["\n".join([*settings(result), *versions(result)]), _summary(result)]
    parts += [_section(result, name, section) for name, section in sections_of(result)]
    if result.skipped:
        parts.append("\n".join(f"skipped {name}: {why}" for name, why in skipped(result)))
    return "\n\n".join(part for part in parts if part)


def _summary(result: BenchResult) -> str:
    """Return a line for each question and peer: the mean ratio and its range."""
    found = headlines(result)
    if not found:
        return ""
    width = max(len(f"{h.question}: {h.peer}") for h in found)
    lines = [f"{h.question + ': ' + h.peer:<{width}}  {h.figure:>6}  ({h.details})" for h in found]
    head = "In short: time over the core's, geometric means; above 1 the core is faster"
    return "\n".join([head, *lines])


def _section(result: BenchResult, name: str, section: Section) -> str:
    """Return a question: its heading, what was asked, its tables."""
    tables = [table(each) for each in section.tables(result, name)]
    heading = f"{section.heading}\n{'=' * len(section.heading)}"
    lead = textwrap.fill(section.lead, WIDTH)
    return "\n\n".join(filter(None, [f"{heading}\n{lead}".rstrip(), *tables]))


def table(content: Table) -> str:
    """Return a table: words to the left, numbers to the right, bars or marks behind."""
    rows: Sequence[Sequence[str]] = content.rows
    if content.shades:
        rows = [
            (row[0], *map(_marked, row[1:], shades))
            for row, shades in zip(rows, content.shades, strict=True)
        ]
    grid = [content.head, *rows]
    widths = [max(map(len, column)) for column in zip(*grid, strict=True)]
    lines = [_line(row, widths, content.words) for row in grid]
    if content.bars:
        bars, scale = _bars(content.bars)
        lines = [f"{lines[0]}  {scale}", *map("  ".join, zip(lines[1:], bars, strict=True))]
    lines.insert(1, "-" * max(map(len, lines)))
    lines = [line.rstrip() for line in lines]
    notes = [*content.notes, *([MARKS_TEXT] if content.shades else [])]
    notes = [textwrap.fill(note, WIDTH) for note in notes]
    return "\n".join(filter(None, [content.title, *lines, *notes]))


def _line(row: Sequence[str], widths: Sequence[int], words: int) -> str:
    """Return a row, padded."""
    cells = zip(row, widths, strict=True)
    return "  ".join(c.ljust(w) if i < words else c.rjust(w) for i, (c, w) in enumerate(cells))


def _marked(cell: str, ratio: float | None) -> str:
    """Return a cell of a heat map with the mark of its ratio."""
    if ratio is None:
        return cell
    return f"{cell} {next(mark for limit, mark in MARKS if ratio <= limit):<3}"


def _bars(ratios: Sequence[float | None]) -> tuple[list[str], str]:
    """Return a logarithmic bar for each ratio, from 1 to the left or right, and their scale."""
    logs = [0.0, *(math.log10(ratio) for ratio in ratios if ratio)]
    low, high = min(logs), max(logs)
    unit = BAR / ((high - low) or 1.0)
    one = round(-low * unit)
    bars = []
    for ratio in ratios:
        length = round(math.log10(ratio) * unit) if ratio else 0
        left, right = "<" * max(0, -length), "#" * max(0, length)
        bars.append(f"{left:>{one}}|{right}" if ratio else "")
    return bars, f"{'':>{one}}| 1{TIMES}, logarithmic to {10**high:.3g}{TIMES}"
