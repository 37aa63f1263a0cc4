"""What a run found, whatever the question: turns, measurements, and the JSON file that holds them.

Everything measured is one kind of record, so that a table, a chart and a comparison need no
knowledge of the question. It measures nothing and prints nothing.
"""

from __future__ import annotations

import dataclasses
import json
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FORMAT = 2


class ResultError(ValueError):
    """A file is not a result that this version reads; the message says why."""


@dataclasses.dataclass(frozen=True)
class Turn:
    """One value, taken in one round.

    Attributes
    ----------
    round : turns of the same round are compared with each other
    value : in the unit of the measurement
    cores : "near" or "far", how quickly the cores talked to each other just before; None where one
        thread ran, or nobody asked
    """

    round: int
    value: float
    cores: str | None = None


@dataclasses.dataclass(frozen=True)
class Spread:
    """Median and the range around it; quartiles where there are enough rounds."""

    median: float
    low: float
    high: float

    @property
    def relative(self) -> float:
        """Half the range over the median; 0 where the median is."""
        return (self.high - self.low) / (2 * self.median) if self.median else 0.0


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
class Measurement:
    """What was found for one contender in one case of one question.

    Attributes
    ----------
    question : the subcommand that asked: "step", "grid", "machine", ...
    case : what was done, in words: "small 784-128-10, batch 64"
    contender : who did it; for the machine: what was measured, as "fma, all threads"
    unit : "s/step", "s/row", "s", "bytes", "flop/s", "bytes/s", "instructions", ...
    turns : at least one
    flops : dense products per unit of work, for the share of the peak
    threads : on which it ran; None where nobody knows
    about : whatever else belongs to it: the shape, how well it agreed, width, batch, dtype, ...
    """

    question: str
    case: str
    contender: str
    unit: str
    turns: list[Turn]
    flops: float | None = None
    threads: int | None = None
    about: dict[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a measurement without values.

        Raises
        ------
        ValueError
            If there is no turn.
        """
        if not self.turns:
            raise ValueError(f"{self.question}, {self.case}, {self.contender}: no turn was taken")

    @property
    def spread(self) -> Spread:
        """Median and quartiles of the turns."""
        return spread_of([turn.value for turn in self.turns])

    @property
    def median(self) -> float:
        """The middle value."""
        return self.spread.median

    @property
    def quartiles(self) -> tuple[float, float]:
        """The lower and the upper quartile; below 4 turns the extremes."""
        spread = self.spread
        return spread.low, spread.high

    @property
    def flop_rate(self) -> float | None:
        """Dense products in flop/s; None where they were not counted."""
        return None if self.flops is None else self.flops / self.median


@dataclasses.dataclass(frozen=True)
class BenchResult:
    """A whole run.

    Attributes
    ----------
    started : ISO 8601 time
    options : rounds, threads and the other settings of the run
    machine : platform, cores, environment; `cpu` is the core's `cpu_info()` where it is installed
    contenders : versions and settings, as each contender's own process told them
    skipped : contenders (and questions) that could not take part, with the reason
    measurements : in the order they were made
    """

    started: str
    options: dict[str, Any]
    machine: dict[str, Any]
    contenders: dict[str, dict[str, Any]]
    skipped: dict[str, str]
    measurements: list[Measurement]
    format: int = FORMAT

    def select(
        self, question: str | None = None, case: str | None = None, contender: str | None = None
    ) -> list[Measurement]:
        """Return the measurements that fit; None fits all."""
        wanted = (("question", question), ("case", case), ("contender", contender))
        return [
            measurement
            for measurement in self.measurements
            if all(value in (None, getattr(measurement, field)) for field, value in wanted)
        ]

    def ratio(self, measurement: Measurement, base: Measurement) -> Spread | None:
        """Return measurement / base, paired by round; None if they share no round."""
        bases = {turn.round: turn.value for turn in base.turns}
        ratios = [
            turn.value / bases[turn.round] for turn in measurement.turns if turn.round in bases
        ]
        return spread_of(ratios) if ratios else None

    def peak(self, threads: int | None, what: str = "fma") -> float | None:
        """Return the machine's best rate in flop/s with that many threads (None: all).

        Parameters
        ----------
        threads : int or None
            More than were measured count as all.
        what : str
            `about["what"]` of the measurement: "fma" (float32) or another that was taken.
        """
        rates = {
            found.threads: max(turn.value for turn in found.turns)
            for found in self.select(question="machine")
            if found.unit == "flop/s" and found.about.get("what") == what and found.threads
        }
        if not rates:
            return None
        most = max(rates)
        return rates.get(most if threads is None else min(threads, most))

    def write_json(self, path: Path) -> None:
        """Write everything to a JSON file."""
        content = {"format": self.format, **dataclasses.asdict(self)}
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read_json(path: Path) -> BenchResult:
    """Read what `write_json` wrote.

    Raises
    ------
    ResultError
        If the file is not JSON, not a result, or of another format.
    OSError
        If it cannot be read.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ResultError(f"{path}: this is not JSON ({error})") from None
    if not isinstance(content, dict) or "format" not in content:
        raise ResultError(f"{path}: this is not a result of python -m bench: it names no format")
    if content["format"] != FORMAT:
        raise ResultError(
            f"{path}: format {content['format']!r}; this version reads format {FORMAT}. "
            "Measure again, or read it with the version that wrote it."
        )
    try:
        measurements = [_measurement(row) for row in content.pop("measurements")]
        return BenchResult(**_fields(BenchResult, {**content, "measurements": measurements}))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ResultError(f"{path}: this is not a whole result: {error}") from None


def _measurement(row: Mapping[str, Any]) -> Measurement:
    """Build a measurement from a JSON object."""
    turns = [Turn(**_fields(Turn, turn)) for turn in row["turns"]]
    for turn in turns:
        if isinstance(turn.value, bool) or not isinstance(turn.value, (int, float)):
            raise ValueError(f"a turn of {row.get('case')!r} has the value {turn.value!r}")
    return Measurement(**_fields(Measurement, {**row, "turns": turns}))


def _fields(record: type, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row if its keys are the fields of the record, each once."""
    names = {field.name for field in dataclasses.fields(record)}
    if wrong := sorted(names.symmetric_difference(row)):
        raise ValueError(f"a {record.__name__} with missing or unknown keys: {', '.join(wrong)}")
    return dict(row)
