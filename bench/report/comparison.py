"""Decides which differences between two runs exceed the noise; compare.py prints them.

A difference is told only if both hold: the 99 % bootstrap interval of the ratio of medians leaves
out 1 (below four values on a side: the ranges do not touch), and the change exceeds a floor. The
floor is 2 %, or four standard errors of the medians' ratio if that is more; a case whose few values
agree by chance is given the usual spread of its question. Where the runs were not interleaved, it
comes on top of how far 19 of 20 cases moved of contenders that were not changed. Near and far cores
are compared with their like.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from bench.report.figures import is_core, keyed, kinds, part
from bench.results import BenchResult, Measurement, spread_of

CONFIDENCE = 0.99
RESAMPLES = 4000
FEWEST = 4  # values that a bootstrap needs
LEAST_ROUNDS = 3  # below, nothing is told of what has noise
ERRORS = (
    4  # standard errors: in 40 equal cases of 7 rounds, fewer than one run in 20 has a false one
)
NORMAL = 1.2533 / 0.6745  # standard error of a median * sqrt(n), over half the quartiles' distance
FLOOR = 0.02  # where code and data come to lie in memory can move a time by as much
EXACT_FLOOR = 0.005  # of what is counted, hence free of noise
RATES = ("flop/s", "bytes/s")  # units of which more is better

Measured = Mapping[tuple[object, ...], Measurement]


@dataclasses.dataclass(frozen=True)
class Change:
    """One case of one contender, before and after.

    Attributes
    ----------
    cores : "near" or "far", or empty
    ratio : after over before, of the medians, or the median of the paired ratios
    low, high : the interval of the ratio
    floor : the least change that counts, as a share
    verdict : "better", "worse" or "noise"
    """

    before: Measurement
    after: Measurement
    cores: str
    ratio: float
    low: float
    high: float
    floor: float
    verdict: str


@dataclasses.dataclass(frozen=True)
class Comparison:
    """All that two runs have in common, and what keeps them apart.

    Attributes
    ----------
    changes : of the core and its variants
    moved : question -> by which factor 19 of 20 cases moved, at most, of contenders that were not
        changed; empty for interleaved runs
    warnings : what a reader must know before believing a change
    comparable : False where the machines differ: no change is then anybody's merit
    """

    changes: list[Change]
    moved: dict[str, float]
    warnings: list[str]
    comparable: bool

    def those(self, verdict: str) -> list[Change]:
        """Return the changes of one verdict, the largest first."""
        found = [change for change in self.changes if change.verdict == verdict]
        return sorted(found, key=lambda change: -abs(math.log(change.ratio)))


def compare(before: BenchResult, after: BenchResult, interleaved: bool = False) -> Comparison:
    """Compare two runs.

    Parameters
    ----------
    interleaved : bool
        Equal rounds were measured side by side: their values are paired, and the machine cannot
        have drifted in between.
    """
    old, new = keyed(before.measurements), keyed(after.measurements)
    warnings, comparable = _machines(before, after)
    warnings += _versions(before, after)
    warnings += _missing(old, new, "before") + _missing(new, old, "after")
    shared = [(old[key], new[key]) for key in old if key in new]
    moved = {} if interleaved else _moved(before, after, shared)
    ours = [pair for pair in shared if _is_ours(pair[0])]
    for pair in (pair for pair in ours if not _positive(pair)):
        warnings.append(f"{_name(pair[0])}: a value at or below zero cannot be compared")
    ours = [pair for pair in ours if _positive(pair)]
    usual = _usual_spread(ours)
    changes = []
    for pair in ours:
        judge = Judge(usual[pair[0].question], moved.get(pair[0].question, 1.0), interleaved)
        found = _changes(*pair, judge)
        if not found:
            warnings.append(f"{_name(pair[0])}: cores near in one run, far in the other")
        changes += found
    if any(_too_few(change.before, change.after) for change in changes):
        warnings.append(f"cases with fewer than {LEAST_ROUNDS} rounds are not judged")
    return Comparison(changes, moved, warnings, comparable)


def _name(measurement: Measurement) -> str:
    return f"{measurement.question}, {measurement.case}, {measurement.contender}"


def _machines(before: BenchResult, after: BenchResult) -> tuple[list[str], bool]:
    """Return what differs between the machines and settings, and whether that forbids a verdict."""
    found, comparable = [], True
    facts = [{**r.machine, **(r.machine.get("cpu") or {})} for r in (before, after)]
    for key in ("model", "machine", "cores_usable", "isa_chosen", "platform", "thread_variables"):
        old, new = (fact.get(key) for fact in facts)
        if old != new:
            comparable &= key not in ("model", "machine", "cores_usable")
            found.append(f"the machines differ: {key} {old!r} before, {new!r} after")
    for key in ("threads", "quick"):
        old, new = (result.options.get(key) for result in (before, after))
        if old != new:
            found.append(f"the options differ: {key} {old!r} before, {new!r} after")
    return found, comparable


def _versions(before: BenchResult, after: BenchResult) -> list[str]:
    """Name the contenders, but the core, that are not of the same version."""
    shared = [n for n in before.contenders if n in after.contenders and not is_core(n)]
    return [
        f"{name} has changed: {before.contenders[name]} before, {after.contenders[name]} after"
        for name in shared
        if before.contenders[name] != after.contenders[name]
    ]


def _missing(there: Measured, here: Measured, when: str) -> list[str]:
    """Say what only one run has."""
    only = [m for key, m in there.items() if key not in here and _is_ours(m)]
    if not only:
        return []
    names = list(dict.fromkeys(f"{m.question}, {m.case}" for m in only))
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return [f"only {when}: {'; '.join(names[:3])}{more}"]


def _is_ours(measurement: Measurement) -> bool:
    """Return whether this is fastmlp: its instructions stand by function."""
    return is_core(measurement.contender) or measurement.question == "counts"


def _is_exact(measurement: Measurement) -> bool:
    return measurement.unit.startswith("instructions")


def _positive(pair: Iterable[Measurement]) -> bool:
    """Return whether ratios of the values mean anything."""
    return min(turn.value for m in pair for turn in m.turns) > 0


def _moved(
    before: BenchResult, after: BenchResult, shared: Sequence[tuple[Measurement, Measurement]]
) -> dict[str, float]:
    """Return by question how far the contenders moved that were not changed, as a factor."""
    factors: dict[str, list[float]] = {}
    for old, new in shared:
        same = before.contenders.get(old.contender) == after.contenders.get(new.contender)
        if same and not _is_ours(old) and _positive((old, new)):
            ratio = new.median / old.median
            factors.setdefault(old.question, []).append(max(ratio, 1 / ratio))
    return {name: float(np.quantile(found, 0.95)) for name, found in factors.items()}


def _usual_spread(pairs: Iterable[tuple[Measurement, Measurement]]) -> dict[str, float]:
    """Return by question the median of the spreads of what has noise."""
    spreads: dict[str, list[float]] = {}
    for pair in pairs:
        own = [m.spread.relative for m in pair if not _is_exact(m) and len(m.turns) > 1]
        spreads.setdefault(pair[0].question, []).extend(own)
    return {name: statistics.median(found or [0.0]) for name, found in spreads.items()}


def _too_few(before: Measurement, after: Measurement) -> bool:
    """Return whether nothing can be said of the noise."""
    return not _is_exact(before) and min(len(before.turns), len(after.turns)) < LEAST_ROUNDS


def _changes(before: Measurement, after: Measurement, judge: Judge) -> list[Change]:
    """Return the change, or one each for near and far cores; none if they never were alike."""
    both = [kinds([m]) if m.threads != 1 else [] for m in (before, after)]
    if not all(both):  # without marks on both sides there is nothing to hold apart
        return [judge.change(before, after, "")]
    found = []
    for mark in (mark for mark in both[0] if mark in both[1]):
        old, new = part(before, mark), part(after, mark)
        if old is not None and new is not None:
            found.append(judge.change(old, new, mark))
    return found


@dataclasses.dataclass(frozen=True)
class Judge:
    """What the cases of a question are judged by.

    Attributes
    ----------
    usual : the usual spread of a case, relative
    moved : the factor by which others moved that were not changed
    interleaved : equal rounds belong together
    """

    usual: float
    moved: float
    interleaved: bool

    def change(self, before: Measurement, after: Measurement, cores: str) -> Change:
        """Judge one pair."""
        old = {turn.round: turn.value for turn in before.turns}
        pairs = [turn.value / old[turn.round] for turn in after.turns if turn.round in old]
        if self.interleaved and pairs:
            ratio, (low, high) = statistics.median(pairs), interval(pairs)
            error = self._error(pairs)
        else:
            values = [turn.value for turn in after.turns], [turn.value for turn in before.turns]
            ratio = after.median / before.median
            low, high = interval(*values)
            error = math.hypot(*map(self._error, values))
        if _is_exact(before):
            floor = EXACT_FLOOR
        else:
            floor = self.moved * (1 + max(FLOOR, ERRORS * error)) - 1
        size = max(ratio, 1 / ratio) - 1
        verdict = "noise"
        if (low > 1 or high < 1) and size > floor and not _too_few(before, after):
            verdict = "better" if (ratio > 1) == (before.unit in RATES) else "worse"
        return Change(before, after, cores, ratio, low, high, floor, verdict)

    def _error(self, values: list[float]) -> float:
        """Return the relative standard error of the median."""
        return NORMAL * max(self.usual, spread_of(values).relative) / math.sqrt(len(values))


def interval(values: Sequence[float], over: Sequence[float] = (1.0,)) -> tuple[float, float]:
    """Return the bootstrap interval of median(values) / median(over), the same at every call.

    Below four values on a side that varies, the outermost ratios.

    Examples
    --------
    >>> interval([2.0, 2.2], [1.0, 1.1])
    (1.8181818181818181, 2.2)
    """
    sizes = [len(side) for side in (values, over) if len(side) > 1 or side is values]
    if min(sizes) < FEWEST:
        return min(values) / max(over), max(values) / min(over)
    rng = np.random.default_rng(0)
    ratios = _medians(values, rng) / _medians(over, rng)
    outside = (1 - CONFIDENCE) / 2
    low, high = np.quantile(ratios, [outside, 1 - outside])
    return float(low), float(high)


def _medians(values: Sequence[float], rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return the medians of samples drawn from the values with replacement."""
    places = rng.integers(0, len(values), (RESAMPLES, len(values)))
    return np.median(np.asarray(values, dtype=np.float64)[places], axis=1)
