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
from bench.shapes import BETA_1, BETA_2, EPSILON, MOMENTUM, Shape

Float64Array = npt.NDArray[np.float64]

U = 2.0**-24  # unit roundoff of float32
TINY = 2.0**-126  # smallest normal float32: all that an underflow can lose
FUNCTION_ULP = 4.0  # allowed to exp, and to sigmoid relative to 1 (it may come from tanh)
SCALING_ROUNDINGS = 4  # of rate / batch and where it is multiplied in
ADAM_ROUNDINGS = 8  # of both bias corrections, root (perhaps refined from an estimate), quotient
LIMIT = 8.0


class Estimate(NamedTuple):
    """A float64 array and, elementwise, the sigma of a float32 result around it."""

    value: Float64Array
    sigma: Float64Array

    @property
    def transposed(self) -> Estimate:
        """Both, transposed."""
        return Estimate(self.value.T, self.sigma.T)


Gradients = list[tuple[Estimate, Estimate]]  # dW (inputs, outputs), db (1, outputs) per layer


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


def plus(a: Estimate, b: Estimate) -> Estimate:
    """Elementwise sum."""
    return rounded(a.value + b.value, np.hypot(a.sigma, b.sigma))


def scaled(a: Estimate, factor: float) -> Estimate:
    """Return a times a number; its rounding is one of SCALING_ROUNDINGS."""
    return Estimate(factor * a.value, factor * a.sigma)


def decayed(a: Estimate, factor: float) -> Estimate:
    """Return a times a number, with its rounding."""
    return rounded(factor * a.value, factor * a.sigma)


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


def tanh(z: Estimate) -> tuple[Estimate, Estimate]:
    """Return output y and slope 1 - y^2."""
    y = np.tanh(z.value)
    slope = 1 - y * y
    output = Estimate(y, np.hypot(slope * z.sigma, FUNCTION_ULP * U))
    inherited = 2 * np.abs(y) * output.sigma + LIMIT * output.sigma**2  # the second: curvature
    return output, rounded(slope, np.hypot(inherited, U * y * y), 1)


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
    if shape.output == "identity":
        return minus(z, targets)
    y, slope = sigmoid(z)
    return times(minus(y, targets), slope)


ACTIVATIONS = {"relu": relu, "tanh": tanh, "sigmoid": sigmoid}


def reference_gradients(problem: Problem, step: int, parameters: Parameters) -> Gradients:
    """Return the gradients of step number `step` at float32 `parameters`: means over the batch.

    Returns
    -------
    list of (dW, db)
        dW (inputs, outputs) and db (1, outputs) of each layer.
    """
    shape = problem.shape
    activate = ACTIVATIONS[shape.activation]
    rows = slice(step * shape.batch, (step + 1) * shape.batch)
    layers = [(exact(weights), exact(biases.reshape(1, -1))) for weights, biases in parameters]
    inputs, slopes = [exact(problem.x[rows])], []
    for weights, bias in layers[:-1]:
        output, slope = activate(affine(inputs[-1], weights, bias))
        inputs.append(output)
        slopes.append(slope)
    targets = exact(problem.targets[rows])
    delta = output_delta(affine(inputs[-1], *layers[-1]), targets, shape)
    ones = exact(np.ones((1, shape.batch), dtype=np.float32))
    gradients = []
    for index in range(len(layers) - 1, -1, -1):
        d_weights = product(inputs[index].transposed, delta, SCALING_ROUNDINGS)
        d_bias = product(ones, delta, SCALING_ROUNDINGS)
        gradients.append((scaled(d_weights, 1 / shape.batch), scaled(d_bias, 1 / shape.batch)))
        if index:
            delta = times(product(delta, layers[index][0].transposed), slopes[index - 1])
    return gradients[::-1]


class Reference:
    """The optimizer in float64, over the steps of one contender.

    Each step starts from the contender's own float32 weights, so that the bound stays one for one
    step; what the optimizer remembers is carried along in float64, from the reference's gradients.
    """

    def __init__(self, problem: Problem, first: Gradients | None = None) -> None:
        self._problem = problem
        self._first = first  # the gradients of the first step, where they are known already
        self._steps = 0
        self._state: list[list[Moments]] = []

    def step(self, parameters: Parameters) -> list[tuple[Estimate, Estimate]]:
        """Take the next step from `parameters`; returns (W, b) per layer, b as (1, outputs)."""
        gradients, self._first = self._first, None
        gradients = gradients or reference_gradients(self._problem, self._steps, parameters)
        self._steps += 1
        if not self._state:
            self._state = [[Moments.zeros(g.value.shape) for g in pair] for pair in gradients]
        updated = []
        for layer, (pair, arrays) in enumerate(zip(gradients, parameters, strict=True)):
            w, b = (
                self._updated(layer, place, exact(array.reshape(g.value.shape)), g)
                for place, (array, g) in enumerate(zip(arrays, pair, strict=True))
            )
            updated.append((w, b))
        return updated

    def _updated(self, layer: int, place: int, parameter: Estimate, gradient: Estimate) -> Estimate:
        shape = self._problem.shape
        if shape.optimizer == "sgd":
            return minus(parameter, scaled(gradient, shape.learning_rate))
        first, second = self._state[layer][place]
        if shape.optimizer == "momentum":
            first = plus(decayed(first, MOMENTUM), gradient)
            self._state[layer][place] = Moments(first, second)
            return minus(parameter, scaled(first, shape.learning_rate))
        first = plus(decayed(first, BETA_1), decayed(gradient, 1 - BETA_1))
        square = times(gradient, gradient)
        second = plus(decayed(second, BETA_2), decayed(square, 1 - BETA_2))
        self._state[layer][place] = Moments(first, second)
        direction = adam_direction(first, second, self._steps)
        return minus(parameter, scaled(direction, shape.learning_rate))


class Moments(NamedTuple):
    """What momentum (the first) and Adam (both) remember of the gradients of one array."""

    first: Estimate
    second: Estimate

    @classmethod
    def zeros(cls, shape: tuple[int, ...]) -> Moments:
        """Return the state before the first step."""
        nothing = Estimate(np.zeros(shape), np.zeros(shape))
        return cls(nothing, nothing)


def adam_direction(first: Estimate, second: Estimate, steps: int) -> Estimate:
    """Return m / (sqrt(v) + epsilon), both without bias, from the ends of what m and v may be.

    First order would not do: a gradient that rounding may bring to zero divides by what may be
    zero. Epsilon may join the root before or after it is freed of bias: libraries differ.
    """
    without_bias = 1 - BETA_2**steps
    root = np.sqrt(np.maximum(second.value, 0) / without_bias)
    reach = LIMIT * second.sigma
    low = np.sqrt(np.maximum(second.value - reach, 0) / without_bias) + EPSILON
    high = np.sqrt((second.value + reach) / without_bias) + EPSILON / np.sqrt(without_bias)
    m = first.value / (1 - BETA_1**steps)
    spread = LIMIT * first.sigma / (1 - BETA_1**steps)
    value = m / (root + EPSILON)
    ends = [end / divisor for end in (m - spread, m + spread) for divisor in (low, high)]
    far = np.maximum(np.max(ends, axis=0) - value, value - np.min(ends, axis=0))
    return rounded(value, far / LIMIT, ADAM_ROUNDINGS)
