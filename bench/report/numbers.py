"""Spells numbers: three digits and a unit. It computes no figure."""

from __future__ import annotations

import math

from bench.results import Spread

TIMES = "\u00d7"
PREFIXES = (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3), ("", 1.0))
SECONDS = (("s", 1.0), ("ms", 1e-3), ("\u00b5s", 1e-6), ("ns", 1e-9))
# unit of a measurement -> what stands behind the prefix
SYMBOLS = {
    "bytes": "B",
    "bytes/row": "B",
    "B on disk": "B",
    "bytes/s": "B/s",
    "flop/s": "FLOP/s",
    "instructions": "",
    "instructions/step": "",
}


def three_digits(value: float) -> str:
    """Return a number with three significant digits and no exponent.

    Examples
    --------
    >>> three_digits(1.5504), three_digits(9.999), three_digits(1234.5), three_digits(-0.0213)
    ('1.55', '10.0', '1234', '-0.0213')
    """
    if not math.isfinite(value) or value == 0:
        return f"{value:.0f}"
    # the exponent of the rounded number: 9.999 has the digits of 10.0
    exponent = int(f"{value:.2e}".partition("e")[2])
    return f"{value:.{max(0, 2 - exponent)}f}"


def duration(seconds: float) -> str:
    """Return a duration with three digits and its unit.

    Examples
    --------
    >>> duration(0.0769), duration(12), duration(3.2e-7)
    ('76.9 ms', '12.0 s', '320 ns')
    """
    unit, scale = next((u for u in SECONDS if abs(seconds) >= 0.9995 * u[1]), SECONDS[-1])
    return f"{three_digits(seconds / scale)} {unit}"


def quantity(value: float, unit: str) -> str:
    """Return a value of a measurement's unit, scaled.

    Examples
    --------
    >>> quantity(0.0769, "s/step"), quantity(123e9, "flop/s"), quantity(5.4e7, "bytes")
    ('76.9 ms', '123 GFLOP/s', '54.0 MB')
    """
    if unit == "s" or unit.startswith("s/"):
        return duration(value)
    symbol = SYMBOLS.get(unit, unit)
    prefix, scale = next((p for p in PREFIXES if abs(value) >= 0.9995 * p[1]), PREFIXES[-1])
    return f"{three_digits(value / scale)} {prefix}{symbol}".rstrip()


def times(value: float) -> str:
    """Return a ratio with the sign behind it that says so."""
    return three_digits(value) + TIMES


def span(spread: Spread) -> str:
    """Return the range around a median of ratios.

    Examples
    --------
    >>> span(Spread(1.5, 1.25, 1.75))
    '1.25..1.75'
    """
    return f"{three_digits(spread.low)}..{three_digits(spread.high)}"


def percent(share: float) -> str:
    """Return a share in whole per cent, one decimal below ten, two below a tenth.

    Examples
    --------
    >>> percent(0.873), percent(0.0213), percent(0.0004)
    ('87 %', '2.1 %', '0.04 %')
    """
    decimals = 0 if abs(share) >= 0.0995 else 1 if abs(share) >= 0.00095 else 2
    return f"{100 * share:.{decimals}f} %"


def tick(text: str) -> str:
    """Return a spelt number as it stands at the tick of an axis: no more digits than it needs.

    Examples
    --------
    >>> tick("1.00 ms"), tick("250 GFLOP/s"), tick("0 ns")
    ('1 ms', '250 GFLOP/s', '0')
    """
    number, space, unit = text.rstrip(TIMES).partition(" ")
    value = float(number)
    return f"{value:g}{space}{unit}{TIMES * text.endswith(TIMES)}" if value else "0"
