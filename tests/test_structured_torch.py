"""Normalisation and skip connections against PyTorch, where it is installed: the same network,
trained by the same steps in float64.
"""

from __future__ import annotations

import numpy as np
import pytest
from fastmlp import _core
from structured_networks import as_dicts, make

torch = pytest.importorskip("torch")

CLASSES = {"batch": "BatchNorm1d", "layer": "LayerNorm", "rms": "RMSNorm"}
SIZES = [5, 8, 8, 8, 3]
SKIPS = [[0, 2], [1, 3], [2, 4]]


def twin(name, layers):
    """PyTorch's normalisation modules with the numbers of some layers."""
    modules = []
    for layer in layers[:-1]:
        module = getattr(torch.nn, CLASSES[name])(len(layer["bias"]), eps=1e-5, dtype=torch.float64)
        with torch.no_grad():
            module.weight.copy_(torch.tensor(layer["scale"]))
            if "shift" in layer:
                module.bias.copy_(torch.tensor(layer["shift"]))
            if name == "batch":
                module.running_mean.copy_(torch.tensor(layer["running_mean"]))
                module.running_var.copy_(torch.tensor(layer["running_variance"]))
        modules.append(module)
    return modules


def forward(tensors, modules, x):
    ys = [x]
    for number, layer in enumerate(tensors, 1):
        u = ys[-1] @ layer["weight"] + layer["bias"]
        if number < len(tensors):
            u = modules[number - 1](u)
        for start, end in SKIPS:
            if end == number:
                matrix = layer.get(f"projection.{start}")
                u = u + (ys[start] if matrix is None else ys[start] @ matrix)
        ys.append(torch.tanh(u) if number < len(tensors) else u)
    return ys[-1]


@pytest.mark.parametrize("name", CLASSES)
def test_the_same_steps_as_pytorch(name):
    if not hasattr(torch.nn, CLASSES[name]):
        pytest.skip(f"this PyTorch has no {CLASSES[name]}")
    network = make(SIZES, normalization=name, skips=SKIPS, dtype="float64")
    layers = as_dicts(network)
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(40, 5)), rng.normal(size=(40, 3))
    modules = twin(name, layers)
    tensors = [
        {
            key: torch.tensor(value, requires_grad=True)
            for key, value in layer.items()
            if key in ("weight", "bias") or key.startswith("projection")
        }
        for layer in layers
    ]
    known = [p for layer in tensors for p in layer.values()]
    known += [p for module in modules for p in module.parameters()]
    optimizer = torch.optim.SGD(known, lr=0.05)
    for first in range(0, 40, 10):
        optimizer.zero_grad()
        rows, targets = torch.tensor(x[first : first + 10]), torch.tensor(t[first : first + 10])
        (0.5 * ((forward(tensors, modules, rows) - targets) ** 2).sum(1)).mean().backward()
        optimizer.step()
    options = {"loss": "half_squared_error", "batch_size": 10, "shuffle": False}
    trainer = _core.Trainer(network, x, t, learning_rate=0.05, **options)
    trainer.run_epoch(0)
    trainer.close()
    found = as_dicts(network)
    for number, layer in enumerate(tensors):
        for key, value in layer.items():
            np.testing.assert_allclose(found[number][key], value.detach(), rtol=1e-9, atol=1e-12)
    for number, module in enumerate(modules):
        pairs = {"scale": module.weight, "shift": getattr(module, "bias", None)}
        if name == "batch":
            pairs |= {"running_mean": module.running_mean, "running_variance": module.running_var}
        for key, value in pairs.items():
            if value is not None:
                np.testing.assert_allclose(found[number][key], value.detach(), rtol=1e-9)
    for module in modules:
        module.eval()
    with torch.no_grad():
        expected = forward(tensors, modules, torch.tensor(x))
    np.testing.assert_allclose(network.predict(x), expected, rtol=1e-9, atol=1e-12)
