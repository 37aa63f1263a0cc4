"""The contender `numpy`: mini-batch training as well as NumPy alone can do it, in float32.

Every buffer exists before the first step and every call writes into one (`ndarray.dot` with an
output costs half of `np.matmul` on small matrices; sums over rows and columns are products with
ones; softmax works on a classes-by-batch layout whose reductions run along whole rows). It
computes no loss: only what a step needs.
"""

from __future__ import annotations

import ctypes
import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench.problem import Float32Array, Parameters, Problem
from bench.shapes import BETA_1, BETA_2, EPSILON, MOMENTUM

Update = Callable[[], None]  # takes the gradients off the weights
# (step, input of the last layer (b, i)) -> rate / batch * d_z of the last layer (b, o)
OutputDelta = Callable[[int, Float32Array], Float32Array]

HALF = np.float32(0.5)
ONE = np.float32(1)
ZERO = np.float32(0)


@dataclasses.dataclass
class Layer:
    """Views and buffers of one layer; b batch, i inputs, o outputs.

    w (i, o), w_t its transposed view, bias (o,); d_w (i, o), d_bias (o,);
    y (b, o) holds z, then the output, y_t its transposed view; slope (b, o); d_z (b, o).
    """

    w: Float32Array
    w_t: Float32Array
    bias: Float32Array
    d_w: Float32Array
    d_bias: Float32Array
    y: Float32Array
    y_t: Float32Array
    slope: Float32Array
    d_z: Float32Array


class NumpyMlp:
    """A network and its buffers on one problem."""

    def __init__(self, problem: Problem) -> None:
        shape = problem.shape
        self._x = problem.x
        self._batch = shape.batch
        self._steps_per_epoch = shape.steps
        self._next = 0
        sizes = list(zip(shape.sizes, shape.sizes[1:], strict=False))
        count = sum((inputs + 1) * outputs for inputs, outputs in sizes)
        # All weights lie in one vector, all gradients in another: the update is one call.
        self._weights = np.empty(count, dtype=np.float32)
        self._gradients = np.empty(count, dtype=np.float32)
        self._layers: list[Layer] = []
        first = 0
        for weights, biases in problem.parameters:
            self._layers.append(self._make_layer(first, weights, biases))
            first += weights.size + biases.size
        self._ones = np.ones(shape.batch, dtype=np.float32)
        # The rate goes into the small d_z of the output, from where it reaches every gradient;
        # Adam, which is indifferent to it, multiplies later.
        rate = 1.0 if shape.optimizer == "adam" else shape.learning_rate
        self._rate = np.float32(rate / shape.batch)
        self._activate = ACTIVATIONS[shape.activation]
        softmax = problem.shape.output == "softmax"
        make = self._make_cross_entropy if softmax else self._make_squared_error
        self._output_delta = make(problem)
        self._update = UPDATES[shape.optimizer](self._weights, self._gradients, shape.learning_rate)

    def _make_layer(self, first: int, weights: Float32Array, biases: Float32Array) -> Layer:
        inputs, outputs = weights.shape
        middle, last = first + weights.size, first + weights.size + biases.size
        w = self._weights[first:middle].reshape(inputs, outputs)
        w[:] = weights
        self._weights[middle:last] = biases
        y, slope, d_z = (np.empty((self._batch, outputs), dtype=np.float32) for _ in range(3))
        return Layer(
            w=w,
            w_t=w.T,
            bias=self._weights[middle:last],
            d_w=self._gradients[first:middle].reshape(inputs, outputs),
            d_bias=self._gradients[middle:last],
            y=y,
            y_t=y.T,
            slope=slope,
            d_z=d_z,
        )

    def _make_squared_error(self, problem: Problem) -> OutputDelta:
        """Return the output step for half the squared error."""
        layer, rate, batch = self._layers[-1], self._rate, self._batch
        targets, activated = problem.targets, problem.shape.output == "sigmoid"

        def output_delta(step: int, x: Float32Array) -> Float32Array:
            x.dot(layer.w, layer.y)
            layer.y += layer.bias
            if activated:
                _sigmoid(layer)
            np.subtract(layer.y, targets[step * batch : (step + 1) * batch], out=layer.d_z)
            if activated:
                layer.d_z *= layer.slope
            layer.d_z *= rate
            return layer.d_z

        return output_delta

    def _make_cross_entropy(self, problem: Problem) -> OutputDelta:
        """Return the output step for softmax with cross-entropy; z and targets are (classes, b)."""
        layer, rate, batch = self._layers[-1], self._rate, self._batch
        classes = problem.shape.sizes[-1]
        targets = problem.targets.reshape(-1, batch, classes).swapaxes(1, 2).copy()
        z = np.empty((classes, batch), dtype=np.float32)
        per_sample = np.empty(batch, dtype=np.float32)
        bias, ones = layer.bias[:, None], np.ones(classes, dtype=np.float32)

        def output_delta(step: int, x: Float32Array) -> Float32Array:
            layer.w_t.dot(x.T, z)
            np.add(z, bias, out=z)
            np.maximum.reduce(z, axis=0, out=per_sample)
            np.subtract(z, per_sample, out=z)
            np.exp(z, out=z)
            ones.dot(z, per_sample)
            np.divide(z, per_sample, out=z)
            np.subtract(z, targets[step], out=z)
            np.multiply(z, rate, out=z)
            return z.T

        return output_delta

    def train(self, steps: int) -> None:
        """Take `steps` steps, in the order of the data set."""
        for _ in range(steps):
            self._step(self._next)
            self._next = (self._next + 1) % self._steps_per_epoch

    def _step(self, step: int) -> None:
        layers, ones = self._layers, self._ones
        x = self._x[step * self._batch : (step + 1) * self._batch]
        y = x
        for layer in layers[:-1]:
            y.dot(layer.w, layer.y)
            layer.y += layer.bias
            self._activate(layer)
            y = layer.y
        d_z = self._output_delta(step, y)
        for index in range(len(layers) - 1, 0, -1):
            layer, below = layers[index], layers[index - 1]
            below.y_t.dot(d_z, layer.d_w)
            ones.dot(d_z, layer.d_bias)
            d_z.dot(layer.w_t, below.d_z)
            below.d_z *= below.slope
            d_z = below.d_z
        x.T.dot(d_z, layers[0].d_w)
        ones.dot(d_z, layers[0].d_bias)
        self._update()

    def parameters(self) -> Parameters:
        """Return copies of (W, b) per layer."""
        return [(layer.w.copy(), layer.bias.copy()) for layer in self._layers]

    def close(self) -> None:
        """Nothing to release."""


