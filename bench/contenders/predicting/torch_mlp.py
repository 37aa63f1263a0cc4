"""The predictor `torch`: eager functions on tensors made beforehand, in inference mode.

For one row `torch.addmm` without modules is its fastest form by far: with the same layers
`nn.Sequential` takes up to three times as long (2-16-1: 4.1 and 11.8 µs), a frozen trace 1.1 to 1.8
times, `torch.compile`, whose guards are checked in every call, 1.7 to 3.7 times.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy.typing as npt

from bench.prediction import Task

torch: Any = importlib.import_module("torch")


class TorchPredictor:
    """Layers as (W, b), W (inputs, outputs)."""

    answers = "outputs"

    def __init__(self, task: Task) -> None:
        net = task.case.net
        self._layers = [
            (torch.from_numpy(weights), torch.from_numpy(biases)) for weights, biases in task.folded
        ]
        self._activate = {"relu": torch.relu_, "sigmoid": torch.sigmoid_}[net.activation]
        self._finish = _softmax if net.output == "softmax" else torch.sigmoid_
        self._pixels = task.case.dtype == "uint8"

    def take(self, x: npt.NDArray[Any]) -> Any:
        """Return the rows as a tensor that shares their memory."""
        return torch.from_numpy(x)

    def predict(self, rows: Any) -> Any:
        """Return a tensor."""
        y = rows.float() if self._pixels else rows
        for weights, biases in self._layers[:-1]:
            y = self._activate(torch.addmm(biases, y, weights))
        weights, biases = self._layers[-1]
        return self._finish(torch.addmm(biases, y, weights))

    def as_array(self, outputs: Any) -> npt.NDArray[Any]:
        """Return the tensor's memory as an array."""
        array: npt.NDArray[Any] = outputs.numpy()
        return array


def _softmax(z: Any) -> Any:
    return torch.softmax(z, 1)


def build(task: Task, rows: int) -> TorchPredictor:
    """Make the predictor; this process only predicts, so it stays in inference mode."""
    del rows
    torch.inference_mode().__enter__()
    return TorchPredictor(task)
