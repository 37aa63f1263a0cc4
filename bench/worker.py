"""The process of one contender on one shape: a JSON request a line on stdin, an answer on stdout.

Between requests it only waits. ``python -m bench.worker MODULE`` is started by processes.py.

describe                    -> versions and settings
setup   shape, threads      -> checksum of the problem
check   steps, folder       -> weights after steps 1, 2, ... as folder/1.npz, ...; seconds
train   steps               -> seconds
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np

from bench.contender import Contender, ContenderModule
from bench.problem import Problem, make_problem
from bench.shapes import shape_from_mapping


class Session:
    """The state between requests: a problem and, once timed, a network in training."""

    def __init__(self, module: ContenderModule) -> None:
        self._module = module
        self._problem: Problem | None = None
        self._threads: int | None = None
        self._contender: Contender | None = None

    def describe(self) -> dict[str, Any]:
        """Answer with the contender's versions and settings."""
        return {"python": platform.python_version(), **self._module.describe()}

    def setup(self, shape: dict[str, Any], threads: int | None) -> dict[str, Any]:
        """Make the data and the weights of a shape."""
        self._problem = make_problem(shape_from_mapping(shape.pop("name"), shape))
        self._threads = threads
        return {"checksum": self._problem.checksum()}

    def check(self, steps: int, folder: str) -> dict[str, Any]:
        """Train 1, 2, ... `steps` steps, each time from the initial weights; leave the results."""
        seconds = 0.0
        for count in range(1, steps + 1):
            contender = self._module.build(self._ready().head(count), self._threads)
            seconds = _timed(contender, count)
            arrays = [array for layer in contender.parameters() for array in layer]
            contender.close()
            np.savez(Path(folder, f"{count}.npz"), *arrays)
        return {"seconds": seconds}

    def train(self, steps: int) -> dict[str, Any]:
        """Train on, timed; the first request makes the network, which is not timed."""
        if self._contender is None:
            self._contender = self._module.build(self._ready(), self._threads)
        return {"seconds": _timed(self._contender, steps)}

    def _ready(self) -> Problem:
        if self._problem is None:
            raise RuntimeError("the first request must be setup")
        return self._problem


def _timed(contender: Contender, steps: int) -> float:
    """Return the seconds of some steps, without the garbage collector, as timeit does."""
    gc.collect()
    gc.disable()
    try:
        start = time.perf_counter()
        contender.train(steps)
        return time.perf_counter() - start
    finally:
        gc.enable()


def main() -> None:
    """Answer requests until stdin ends."""
    # Answers go to the real stdout; whatever a library prints goes to stderr and cannot spoil them.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    session: Session | None = None
    for line in sys.stdin:
        request: dict[str, Any] = json.loads(line)
        try:
            if session is None:
                module: object = importlib.import_module(sys.argv[1])
                session = Session(cast(ContenderModule, module))
            actions: dict[str, Callable[..., dict[str, Any]]] = {
                "describe": session.describe,
                "setup": session.setup,
                "check": session.check,
                "train": session.train,
            }
            answer = actions[request.pop("do")](**request)
        except Exception as error:  # the parent must hear of any failure
            answer = {
                "error": f"{type(error).__name__}: {error}",
                "missing": isinstance(error, ImportError),
            }
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
