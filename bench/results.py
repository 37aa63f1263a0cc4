"""What a run found: every timed turn, what follows from them, and the JSON that holds both.

It measures nothing and prints nothing; report.py and chart.py read it.
"""

from __future__ import annotations

import dataclasses
import json
import statistics
from pathlib import Path
from typing import Any

from bench.agreement import Agreement
from bench.shapes import Shape

FORMAT = 1


@dataclasses.dataclass(frozen=True)
class Turn:
    """One contender's turn in one round; `position` is its place in the order of that round."""

    round: int
    position: int
    steps: int
    seconds: float

    @property
    def step_seconds(self) -> float:
        """Seconds per step."""
        return self.seconds / self.steps


@dataclasses.dataclass(frozen=True)
class Spread:
    """Median and the range around it; quartiles where there are enough rounds."""

    median: float
    low: float
    high: float

    @property
    def relative(self) -> float:
        """Half the range over the median."""
        return (self.high - self.low) / (2 * self.median)


def spread_of(values: list[float]) -> Spread:
    """Return median and quartiles; below 4 values the extremes.

    Examples
    --------
    >>> spread_of([3.0, 1.0, 2.0])
    Spread(median=2.0, low=1.0, high=3.0)
    """
    low, high = min(values), max(values)
    if len(values) >= 4:
        low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(statistics.median(values), low, high)


@dataclasses.dataclass(frozen=True)
class ShapeResult:
    """All turns of one shape; the first contender is the base that the others are compared with."""

    shape: Shape
    agreement: dict[str, Agreement]
    turns: dict[str, list[Turn]]

    @property
    def base(self) -> str:
        """The contender that ratios are taken to."""
        return next(iter(self.turns))

    def step_seconds(self, name: str) -> Spread:
        """Return seconds per step of a contender."""
        return spread_of([turn.step_seconds for turn in self.turns[name]])

    def speed_up(self, name: str) -> Spread:
        """Return how many times longer a contender took than the base, paired by round."""
        base = {turn.round: turn.step_seconds for turn in self.turns[self.base]}
        return spread_of([turn.step_seconds / base[turn.round] for turn in self.turns[name]])

    def gigaflops(self, name: str) -> float:
        """Return the rate of the dense products, in GFLOP/s."""
        return self.shape.flops_per_step / self.step_seconds(name).median / 1e9

    def as_mapping(self) -> dict[str, Any]:
        """Return shape, agreement, raw turns and figures for JSON."""
        contenders = {
            name: {
                "seconds_per_step": dataclasses.asdict(self.step_seconds(name)),
                "times_base": dataclasses.asdict(self.speed_up(name)),
                "gflops": self.gigaflops(name),
                "agreement": dataclasses.asdict(self.agreement[name]),
                "turns": [dataclasses.asdict(turn) for turn in turns],
            }
            for name, turns in self.turns.items()
        }
        shape = dataclasses.asdict(self.shape)
        flops = self.shape.flops_per_step
        return {**shape, "flops_per_step": flops, "base": self.base, "contenders": contenders}


@dataclasses.dataclass(frozen=True)
class BenchResult:
    """A whole run.

    Attributes
    ----------
    started : ISO 8601 time
    options : rounds, threads and the other settings of the run
    machine : what is known of the machine; what is measured on it (its peak, say) belongs here too
    contenders : versions and settings, as each contender's own process told them
    skipped : contenders that could not take part, with the reason
    shapes : the results
    """

    started: str
    options: dict[str, Any]
    machine: dict[str, Any]
    contenders: dict[str, dict[str, Any]]
    skipped: dict[str, str]
    shapes: list[ShapeResult]

    def write_json(self, path: Path) -> None:
        """Write everything, raw turns included, to a JSON file."""
        content = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        content = {"format": FORMAT, **content, "shapes": [s.as_mapping() for s in self.shapes]}
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
