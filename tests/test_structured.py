"""Normalisation and skip connections: values, gradients and running statistics are those of a
float64 reference, and the bits depend on nothing but the configuration.
"""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import structured_reference as reference
from fastmlp import _core
from structured_networks import (
    NORMALIZATIONS,
    SKIPS,
    as_dicts,
    expected_outputs,
    flat,
    make,
    step,
    structure_of,
)

ACTIVATIONS = ["tanh", "sigmoid", "identity", "gelu", "elu(alpha=0.5)", "mixed_tanh"]
MIXED = ["batch", "layer(epsilon=0.01)", "rms"]


def data(network, rows=9, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(rows, network.sizes[0])), rng.normal(size=(rows, network.sizes[-1]))


def gradient_error(network, rows=9, l2=0.0, **options):
    """The largest error of a gradient, relative to the largest of its array."""
    x, t = data(network, rows)
    layers = as_dicts(network)
    known = {"l2": l2, **structure_of(network)}
    texts = network.activations
    expected_loss = reference.loss(layers, texts, "half_squared_error", x, t, **{**known, "l2": 0})
    expected = reference.numerical_gradient(layers, texts, "half_squared_error", x, t, **known)
    loss, found = step(network, x, t, l2=l2, **options)
    assert loss == pytest.approx(expected_loss, rel=1e-12)
    errors = []
    for number, gradients in enumerate(expected):
        largest = max(np.abs(gradient).max() for gradient in gradients.values())
        for name, gradient in gradients.items():
            # Batch normalisation takes away with the mean what was added before it: the gradient of
            # that is 0, and differences find what rounding leaves.
            scale = np.abs(gradient).max()
            if scale < 1e-8 * largest:
                scale = largest
            errors.append(np.abs(found[number][name] - gradient).max() / scale)
    return max(errors)


@pytest.mark.parametrize("skips", SKIPS.values(), ids=SKIPS)
@pytest.mark.parametrize("normalization", [*NORMALIZATIONS, MIXED], ids=str)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_gradient_equals_central_differences(activation, normalization, skips, team):
    team(2)
    options = {"activation": activation, "skips": skips, "dtype": "float64"}
    network = make(normalization=normalization, **options)
    assert gradient_error(network, l2=0.1) <= 1e-6


def test_a_wrong_gradient_would_be_found():
    """The bound can fail: statistics of training are not those of prediction."""
    network = make(normalization="batch", dtype="float64")
    x, t = data(network)
    known = structure_of(network)
    wrong = reference.numerical_gradient(
        as_dicts(network), network.activations, "half_squared_error", x, t, training=False, **known
    )
    _, found = step(network, x, t)
    assert np.abs(found[0]["weight"] - wrong[0]["weight"]).max() > 1e-3


