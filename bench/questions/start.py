"""The question `start`: import, model file to first prediction, memory, and bytes on disk.

Everything happens in fresh processes: ``import X`` against an empty interpreter, and a program that
loads a model file and predicts (programs/load_and_predict.py). Predictions are held against a
float64 forward pass before anything is timed. Threads are each library's own default.
"""

from __future__ import annotations

import dataclasses
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from bench.contenders import chosen
from bench.harness import Options, Say, interleave
from bench.installed import bytes_on_disk, with_requirements
from bench.prediction import (
    MANY_ROWS,
    MEDIUM,
    SMALL,
    Case,
    Task,
    check_outputs,
    expected_outputs,
    make_task,
)
from bench.program_runs import PROGRAMS, ProgramRun, is_installed, run_program, run_python
from bench.reference import Estimate
from bench.results import Measurement, Turn

EMPTY = "empty interpreter"
ON_DISK = "B on disk"
LOAD_PROGRAM = "load_and_predict.py"
ROWS = "rows.npy"
LOADING = ("load", "first prediction")


@dataclasses.dataclass(frozen=True)
class Library:
    """What a contender's user imports.

    Attributes
    ----------
    contender : its row of `bench.contenders.CONTENDERS`
    module : what is imported
    distribution : what is installed
    needs : further modules, to write its model file
    loading : the module of programs/loading/ that reads and writes it; empty: it is only imported
    """

    contender: str
    module: str
    distribution: str
    needs: tuple[str, ...] = ()
    loading: str = ""

    @property
    def is_here(self) -> bool:
        """It and all it needs are installed."""
        return is_installed(self.module.partition(".")[0], *self.needs)


_LOADING = "bench.programs.loading"
LIBRARIES = (
    Library("core", "fastmlp", "fastmlp", (), f"{_LOADING}.with_fastmlp"),
    Library("numpy", "numpy", "numpy", (), f"{_LOADING}.with_numpy"),
    Library("onnxruntime", "onnxruntime", "onnxruntime", ("onnx",), f"{_LOADING}.with_onnxruntime"),
    Library("torch", "torch", "torch", (), f"{_LOADING}.with_torch"),
    Library("jax", "jax", "jax"),
    Library("sklearn", "sklearn.neural_network", "scikit-learn", (), f"{_LOADING}.with_sklearn"),
)


def run(options: Options, say: Say) -> list[Measurement]:
    """Measure everything.

    Raises
    ------
    DisagreementError
        If a loaded model predicts something else than the reference.
    WorkerError
        If a process fails.
    """
    named = options.contenders or tuple(spec.name for spec in chosen(None))
    libraries = []
    for library in (one for one in LIBRARIES if one.contender in named):
        if library.is_here:
            libraries.append(library)
        else:
            say(f"start: without {library.contender}: {library.distribution} is not installed")
    say(f"start: imports, rounds: {options.rounds} ...")
    found = imports(libraries, options)
    for net in (SMALL,) if options.quick else (SMALL, MEDIUM):
        task = make_task(Case(net, many=True, rows=MANY_ROWS))
        say(f"start: loading {net.title}: checking, then rounds: {options.rounds} ...")
        found += loads([one for one in libraries if one.loading], task, options)
    return found + [size for library in libraries for size in sizes(library)]


def imports(libraries: Sequence[Library], options: Options) -> list[Measurement]:
    """Time ``import X`` in fresh interpreters, minus an empty one's time in the same round."""

    def turn(code: str) -> Callable[[], float]:
        def seconds() -> float:
            start = time.perf_counter()
            run_python(code or EMPTY, ["-c", code], options.threads)
            return time.perf_counter() - start

        seconds()  # writes its .pyc files, brings its pages into memory
        return seconds

    work = {EMPTY: turn("")} | {one.contender: turn(f"import {one.module}") for one in libraries}
    turns = interleave(work, options)
    empty = {turn.round: turn.value for turn in turns[EMPTY]}
    return [
        Measurement(
            question="start",
            case="import",
            contender=one.contender,
            unit="s",
            turns=[
                Turn(turn.round, turn.value - empty[turn.round])
                for turn in turns[one.contender]
                if turn.round in empty
            ],
            about={"import": one.module, "empty_interpreter": statistics.median(empty.values())},
        )
        for one in libraries
    ]


