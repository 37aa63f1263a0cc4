"""Dropout: the masks are the generator's, what a step does with them is the formula, and neither
threads nor instruction sets nor chunks change a bit.
"""

from __future__ import annotations

import hashlib

import fastmlp
import numpy as np
import pytest
from fastmlp import ConfigError, _core

PURPOSE, CHANCES = 4, 2**16


def mask(rate, seed, layer, step, first, rows, units):
    """The units of samples first ... that stay, from single calls of the generator."""
    threshold = round(CHANCES * (1 - rate))
    kept = np.zeros((rows, -(-units // 8) * 8), bool)
    for row in range(rows):
        for byte in range(kept.shape[1] // 8):
            words = _core.testing.philox(seed, PURPOSE, layer, step, first + row, byte)
            halves = [half for word in words for half in (word & 0xFFFF, word >> 16)]
            kept[row, 8 * byte : 8 * byte + 8] = np.array(halves) < threshold
    return kept[:, :units] * (CHANCES / threshold)


def sigmoid(z):
    return (1 + np.tanh(z / 2)) / 2


ACTIVATIONS = {  # value and slope at z
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0) * 1.0),
    "sigmoid": (sigmoid, lambda z: sigmoid(z) * (1 - sigmoid(z))),
    "silu": (lambda z: z * sigmoid(z), lambda z: sigmoid(z) * (1 + z * (1 - sigmoid(z)))),
}


def reference_step(parameters, x, t, masks, hidden, rate):
    """One step of plain SGD on half the squared error, in float64."""
    value, slope = ACTIVATIONS[hidden]
    inputs, before = [x * masks[0]], [None]
    for layer, (w, b) in enumerate(parameters):
        z = inputs[-1] @ w + b
        last = layer + 1 == len(parameters)
        y = z if last else value(z)
        before.append(z)
        inputs.append(y if last else y * masks[layer + 1])
    delta, stepped = inputs[-1] - t, []
    for layer in reversed(range(len(parameters))):
        w, b = parameters[layer]
        stepped.append(
            (w - rate * inputs[layer].T @ delta / len(x), b - rate * delta.sum(0) / len(x))
        )
        if layer:
            delta = (delta @ w.T) * masks[layer] * slope(before[layer])
    return stepped[::-1]


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("hidden", list(ACTIVATIONS))
@pytest.mark.parametrize("rates", [(0.2, 0.5, 0.5), (0, 0.3, 0), (0.9, 0, 0.01)], ids=str)
def test_steps_are_those_of_the_formula(team, threads, hidden, rates):
    team(threads)
    sizes, rows, batch, seed = (21, 37, 18, 4), 50, 25, 2**40 + 7
    generator = np.random.default_rng(3)
    x, t = generator.normal(size=(rows, sizes[0])), generator.normal(size=(rows, sizes[-1]))
    network = _core.Network(sizes, [hidden, hidden, "identity"], "float64")
    network.initialize("he_normal", 1)
    parameters = network.parameters()
    options = {"loss": "half_squared_error", "learning_rate": 0.01, "batch_size": batch}
    trainer = _core.Trainer(network, x, t, seed=seed, shuffle=False, dropout=rates, **options)
    for epoch in range(2):
        trainer.run_epoch(epoch)
        for step, first in enumerate(range(0, rows, batch)):
            masks = [
                mask(rate, seed, layer, epoch * 2 + step, first, batch, width)
                if rate
                else np.ones((batch, width))
                for layer, (rate, width) in enumerate(zip(rates, sizes, strict=False))
            ]
            here = slice(first, first + batch)
            parameters = reference_step(parameters, x[here], t[here], masks, hidden, 0.01)
        for (w, b), (w_expected, b_expected) in zip(network.parameters(), parameters, strict=True):
            np.testing.assert_allclose(w, w_expected, rtol=1e-13, atol=1e-13)
            np.testing.assert_allclose(b, b_expected, rtol=1e-13, atol=1e-13)
    trainer.close()


def test_as_many_units_stay_as_asked():
    """A network that passes its inputs on: what is dropped is seen in the gradient."""
    n, rate = 4000, 0.2
    network = _core.Network([100, 1], ["identity"], "float64")
    network.set_parameters([(np.zeros((100, 1)), np.zeros(1))])
    x, t = np.ones((n, 100)), -np.ones((n, 1))
    options = {"loss": "half_squared_error", "learning_rate": 1.0, "batch_size": n}
    trainer = _core.Trainer(network, x, t, seed=1, dropout=[rate], **options)
    trainer.run_epoch(0)
    trainer.close()
    shares = -network.parameters()[0][0][:, 0] * (1 - rate)  # of the samples with which each stayed
    assert abs(shares.mean() - (1 - rate)) < 5 * np.sqrt(rate * (1 - rate) / (100 * n))
    deviation = np.sqrt(rate * (1 - rate) / n)
    assert np.abs(shares - (1 - rate)).max() < 5 * deviation
    assert 0.7 * deviation < shares.std() < 1.3 * deviation  # and each by itself


def weights_after(sizes, batch, rates, **options):
    network = _core.Network(sizes, [*["relu"] * (len(sizes) - 2), "softmax"])
    network.initialize("he_normal", 3)
    generator = np.random.default_rng(0)
    x = generator.random((170, sizes[0]), "float32") * (generator.random((170, sizes[0])) > 0.8)
    options = {"loss": "categorical_cross_entropy", "learning_rate": 0.1, **options}
    labels = np.arange(170) % sizes[-1]
    trainer = _core.Trainer(network, x, labels, batch_size=batch, dropout=rates, seed=5, **options)
    reports = [trainer.run_epoch(epoch) for epoch in range(2)]
    trainer.close()
    found = b"".join(w.tobytes() + b.tobytes() for w, b in network.parameters())
    return found + np.array([report.loss for report in reports]).tobytes()


CASES = [
    ([100, 300, 70, 10], 40, (0.2, 0.5, 0.5)),
    ([100, 30, 10], 10, (0.2, 0.5)),
    ([33, 20, 5], 1, (0, 0.5)),
    ([7, 16, 3], 32, (0.1, 0.1)),
]


def digest():
    """The bits of all cases in short, for comparisons between processes."""
    sha = hashlib.sha256()
    for sizes, batch, rates in CASES:
        sha.update(weights_after(sizes, batch, rates))
        sha.update(weights_after(sizes, batch, rates, optimizer="adam"))
    return sha.hexdigest()


def test_a_rate_of_zero_is_no_dropout():
    for sizes, batch, rates in CASES:
        assert weights_after(sizes, batch, [0] * len(rates)) == weights_after(sizes, batch, [])


@pytest.mark.parametrize(
    ("rates", "message"),
    [
        ((0.5,), "dropout has 1 rates; it needs 2"),
        ((0.1, 1.0), r"dropout\[1\] = 1.0* is not"),
        ((-0.1, 0.5), r"dropout\[0\] = -0.1"),
        ((float("nan"), 0.5), r"dropout\[0\] = nan"),
    ],
)
def test_wrong_rates_are_refused(rates, message):
    with pytest.raises(ValueError, match=message):
        weights_after([33, 20, 5], 10, rates)


def test_training_with_dropout_from_python():
    generator = np.random.default_rng(1)
    x = generator.normal(size=(400, 10))
    y = (x[:, 0] * x[:, 1] > 0).astype(int)
    options = {"hidden": [64, 64], "epochs": 60, "seed": 1, "learning_rate": 0.1}
    model = fastmlp.train(x, y, dropout=0.2, input_dropout=0.05, **options)
    assert (model.predict(x) == y).mean() > 0.9
    plain = fastmlp.train(x, y, **options)
    assert not np.array_equal(plain.predict_proba(x), model.predict_proba(x))
    again = fastmlp.train(x, y, dropout=[0.2, 0.2], input_dropout=0.05, **options)
    assert np.array_equal(again.predict_proba(x), model.predict_proba(x))
    with pytest.raises(ConfigError, match="dropout names 3 layers and hidden 2"):
        fastmlp.train(x, y, dropout=[0.1, 0.1, 0.1], **options)
    with pytest.raises(ConfigError, match="dropout"):
        fastmlp.train(x, y, dropout=1.0, **options)