@pytest.mark.parametrize("skips", SKIPS.values(), ids=SKIPS)
@pytest.mark.parametrize("normalization", [*NORMALIZATIONS, MIXED], ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_prediction_is_that_of_the_reference(dtype, normalization, skips):
    network = make(normalization=normalization, skips=skips, dtype=dtype)
    x, _ = data(network, rows=30)
    bound = 2e-5 if dtype == "float32" else 1e-13
    np.testing.assert_allclose(network.predict(x), expected_outputs(network, x), bound, bound)


@pytest.mark.parametrize("momentum", [0.1, 0.75])
def test_running_statistics_follow_the_batches(momentum):
    """Three steps with all that a reference of a few lines can do: plain gradient descent."""
    text = f"batch(momentum={momentum})"
    network = make(normalization=[text, "none", text], skips=SKIPS["all"], dtype="float64")
    x, t = data(network, rows=24)
    layers, known = as_dicts(network), structure_of(network)
    trainer = _core.Trainer(
        network, x, t, loss="half_squared_error", batch_size=8, shuffle=False, learning_rate=0.05
    )
    trainer.run_epoch(0)
    trainer.close()
    for first in (0, 8, 16):
        rows, targets = x[first : first + 8], t[first : first + 8]
        gradients = reference.numerical_gradient(
            layers, network.activations, "half_squared_error", rows, targets, **known
        )
        reference.remember_batch(layers, network.activations, rows, **known)
        for layer, gradient in zip(layers, gradients, strict=True):
            for name, value in gradient.items():
                layer[name] = layer[name] - 0.05 * value
    for found, expected in zip(as_dicts(network), layers, strict=True):
        for name, value in expected.items():
            np.testing.assert_allclose(found[name], value, rtol=1e-7, atol=1e-9, err_msg=name)
    np.testing.assert_allclose(network.predict(x), expected_outputs(network, x), rtol=1e-12)


def test_a_batch_of_one_sample_leaves_the_running_statistics():
    found = []
    for rows in (3, 4):
        network = make([3, 5, 2], normalization="batch")
        x, t = data(network, rows=4)
        options = {"batch_size": 3, "shuffle": False, "learning_rate": 0.0}
        trainer = _core.Trainer(network, x[:rows], t[:rows], loss="half_squared_error", **options)
        assert np.isfinite(trainer.run_epoch(0).loss)
        trainer.close()
        found.append(as_dicts(network)[0])
    first = as_dicts(make([3, 5, 2], normalization="batch"))[0]
    for name in ("running_mean", "running_variance"):
        np.testing.assert_array_equal(found[1][name], found[0][name])
        assert (found[0][name] != first[name]).all()


# Sizes, batch, dtype, normalisation, skips, output and options of the trainer.
WAYS = {
    "batch": ([9, 40, 33, 3], 32, "float32", "batch", [], {}),
    "layer, skips": ([9, 40, 40, 33, 3], 32, "float32", "layer", [[0, 2], [1, 3], [2, 4]], {}),
    "rms, one": ([5, 17, 17, 2], 1, "float32", "rms", [[1, 3]], {}),
    "mixed": (
        [70, 130, 130, 64, 5],
        48,
        "float64",
        MIXED,
        [[0, 3], [1, 3], [1, 4]],
        {"l2": 0.01, "learning_rate": 1e-4},
    ),
    "large batch": ([4, 20, 3], 1500, "float32", "batch", [[0, 2]], {"optimizer": "adam"}),
    "chunks": ([4, 20, 20, 3], 1500, "float32", "layer", [[0, 2], [1, 3]], {"momentum": 0.9}),
    "everything": (
        [9, 40, 40, 33, 3],
        32,
        "float32",
        ["batch", "rms", "layer"],
        [[0, 2], [1, 3], [1, 4], [0, 3]],
        {
            "optimizer": "adamw",
            "clip_norm": 0.5,
            "dropout": [0.1, 0.2, 0.3, 0.1],
            "max_norm": 1.0,
            "noise": 0.1,
            "ema_decay": 0.9,
            "layer_rates": [1.0, 0.5, 0.0, 2.0],
        },
    ),
}


def start(way, rows=None):
    """A network and a trainer for it."""
    sizes, batch, dtype, normalization, skips, options = WAYS[way]
    network = make(
        sizes, activation="gelu", normalization=normalization, skips=skips, dtype=dtype, seed=3
    )
    x, t = data(network, rows or 2 * batch + batch // 2 + 1)
    options = {"learning_rate": 0.01, "loss": "half_squared_error", "seed": 4, **options}
    return network, x, _core.Trainer(network, x, t, batch_size=batch, **options)


def bits_of(network, x, trainer):
    state = trainer.state()
    layers = [network.parameters(), *state["states"], state["average"] or []]
    trainer.close()
    return b"".join(map(flat, layers)) + network.predict(x).tobytes()


def trained(way, epochs=2):
    network, x, trainer = start(way)
    losses = [trainer.run_epoch(epoch).loss for epoch in range(epochs)]
    return np.array(losses).tobytes() + bits_of(network, x, trainer)


def digest():
    """What comes of every way, for comparisons between processes."""
    sha = hashlib.sha256()
    for way in WAYS:
        sha.update(trained(way))
    return sha.hexdigest()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("threads", [2, 3, 8])
def test_every_team_gives_the_same_bits(way, threads, team):
    alone = trained(way)
    team(threads)
    assert trained(way) == alone


@pytest.mark.parametrize("way", WAYS)
def test_what_is_trained_learns(way):
    _, _, trainer = start(way)
    losses = [trainer.run_epoch(epoch).loss for epoch in range(12)]
    trainer.close()
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.parametrize("way", WAYS)
def test_going_on_gives_the_bits_of_not_stopping(way):
    whole, x, trainer = start(way)
    for epoch in range(3):
        trainer.run_epoch(epoch)
    expected = bits_of(whole, x, trainer)
    first, _, trainer = start(way)
    trainer.run_epoch(0)
    state, parameters = trainer.state(), first.parameters()
    trainer.close()
    second, _, trainer = start(way)
    trainer.close()
    second.set_parameters(parameters)
    _, batch, _, _, _, options = WAYS[way]
    x, t = data(second, 2 * batch + batch // 2 + 1)
    options = {"learning_rate": 0.01, "loss": "half_squared_error", "seed": 4, **options}
    trainer = _core.Trainer(second, x, t, batch_size=batch, **options)
    trainer.set_state(state["steps"], state["states"], state["average"])
    for epoch in (1, 2):
        trainer.run_epoch(epoch)
    assert bits_of(second, x, trainer) == expected


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("threads", [1, 3])
def test_a_row_alone_equals_the_row_in_a_batch(way, threads, team):
    team(threads)
    network, x, trainer = start(way, rows=250)
    trainer.run_epoch(0)
    trainer.close()
    together = network.predict(x)
    for count in (1, 2, 3, 4, 5, 100, 113):
        for first in (0, 1, 130):
            part = network.predict(x[first : first + count])
            assert part.tobytes() == together[first : first + count].tobytes(), (count, first)


def test_a_loss_that_is_a_function_takes_the_same_way():
    found = []

    def half_squared_error(outputs, targets):
        return 0.5 * ((outputs - targets) ** 2).sum(axis=1), outputs - targets

    for loss in ("half_squared_error", half_squared_error):
        network = make(normalization=MIXED, skips=SKIPS["all"], dtype="float64")
        x, t = data(network, rows=20)
        trainer = _core.Trainer(network, x, t, loss=loss, batch_size=8, learning_rate=0.01)
        trainer.run_epoch(0)
        trainer.close()
        found.append(network.parameters())
    for layer, expected in zip(*found, strict=True):
        for one, other in zip(layer, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13)


def test_evaluation_is_that_of_prediction():
    network, x, trainer = start("everything")
    trainer.run_epoch(0)
    trainer.close()
    _, t = data(network, len(x))
    loss, _ = network.evaluate(x, t, "half_squared_error")
    expected = 0.5 * ((network.predict(x).astype("f8") - t) ** 2).sum(axis=1).mean()
    assert loss == pytest.approx(expected, rel=1e-6)


def test_a_refused_step_changes_nothing():
    network = make([3, 5, 2], normalization="batch", skips=[[0, 2]])
    x, t = data(network, rows=8)
    t[5] = 3e38
    before = network.parameters()
    trainer = _core.Trainer(network, x, t, loss="half_squared_error", batch_size=8)
    with pytest.raises(FloatingPointError):
        trainer.run_epoch(0)
    trainer.close()
    assert flat(network.parameters()) == flat(before)


@pytest.mark.parametrize(
    ("structure", "message"),
    [
        ({"normalization": ["batch"]}, "normalization has 1 entries; .* 2 hidden layers"),
        ({"normalization": ["batch", "nom"]}, "normalization 'nom' is unknown; .* none, batch"),
        ({"normalization": ["batch", "rms(momentum=1)"]}, "'rms' has no constant 'momentum'"),
        ({"normalization": ["none", "batch(momentum=2)"]}, "momentum = '2' is not a number"),
        ({"skips": [[0, 1]]}, r"skips\[0\] goes from 0 to 1"),
        ({"skips": [[0, 4]]}, r"skips\[0\] goes from 0 to 4; .* 3"),
        ({"skips": [[-1, 2]]}, r"skips\[0\] goes from -1"),
        ({"skips": [[0, 2], [0, 2]]}, r"skips\[1\]"),
        ({"skip": [[0, 2]]}, "'skip'"),
    ],
    ids=str,
)
def test_what_is_no_structure_is_refused(structure, message):
    with pytest.raises(ValueError, match=message):
        _core.Network([3, 4, 5, 2], ["relu", "relu", "identity"], "float32", structure)


def test_what_does_not_go_together_is_refused():
    x, t = np.zeros((6, 4), "f4"), np.zeros((6, 3))
    for network in (make(normalization="rms"), make(skips=[[0, 2]])):
        with pytest.raises(ValueError, match="precision 'bf16'"):
            _core.Trainer(network, x, t, loss="half_squared_error", precision="bf16")
    network = make(normalization="batch")
    with pytest.raises(ValueError, match="batch_size = 1"):
        _core.Trainer(network, x, t, loss="half_squared_error", batch_size=1)
    x, t = np.zeros((70000, 4), "f4"), np.zeros((70000, 3))
    with pytest.raises(ValueError, match="batch_size = 70000"):
        _core.Trainer(network, x, t, loss="half_squared_error", batch_size=70000)
