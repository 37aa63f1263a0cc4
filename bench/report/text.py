"""Says in plain characters what a run found; it computes no figure."""

from __future__ import annotations

import math

from bench.results import BenchResult, Measurement

UNITS = {"s": ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))}


def duration(seconds: float) -> str:
    """Return a duration with three digits and its unit.

    Examples
    --------
    >>> duration(1.5504e-06), duration(0.0769), duration(12)
    ('1.55 us', '76.9 ms', '12.0 s')
    """
    scale, unit = next((u for u in UNITS["s"] if seconds >= u[0]), UNITS["s"][-1])
    return f"{three_digits(seconds / scale)} {unit}"


def three_digits(value: float) -> str:
    """Return a positive number with three significant digits and no exponent.

    Examples
    --------
    >>> three_digits(1.5504), three_digits(27.84), three_digits(1234.5)
    ('1.55', '27.8', '1234')
    """
    decimals = max(0, 2 - math.floor(math.log10(value))) if value > 0 else 2
    return f"{value:.{decimals}f}"


def render(result: BenchResult) -> str:
    """Return every measurement on a line."""
    lines = [_line(measurement) for measurement in result.measurements]
    lines += [f"skipped {name}: {reason}" for name, reason in result.skipped.items()]
    return "\n".join(lines)


def _line(found: Measurement) -> str:
    time = found.unit.startswith("s")
    value = duration(found.median) if time else f"{found.median:.3g} {found.unit}"
    threads = f" ({found.threads} threads)" if found.threads else ""
    spread = f"+-{100 * found.spread.relative:.1f} %"
    return f"{found.question:9} {found.case:36} {found.contender}{threads}: {value} {spread}"
