"""First weights scaled to the data: over the rows that they saw, each unit's z has mean 0 and
deviation 1, found by a forward pass of its own.
"""

from __future__ import annotations

import fastmlp
import numpy as np
import pytest
import reference
from fastmlp import ConfigError, _core

RNG = np.random.default_rng(5)
X = RNG.normal(size=(300, 12)) * RNG.uniform(0.01, 50, 12) + RNG.normal(size=12) * 20


def sums_of_units(network, x):
    """z of every layer, in float64 NumPy."""
    found, y = [], np.asarray(x, float)
    for (w, b, *_), name in zip(network.parameters(), network.activations, strict=True):
        found.append(y @ w.astype(float) + b.astype(float))
        y = reference.activate(name, found[-1]) if name != "softmax" else None
    return found


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("init", ["he_normal", "orthogonal", "uniform"])
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "elu(alpha=0.5)", "gelu"])
def test_every_unit_has_mean_0_and_deviation_1(dtype, init, activation):
    network = _core.Network([12, 40, 17, 5], [activation, activation, "softmax"], dtype)
    network.initialize(init, 3, 0.7, "normal")
    drawn = network.parameters()
    network.scale_to_data(X)
    near = 1e-9 if dtype == "float64" else 1e-4
    for z in sums_of_units(network, X):
        np.testing.assert_allclose(z.mean(axis=0), 0, atol=near)
        np.testing.assert_allclose(z.std(axis=0), 1, rtol=near)
    for (w, _), (w_drawn, _) in zip(network.parameters(), drawn, strict=True):
        factors = w / w_drawn  # directions stay
        np.testing.assert_allclose(factors, np.broadcast_to(factors[0], w.shape), rtol=1e-5)
        assert (factors > 0).all()


def test_units_that_do_not_vary_stay_as_they_are():
    network = _core.Network([2, 3, 2], ["relu", "identity"], "float64")
    w = np.array([[1.0, 0.0, 1e-320], [1.0, 0.0, 0.0]])
    network.set_parameters([(w, np.array([0.0, -7.0, 0.0])), (np.ones((3, 2)), np.zeros(2))])
    network.scale_to_data(np.array([[1.0, 2.0], [5.0, 6.0], [-3.0, 1.0]]))
    (scaled, bias), _ = network.parameters()
    assert scaled[:, 1].tolist() == [0, 0]
    assert bias[1] == -7
    assert np.isfinite(scaled).all()
    z = sums_of_units(network, [[1.0, 2.0], [5.0, 6.0], [-3.0, 1.0]])
    np.testing.assert_allclose(z[0][:, 0].std(), 1)
    before = network.parameters()
    network.scale_to_data(np.ones((1, 2)))  # of one row nothing varies
    for pair, other in zip(network.parameters(), before, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(pair, other, strict=True))


def test_what_would_not_stay_finite_stays_as_it_is():
    network = _core.Network([1, 1], ["identity"])
    network.set_parameters([(np.array([[3e38]], "f4"), np.zeros(1, "f4"))])
    network.scale_to_data(np.array([[1e-300], [-1e-300], [0.0]]))
    assert network.parameters()[0][0] == np.float32(3e38)


def test_inputs_are_scaled_first_and_types_do_not_matter():
    x = RNG.integers(0, 256, (200, 6)).astype(np.uint8)
    found = []
    for rows in (x, x.astype("f4"), x.astype("f8")):
        network = _core.Network([6, 9, 2], ["relu", "identity"])
        network.initialize("he_normal", 1)
        network.set_input_scaling(np.full(6, 100.0), np.full(6, 1 / 255))
        network.scale_to_data(rows)
        found.append(np.concatenate([one.ravel() for pair in network.parameters() for one in pair]))
        z = sums_of_units(network, (x - 100.0) / 255)[1]
        np.testing.assert_allclose(z.std(axis=0), 1, rtol=1e-4)
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])


def test_learned_activations_are_taken_as_they_begin():
    network = _core.Network([12, 8, 3], ["prelu", "identity"], "float64")
    network.initialize("he_normal", 1)
    network.scale_to_data(X)
    (w, b, slope), (w2, b2) = network.parameters()
    z = X @ w + b
    z2 = np.where(z > 0, z, slope * z) @ w2 + b2
    np.testing.assert_allclose([z2.mean(axis=0), z2.std(axis=0)], [[0] * 3, [1] * 3], atol=1e-9)


def test_training_takes_the_first_rows_of_the_first_epoch():
    y = (X[:, 0] > 0).astype(int)
    options = {"hidden": [20], "epochs": 1, "learning_rate": 1e-30, "dtype": "float64", "seed": 4}
    x = np.tile(X, (5, 1)) + RNG.normal(size=(1500, 12))
    model = fastmlp.train(x, np.tile(y, 5), init_scaling="data", **options)
    network = _core.Network([12, 20, 2], ["relu", "softmax"], "float64")
    network.initialize("he_normal", 4)
    network.scale_to_data(x[_core.permutation(1500, 4, 0)[:1024]])
    for pair, other in zip(model.parameters, network.parameters(), strict=True):
        for a, b in zip(pair, other, strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-20)
    again = fastmlp.train(x, np.tile(y, 5), config=model.config, init=model)
    np.testing.assert_allclose(again.parameters[0][0], model.parameters[0][0], atol=1e-20)


def test_inputs_of_any_size_are_learned():
    """Where they are not scaled, drawn weights alone saturate every unit at once."""
    y = (X[:, 0] > np.median(X[:, 0])).astype(int)
    options = {"hidden": [30, 30], "activation": "tanh", "epochs": 30, "batch_size": 20}
    scaled = fastmlp.train(X, y, init_scaling="data", **options)
    assert scaled.history["loss"][0] < fastmlp.train(X, y, **options).history["loss"][0]


def digest():
    """Some numbers, for comparisons between processes."""
    network = _core.Network([12, 40, 5], ["gelu", "softmax"])
    network.initialize("he_normal", 3)
    network.scale_to_data(X)
    return [float(one.sum(dtype=float)) for pair in network.parameters() for one in pair]


def test_what_cannot_be_is_refused():
    with pytest.raises(ConfigError, match="init_scaling must be one of none, data; got 'lsuv'"):
        fastmlp.train(X, np.arange(300) % 2, init_scaling="lsuv")
    network = _core.Network([12, 3], ["identity"])
    with pytest.raises(ValueError, match=r"x has 3 features .* the network takes 12"):
        network.scale_to_data(X[:, :3].copy())
    with pytest.raises(ValueError, match="NaN"):
        network.scale_to_data(np.full((2, 12), np.nan))
