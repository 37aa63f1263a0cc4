"""Activations that learn a constant for each unit: what is learned, with everything that has a
part in an update, and where it stands. Values, slopes and gradients by the constants are in
test_activations.py and test_gradients.py, whose sweeps have these rows too.
"""

from __future__ import annotations

import fastmlp
import numpy as np
import pytest
import reference
from conftest import CATALOG
from fastmlp import _core

LEARNED = [row["name"] for row in CATALOG["activations"] if row["learned"]]
LOSS = "categorical_cross_entropy"


def problem(rows=90, features=12, classes=4):
    rng = np.random.default_rng(2)
    x = rng.normal(size=(rows, features)) * (rng.random((rows, features)) > 0.8)
    return x.astype("f4"), rng.integers(0, classes, rows)


def trained(hidden, dtype="float32", epochs=2, **options):
    x, t = problem()
    network = _core.Network([12, 40, 33, 4], [hidden, hidden, "softmax"], dtype)
    network.initialize("he_normal", 1)
    options = {"loss": LOSS, "learning_rate": 0.05, "batch_size": 40, **options}
    trainer = _core.Trainer(network, x.astype(dtype), t, **options)
    for epoch in range(epochs):
        trainer.run_epoch(epoch)
    trainer.close()
    return network


def content(network):
    return b"".join(one.tobytes() for layer in network.parameters() for one in layer).hex()


def digest():
    """For test_same_bits_of_features.py."""
    plain = {name: content(trained(name)) for name in LEARNED}
    more = {"dropout": [0.1, 0.3, 0.2], "optimizer": "adam", "clip_norm": 0.1, "ema_decay": 0.9}
    return plain | {"with more": content(trained("prelu", dtype="float64", **more))}


@pytest.mark.parametrize("hidden", LEARNED)
def test_sgd_moves_the_constants_down_their_gradient(hidden):
    """By the rate of their layer; neither l2 nor the rate of biases counts."""
    x, t = problem(7, 5, 3)
    x = x.astype("f8") + 0.3
    network = _core.Network([5, 6, 3], [hidden, "softmax"], "float64")
    network.initialize("he_normal", 4)
    before = network.parameters()
    options = {"learning_rate": 0.25, "l2": 0.3, "layer_rates": [0.5, 1.0], "bias_rate": 3.0}
    trainer = _core.Trainer(network, x, t, loss=LOSS, batch_size=7, shuffle=False, **options)
    trainer.run_epoch(0)
    own = {"constants": {"label_smoothing": 0.0}}
    gradient = reference.numerical_gradient(
        before, [hidden, "softmax"], LOSS, x, reference.one_hot(t, 3), **own
    )[2]
    assert np.abs(gradient).max() > 1e-3
    moved = network.parameters()[0][2] - before[0][2]
    np.testing.assert_allclose(moved, -0.125 * gradient, rtol=1e-6, atol=1e-10)


@pytest.mark.parametrize("hidden", LEARNED)
def test_dropped_units_learn_nothing_from_a_sample(hidden):
    """With all but one unit dropped of each sample the constants follow central differences of the
    network that dropout leaves: found from the outputs that a mask of a second step keeps.
    """
    x = np.full((1, 1), 0.7)
    half = {"prelu": "alpha", "learned_swish": "beta"}.get(hidden, "alpha")
    network = _core.Network([1, 64, 2], [f"{hidden}({half}=0.5)", "softmax"], "float64")
    network.initialize("normal", 3)
    before = network.parameters()
    options = {"dropout": [0.0, 0.5], "learning_rate": 0.1, "batch_size": 1}
    trainer = _core.Trainer(network, x, np.array([1]), loss=LOSS, **options)
    trainer.run_epoch(0)
    after = network.parameters()
    out_moved = (after[1][0] != before[1][0]).any(axis=1)  # a dropped unit passes nothing on
    assert 10 < out_moved.sum() < 54
    kept = after[0][2] != before[0][2]
    assert not kept[~out_moved].any()
    z = x[0, 0] * before[0][0][0] + before[0][1]
    flat = (z > 0) if hidden in ("prelu", "mixed_relu") else np.zeros(64, bool)
    assert kept[out_moved & ~flat].all()


