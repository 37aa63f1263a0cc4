"""The predictors `core` and `core_out`: the C++ engine's own call, with a new array and without."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.contenders import UnsupportedProblemError
from bench.prediction import PIXEL_MAX, Task

_core: Any = importlib.import_module("fastmlp._core")


class CorePredictor:
    """A network of the engine; `predict` is the engine's bound method, nothing around it."""

    answers = "outputs"

    def __init__(self, predict: Callable[[Any], Any]) -> None:
        self.predict = predict

    def take(self, x: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the rows as they are: float32, or uint8 that is scaled on the way in."""
        return x

    def as_array(self, outputs: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the outputs as they are."""
        return outputs


def build(task: Task, rows: int) -> CorePredictor:
    """Make the predictor that returns new arrays."""
    del rows
    return CorePredictor(_network(task).predict)


def build_out(task: Task, rows: int) -> CorePredictor:
    """Make the predictor that writes to an array made beforehand.

    Raises
    ------
    UnsupportedProblemError
        If the engine that is installed takes no `out`.
    """
    network = _network(task)
    out = np.empty((rows, task.case.net.sizes[-1]), dtype=np.float32)
    try:
        network.predict(task.x[:rows], out=out)
    except TypeError:
        raise UnsupportedProblemError("network.predict takes no out=") from None
    return CorePredictor(functools.partial(network.predict, out=out))


def _network(task: Task) -> Any:
    net = task.case.net
    hidden = [net.activation] * (len(net.sizes) - 2)
    network = _core.Network(list(net.sizes), [*hidden, net.output], "float32")
    network.set_parameters(task.parameters)
    if task.case.dtype == "uint8":
        inputs = net.sizes[0]
        network.set_input_scaling(np.zeros(inputs), np.full(inputs, 1 / PIXEL_MAX))
    return network
