"""The question `predict`: seconds a row, one at a time from Python and 10,000 at once.

Every predictor has a process of its own for each network and thread count. All outputs are held
against a float64 forward pass before anything is timed; then each keeps its faster thread count
and its fastest number of rows a call, and they take turns.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from bench.agreement import DisagreementError
from bench.contenders import chosen
from bench.contenders.predicting import PREDICTORS, PredictorSpec
from bench.harness import Options, Say, interleave
from bench.machine import usable_cores
from bench.prediction import (
    MANY_ROWS,
    MEDIUM,
    MINI,
    NIELSEN,
    SMALL,
    Case,
    Net,
    check_outputs,
    expected_outputs,
    make_task,
)
from bench.processes import ContenderMissingError, UnsupportedError, Worker, contender_worker
from bench.reference import Estimate
from bench.results import Measurement

THREADS_GAIN = 0.05
# inputs and dtype of rows for networks that read pictures
PICTURES = (("images", "float32"), ("images", "uint8"), ("normal", "float32"))


@dataclasses.dataclass
class Entry:
    """A predictor that passed its check on a case.

    Attributes
    ----------
    spec, worker, threads : who it is, its process, and the threads that it was given
    share_of_bound : its largest deviation in units of what float32 rounding may add
    rows, rows_at_once : of a pass, and of a call
    pass_seconds : as the calibration found
    passes : of a turn
    """

    spec: PredictorSpec
    worker: Worker
    threads: int
    share_of_bound: float
    rows: int
    rows_at_once: int
    pass_seconds: float
    passes: int = 1

    def turn(self) -> float:
        """Take a turn; returns seconds per row."""
        seconds = float(self.worker.ask("predict", passes=self.passes)["seconds"])
        return seconds / (self.passes * self.rows)


def cases(quick: bool) -> list[Case]:
    """Return what is asked, networks together; quick: small and medium, MNIST-like float32."""
    if quick:
        return [Case(SMALL), Case(SMALL, many=True, rows=MANY_ROWS), Case(MEDIUM)]
    found = [Case(MINI, inputs="normal")]
    for net in (NIELSEN, SMALL, MEDIUM):
        found += [Case(net, inputs=inputs, dtype=dtype) for inputs, dtype in PICTURES]
        if net is not NIELSEN:
            found += [
                Case(net, many=True, inputs=inputs, rows=MANY_ROWS)
                for inputs in ("images", "normal")
            ]
    return found


def run(options: Options, say: Say) -> list[Measurement]:
    """Measure all cases.

    Raises
    ------
    DisagreementError
        If outputs differ from the reference's by more than rounding.
    WorkerError
        If a predictor fails.
    """
    asked = cases(options.quick)
    found = []
    for net in dict.fromkeys(case.net for case in asked):
        found += run_net(net, [case for case in asked if case.net == net], options, say)
    return found


def run_net(net: Net, asked: Sequence[Case], options: Options, say: Say) -> list[Measurement]:
    """Measure the cases of one network in the same processes."""
    found = []
    with contextlib.ExitStack() as stack:
        workers = start_workers(options, stack)
        cores = start_cores(workers, stack)
        for case in asked:
            found += run_case(case, workers, cores, options, say)
    return found


Workers = dict[PredictorSpec, dict[int, Worker]]


def start_workers(options: Options, stack: contextlib.ExitStack) -> Workers:
    """Start the processes of the predictors that belong to the chosen contenders."""
    counts = [options.threads] if options.threads else sorted({1, usable_cores()})
    named = options.contenders or tuple(spec.name for spec in chosen(None))
    install = {spec.name: spec.install for spec in chosen(None)}
    workers: Workers = {}
    for spec in PREDICTORS:
        if spec.contender in named:
            workers[spec] = {
                count: stack.enter_context(
                    Worker(
                        spec.name,
                        "bench.predict_worker",
                        spec.module,
                        spec.build,
                        threads=count,
                        install=install.get(spec.contender, ""),
                    )
                )
                for count in counts
            }
    return workers


def start_cores(workers: Workers, stack: contextlib.ExitStack) -> Callable[[], str | None]:
    """Return what asks a process of the core how near the cores are; it asks nothing without."""
    if "core" not in {spec.contender for spec in workers}:
        return lambda: None
    worker = stack.enter_context(contender_worker(chosen(["core"])[0], None))

    def cores() -> str | None:
        found: str | None = worker.ask("cores")["cores"]
        return found

    return cores


def run_case(
    case: Case,
    workers: Workers,
    cores: Callable[[], str | None],
    options: Options,
    say: Say,
) -> list[Measurement]:
    """Check, calibrate and time everyone on one case."""
    say(f"{case.title}: checking, choosing threads and rows a call ...")
    entries = enter_all(case, workers, say)
    if not entries:
        return []
    for entry in entries:
        entry.passes = max(1, math.ceil(options.turn_at_least / entry.pass_seconds))
    say(f"{case.title}: timing, rounds: {options.rounds} ...")
    turns = interleave(
        {entry.spec.name: entry.turn for entry in entries},
        options,
        cores if any(entry.threads > 1 for entry in entries) else lambda: None,
    )
    return [
        Measurement(
            question="predict",
            case=case.title,
            contender=entry.spec.name,
            unit="s/row",
            turns=turns[entry.spec.name],
            flops=case.net.flops_per_row,
            threads=entry.threads,
            about={
                "case": dataclasses.asdict(case),
                "rows_at_once": entry.rows_at_once,
                "agreement": {"share_of_bound": entry.share_of_bound},
            },
        )
        for entry in entries
    ]


def enter_all(case: Case, workers: Workers, say: Say) -> list[Entry]:
    """Let everyone in, each with its best number of threads; who cannot do this sits it out."""
    judge = Judge(case)
    entries = []
    for spec, by_count in workers.items():
        if spec.one_row_only and case.many:
            continue
        try:
            tried = [judge.enter(spec, worker, count) for count, worker in by_count.items()]
        except (ContenderMissingError, UnsupportedError) as error:
            say(f"  without {error}")
            continue
        entries.append(best_of(tried))
    return entries


def best_of(tried: Sequence[Entry]) -> Entry:
    """Return the fastest; more threads must gain enough to be more than noise.

    Parameters
    ----------
    tried : sequence of Entry
        One for each number of threads, ascending.
    """
    best, *others = tried
    for entry in others:
        if entry.pass_seconds < (1 - THREADS_GAIN) * best.pass_seconds:
            best = entry
    return best


class Judge:
    """Holds the task of a case, and lets predictors in that solve it."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._task = make_task(case)
        self._checksum = self._task.checksum()
        self._expected: dict[str, Estimate] = {}

    def enter(self, spec: PredictorSpec, worker: Worker, threads: int) -> Entry:
        """Set up, check and calibrate a worker."""
        title = self._case.title
        answer = worker.ask("setup", case=dataclasses.asdict(self._case))
        if answer["checksum"] != self._checksum:
            raise DisagreementError(f"{spec.name}: {title}: its process drew other data")
        with tempfile.TemporaryDirectory(prefix="fastmlp-bench-") as folder:
            file = Path(folder, "outputs.npy")
            answers = worker.ask("check", file=str(file))["answers"]
            outputs = np.load(file, allow_pickle=False)
        if answers not in self._expected:
            self._expected[answers] = expected_outputs(self._task, answers)
        share = check_outputs(spec.name, title, outputs, self._expected[answers])
        best = worker.ask("calibrate")
        rows = self._case.rows
        return Entry(spec, worker, threads, share, rows, best["rows_at_once"], best["seconds"])
