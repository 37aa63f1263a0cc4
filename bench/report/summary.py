"""The first lines of a report: where and how it was measured, and the ratios in a nutshell."""

from __future__ import annotations

import dataclasses
import statistics
from typing import Any

from bench.report.figures import TOTAL, base_of, geometric_mean, is_core, limits_of, ratio_of
from bench.report.numbers import percent, quantity, three_digits, times
from bench.results import BenchResult, Measurement

FASTEST = "fastest peer of each case"
BUSY = 0.04  # a usual spread above this is not the program's own
# Questions that have a mean over their cases, or over one of them.
MEANS: dict[str, str | None] = {"step": None, "grid": None, "predict": None, "mnist": TOTAL}


@dataclasses.dataclass(frozen=True)
class Headline:
    """A peer's time over the core's, over the cases of a question.

    Attributes
    ----------
    mean : geometric, of the medians
    low, high : the smallest and the largest median
    cases : how many
    slower : the cases in which the core was slower
    """

    question: str
    peer: str
    mean: float
    low: float
    high: float
    cases: int
    slower: tuple[str, ...]

    @property
    def figure(self) -> str:
        """The mean."""
        return times(self.mean)

    @property
    def range(self) -> str:
        """The range, or that there is none."""
        if self.cases == 1:
            return "one case"
        return f"{three_digits(self.low)}..{three_digits(self.high)}"

    @property
    def details(self) -> str:
        """What stands behind it."""
        if self.cases == 1:
            return self.range
        behind = f", core behind in {len(self.slower)}" if self.slower else ""
        return f"{self.range}, {self.cases} cases{behind}"


def headlines(result: BenchResult) -> list[Headline]:
    """Return a headline for each question and peer, and for the fastest peer of each case.

    Only questions whose cases are alike have a mean: time for a step, for a row, for all of MNIST.
    """
    found = []
    for question, only in MEANS.items():
        ratios = _ratios(result, question, only)
        found += [_headline(question, peer, by_case) for peer, by_case in ratios.items()]
        if ratios:
            best: dict[str, float] = {}
            for by_case in ratios.values():
                for case, ratio in by_case.items():
                    best[case] = min(ratio, best.get(case, ratio))
            found.append(_headline(question, FASTEST, best))
    return found


def _ratios(result: BenchResult, question: str, only: str | None) -> dict[str, dict[str, float]]:
    """Return peer -> case -> median ratio of times to the core."""
    ratios: dict[str, dict[str, float]] = {}
    for measurement in result.select(question, only):
        base, unit = base_of(result, measurement), measurement.unit
        is_time = unit == "s" or unit.startswith("s/")
        if base is None or is_core(measurement.contender) or not is_time:
            continue
        ratio = ratio_of(result, measurement, base)
        if ratio is not None:
            ratios.setdefault(measurement.contender, {})[measurement.case] = ratio.median
    return ratios


def _headline(question: str, peer: str, by_case: dict[str, float]) -> Headline:
    values = list(by_case.values())
    slower = tuple(case for case, ratio in by_case.items() if ratio < 1)
    mean = geometric_mean(values)
    return Headline(question, peer, mean, min(values), max(values), len(values), slower)


def place(result: BenchResult) -> str:
    """Say on what machine it was measured."""
    machine = result.machine
    cpu: dict[str, Any] = machine.get("cpu") or {}
    parts = [str(cpu.get("model") or machine.get("machine", "unknown machine"))]
    if "cores_usable" in machine:
        parts.append(f"{machine['cores_usable']} cores usable")
    if "isa_chosen" in cpu:
        parts.append(f"fastmlp runs {cpu['isa_chosen']}")
    return ", ".join(parts)


def peaks(result: BenchResult) -> str:
    """Say the measured peaks; empty without them."""
    found = [f"{m.contender} {quantity(m.median, m.unit)}" for m in limits_of(result)]
    return f"peaks: {'; '.join(found)}" if found else ""


def settings(result: BenchResult) -> list[str]:
    """Say where and how it was measured, in a few lines."""
    options, machine = result.options, result.machine
    threads = options.get("threads")
    limit = f"{threads} threads for all" if threads else "each contender on its own best threads"
    if machine.get("thread_variables") and not threads:
        limit += f", but the environment sets {machine['thread_variables']}"
    lines = [
        f"{place(result)}; {machine.get('platform', '')}".rstrip("; "),
        f"measured {result.started}, rounds: {options.get('rounds', '?')}, {limit}",
        "float32, batches in the given order; medians of interleaved rounds",
        peaks(result),
        agreement(result.measurements),
        distances(result.measurements),
        busy(result.measurements),
    ]
    return [line for line in lines if line]


def distances(measurements: list[Measurement]) -> str:
    """Say how often cores were near or far in rounds on several threads; empty if nobody asked."""
    marks = [turn.cores for m in measurements if m.threads != 1 for turn in m.turns if turn.cores]
    if not marks:
        return ""
    near, far = marks.count("near"), marks.count("far")
    return f"cores near each other in {near} and far apart in {far} turns on several threads"


def busy(measurements: list[Measurement]) -> str:
    """Warn where times scattered so much that others must have used the machine."""
    timed = [m for m in measurements if m.question in MEANS and m.unit.startswith("s")]
    spreads = [m.spread.relative for m in timed if len(m.turns) > 1]
    usual = statistics.median(spreads) if spreads else 0.0
    if usual <= BUSY:
        return ""
    return (
        f"a busy machine: half of the times have a spread above {percent(usual)}; trust ratios "
        "rather than times, and neither too far"
    )


def versions(result: BenchResult) -> list[str]:
    """Return a line for each contender: what it says of itself."""
    lines = []
    for name, content in result.contenders.items():
        parts = [f"{key} {text}" for key, text in content.items() if key not in ("cpu_info", "cpu")]
        lines.append(f"{name}: {', '.join(parts)}")
    return lines


def agreement(measurements: list[Measurement]) -> str:
    """Say how near the contenders came to the float64 reference; empty if nobody was checked."""
    found = [m.about["agreement"] for m in measurements if m.about.get("agreement")]
    shares = [float(a["share_of_bound"]) for a in found if "share_of_bound" in a]
    if not shares:
        return ""
    text = f"checked first: results within {percent(max(shares))} of the bound on float32 rounding"
    apart = [float(a["from_base"]) for a in found if "from_base" in a]
    return f"{text}, and within {max(apart):.0e} of the core's" if apart else text


def skipped(result: BenchResult) -> list[tuple[str, str]]:
    """Return (name, reason); a reason that begins with the name does not repeat it."""
    return [(n, why.removeprefix(n).lstrip(": ")) for n, why in result.skipped.items()]
