"""A multilayer perceptron in float64 NumPy, as plain as the formulas: what the engine is checked
against.

Imports nothing of fastmlp. Weights are (in, out); a row is a sample; losses and gradients are means
over the samples.
"""

from __future__ import annotations

import math
import re

import numpy as np

normal_cdf = np.vectorize(lambda z: math.erfc(-z / math.sqrt(2)) / 2, otypes=[float])


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


ACTIVATIONS = {
    "identity": lambda z: z,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
    "softmax": softmax,
    "leaky_relu": lambda z, negative_slope=0.01: np.where(z > 0, z, negative_slope * z),
    "relu6": lambda z: np.clip(z, 0, 6),
    "elu": lambda z, alpha=1: np.where(z > 0, z, alpha * np.expm1(np.minimum(z, 0))),
    "selu": lambda z: (
        1.0507009873554805 * np.where(z > 0, z, 1.6732632423543772 * np.expm1(np.minimum(z, 0)))
    ),
    "celu": lambda z, alpha=1: np.where(z > 0, z, alpha * np.expm1(np.minimum(z, 0) / alpha)),
    "softplus": lambda z: np.logaddexp(0, z),
    "silu": lambda z: z / (1 + np.exp(-z)),
    "swish": lambda z, beta=1: z / (1 + np.exp(-beta * z)),
    "gelu": lambda z: z * normal_cdf(z),
    "gelu_tanh": lambda z: z / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3))),
    "gelu_sigmoid": lambda z: z / (1 + np.exp(-1.702 * z)),
    "mish": lambda z: z * np.tanh(np.logaddexp(0, z)),
    "hard_swish": lambda z: z * np.clip(z + 3, 0, 6) / 6,
    "hard_sigmoid": lambda z, slope=0.25, offset=0.5: np.clip(slope * z + offset, 0, 1),
    "hard_tanh": lambda z: np.clip(z, -1, 1),
    "softsign": lambda z: z / (1 + np.abs(z)),
    "log_sigmoid": lambda z: -np.logaddexp(0, -z),
    "step": lambda z: (z > 0) * 1.0,
    "prelu": lambda z, alpha: np.where(z > 0, z, alpha * z),
    "learned_swish": lambda z, beta: z / (1 + np.exp(-beta * z)),
    "mixed_relu": lambda z, alpha: (1 - alpha) * z + alpha * np.maximum(z, 0),
    "mixed_tanh": lambda z, alpha: (1 - alpha) * z + alpha * np.tanh(z),
    "mixed_selu": lambda z, alpha: (1 - alpha) * z + alpha * ACTIVATIONS["selu"](z),
    "mixed_mish": lambda z, alpha: (1 - alpha) * z + alpha * ACTIVATIONS["mish"](z),
}


def activate(text, z, *learned):
    """f(z) for an activation as it is written: "elu", "elu(alpha=2)"; learned: (units,) instead of
    the constants.
    """
    if learned:
        return ACTIVATIONS[text.partition("(")[0]](z, *learned)
    constants = {name: float(value) for name, value in re.findall(r"(\w+)=([^,)]+)", text)}
    return ACTIVATIONS[text.partition("(")[0]](z, **constants)


def log_sigmoid(z):
    return -np.logaddexp(0, -z)


def log_softmax(z):
    shifted = z - z.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def huber(y, t, delta):
    d = np.abs(y - t)
    return np.where(d <= delta, d**2 / 2, delta * (d - delta / 2)).mean(axis=1)


def log_cosh(y, t):
    return (np.logaddexp(y - t, t - y) - np.log(2)).mean(axis=1)


def pinball(y, t, quantile):
    return np.maximum(quantile * (t - y), (np.asarray(quantile) - 1) * (t - y)).mean(axis=1)


def cross_entropy(z, t, label_smoothing):
    t = t * (1 - label_smoothing) + label_smoothing / t.shape[1]
    return -(t * log_softmax(z)).sum(axis=1)


