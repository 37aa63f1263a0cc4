"""The predictors `onnxruntime` and `onnxruntime_bound`: a session's `run`, and bound buffers."""

from __future__ import annotations

import importlib
import os
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.contenders.onnxruntime_mlp import model_bytes
from bench.prediction import Task

onnxruntime: Any = importlib.import_module("onnxruntime")


class SessionPredictor:
    """`session.run` with a new array as its result."""

    answers = "outputs"

    def __init__(self, task: Task) -> None:
        self._session = make_session(task)
        self._names = ["y"]

    def take(self, x: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
        """Return what `run` is fed."""
        return {"x": x}

    def predict(self, rows: dict[str, npt.NDArray[Any]]) -> Any:
        """Return a list of one array."""
        return self._session.run(self._names, rows)

    def as_array(self, outputs: Any) -> npt.NDArray[Any]:
        """Return the array."""
        array: npt.NDArray[Any] = outputs[0]
        return array


class BoundPredictor:
    """A session with buffers bound to it: rows are copied in, nothing is made a call."""

    answers = "outputs"

    def __init__(self, task: Task, rows: int) -> None:
        session = make_session(task)
        self._x = np.empty((rows, task.case.net.sizes[0]), dtype=task.case.dtype)
        self._y = np.empty((rows, task.case.net.sizes[-1]), dtype=np.float32)
        self._binding = session.io_binding()
        self._binding.bind_cpu_input("x", self._x)
        self._binding.bind_output("y", "cpu", 0, np.float32, self._y.shape, self._y.ctypes.data)
        self._run = session.run_with_iobinding

    def take(self, x: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the rows as they are."""
        return x

    def predict(self, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the bound buffer, which the next call overwrites."""
        self._x[:] = rows
        self._run(self._binding)
        return self._y

    def as_array(self, outputs: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the outputs as they are."""
        return outputs


def build(task: Task, rows: int) -> SessionPredictor:
    """Make the predictor that returns new arrays."""
    del rows
    return SessionPredictor(task)


def build_bound(task: Task, rows: int) -> BoundPredictor:
    """Make the predictor with bound buffers."""
    return BoundPredictor(task, rows)


def make_session(task: Task) -> Any:
    """Return a session of the task's network on the threads of the environment."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS", "0"))
    net = task.case.net
    model = model_bytes(task.folded, net.activation, net.output, task.case.dtype)
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
