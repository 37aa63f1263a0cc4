"""The contender `core`: fastmlp's C++ engine through the call that `fastmlp.train` makes too.

It only turns a problem into `Trainer.run_epoch`, without shuffling, as for all contenders.
"""

from __future__ import annotations

import importlib
from typing import Any

from bench.contenders import UnsupportedProblemError
from bench.machine import core_distance
from bench.problem import Parameters, Problem
from bench.shapes import MOMENTUM

_core: Any = importlib.import_module("fastmlp._core")


class CoreMlp:
    """One network and its trainer on one problem."""

    def __init__(self, problem: Problem, threads: int | None, precision: str = "full") -> None:
        shape = problem.shape
        _check_optimizer(shape.optimizer)
        hidden = [shape.activation] * (len(shape.sizes) - 2)
        self._steps_per_epoch = shape.steps
        self._epoch = 0
        self._network = _core.Network(list(shape.sizes), [*hidden, shape.output], "float32")
        self._network.set_parameters(problem.parameters)
        self._trainer = _core.Trainer(
            self._network,
            problem.x,
            problem.targets if problem.labels is None else problem.labels,
            loss=shape.loss,
            optimizer="adam" if shape.optimizer == "adam" else "sgd",
            learning_rate=shape.learning_rate,
            **({"momentum": MOMENTUM} if shape.optimizer == "momentum" else {}),
            precision=precision,
            batch_size=shape.batch,
            seed=shape.seed,
            shuffle=False,
            threads=threads or 0,
        )

    def train(self, steps: int) -> None:
        """Train whole epochs.

        Raises
        ------
        ValueError
            If `steps` is no multiple of the steps of an epoch.
        """
        epochs, rest = divmod(steps, self._steps_per_epoch)
        if rest:
            raise ValueError(f"{steps} steps are no whole epochs of {self._steps_per_epoch}")
        for _ in range(epochs):
            self._trainer.run_epoch(self._epoch)
            self._epoch += 1

    def parameters(self) -> Parameters:
        """Return (W, b) per layer, float32, W (inputs, outputs)."""
        return list(self._network.parameters())

    def close(self) -> None:
        """Release the network."""
        self._trainer.close()


def _check_optimizer(name: str) -> None:
    """Refuse what this build of the engine does not know."""
    known = ["momentum", *(row["name"] for row in _core.catalog()["optimizers"])]
    if name not in known:
        raise UnsupportedProblemError(f"this engine has no optimizer {name!r}")


def build(problem: Problem, threads: int | None) -> CoreMlp:
    """Make the contender at the problem's initial weights."""
    return CoreMlp(problem, threads)


def build_dense(problem: Problem, threads: int | None) -> CoreMlp:
    """Make it without leave to skip zeros."""
    _core.testing.allow(skipping=False)
    return CoreMlp(problem, threads)


def build_bf16(problem: Problem, threads: int | None) -> CoreMlp:
    """Make it with products of bf16 factors."""
    return CoreMlp(problem, threads, "bf16")


def build_forced(problem: Problem, threads: int | None) -> CoreMlp:
    """Make it with all `threads` at work whatever the size, to judge its own choice by."""
    _core.testing.force_team_size(threads or 0)
    return CoreMlp(problem, threads)


def cores() -> str | None:
    """Return "near" or "far": how quickly this process's cores talk to each other now."""
    return core_distance()


def describe() -> dict[str, Any]:
    """Return the version of the engine and what it knows of this machine."""
    return {"fastmlp": _core.__version__, "cpu_info": _core.cpu_info()}