def test_clipping_by_norm_counts_them():
    """One step whose gradient is clipped: all parameters together move by rate times norm."""
    network = _core.Network([12, 9, 4], ["prelu", "softmax"], "float64")
    network.initialize("he_normal", 1)
    before = network.parameters()
    x, t = problem()
    options = {"clip_norm": 1e-3, "learning_rate": 1.0, "batch_size": len(x)}
    _core.Trainer(network, x.astype("f8"), t, loss=LOSS, **options).run_epoch(0)
    moved = [
        after - old
        for layers in zip(network.parameters(), before, strict=True)
        for after, old in zip(*layers, strict=True)
    ]
    assert np.sqrt(sum((one**2).sum() for one in moved)) == pytest.approx(1e-3, rel=1e-12)
    assert np.abs(moved[2]).max() > 1e-6


def test_they_are_in_file_summary_and_parameters(tmp_path):
    x, y = problem()
    model = fastmlp.train(x, y, hidden=[8, 6], activation=["prelu(alpha=0.1)", "relu"], epochs=2)
    assert [len(layer) for layer in model.parameters] == [3, 2, 2]
    assert model.summary().parameters == 12 * 8 + 8 + 8 + 8 * 6 + 6 + 6 * 4 + 4
    assert (model.parameters[0][2] != np.float32(0.1)).any()
    path = tmp_path / "model.safetensors"
    model.save(path)
    again = fastmlp.load(path)
    np.testing.assert_array_equal(again.parameters[0][2], model.parameters[0][2])
    np.testing.assert_array_equal(again.predict_proba(x), model.predict_proba(x))


def test_weights_and_biases_are_enough_to_begin_with():
    x, y = problem()
    first = fastmlp.train(x, y, hidden=[8], epochs=1)
    pairs = [layer[:2] for layer in first.parameters]
    options = {"hidden": [8], "activation": "learned_swish(beta=2)", "epochs": 1}
    begun = fastmlp.train(x, y, init=pairs, learning_rate=1e-30, **options)
    np.testing.assert_array_equal(begun.parameters[0][2], 2)
    model = fastmlp.train(x, y, init=begun, learning_rate=0.1, **options)
    assert (model.parameters[0][2] != 2).any()


def test_where_they_cannot_be_is_said():
    with pytest.raises(ValueError, match="'prelu' of layer 0 learns its constants: only hidden"):
        _core.Network([2, 3], ["prelu"])
    x, y = problem()
    with pytest.raises(
        fastmlp.ConfigError, match=r"output_activation must be one of .* got 'prelu'"
    ):
        fastmlp.train(x, y, output_activation="prelu")
    with pytest.raises(fastmlp.ConfigError, match="activation 'prelu' needs precision 'full'"):
        fastmlp.train(x, y, activation="prelu", precision="bf16")


@pytest.mark.parametrize("hidden", LEARNED)
def test_one_row_has_the_bits_of_the_batch(hidden):
    network = trained(hidden)
    x, _ = problem()
    together = network.predict(x)
    for i in range(5):
        np.testing.assert_array_equal(network.predict(x[i : i + 1])[0], together[i])


@pytest.mark.parametrize("hidden", LEARNED)
def test_chunks_of_a_large_batch_add_up(hidden):
    """More rows than go through at a time: the gradient is that of float64 differences."""
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(1500, 3)), rng.integers(0, 2, 1500)
    network = _core.Network([3, 4, 2], [hidden, "softmax"], "float64")
    network.initialize("he_normal", 2)
    before = network.parameters()
    _core.Trainer(network, x, t, loss=LOSS, learning_rate=1.0, batch_size=1500).run_epoch(0)
    own = {"constants": {"label_smoothing": 0.0}}
    gradient = reference.numerical_gradient(
        before, [hidden, "softmax"], LOSS, x, reference.one_hot(t, 2), **own
    )[2]
    np.testing.assert_allclose(before[0][2] - network.parameters()[0][2], gradient, atol=1e-8)
