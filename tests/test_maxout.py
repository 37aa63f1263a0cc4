"""Maxout: a unit is the largest of its pieces, forward, back and in files; alone and together with
normalisation and skip connections.
"""

from __future__ import annotations

import hashlib

import fastmlp
import numpy as np
import pytest
import structured_reference as reference
from fastmlp import ConfigError, _core
from structured_networks import as_dicts, expected_outputs, flat, make, step, structure_of

SIZES = [4, 6, 5, 3]
ACTIVATIONS = ["maxout(pieces=3)", "maxout(pieces=2)"]


def away_from_ties(network, x):
    """Whether in every unit the largest piece leads by more than the differences move it."""
    us, _, _ = reference.forward(as_dicts(network), network.activations, x, **structure_of(network))
    for u, text in zip(us, network.activations, strict=True):
        name, constants = reference.constants_of(text)
        if name == "maxout":
            pieces = np.sort(u.reshape(len(u), int(constants["pieces"]), -1), axis=1)
            if (pieces[:, -1] - pieces[:, -2]).min() < 1e-3:
                return False
    return True


def without_ties(**options):
    """A float64 network and rows for which no two pieces are near each other."""
    for seed in range(1000):
        network = make(SIZES, dtype="float64", seed=seed, **options)
        rng = np.random.default_rng(seed)
        x, t = rng.normal(size=(6, 4)), rng.normal(size=(6, 3))
        if away_from_ties(network, x):
            return network, x, t
    raise AssertionError("no network without a tie was found")


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("skips", [[], [[0, 2], [1, 3]]], ids=str)
@pytest.mark.parametrize("normalization", ["none", "batch", "layer", "rms"])
@pytest.mark.parametrize("activation", [ACTIVATIONS, ["maxout", "tanh"], ["gelu", "maxout"]])
def test_the_gradient_equals_central_differences(activation, normalization, skips, threads, team):
    team(threads)
    network, x, t = without_ties(activation=activation, normalization=normalization, skips=skips)
    layers, known = as_dicts(network), {"l2": 0.1, **structure_of(network)}
    expected = reference.numerical_gradient(
        layers, network.activations, "half_squared_error", x, t, **known
    )
    _, found = step(network, x, t, l2=0.1)
    for number, gradients in enumerate(expected):
        largest = max(np.abs(gradient).max() for gradient in gradients.values())
        for name, gradient in gradients.items():
            scale = np.abs(gradient).max()
            scale = largest if scale < 1e-8 * largest else scale
            assert np.abs(found[number][name] - gradient).max() <= 1e-6 * scale, (number, name)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("pieces", [2, 3, 7])
@pytest.mark.parametrize("units", [1, 5, 16, 33])
def test_prediction_is_that_of_the_reference(units, pieces, dtype):
    network = make([7, units, 3], activation=f"maxout(pieces={pieces})", dtype=dtype)
    assert network.parameters()[0][0].shape == (7, units * pieces)
    x = np.random.default_rng(0).normal(size=(40, 7))
    bound = 2e-5 if dtype == "float32" else 1e-13
    np.testing.assert_allclose(network.predict(x), expected_outputs(network, x), bound, bound)


def test_equal_pieces_give_the_slope_to_the_first():
    network = _core.Network([1, 1, 1], ["maxout(pieces=3)", "identity"], "float64")
    one = np.ones((1, 1))
    network.set_parameters([(np.array([[0.5, 1.0, 1.0]]), np.zeros(3)), (one, np.zeros(1))])
    _, gradients = step(network, one, one * 3)
    np.testing.assert_array_equal(gradients[0]["weight"], [[0.0, -2.0, 0.0]])


def test_what_is_not_a_number_is_not_lost():
    network = _core.Network([1, 1, 1], ["maxout", "identity"])
    huge = np.float32(3e38)
    for first in ([huge, -1], [-1, huge]):
        weights = np.array([first], "f4")
        network.set_parameters([(weights, np.zeros(2)), (np.zeros((1, 1)), np.zeros(1))])
        assert np.isnan(network.predict(np.array([[huge]]))).all()


WAYS = {
    "alone": (
        [9, 20, 33, 3],
        ["maxout", "maxout(pieces=5)"],
        "none",
        [],
        {"learning_rate": 1e-4},
    ),
    "normalised": ([9, 20, 33, 3], ["maxout", "gelu"], ["batch", "rms"], [[0, 2], [1, 3]], {}),
    "dropped": (
        [9, 20, 20, 3],
        ["maxout", "maxout(pieces=3)"],
        ["none", "batch"],
        [[1, 3]],
        {"dropout": [0.1, 0.2, 0.3], "max_norm": 1.0, "optimizer": "adam", "l2": 0.01},
    ),
}


def trained(way, epochs=3, batch=32):
    sizes, activation, normalization, skips, options = WAYS[way]
    network = make(sizes, activation=activation, normalization=normalization, skips=skips, seed=3)
    rng = np.random.default_rng(1)
    x, t = rng.normal(size=(85, 9)), rng.normal(size=(85, 3))
    options = {"learning_rate": 0.003, "seed": 4, **options}
    trainer = _core.Trainer(network, x, t, loss="half_squared_error", batch_size=batch, **options)
    losses = [trainer.run_epoch(epoch).loss for epoch in range(epochs)]
    trainer.close()
    return losses, flat(network.parameters()) + network.predict(x).tobytes(), network, x


def digest():
    """What comes of every way, for comparisons between processes."""
    sha = hashlib.sha256()
    for way in WAYS:
        sha.update(trained(way)[1])
    return sha.hexdigest()


@pytest.mark.parametrize("way", WAYS)
def test_it_learns_and_a_row_alone_equals_the_row_in_a_batch(way):
    losses, _, network, x = trained(way, epochs=20)
    assert losses[-1] < 0.9 * losses[0]
    together = network.predict(x)
    for count in (1, 3, 4, 7):
        part = network.predict(x[5 : 5 + count])
        assert part.tobytes() == together[5 : 5 + count].tobytes()


def test_a_model_has_it_and_its_file_keeps_it(tmp_path):
    data = fastmlp.load_data("digits")
    model = fastmlp.train(data, hidden=[32], activation="maxout(pieces=3)", epochs=10, seed=1)
    assert model.history["val_accuracy"][-1] > 0.9
    assert model.parameters[0][0].shape == (64, 96)
    assert model.summary().layers[0][2:] == ("maxout(pieces=3)", 64 * 96 + 96)
    path = tmp_path / "model.safetensors"
    model.save(path)
    again = fastmlp.load(path)
    assert again.config == model.config
    assert again.predict_proba(data.x).tobytes() == model.predict_proba(data.x).tobytes()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"activation": "maxout(pieces=1)"}, "pieces = '1' is not a number between 2"),
        ({"activation": "maxout(pieces=2.5)"}, "pieces must be a whole number"),
        ({"activation": "maxout(parts=2)"}, "'maxout' has no constant 'parts'; it has: pieces"),
        ({"output_activation": "maxout"}, "output_activation must be one of"),
        ({"activation": "maxout", "precision": "bf16"}, "precision 'full'"),
        ({"activation": "maxout", "connections": 2}, "connections is not for maxout"),
        ({"activation": "maxout", "init_scaling": "data"}, "init_scaling is not for maxout"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        fastmlp.train(np.zeros((9, 2)), np.arange(9) % 2, **options)
    with pytest.raises(ValueError, match="for hidden layers only"):
        _core.Network([2, 2], ["maxout"])
