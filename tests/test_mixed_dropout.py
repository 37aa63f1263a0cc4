"""Dropout, and losses that are functions, with precision "bf16": steps that are those of the
formulas with rounded factors.
"""

from __future__ import annotations

import hashlib

import fastmlp
import numpy as np
import pytest
from fastmlp import _core
from test_dropout import mask, weights_after
from test_mixed_precision import bf16, fma, product

F4 = np.float32


def reference_step(layers, x, t, masks, rate, negative_slope):
    """One step of SGD on half the squared error: (leaky) relu below, identity on top. Slopes of
    layers with dropout are not rounded; those of others are.
    """
    a, y, before = F4(negative_slope), [x * masks[0]], [None]
    for number, (w, b) in enumerate(layers):
        z = product(y[-1], w) + b
        if number + 1 == len(layers):
            y.append(z)
            break
        before.append(np.where(z > 0, z, a * z))
        y.append(before[-1] * masks[number + 1])
    delta, after, share = y[-1] - t, [], F4(1) / F4(len(x))
    for number in reversed(range(len(layers))):
        w, b = layers[number]
        sums = np.zeros_like(b)
        for row in bf16(delta):
            sums = sums + row
        gradient = product(y[number].T, delta) * share
        after.append((fma(F4(-rate), gradient, w), fma(-F4(rate), sums * share, b)))
        if number:
            below = a if (masks[number] != 1).any() else bf16(a)
            delta = product(w, delta.T).T * np.where(before[number] > 0, F4(1), below)
            delta = delta * masks[number]
    return after[::-1]


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(
    ("hidden", "slope"), [("relu", 0), ("leaky_relu(negative_slope=0.3)", 0.3)]
)
@pytest.mark.parametrize(
    "rates", [(0.2, 0.5, 0.5), (0, 0.3, 0), (0, 0, 0.01), (0.9, 0, 0)], ids=str
)
@pytest.mark.parametrize("batch", [1, 7, 50])
def test_a_step_is_the_chain_of_rounded_factors(team, threads, hidden, slope, rates, batch):
    team(threads)
    sizes, seed = (64, 97, 48, 7), 2**40 + 7
    generator = np.random.default_rng(3)
    x = generator.normal(size=(batch, sizes[0])).astype("float32")
    t = generator.normal(size=(batch, sizes[-1])).astype("float32")
    network = _core.Network(sizes, [hidden, hidden, "identity"])
    network.initialize("he_normal", 1, bias_initializer="normal")
    before = network.parameters()
    options = {"learning_rate": 0.05, "batch_size": batch, "shuffle": False, "dropout": rates}
    trainer = _core.Trainer(
        network, x, t, loss="half_squared_error", precision="bf16", seed=seed, **options
    )
    trainer.run_epoch(0)
    trainer.close()
    masks = [
        (mask(rate, seed, layer, 0, 0, batch, width) if rate else np.ones((batch, width))).astype(
            "float32"
        )
        for layer, (rate, width) in enumerate(zip(rates, sizes, strict=False))
    ]
    expected = reference_step(before, x, t, masks, 0.05, slope)
    for found, exact in zip(network.parameters(), expected, strict=True):
        for one, other in zip(found, exact, strict=True):
            assert np.mean(one != other) < 0.01  # double rounding in the reference, carried on
            np.testing.assert_allclose(one, other, rtol=0, atol=2e-7 * np.abs(other).max())


CASES = [
    ([100, 300, 70, 10], 40, (0.2, 0.5, 0.5)),
    ([33, 20, 5], 1, (0, 0.5)),
    ([7, 16, 3], 32, (0.1, 0.1)),
    ([33, 31, 17, 5], 170, (0, 0, 0.3)),
]


def squared(y, t):
    return (y**2).sum(axis=1) / 2, y


def digest():
    """The bits of all cases in short, for comparisons between processes."""
    sha = hashlib.sha256()
    for sizes, batch, rates in CASES:
        sha.update(weights_after(sizes, batch, rates, precision="bf16"))
        sha.update(weights_after(sizes, batch, rates, precision="bf16", optimizer="adam"))
        sha.update(weights_after(sizes, batch, rates, precision="bf16", loss=squared))
    return sha.hexdigest()


def test_a_rate_of_zero_is_no_dropout():
    for sizes, batch, rates in CASES:
        options = {"precision": "bf16"}
        none = weights_after(sizes, batch, [], **options)
        assert weights_after(sizes, batch, [0] * len(rates), **options) == none


@pytest.mark.parametrize("hidden", ["tanh", "gelu"])
def test_it_stays_near_full_precision(hidden):
    """The same units are dropped: after 20 steps the weights differ by what bf16 rounds."""
    found = {}
    for precision in ("full", "bf16"):
        network = _core.Network([20, 64, 64, 3], [hidden, hidden, "softmax"])
        network.initialize("glorot_uniform", 3)
        x = np.random.default_rng(0).normal(size=(320, 20)).astype("float32")
        options = {"learning_rate": 0.1, "batch_size": 16, "dropout": (0.1, 0.5, 0.3), "seed": 2}
        trainer = _core.Trainer(
            network, x, np.arange(320) % 3, loss="categorical_cross_entropy",
            precision=precision, **options,
        )  # fmt: skip
        trainer.run_epoch(0)
        trainer.close()
        found[precision] = [w for w, _ in network.parameters()]
    for full, mixed in zip(found["full"], found["bf16"], strict=True):
        assert np.abs(full - mixed).max() < 0.02 * np.abs(full).max()


def test_a_function_as_loss_gets_what_the_engines_own_gets():
    """In float32 and in the engine's order: half the squared error, to the bit."""

    def half_squared(y, t):
        return ((y - t) ** 2).sum(axis=1) / 2, y - t

    found = []
    x = np.random.default_rng(1).normal(size=(90, 12)).astype("float32")
    t = np.random.default_rng(2).normal(size=(90, 3)).astype("float32")
    for loss in ("half_squared_error", half_squared):
        network = _core.Network([12, 40, 3], ["tanh", "identity"])
        network.initialize("glorot_uniform", 3)
        trainer = _core.Trainer(
            network, x, t, loss=loss, precision="bf16", batch_size=32, learning_rate=0.05
        )
        results = [trainer.run_epoch(epoch).loss for epoch in range(3)]
        trainer.close()
        found.append((network.parameters(), results))
    for pair, other in zip(found[0][0], found[1][0], strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(pair, other, strict=True))
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-6)


def test_training_from_python():
    digits = fastmlp.load_data("digits")
    options = {"hidden": [64, 64], "epochs": 15, "batch_size": 32, "momentum": 0.9}
    model = fastmlp.train(digits, dropout=0.2, input_dropout=0.05, precision="bf16", **options)
    assert model.history["val_accuracy"][-1] > 0.93
