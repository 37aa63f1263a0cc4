"""Says in plain characters what a run found: a table and bar charts; it computes no figure."""

from __future__ import annotations

import math
from typing import Any

from bench.results import BenchResult, ShapeResult

BAR = 40
HEAD = ("shape", "contender", "time/step", "spread", "GFLOP/s", "times {base}", "range", "rounds")


def duration(seconds: float) -> str:
    """Return a duration with three digits and its unit.

    Examples
    --------
    >>> duration(1.5504e-06), duration(0.0769), duration(12)
    ('1.55 us', '76.9 ms', '12.0 s')
    """
    units = (("s", 1.0), ("ms", 1e-3), ("us", 1e-6))
    unit, scale = next((u for u in units if seconds >= u[1]), units[-1])
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
    """Return the whole report of a run."""
    parts = [_settings(result), _table(result), _time_bars(result), _speed_up_bars(result)]
    if result.skipped:
        parts.append("\n".join(f"skipped {reason}" for reason in result.skipped.values()))
    return "\n\n".join(part for part in parts if part)


def _settings(result: BenchResult) -> str:
    """Say where and how it was measured."""
    machine, threads = result.machine, result.options["threads"]
    cpu: dict[str, Any] = next(
        (c["cpu_info"] for c in result.contenders.values() if "cpu_info" in c), {}
    )
    limit = f"{threads} threads for all" if threads else "default threads (NumPy's BLAS: all cores)"
    if machine["thread_variables"] and not threads:
        limit += f", but the environment sets {machine['thread_variables']}"
    lines = [
        f"{cpu.get('model', machine['machine'])}, {machine['cores_usable']} cores usable, {limit}",
        "float32, SGD, batches in the given order (no shuffle); medians of interleaved rounds",
    ]
    for name, content in result.contenders.items():
        versions = [f"{key} {text}" for key, text in content.items() if key != "cpu_info"]
        lines.append(f"{name}: {', '.join(versions)}")
    found = [agreement for shape in result.shapes for agreement in shape.agreement.values()]
    worst, apart = max(a.share_of_bound for a in found), max(a.from_base for a in found)
    lines.append(
        f"checked first: weights within {100 * worst:.0f} % of the bound on float32 rounding"
    )
    if len(result.contenders) > 1:
        base = result.shapes[0].base
        lines.append(f"  and within {apart:.0e} of {base}'s, relative to the largest weight")
    return "\n".join(lines)


def _table(result: BenchResult) -> str:
    """Return a row per shape and contender."""
    rows = [tuple(cell.format(base=result.shapes[0].base) for cell in HEAD)]
    for shape in result.shapes:
        for name in shape.turns:
            title = shape.shape.title if name == shape.base else ""
            rows.append((title, name, *_figures(shape, name)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if place < 2 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "-" * max(map(len, lines)))
    return "\n".join(lines)


def _figures(shape: ShapeResult, name: str) -> tuple[str, ...]:
    """Return the figures of one row of the table."""
    seconds, times = shape.step_seconds(name), shape.speed_up(name)
    ratio = ("", "")
    if name != shape.base:
        span = f"{three_digits(times.low)}..{three_digits(times.high)}"
        ratio = (f"{three_digits(times.median)}x", span)
    return (
        duration(seconds.median),
        f"+-{100 * seconds.relative:.1f} %",
        three_digits(shape.gigaflops(name)),
        *ratio,
        str(len(shape.turns[name])),
    )


def _time_bars(result: BenchResult) -> str:
    """Return bars of time per step; logarithmic, for the contenders lie orders apart."""
    medians = {
        (shape.shape.name, name): shape.step_seconds(name).median
        for shape in result.shapes
        for name in shape.turns
    }
    low = math.floor(math.log10(min(medians.values())))
    high = math.ceil(math.log10(max(medians.values())) + 1e-9)
    first, last = duration(10.0**low), duration(10.0**high)
    lines = [f"time per step, each bar from {first} to {last}, logarithmic"]
    for (shape, name), value in medians.items():
        length = round(BAR * (math.log10(value) - low) / (high - low))
        lines.append(f"{shape:>10} {name:<8} {'#' * max(1, length):<{BAR}} {duration(value)}")
    return "\n".join(lines)


def _speed_up_bars(result: BenchResult) -> str:
    """Return, for each contender but the base, bars of its time over the base's; linear from 0."""
    base = result.shapes[0].base
    blocks = []
    for name in result.contenders:
        pairs = [(s.shape.name, s.speed_up(name).median) for s in result.shapes if name in s.turns]
        if name == base or not pairs:
            continue
        scale = BAR / max(value for _, value in pairs)
        lines = [f"speed-up of {base} over {name}"]
        for shape, value in pairs:
            lines.append(
                f"{shape:>19} {'#' * max(1, round(scale * value)):<{BAR}} {three_digits(value)}x"
            )
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)
