"""The contender `jax`: the whole run of steps is one compiled loop over donated weights.

`jax.jit` of a `fori_loop` whose body is a step: gradients by `jax.grad`, batches cut out of the
data set on the device, no value returned to Python in between.
"""

from __future__ import annotations

import functools
import importlib
import os
from typing import Any

import numpy as np

from bench.problem import Parameters, Problem
from bench.shapes import BETA_1, BETA_2, EPSILON, MOMENTUM, Shape

# Read when the module is imported: no search for accelerators, no warning of their absence.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
jax: Any = importlib.import_module("jax")
jnp: Any = importlib.import_module("jax.numpy")

ACTIVATIONS = {"relu": jax.nn.relu, "tanh": jnp.tanh, "sigmoid": jax.nn.sigmoid}


class JaxMlp:
    """A network, its optimizer's state and the data on the device."""

    def __init__(self, problem: Problem) -> None:
        shape = problem.shape
        # Copies, not views of the problem's arrays: what is donated is overwritten.
        weights = jax.tree.map(lambda a: jnp.array(a, copy=True), problem.parameters)
        zeros = jax.tree.map(jnp.zeros_like, weights)
        moments = {"sgd": (), "momentum": (zeros,), "adam": (zeros, jax.tree.map(jnp.copy, zeros))}
        self._state = (weights, moments[shape.optimizer])
        self._done = 0
        self._data = tuple(
            jnp.asarray(array.reshape(shape.steps, shape.batch, -1))
            for array in (problem.x, problem.targets)
        )
        run = functools.partial(_run, shape)
        self._run = jax.jit(run, donate_argnums=0)

    def train(self, steps: int) -> None:
        """Take `steps` steps, in the order of the data set, and wait for the last."""
        self._state = self._run(self._state, self._data, self._done, self._done + steps)
        self._done += steps
        jax.block_until_ready(self._state)

    def parameters(self) -> Parameters:
        """Return copies of (W, b) per layer."""
        return [(np.array(w), np.array(b)) for w, b in self._state[0]]

    def close(self) -> None:
        """Release network and data."""
        del self._state, self._data


def _run(shape: Shape, state: Any, data: Any, first: Any, last: Any) -> Any:
    """Return the state after the steps first, first + 1, ... last - 1."""

    def step(number: Any, state: Any) -> Any:
        weights, moments = state
        x, targets = (array[number % shape.steps] for array in data)
        gradients = jax.grad(lambda values: _loss(shape, values, x, targets))(weights)
        return UPDATES[shape.optimizer](shape, number + 1, weights, gradients, moments)

    return jax.lax.fori_loop(first, last, step, state)


def _loss(shape: Shape, weights: Any, x: Any, targets: Any) -> Any:
    """Return the loss of a batch: a mean over its samples."""
    for w, b in weights[:-1]:
        x = ACTIVATIONS[shape.activation](x @ w + b)
    z = x @ weights[-1][0] + weights[-1][1]
    if shape.output == "softmax":
        return -(targets * jax.nn.log_softmax(z)).sum() / shape.batch
    y = jax.nn.sigmoid(z) if shape.output == "sigmoid" else z
    return 0.5 * jnp.square(y - targets).sum() / shape.batch


def _sgd(shape: Shape, number: Any, weights: Any, gradients: Any, moments: Any) -> Any:
    """Return weights - rate * gradients."""
    rate = shape.learning_rate
    return jax.tree.map(lambda w, g: w - rate * g, weights, gradients), moments


def _momentum(shape: Shape, number: Any, weights: Any, gradients: Any, moments: Any) -> Any:
    """Return the step of SGD along a velocity."""
    velocity = jax.tree.map(lambda v, g: MOMENTUM * v + g, moments[0], gradients)
    return _sgd(shape, number, weights, velocity, moments)[0], (velocity,)


def _adam(shape: Shape, number: Any, weights: Any, gradients: Any, moments: Any) -> Any:
    """Return Adam's step."""
    first = jax.tree.map(lambda m, g: BETA_1 * m + (1 - BETA_1) * g, moments[0], gradients)
    second = jax.tree.map(lambda v, g: BETA_2 * v + (1 - BETA_2) * g * g, moments[1], gradients)
    # 1 - beta^n without the cancellation that float32 would suffer at small n
    bias_1, bias_2 = (-jnp.expm1(number * np.log(beta)) for beta in (BETA_1, BETA_2))
    stepped = jax.tree.map(
        lambda w, m, v: w - shape.learning_rate * (m / bias_1) / (jnp.sqrt(v / bias_2) + EPSILON),
        weights,
        first,
        second,
    )
    return stepped, (first, second)


UPDATES = {"sgd": _sgd, "momentum": _momentum, "adam": _adam}


def build(problem: Problem, threads: int | None) -> JaxMlp:
    """Make the contender; XLA reads its threads from the environment (NPROC)."""
    del threads
    return JaxMlp(problem)


def describe() -> dict[str, Any]:
    """Return the versions of JAX and of its compiler."""
    return {"jax": jax.__version__, "jaxlib": importlib.import_module("jaxlib").__version__}