def loads(libraries: Sequence[Library], task: Task, options: Options) -> list[Measurement]:
    """Time each library from its model file to its first prediction, and ask for its memory."""
    if not libraries:
        return []
    with tempfile.TemporaryDirectory(prefix="fastmlp-bench-") as folder:
        np.save(Path(folder, ROWS), task.x)
        loaders = [Loader(one, task, Path(folder), options.threads) for one in libraries]
        expected = expected_outputs(task, "probabilities")
        for loader in loaders:
            loader.check(expected)
        turns = interleave({one.library.contender: one.turn for one in loaders}, options)
    return [m for one in loaders for m in one.measurements(turns[one.library.contender])]


class Loader:
    """A library with its model file; it keeps the runs of the program that loads it."""

    def __init__(self, library: Library, task: Task, folder: Path, threads: int | None) -> None:
        self.library = library
        self._task = task
        self._threads = threads
        self._runs: list[ProgramRun] = []
        self._share = 0.0
        model = str(folder / f"{library.contender}.model")
        case = json.dumps(dataclasses.asdict(task.case))
        write = [str(PROGRAMS / "write_model.py"), library.loading, model, case]
        run_python(library.contender, write, threads)
        self._outputs = folder / f"{library.contender}.npy"
        self._arguments = (library.loading, model, str(folder / ROWS), str(self._outputs))

    def turn(self) -> float:
        """Run the program once more; return its seconds."""
        run = run_program(
            self.library.contender, LOAD_PROGRAM, *self._arguments, threads=self._threads
        )
        self._runs.append(run)
        return run.seconds

    def check(self, expected: Estimate) -> None:
        """Run the program, hold its first prediction and then all against the reference."""
        self.turn()
        self._runs.clear()
        found = np.load(self._outputs, allow_pickle=False)
        first = Estimate(expected.value[:1], expected.sigma[:1])
        title = f"{self._task.case.net.title}, loaded from its file"
        check_outputs(self.library.contender, title, found[:1], first)
        self._share = check_outputs(self.library.contender, title, found[1:], expected)

    def measurements(self, turns: Sequence[Turn]) -> list[Measurement]:
        """Return what the turns say of time and memory; memory only where the system tells it."""
        rows, title = len(self._task.x), self._task.case.net.title
        values = {
            ("load and first prediction", "s"): [_sum(run, *LOADING) for run in self._runs],
            ("process start to first prediction", "s"): [
                _sum(run, "import", "row", *LOADING) for run in self._runs
            ],
            ("at rest after the first prediction", "bytes"): self._figures("rest"),
            ("peak up to the first prediction", "bytes"): self._figures("peak"),
            (f"while predicting {rows:,} rows", "bytes/row"): self._figures("rise", 1 / rows),
        }
        return [
            Measurement(
                question="start",
                case=f"{what}, {title}",
                contender=self.library.contender,
                unit=unit,
                turns=[Turn(t.round, value) for t, value in zip(turns, found, strict=True)],
                threads=self._threads,
                about={"agreement": {"share_of_bound": self._share}},
            )
            for (what, unit), found in values.items()
            if found
        ]

    def _figures(self, key: str, factor: float = 1.0) -> list[float]:
        """Return a figure of all runs; nothing if one of them has none."""
        found = [run.figures[key] for run in self._runs]
        return [] if None in found else [factor * (value or 0.0) for value in found]


def _sum(run: ProgramRun, *parts: str) -> float:
    return sum(run.parts[part] for part in parts)


def sizes(library: Library) -> list[Measurement]:
    """Return the bytes of what is installed, alone and with what it requires."""
    whole = with_requirements(library.distribution)
    alone, everything = bytes_on_disk(library.distribution), sum(map(bytes_on_disk, whole))
    return [
        Measurement("start", case, library.contender, ON_DISK, [Turn(0, size)], about=about)
        for case, size, about in (
            ("installed package", alone, {"distributions": [library.distribution]}),
            ("installed package with what it requires", everything, {"distributions": whole}),
        )
    ]
