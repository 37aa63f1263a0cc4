"""MNIST with JAX: ``python with_jax.py FOLDER SEED``.

An epoch is one compiled scan over its steps; the 32 rows that do not fill the last one are left
out (another shape would be compiled again).
"""

from __future__ import annotations

import functools
import importlib
import sys
from typing import Any

import numpy as np

from bench.programs.mnist import (
    BATCH,
    CLASSES,
    EPOCHS,
    FEATURES,
    HIDDEN,
    LEARNING_RATE,
    MOMENTUM,
)
from bench.programs.mnist.idx import read_mnist
from bench.programs.stamps import Stamps


def main(folder: str, seed: int) -> None:
    """Train and predict."""
    stamps = Stamps()
    jax: Any = importlib.import_module("jax")
    jnp: Any = importlib.import_module("jax.numpy")
    stamps.mark("import")
    x_train, y_train, x_test, y_test = read_mnist(folder)
    rows, test_rows = (jnp.asarray(x / np.float32(255)) for x in (x_train, x_test))
    labels = jnp.asarray(y_train)
    stamps.mark("load")
    parameters = train(jax, jnp, rows, labels, seed)
    stamps.mark("train")
    predicted = np.asarray(forward(jax, parameters, test_rows).argmax(1))
    stamps.mark("predict")
    stamps.tell(correct=int((predicted == y_test).sum()))


def forward(jax: Any, parameters: Any, x: Any) -> Any:
    """Return the inputs of the softmax."""
    w0, b0, w1, b1 = parameters
    return jax.nn.relu(x @ w0 + b0) @ w1 + b1


def train(jax: Any, jnp: Any, x: Any, y: Any, seed: int) -> Any:
    """Return the trained (w0, b0, w1, b1).

    Orders are drawn by NumPy: JAX's own permutation is a second more to compile.
    """

    def loss(parameters: Any, rows: Any) -> Any:
        log_p = jax.nn.log_softmax(forward(jax, parameters, x[rows]))
        return -(log_p * jax.nn.one_hot(y[rows], CLASSES)).sum() / BATCH

    def step(state: Any, rows: Any) -> tuple[Any, None]:
        parameters, velocity = state
        gradients = jax.grad(loss)(parameters, rows)
        velocity = [MOMENTUM * v + g for v, g in zip(velocity, gradients, strict=True)]
        parameters = [p - LEARNING_RATE * v for p, v in zip(parameters, velocity, strict=True)]
        return (parameters, velocity), None

    @functools.partial(jax.jit, donate_argnums=0)
    def epoch(state: Any, batches: Any) -> Any:
        return jax.lax.scan(step, state, batches)[0]

    rng = np.random.default_rng(seed)
    parameters = [jnp.asarray(array) for array in first_parameters(rng)]
    state = (parameters, [jnp.zeros_like(p) for p in parameters])
    steps = len(x) // BATCH
    for _ in range(EPOCHS):
        order = rng.permutation(len(x))[: steps * BATCH]
        state = epoch(state, order.reshape(steps, BATCH))
    return jax.block_until_ready(state)[0]


def first_parameters(rng: np.random.Generator) -> list[Any]:
    """Draw He's normal weights; biases are zero."""
    parameters: list[Any] = []
    for inputs, outputs in ((FEATURES, HIDDEN), (HIDDEN, CLASSES)):
        weights = rng.standard_normal((inputs, outputs), dtype=np.float32)
        parameters += [weights * np.float32(np.sqrt(2 / inputs)), np.zeros(outputs, np.float32)]
    return parameters


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
