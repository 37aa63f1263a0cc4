"""Prediction that leaves out zero weights gives the bits of the dense way: for any pattern of
zeros, any number of rows, any shape, on every instruction set.
"""

from __future__ import annotations

import hashlib
import itertools

import numpy as np
import pytest
from fastmlp import _core

# Shapes around the kernels' own sizes: sixteen units, 128 rows of W, vectors of 4 to 16 lanes.
SHAPES = [(1, 1), (3, 5), (16, 16), (127, 15), (128, 33), (129, 64), (300, 130), (257, 1)]
ROWS = (1, 2, 3, 4, 5, 16, 17, 48, 63, 64, 65, 112, 113, 230)


@pytest.fixture
def allow():
    """Switch fast ways for one test."""
    yield _core.testing.allow
    _core.testing.allow()


def mask_of(kind, inputs, units, generator):
    """Which weights are not zero."""
    if kind == "weights":
        mask = generator.random((inputs, units)) < 0.1
    elif kind == "blocks":
        wide = -(-units // 16)
        mask = np.repeat(generator.random((inputs, wide)) < 0.1, 16, axis=1)[:, :units]
    elif kind == "uneven":  # from units without any weight to those with all
        mask = generator.random((inputs, units)) < np.linspace(0, 1, units) ** 6
    else:
        mask = np.zeros((inputs, units), bool)
    if kind in ("weights", "uneven"):
        mask[:, :: max(2, units // 3)] = False  # units without weights
    if kind != "none":
        mask[:: max(2, inputs // 4)] = False  # inputs that nobody reads
        if kind == "weights":
            mask[-1, -1] = True
    return mask


def network_of(sizes, kind, *, hidden="relu", output="identity", dtype="float32", seed=0):
    generator = np.random.default_rng(seed)
    network = _core.Network(sizes, [hidden] * (len(sizes) - 2) + [output], dtype)
    layers = []
    for inputs, units in itertools.pairwise(sizes):
        weight = generator.normal(size=(inputs, units)) * mask_of(kind, inputs, units, generator)
        weight[weight == 0] = 0.0
        bias = np.where(np.arange(units) % 3, generator.normal(size=units), -0.0)
        layers.append((weight.astype(dtype), bias.astype(dtype)))
    network.set_parameters(layers)
    return network, layers


def rows_of(count, features, dtype, seed=1):
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(count, features)) * (generator.random((count, features)) < 0.7)
    return x.astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", ["weights", "blocks", "uneven", "none"])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_bits_of_the_dense_way(allow, shape, kind, dtype):
    for rows in ROWS:
        x = rows_of(rows, shape[0], dtype)
        allow(sparse=False)
        network, layers = network_of(shape, kind, dtype=dtype)
        assert network.ways_to_predict == ["dense"]
        dense = network.predict(x)
        allow()
        network.set_parameters(layers)
        assert network.predict(x).tobytes() == dense.tobytes(), rows
        expected = x.astype(np.float64) @ layers[0][0].astype(np.float64) + layers[0][1]
        # As in any product: a rounding of each partial sum, at most the sum of the magnitudes.
        size = np.abs(x).astype(np.float64) @ np.abs(layers[0][0]) + np.abs(layers[0][1]) + 1e-30
        assert (np.abs(dense - expected) <= (shape[0] + 1) * np.finfo(dtype).eps * size).all()


@pytest.mark.parametrize("output", ["softmax", "sigmoid", "identity"])
@pytest.mark.parametrize("hidden", ["relu", "gelu", "tanh"])
def test_networks_of_several_layers(allow, hidden, output):
    loss = "half_squared_error"
    for rows in (1, 4, 50, 300):
        x = rows_of(rows, 200, "float32")
        t = rows_of(rows, 7, "float32", seed=2)
        found = []
        for sparse in (False, True):
            allow(sparse=sparse)
            network, _ = network_of([200, 96, 40, 7], "weights", hidden=hidden, output=output)
            found.append(network.predict(x).tobytes())
            if output == "identity":
                found.append(network.evaluate(x, t, loss))
        assert network.ways_to_predict == ["sparse"] * 3
        assert found[: len(found) // 2] == found[len(found) // 2 :]


def test_dense_layers_between_sparse_ones(allow):
    x = rows_of(130, 300, "float32")
    found = []
    for sparse in (False, True):
        allow(sparse=sparse)
        network, layers = network_of([300, 200, 20, 20, 5], "weights")
        full = np.random.default_rng(5).normal(size=(20, 20)).astype("float32")
        layers[2] = (full, layers[2][1])
        network.set_parameters(layers)
        found.append([network.predict(x[:rows]).tobytes() for rows in (1, 3, 130)])
    assert network.ways_to_predict == ["sparse", "sparse", "dense", "sparse"]
    assert found[0] == found[1]


def test_blocks_are_known(allow):
    network, _ = network_of([256, 64], "blocks")
    assert network.ways_to_predict == ["blocks"]
    network, _ = network_of([256, 64], "weights")
    assert network.ways_to_predict == ["sparse"]


@pytest.mark.parametrize("rows", [1, 70])
def test_zero_times_infinity_is_no_zero(allow, rows):
    """A hidden unit that overflows meets weights of zero: the dense way makes NaN of it."""
    found = []
    for sparse in (False, True):
        allow(sparse=sparse)
        network, layers = network_of([300, 200, 100], "weights")
        layers[0][0][:, 7] = 3e38
        network.set_parameters(layers)
        x = np.abs(rows_of(rows, 300, "float32"))
        found.append(network.predict(x).tobytes())
    assert network.ways_to_predict == ["sparse", "sparse"]
    assert np.isnan(np.frombuffer(found[0], "float32")).any()
    assert found[0] == found[1]


def test_initialised_and_trained_networks_forget_what_was_zero():
    network, _ = network_of([128, 64, 10], "weights")
    assert network.ways_to_predict == ["sparse", "sparse"]
    x, t = rows_of(50, 128, "float32"), rows_of(50, 10, "float32", seed=3)
    trainer = _core.Trainer(network, x, t, loss="half_squared_error", learning_rate=0.01)
    trainer.run_epoch(0)
    trainer.close()
    assert network.ways_to_predict == ["dense", "dense"]
    expected = x
    for weight, bias in network.parameters():
        expected = expected @ weight.astype(np.float64) + bias
        expected = np.maximum(expected, 0) if weight.shape[1] == 64 else expected
    np.testing.assert_allclose(network.predict(x), expected, rtol=1e-4, atol=1e-5)
    network.set_parameters([(w * 0, b) for w, b in network.parameters()])
    assert network.ways_to_predict == ["blocks", "blocks"]
    network.initialize("he_normal", 0)
    assert network.ways_to_predict == ["dense", "dense"]


def test_weights_that_are_scaled_to_data_are_found_again():
    network, _ = network_of([128, 64, 10], "weights")
    x = rows_of(300, 128, "float32")
    network.scale_to_data(x)
    assert network.ways_to_predict == ["sparse", "sparse"]
    hidden, last = network.parameters()
    expected = np.maximum(x @ hidden[0].astype(np.float64) + hidden[1], 0) @ last[0] + last[1]
    np.testing.assert_allclose(network.predict(x), expected, rtol=1e-4, atol=1e-5)


def digest():
    """What some sparse networks predict, in short."""
    found = hashlib.sha256()
    for kind in ("weights", "blocks", "uneven"):
        for dtype in ("float32", "float64"):
            network, _ = network_of([300, 96, 10], kind, dtype=dtype, hidden="gelu")
            for rows in (1, 3, 20, 64, 200):
                found.update(network.predict(rows_of(rows, 300, dtype)).tobytes())
    return found.hexdigest()
