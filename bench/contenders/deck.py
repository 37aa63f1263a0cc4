"""The contender `deck`: backpropagation as lectures write it, sample by sample, in columns.

For every sample of the mini-batch forward and backward; the gradients are added up in fresh
arrays, then w <- w - (eta / m) * sum. Deliberately not tuned; only kept in float32 so that its
results can be compared.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from bench.contenders import UnsupportedProblemError
from bench.problem import Float32Array, Parameters, Problem

LARGEST_STEP = 5e10  # floating-point operations


def sigmoid(z: Float32Array) -> Float32Array:
    """Return 1 / (1 + exp(-z))."""
    result: npt.NDArray[Any] = 1 / (1 + np.exp(-z))
    return result


def softmax(z: Float32Array) -> Float32Array:
    """Return exp(z_k) / sum over k of exp(z_k) of a column."""
    powers = np.exp(z - z.max())
    result: Float32Array = powers / powers.sum()
    return result


class DeckMlp:
    """A network as lists of weights (outputs, inputs) and biases (outputs, 1)."""

    def __init__(self, problem: Problem) -> None:
        self.shape = problem.shape
        if self.shape.optimizer != "sgd":
            raise UnsupportedProblemError(f"the lectures' code has no {self.shape.optimizer}")
        if self.shape.flops_per_step > LARGEST_STEP:
            raise UnsupportedProblemError("a step of this shape takes minutes")
        self.weights = [weights.T.copy() for weights, _ in problem.parameters]
        self.biases = [biases.reshape(-1, 1).copy() for _, biases in problem.parameters]
        columns = (row.reshape(-1, 1) for row in problem.x)
        targets = (row.reshape(-1, 1) for row in problem.targets)
        self.samples = list(zip(columns, targets, strict=True))
        self.next = 0

    def train(self, steps: int) -> None:
        """Take `steps` mini-batches, in the order of the data set."""
        for _ in range(steps):
            first = self.next * self.shape.batch
            self.update_mini_batch(self.samples[first : first + self.shape.batch])
            self.next = (self.next + 1) % self.shape.steps

    def update_mini_batch(self, mini_batch: list[tuple[Float32Array, Float32Array]]) -> None:
        """Add up the gradients of the samples and go one step downhill."""
        nabla_b = [np.zeros_like(b) for b in self.biases]
        nabla_w = [np.zeros_like(w) for w in self.weights]
        for x, y in mini_batch:
            delta_nabla_b, delta_nabla_w = self.backprop(x, y)
            nabla_b = [nb + dnb for nb, dnb in zip(nabla_b, delta_nabla_b, strict=True)]
            nabla_w = [nw + dnw for nw, dnw in zip(nabla_w, delta_nabla_w, strict=True)]
        rate = self.shape.learning_rate / len(mini_batch)
        self.biases = [b - rate * nb for b, nb in zip(self.biases, nabla_b, strict=True)]
        self.weights = [w - rate * nw for w, nw in zip(self.weights, nabla_w, strict=True)]

    def activation(self, z: Float32Array) -> Float32Array:
        """Return the output of the hidden units."""
        if self.shape.activation == "sigmoid":
            return sigmoid(z)
        result: Float32Array = np.tanh(z) if self.shape.activation == "tanh" else np.maximum(z, 0)
        return result

    def activation_prime(self, z: Float32Array) -> Float32Array:
        """Return the slope of the hidden units."""
        if self.shape.activation == "relu":
            return (z > 0).astype(np.float32)
        if self.shape.activation == "tanh":
            slope: Float32Array = 1 - np.tanh(z) ** 2
            return slope
        return sigmoid(z) * (1 - sigmoid(z))

    def output_error(self, z: Float32Array, y: Float32Array) -> Float32Array:
        """Return dC/dz of the last layer (outputs, 1)."""
        if self.shape.output == "softmax":
            return softmax(z) - y
        if self.shape.output == "identity":
            return z - y
        return (sigmoid(z) - y) * (sigmoid(z) * (1 - sigmoid(z)))

    def backprop(
        self, x: Float32Array, y: Float32Array
    ) -> tuple[list[Float32Array], list[Float32Array]]:
        """Return (nabla_b, nabla_w) of the cost of one sample, x (inputs, 1), y (outputs, 1)."""
        activations: list[Float32Array] = [x]
        zs: list[Float32Array] = []
        for b, w in zip(self.biases, self.weights, strict=True):
            zs.append(np.dot(w, activations[-1]) + b)
            activations.append(self.activation(zs[-1]))
        delta = self.output_error(zs[-1], y)
        nabla_b, nabla_w = [delta], [np.dot(delta, activations[-2].T)]
        for layer in range(2, len(self.shape.sizes)):
            delta = np.dot(self.weights[-layer + 1].T, delta) * self.activation_prime(zs[-layer])
            nabla_b.insert(0, delta)
            nabla_w.insert(0, np.dot(delta, activations[-layer - 1].T))
        return nabla_b, nabla_w

    def parameters(self) -> Parameters:
        """Return (W, b) per layer, turned back to W (inputs, outputs)."""
        return [
            (np.ascontiguousarray(w.T), b.reshape(-1))
            for w, b in zip(self.weights, self.biases, strict=True)
        ]

    def close(self) -> None:
        """Nothing to release."""


def build(problem: Problem, threads: int | None) -> DeckMlp:
    """Make the contender; the threads of NumPy's BLAS are set in the environment."""
    del threads
    return DeckMlp(problem)


def describe() -> dict[str, Any]:
    """Return the version of NumPy."""
    return {"numpy": np.__version__}