def binary_cross_entropy(z, t, label_smoothing):
    t = t * (1 - label_smoothing) + label_smoothing / 2
    return -(t * log_sigmoid(z) + (1 - t) * log_sigmoid(-z)).sum(axis=1)


def binary_focal(z, y, t, gamma, alpha):
    positive = alpha * t * (1 - y) ** gamma * log_sigmoid(z)
    negative = (1 - alpha) * (1 - t) * y**gamma * log_sigmoid(-z)
    return -(positive + negative).sum(axis=1)


# Each takes z (before the output unit), y (after it), t and constants, and returns one loss a
# sample.
LOSSES = {
    "half_squared_error": lambda z, y, t: 0.5 * ((y - t) ** 2).sum(axis=1),
    "mean_squared_error": lambda z, y, t: ((y - t) ** 2).mean(axis=1),
    "binary_cross_entropy": lambda z, y, t, label_smoothing: binary_cross_entropy(
        z, t, label_smoothing
    ),
    "categorical_cross_entropy": lambda z, y, t, label_smoothing: cross_entropy(
        z, t, label_smoothing
    ),
    "mean_absolute_error": lambda z, y, t: np.abs(y - t).mean(axis=1),
    "huber": lambda z, y, t, delta: huber(y, t, delta),
    "log_cosh": lambda z, y, t: log_cosh(y, t),
    "quantile": lambda z, y, t, quantile: pinball(y, t, quantile),
    "poisson": lambda z, y, t: (np.exp(y) - t * y).mean(axis=1),
    "binary_focal_cross_entropy": binary_focal,
    "categorical_focal_cross_entropy": lambda z, y, t, gamma: (
        -(t * (1 - y) ** gamma * log_softmax(z)).sum(axis=1)
    ),
    "hinge": lambda z, y, t: np.maximum(0, 1 - (2 * t - 1) * y).sum(axis=1),
    "perceptron": lambda z, y, t: np.maximum(0, -(2 * t - 1) * y).sum(axis=1),
}

# How far each output is from where the loss has no derivative.
KINKS = {
    "mean_absolute_error": lambda y, t: y - t,
    "huber": lambda y, t, delta: np.abs(y - t) - delta,
    "quantile": lambda y, t, quantile: y - t,
    "hinge": lambda y, t: 1 - (2 * t - 1) * y,
    "perceptron": lambda y, t: y,
}


def forward(parameters, activations, x):
    """z of the output layer, and its y."""
    y = np.asarray(x, np.float64)
    for (w, b, *learned), name in zip(parameters, activations, strict=True):
        z = y @ np.asarray(w, np.float64) + np.asarray(b, np.float64)
        y = activate(name, z, *learned)
    return z, y


def loss(parameters, activations, name, x, t, constants=None, weights=1.0):
    """The data loss: the mean over the samples, each times its weight."""
    z, y = forward(parameters, activations, x)
    return (weights * LOSSES[name](z, y, np.asarray(t, np.float64), **constants or {})).mean()


def numerical_gradient(
    parameters, activations, name, x, t, l2=0.0, h=1e-5, constants=None, weights=1.0
):
    """Central differences of the loss with its L2 term, one parameter at a time."""

    def total():
        penalty = sum(0.5 * l2 * (w**2).sum() for w, *_ in parameters)
        return loss(parameters, activations, name, x, t, constants, weights) + penalty

    gradients = []
    for pair in parameters:
        for array in pair:
            gradient = np.zeros_like(array)
            for place in np.ndindex(array.shape):
                kept = array[place]
                array[place] = kept + h
                above = total()
                array[place] = kept - h
                below = total()
                array[place] = kept
                gradient[place] = (above - below) / (2 * h)
            gradients.append(gradient)
    return gradients


def one_hot(labels, classes):
    return np.eye(classes)[labels]
