"""The judge: one step in float64, carrying for every number how far float32 rounding may move it.

Probabilistic error analysis after Higham and Mary (SIAM J. Sci. Comput. 41, 2019): rounding
errors are taken as independent, of mean zero and at most U relative, so k of them add up as
sqrt(k), first order only. A number outside LIMIT sigma has then a chance below 2 exp(-LIMIT**2 /
2) = 3e-14: none is expected in 10 million weights. It shares no code with the contenders;
agreement.py compares them with it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bench.problem import Parameters, Problem
from bench.shapes import Shape

Float64Array = npt.NDArray[np.float64]

U = 2.0**-24  # unit roundoff of float32
TINY = 2.0**-126  # smallest normal float32: all that an underflow can lose
FUNCTION_ULP = 4.0  # allowed to exp, and to sigmoid relative to 1 (it may come from tanh)
SCALING_ROUNDINGS = 4  # of rate / batch and where it is multiplied in
LIMIT = 8.0


class Estimate(NamedTuple):
    """A float64 array and, elementwise, the sigma of a float32 result around it."""

    value: Float64Array
    sigma: Float64Array

    @property
    def transposed(self) -> Estimate:
        """Both, transposed."""
        return Estimate(self.value.T, self.sigma.T)


def exact(array: npt.NDArray[np.float32]) -> Estimate:
    """Take a float32 array that the contender was given."""
    return Estimate(array.astype(np.float64), np.zeros(array.shape))


def rounded(value: Float64Array, inherited: Float64Array, roundings: float = 1) -> Estimate:
    """Add the result's own roundings to the sigma it inherits."""
    return Estimate(value, np.hypot(inherited, np.sqrt(roundings) * U * np.abs(value) + TINY))


def product(a: Estimate, b: Estimate, more_roundings: int = 0) -> Estimate:
    """Matrix product (m, k) @ (k, n) by any order of summation, fused or not.

    Each of the k partial sums is rounded and none exceeds the sum of magnitudes.
    """
    roundings = a.value.shape[1] + more_roundings
    own = np.sqrt(roundings) * U * (np.abs(a.value) @ np.abs(b.value)) + TINY
    inherited = np.zeros_like(own)
    if a.sigma.any():
        inherited += a.sigma**2 @ (b.value**2 + b.sigma**2)
    if b.sigma.any():
        inherited += a.value**2 @ b.sigma**2
    return Estimate(a.value @ b.value, np.hypot(own, np.sqrt(inherited)))


def times(a: Estimate, b: Estimate) -> Estimate:
    """Elementwise product."""
    inherited = np.hypot(np.hypot(a.value, a.sigma) * b.sigma, b.value * a.sigma)
    return rounded(a.value * b.value, inherited)


def minus(a: Estimate, b: Estimate) -> Estimate:
    """Elementwise difference."""
    return rounded(a.value - b.value, np.hypot(a.sigma, b.sigma))


def affine(x: Estimate, weights: Estimate, bias: Estimate) -> Estimate:
    """Return x W + b; the bias may join the sum at its start or at its end."""
    z = product(x, weights, 1)
    return rounded(z.value + bias.value, np.hypot(z.sigma, U * np.abs(bias.value)))


def relu(z: Estimate) -> tuple[Estimate, Estimate]:
    """Return output and slope; where z may have either sign, the slope may be 0 or 1."""
    output = Estimate(np.maximum(z.value, 0), np.where(z.value > -LIMIT * z.sigma, z.sigma, 0))
    undecided = np.abs(z.value) <= LIMIT * z.sigma
    return output, Estimate((z.value > 0).astype(np.float64), undecided.astype(np.float64))


def sigmoid(z: Estimate) -> tuple[Estimate, Estimate]:
    """Return output y and slope y (1 - y); d slope / d y = 1 - 2 y."""
    y = 1 / (1 + np.exp(-z.value))
    slope = y * (1 - y)
    output = Estimate(y, np.hypot(slope * z.sigma, FUNCTION_ULP * U))
    # The second term covers the curvature: y near 1/2 has no first-order effect on the slope.
    inherited = np.abs(1 - 2 * y) * output.sigma + LIMIT * output.sigma**2
    return output, rounded(slope, np.hypot(inherited, U * y), 1)


def softmax(z: Estimate) -> Estimate:
    """Return each row's probabilities; the row maximum that is subtracted cancels."""
    shifted = z.value - z.value.max(axis=1, keepdims=True)
    powers = np.exp(shifted)
    p = powers / powers.sum(axis=1, keepdims=True)
    relative = np.hypot(np.hypot(z.sigma, U * shifted), FUNCTION_ULP * U)
    of_sum = np.sqrt((p**2 * relative**2).sum(axis=1, keepdims=True))
    return rounded(p, p * np.hypot(relative, of_sum), p.shape[1] + 1)


def output_delta(z: Estimate, targets: Estimate, shape: Shape) -> Estimate:
    """Return dL/dz of the last layer, one sample a row."""
    if shape.output == "softmax":
        return minus(softmax(z), targets)
    y, slope = sigmoid(z)
    return times(minus(y, targets), slope)


def descend(parameter: Estimate, gradient: Estimate, shape: Shape) -> Estimate:
    """Return parameter - rate / batch * (gradient summed over the batch)."""
    scale = shape.learning_rate / shape.batch
    return minus(parameter, Estimate(scale * gradient.value, scale * gradient.sigma))


def reference_step(
    problem: Problem, step: int, parameters: Parameters
) -> list[tuple[Estimate, Estimate]]:
    """Take step number `step` of the problem from float32 `parameters`.

    Returns
    -------
    list of (W, b)
        W (inputs, outputs) and b (1, outputs) of each layer after the step.
    """
    shape = problem.shape
    activate = relu if shape.activation == "relu" else sigmoid
    rows = slice(step * shape.batch, (step + 1) * shape.batch)
    layers = [(exact(weights), exact(biases.reshape(1, -1))) for weights, biases in parameters]
    inputs, slopes = [exact(problem.x[rows])], []
    for weights, bias in layers[:-1]:
        output, slope = activate(affine(inputs[-1], weights, bias))
        inputs.append(output)
        slopes.append(slope)
    targets = exact(problem.one_hot(rows))
    delta = output_delta(affine(inputs[-1], *layers[-1]), targets, shape)
    ones = exact(np.ones((1, shape.batch), dtype=np.float32))
    updated = []
    for index in range(len(layers) - 1, -1, -1):
        weights, bias = layers[index]
        d_weights = product(inputs[index].transposed, delta, SCALING_ROUNDINGS)
        d_bias = product(ones, delta, SCALING_ROUNDINGS)
        updated.append((descend(weights, d_weights, shape), descend(bias, d_bias, shape)))
        if index:
            delta = times(product(delta, weights.transposed), slopes[index - 1])
    return updated[::-1]
