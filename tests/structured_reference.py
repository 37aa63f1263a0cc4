"""Normalisation, skip connections and maxout in float64 NumPy, as plain as the formulas: what the
engine is checked against.

Imports nothing of fastmlp. A layer is a dict of arrays: weight, bias and, where the layer has them,
scale, shift, running_mean, running_variance and projection.FROM. Layers are numbered from 1, and 0
are the inputs.
"""

from __future__ import annotations

import re

import numpy as np
import reference


def constants_of(text):
    """Name and constants of "batch(momentum=0.1, epsilon=1e-05)"."""
    return text.partition("(")[0], {
        name: float(value) for name, value in re.findall(r"(\w+)=([^,)]+)", text)
    }


def normalized(text, layer, z, training):
    """Scale (z - mean) / sqrt(variance + epsilon) + shift."""
    name, constants = constants_of(text)
    if name == "none":
        return z
    epsilon = constants["epsilon"]
    if name == "rms":
        return layer["scale"] * z / np.sqrt((z**2).mean(axis=1, keepdims=True) + epsilon)
    if name == "layer":
        mean, variance = z.mean(axis=1, keepdims=True), z.var(axis=1, keepdims=True)
    elif training:
        mean, variance = z.mean(axis=0), z.var(axis=0)
    else:
        mean, variance = layer["running_mean"], layer["running_variance"]
    return layer["scale"] * (z - mean) / np.sqrt(variance + epsilon) + layer["shift"]


def activate(text, u, layer):
    """f(u), or the largest of the pieces: columns j, units + j, 2 units + j, ..."""
    learned = [layer[constant] for constant in ("alpha", "beta") if constant in layer]
    name, constants = constants_of(text)
    if name == "maxout":
        return u.reshape(len(u), int(constants["pieces"]), -1).max(axis=1)
    return reference.activate(text, u, *learned)


def forward(layers, activations, x, normalization=None, skips=(), training=True):
    """Return what goes into each layer's activation, each layer's y, and each layer's x W + b."""
    normalization = [*(normalization or ["none"] * (len(layers) - 1)), "none"]
    ys, us, zs = [np.asarray(x, np.float64)], [], []
    for number, (layer, text) in enumerate(zip(layers, activations, strict=True), 1):
        zs.append(ys[-1] @ layer["weight"] + layer["bias"])
        u = normalized(normalization[number - 1], layer, zs[-1], training)
        for start, end in skips:
            if end == number:
                projection = layer.get(f"projection.{start}")
                u = u + (ys[start] if projection is None else ys[start] @ projection)
        us.append(u)
        ys.append(activate(text, u, layer))
    return us, ys[1:], zs


def loss(layers, activations, name, x, t, l2=0.0, **structure):
    """The mean loss of a batch in training, with the penalty of all matrices."""
    us, ys, _ = forward(layers, activations, x, **structure)
    penalized = [
        array
        for layer in layers
        for key, array in layer.items()
        if key == "weight" or key.startswith("projection")
    ]
    penalty = sum(0.5 * l2 * (array**2).sum() for array in penalized)
    return reference.LOSSES[name](us[-1], ys[-1], t).mean() + penalty


def numerical_gradient(layers, activations, name, x, t, h=1e-5, **options):
    """Central differences of the loss for each array that is trained, as a list of dicts."""

    def total():
        return loss(layers, activations, name, x, t, **options)

    gradients = []
    for layer in layers:
        gradients.append({})
        for key, array in layer.items():
            if key.startswith("running"):
                continue
            gradient = gradients[-1][key] = np.zeros_like(array)
            for place in np.ndindex(array.shape):
                kept = array[place]
                array[place] = kept + h
                above = total()
                array[place] = kept - h
                below = total()
                array[place] = kept
                gradient[place] = (above - below) / (2 * h)
    return gradients


def remember_batch(layers, activations, x, normalization, skips=()):
    """Move running_mean and running_variance towards those of the batch, as PyTorch does."""
    _, _, zs = forward(layers, activations, x, normalization, skips)
    for layer, text, z in zip(layers, normalization, zs, strict=False):
        name, constants = constants_of(text)
        if name == "batch":
            momentum = constants["momentum"]
            for key, value in (
                ("running_mean", z.mean(axis=0)),
                ("running_variance", z.var(axis=0, ddof=1)),
            ):
                layer[key] = (1 - momentum) * layer[key] + momentum * value
