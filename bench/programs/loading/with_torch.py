"""A state_dict of PyTorch, read as weights only."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

torch: Any = importlib.import_module("torch")


def load(path: str) -> Any:
    """Return what predicts rows."""
    state = torch.load(path, weights_only=True)
    model = make_model([tuple(w.shape) for name, w in state.items() if name.endswith("weight")])
    model.load_state_dict(state)
    model.eval()

    def predict(rows: Any) -> Any:
        with torch.inference_mode():
            return model(torch.from_numpy(rows)).numpy()

    return predict


def make_model(shapes: list[tuple[int, int]]) -> Any:
    """Return the layers whose weights have these shapes (outputs, inputs)."""
    layers: list[Any] = []
    for outputs, inputs in shapes:
        layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
    layers[-1] = torch.nn.Softmax(1)
    return torch.nn.Sequential(*layers)


def write(task: Any, path: Path) -> None:
    """Write the network of a task."""
    model = make_model([weights.T.shape for weights, _ in task.parameters])
    arrays = [array for weights, biases in task.parameters for array in (weights.T.copy(), biases)]
    with torch.no_grad():
        for parameter, array in zip(model.parameters(), arrays, strict=True):
            parameter.copy_(torch.from_numpy(array))
    torch.save(model.state_dict(), path)