def _relu(layer: Layer) -> None:
    """Turn z into max(z, 0), keep the slope as float32: faster than np.maximum and bools."""
    np.greater(layer.y, ZERO, out=layer.slope, casting="unsafe")
    layer.y *= layer.slope


def _sigmoid(layer: Layer) -> None:
    """Turn z into sigma(z) = tanh(z / 2) / 2 + 1 / 2, NumPy's fastest form; keep y (1 - y)."""
    y = layer.y
    y *= HALF
    np.tanh(y, out=y)
    y *= HALF
    y += HALF
    np.subtract(ONE, y, out=layer.slope)
    layer.slope *= y


def _tanh(layer: Layer) -> None:
    """Turn z into tanh(z), keep 1 - y^2."""
    y = layer.y
    np.tanh(y, out=y)
    np.multiply(y, y, out=layer.slope)
    np.subtract(ONE, layer.slope, out=layer.slope)


ACTIVATIONS = {"relu": _relu, "sigmoid": _sigmoid, "tanh": _tanh}


def _sgd(weights: Float32Array, gradients: Float32Array, rate: float) -> Update:
    """Return weights -= gradients, which hold the rate."""
    del rate

    def update() -> None:
        np.subtract(weights, gradients, out=weights)

    return update


def _momentum(weights: Float32Array, gradients: Float32Array, rate: float) -> Update:
    """Return velocity = momentum velocity + gradients; weights -= velocity (both hold the rate)."""
    del rate
    velocity, momentum = np.zeros_like(weights), np.float32(MOMENTUM)

    def update() -> None:
        np.multiply(velocity, momentum, out=velocity)
        np.add(velocity, gradients, out=velocity)
        np.subtract(weights, velocity, out=weights)

    return update


def _adam(weights: Float32Array, gradients: Float32Array, rate: float) -> Update:
    """Return Adam's update; both bias corrections are gathered in one factor and in epsilon."""
    first, second, change = (np.zeros_like(weights) for _ in range(3))
    beta_1, beta_2 = np.float32(BETA_1), np.float32(BETA_2)
    share_1, share_2 = np.float32(1 - BETA_1), np.float32(1 - BETA_2)
    step = 0

    def update() -> None:
        nonlocal step
        step += 1
        root = float(np.sqrt(1 - BETA_2**step))
        np.multiply(first, beta_1, out=first)
        np.multiply(gradients, share_1, out=change)
        np.add(first, change, out=first)
        np.multiply(second, beta_2, out=second)
        np.multiply(gradients, gradients, out=gradients)
        np.multiply(gradients, share_2, out=gradients)
        np.add(second, gradients, out=second)
        np.sqrt(second, out=change)
        np.add(change, np.float32(EPSILON * root), out=change)
        np.divide(first, change, out=change)
        np.multiply(change, np.float32(rate * root / (1 - BETA_1**step)), out=change)
        np.subtract(weights, change, out=weights)

    return update


UPDATES = {"sgd": _sgd, "momentum": _momentum, "adam": _adam}


def build(problem: Problem, threads: int | None) -> NumpyMlp:
    """Make the contender; the threads of NumPy's BLAS are set in the environment."""
    del threads
    return NumpyMlp(problem)


def describe() -> dict[str, Any]:
    """Return the version of NumPy, the BLAS it was built with, and the kernels that BLAS chose."""
    config: Any = np.show_config(mode="dicts")
    blas = config.get("Build Dependencies", {}).get("blas", {})
    kernels = blas_kernels()
    name = f"{blas.get('name')} {blas.get('version')}" + (f", {kernels} kernels" if kernels else "")
    return {"numpy": np.__version__, "blas": name}


def blas_kernels() -> str | None:
    """Return the name of the CPU whose kernels OpenBLAS runs, None for another BLAS or system.

    OpenBLAS does not know every CPU: on one it takes for an older kind, NumPy runs narrower
    instructions than the machine has. ``OPENBLAS_CORETYPE`` in the environment overrules it.
    """
    try:
        maps = Path("/proc/self/maps").read_text()
    except OSError:
        return None
    library = re.search(r"\S*openblas\S*\.so\S*", maps)
    if library is None:
        return None
    for name in ("scipy_openblas_get_corename64_", "openblas_get_corename"):
        function = getattr(ctypes.CDLL(library[0]), name, None)
        if function is not None:
            function.restype = ctypes.c_char_p
            return str(function().decode())
    return None
