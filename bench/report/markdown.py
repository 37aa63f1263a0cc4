"""Prints the table of the project's README: shapes by contender, as Markdown."""

from __future__ import annotations

from bench.report.figures import base_of, contenders_of, ratio_of, share_of_peak
from bench.report.numbers import duration, percent, times
from bench.report.summary import peaks, place
from bench.results import BenchResult, Measurement


def markdown(result: BenchResult) -> str:
    """Return the table: time and share of the peak of the core, time and ratio of the others.

    Raises
    ------
    ValueError
        If the run did not ask `step`.
    """
    measurements = result.select("step")
    if not measurements:
        raise ValueError("the table for the README is made of the question step, which is not here")
    names = contenders_of(measurements)
    share = any(share_of_peak(result, m) is not None for m in measurements)
    rows = [["network, batch", *(f"`{_plain(name)}`" for name in names)]]
    rows.append(["---", *("---:" for _ in names)])
    for case in dict.fromkeys(m.case for m in measurements):
        of_case = {m.contender: m for m in measurements if m.case == case}
        cells = [_cell(result, of_case[n]) if n in of_case else "" for n in names]
        rows.append([_plain(case), *cells])
    lines = [f"| {' | '.join(row)} |" for row in rows]
    words = "Time for a step, median of interleaved rounds; in brackets how many times the core's"
    words += ", paired by round; and the core's share of the measured peak." if share else "."
    lines += ["", words, _plain(f"Measured {result.started[:10]} on {place(result)}.")]
    if limits := peaks(result):
        lines.append(_plain(f"{limits[0].upper()}{limits[1:]}."))
    return "\n".join(lines)


def _cell(result: BenchResult, measurement: Measurement) -> str:
    """Return the time of one contender on one shape, with the ratio, or the core's share."""
    base = base_of(result, measurement)
    ratio = None if base is None or base is measurement else ratio_of(result, measurement, base)
    share = share_of_peak(result, measurement)
    if ratio is not None:
        return f"{duration(measurement.median)} ({times(ratio.median)})"
    if base is measurement and share is not None:
        return f"{duration(measurement.median)}, {percent(share)}"
    return duration(measurement.median)


def _plain(text: str) -> str:
    """Return text that Markdown cannot take for markup of a table."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "'")
