"""Weights in an .npz file, and the forward pass in NumPy: what a library has to be measured by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np


def load(path: str) -> Any:
    """Return what predicts rows."""
    with np.load(path) as file:
        arrays = [file[name] for name in file.files]
    layers = list(zip(arrays[::2], arrays[1::2], strict=True))

    def predict(rows: Any) -> Any:
        y = rows
        for weights, biases in layers[:-1]:
            y = np.maximum(y @ weights + biases, 0)
        weights, biases = layers[-1]
        z = y @ weights + biases
        powers = np.exp(z - z.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    return predict


def write(task: Any, path: Path) -> None:
    """Write the network of a task."""
    with path.open("wb") as file:
        np.savez(file, *(array for layer in task.parameters for array in layer))
