"""The process of one contender on one shape: a JSON request a line on stdin, an answer on stdout.

Between requests it only waits. ``python -m bench.worker MODULE BUILD`` is started by processes.py.

describe                             -> versions and settings
cores                                -> "near", "far" or null: how quickly cores talk, if known
setup   shape, threads               -> checksum of the problem
check   steps, whole_epochs, folder  -> weights after steps 1, 2, ... as folder/1.npz, ...
train   steps                        -> seconds
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bench.contenders import Contender, UnsupportedProblemError
from bench.problem import Problem, make_problem
from bench.shapes import shape_from_mapping

Actions = Mapping[str, Callable[..., dict[str, Any]]]


class Session:
    """The state between requests: a problem and, once timed, a network in training."""

    def __init__(self, module: str, build: str) -> None:
        self._module: Any = importlib.import_module(module)
        self._build: Callable[[Problem, int | None], Contender] = getattr(self._module, build)
        self._problem: Problem | None = None
        self._threads: int | None = None
        self._contender: Contender | None = None

    def actions(self) -> Actions:
        """Return what can be asked."""
        return {
            "describe": self.describe,
            "cores": self.cores,
            "setup": self.setup,
            "check": self.check,
            "train": self.train,
        }

    def describe(self) -> dict[str, Any]:
        """Answer with the contender's versions and settings."""
        return {"python": platform.python_version(), **self._module.describe()}

    def cores(self) -> dict[str, Any]:
        """Answer how quickly two cores talk to each other now, where the contender can tell."""
        return {"cores": self._module.cores() if hasattr(self._module, "cores") else None}

    def setup(self, shape: dict[str, Any], threads: int | None) -> dict[str, Any]:
        """Make the data and the weights of a shape; the contender of the shape before goes."""
        if self._contender is not None:
            self._contender.close()
            self._contender = None
        self._problem = make_problem(shape_from_mapping(shape.pop("name"), shape))
        self._threads = threads
        return {"checksum": self._problem.checksum()}

    def check(self, steps: int, whole_epochs: bool, folder: str) -> dict[str, Any]:
        """Train `steps` steps and leave the weights after each.

        Who trains whole epochs alone starts anew for each, with an epoch of 1, 2, ... steps.
        """
        contender: Contender | None = None
        for count in range(1, steps + 1):
            if contender is None:
                head = self._ready().head(count if whole_epochs else steps)
                contender = self._build(head, self._threads)
            contender.train(count if whole_epochs else 1)
            arrays = [array for layer in contender.parameters() for array in layer]
            np.savez(Path(folder, f"{count}.npz"), *arrays)
            if whole_epochs or count == steps:
                contender.close()
                contender = None
        return {}

    def train(self, steps: int) -> dict[str, Any]:
        """Train on, timed; the first request makes the network, which is not timed."""
        contender = self._contender = self._contender or self._build(self._ready(), self._threads)
        return {"seconds": timed(lambda: contender.train(steps))}

    def _ready(self) -> Problem:
        if self._problem is None:
            raise RuntimeError("the first request must be setup")
        return self._problem


def timed(work: Callable[[], object]) -> float:
    """Return the seconds of some work, without the garbage collector, as timeit does."""
    gc.collect()
    gc.disable()
    try:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start
    finally:
        gc.enable()


def serve(open_session: Callable[[], Actions]) -> None:
    """Answer requests until stdin ends; the first one opens the session, so it hears if it fails.

    A question that asks for something else than training starts a module of its own that calls
    this with its own actions.
    """
    # Answers go to the real stdout; whatever a library prints goes to stderr and cannot spoil them.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    actions: Actions | None = None
    for line in sys.stdin:
        request: dict[str, Any] = json.loads(line)
        try:
            if actions is None:
                actions = open_session()
            answer = actions[request.pop("do")](**request)
        except Exception as error:  # the parent must hear of any failure
            answer = {"error": f"{type(error).__name__}: {error}", "kind": _kind(error)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _kind(error: Exception) -> str:
    """Return which of the parent's errors this one is."""
    if isinstance(error, ImportError):
        return "missing"
    return "unsupported" if isinstance(error, UnsupportedProblemError) else "failed"


if __name__ == "__main__":
    serve(lambda: Session(*sys.argv[1:]).actions())
