"""Masked layers: weights that are not there stay zero to the bit, whatever else training does."""

from __future__ import annotations

import hashlib

import fastmlp
import numpy as np
import pytest
import reference
from conftest import CATALOG
from fastmlp import _core

CONSTANTS = {"label_smoothing": 0.0}
RNG = np.random.default_rng(9)
OPTIMIZERS = [row["name"] for row in CATALOG["optimizers"]]


def mask_of(inputs, units, seed=0, share=0.4):
    return np.random.default_rng(seed).random((inputs, units)) < share


def network_of(sizes, *, dtype="float32", seed=1, initializer="he_normal"):
    """A network of which all layers but the last are masked."""
    masked = [True] * (len(sizes) - 2) + [False]
    activations = ["relu"] * (len(sizes) - 2) + ["softmax"]
    network = _core.Network(sizes, activations, dtype, {"masked": masked})
    layers = network.parameters()
    for number in range(len(masked) - 1):
        weight, bias, mask = layers[number]
        layers[number] = (weight, bias, mask_of(*mask.shape, seed=number).astype(dtype))
    network.set_parameters(layers)
    network.initialize(initializer, seed)
    return network


def data(rows=200, features=20, classes=5, seed=3):
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(rows, features)).astype("float32")
    return x, generator.integers(0, classes, rows)


def assert_masked(layers):
    for layer in layers:
        if len(layer) == 3:
            weight, _, mask = layer
            assert (weight[mask == 0].view("i4" if weight.itemsize == 4 else "i8") == 0).all()
            assert (weight[mask == 1] != 0).any()


@pytest.mark.parametrize("clip", [{}, {"clip_norm": 0.1}, {"clip_value": 0.001}])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_leaves_zeros(optimizer, clip):
    own = next(row for row in CATALOG["optimizers"] if row["name"] == optimizer)
    numbers = {row["name"] for row in own["hyperparameters"]}
    options = {"learning_rate": 0.01, **clip}
    options |= {"momentum": 0.9} if "momentum" in numbers else {}
    options |= {"l1": 1e-3, "l2": 1e-2} if "l1" in numbers else {}
    options |= {"weight_decay": 0.1} if "weight_decay" in numbers else {}
    network = network_of([20, 48, 33, 5])
    x, labels = data()
    trainer = _core.Trainer(
        network, x, labels, loss="categorical_cross_entropy", optimizer=optimizer, batch_size=32,
        max_norm=1.0, ema_decay=0.9, **options,
    )  # fmt: skip
    first = network.parameters()
    for epoch in range(3):
        trainer.run_epoch(epoch)
    assert_masked(network.parameters())
    assert_masked(trainer.average())
    for state in trainer.state()["states"]:
        for arrays, layer in zip(state, network.parameters(), strict=True):
            if len(layer) == 3:
                assert (arrays[0][layer[2] == 0] == 0).all()
    trainer.close()
    assert all((a[0] != b[0]).any() for a, b in zip(first, network.parameters(), strict=True))
    assert all(
        (a[2] == b[2]).all() for a, b in zip(first[:-1], network.parameters()[:-1], strict=True)
    )


def masked_step(network, x, labels, rate=1.0, **options):
    """The gradient that a step of plain descent takes, from the change of W and b."""
    before = network.parameters()
    trainer = _core.Trainer(
        network, x, labels, loss="categorical_cross_entropy", learning_rate=rate,
        batch_size=len(x), shuffle=False, **options,
    )  # fmt: skip
    trainer.run_epoch(0)
    trainer.close()
    return [
        [(a - b) / rate for a, b in zip(old[:2], new[:2], strict=True)]
        for old, new in zip(before, network.parameters(), strict=True)
    ]


@pytest.mark.parametrize("rows", [3, 40, 1500])  # few, fused, in chunks
def test_gradients_are_those_of_finite_differences(rows):
    sizes = [7, 6, 5, 3]
    network = network_of(sizes, dtype="float64")
    x, labels = data(rows, 7, 3)
    x = x.astype("float64")
    layers = [tuple(one.copy() for one in layer) for layer in network.parameters()]
    found = masked_step(network, x, labels)
    activations = ["relu", "relu", "softmax"]
    parameters, targets = [layer[:2] for layer in layers], np.eye(3)[labels]
    for number, layer in enumerate(layers):
        weight, mask = layer[0], layer[2] if len(layer) == 3 else np.ones(layer[0].shape)
        expected = np.zeros_like(weight)
        for place in np.argwhere(mask != 0):
            at, step = tuple(place), 1e-6
            kept, values = weight[at], []
            for side in (step, -step):
                weight[at] = kept + side
                values.append(
                    reference.loss(
                        parameters, activations, "categorical_cross_entropy", x, targets, CONSTANTS
                    )
                )
            weight[at] = kept
            expected[at] = (values[0] - values[1]) / (2 * step)
        assert np.abs(found[number][0] - expected).max() <= 1e-6 * np.abs(expected).max()
        assert (found[number][0][mask == 0] == 0).all()


@pytest.mark.parametrize("rows", [40, 1500])
def test_the_norm_that_is_clipped_is_of_what_there_is(rows):
    x, labels = data(rows, 20, 5)
    x = x.astype("float64")
    whole = masked_step(network_of([20, 30, 5], dtype="float64"), x, labels)
    norm = np.sqrt(sum((one**2).sum() for layer in whole for one in layer))
    clipped = masked_step(network_of([20, 30, 5], dtype="float64"), x, labels, clip_norm=norm / 3)
    for one, other in zip(whole, clipped, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_allclose(b, a / 3, rtol=1e-9, atol=1e-12)


def test_first_weights_count_the_connections_of_each_unit():
    sizes = [400, 300, 10]
    network = network_of(sizes, seed=5)
    weight, _, mask = network.parameters()[0]
    dense = _core.Network(sizes, ["relu", "softmax"])
    dense.initialize("he_normal", 5)
    other = dense.parameters()[0][0]
    inputs = mask.sum(axis=0)
    expected = np.where(mask, other * np.sqrt(400 / inputs), 0)
    np.testing.assert_allclose(weight, expected, rtol=1e-6)


def test_connections_are_drawn_by_the_seed():
    masks = [_core.draw_connections(50, 40, 7, seed, layer) for seed, layer in [(1, 0), (1, 0)]]
    assert (masks[0] == masks[1]).all()
    assert (masks[0].sum(axis=0) == 7).all()
    for seed, layer in [(2, 0), (1, 1)]:
        assert (_core.draw_connections(50, 40, 7, seed, layer) != masks[0]).any()
    counts = _core.draw_connections(50, 20000, 7, 3, 0).sum(axis=1)
    spread = np.sqrt(20000 * 0.14 * 0.86)
    assert np.abs(counts - 20000 * 0.14).max() < 5 * spread  # each input equally often
    assert (_core.draw_connections(5, 3, 5, 0, 0) == 1).all()
    with pytest.raises(ValueError, match=r"connections = 6 is not between 1 and the 5 inputs"):
        _core.draw_connections(5, 3, 6, 0, 0)


def test_what_the_door_refuses():
    network = network_of([4, 3, 2])
    layers = network.parameters()
    weight, bias, mask = layers[0]
    place = tuple(np.argwhere(mask == 0)[0])
    wrong = weight.copy()
    wrong[place] = 0.5
    with pytest.raises(ValueError, match=rf"W\)\[{place[0]}, {place[1]}\] = 0.5.* mask is 0"):
        network.set_parameters([(wrong, bias, mask), layers[1]])
    with pytest.raises(ValueError, match=r"mask\)\[0, 0\] = 2.0* is neither 0 nor 1"):
        network.set_parameters([(weight, bias, np.full_like(mask, 2)), layers[1]])
    with pytest.raises(ValueError, match=r"structure 'masked' has 1 entries; .* 2 layers"):
        _core.Network([4, 3, 2], ["relu", "softmax"], "float32", {"masked": [True]})
    with pytest.raises(ValueError, match="'masked' = 3 is not a list"):
        _core.Network([4, 3, 2], ["relu", "softmax"], "float32", {"masked": 3})
    x, labels = data(9, 4, 2)
    with pytest.raises(ValueError, match="bf16"):
        _core.Trainer(network, x, labels, loss="categorical_cross_entropy", precision="bf16")
    trainer = _core.Trainer(network, x, labels, loss="categorical_cross_entropy")
    with pytest.raises(ValueError, match=r"masks\[1\] is given; the layer has no mask"):
        trainer.set_masks([None, np.ones((3, 2))])
    with pytest.raises(ValueError, match="masks has 1 entries"):
        trainer.set_masks([None])
    trainer.close()
    for one, other in zip(network.parameters(), layers, strict=True):
        assert all((a == b).all() for a, b in zip(one, other, strict=True))


def test_train_with_connections():
    rows, labels = data(300)
    options = {"hidden": [30, 20], "connections": [4, 6], "epochs": 2, "seed": 3}
    model = fastmlp.train(rows, labels, optimizer="adam", l2=1e-3, **options)
    for layer, count in zip(model.parameters[:2], (4, 6), strict=True):
        assert (layer[2].sum(axis=0) == count).all()
        assert ((layer[0] != 0).sum(axis=0) == count).all()
    assert len(model.parameters[2]) == 2
    assert model.sparsity == (1 - 4 / 20, 1 - 6 / 30, 0.0)
    assert "zero weights: 80.0%, 80.0%, 0.0%" in repr(model.summary())
    again = fastmlp.train(rows, labels, config=model.config)
    assert (again.predict_proba(rows) == model.predict_proba(rows)).all()
    fine = fastmlp.train(rows, labels, init=model, config=model.config)
    assert all(
        (a[2] == b[2]).all()
        for a, b in zip(fine.parameters, model.parameters, strict=True)
        if len(a) == 3
    )
    assert_masked(fine.parameters)


def test_masks_of_the_callers(tmp_path):
    rows, labels = data(300)
    masks = [mask_of(20, 30), None, mask_of(16, 5, seed=1)]
    model = fastmlp.train(rows, labels, hidden=[30, 16], masks=masks, epochs=2)
    assert (model.parameters[0][2] == masks[0]).all()
    assert len(model.parameters[1]) == 2
    assert (model.parameters[2][2] == masks[2]).all()
    assert_masked(model.parameters)
    model.save(tmp_path / "model.safetensors")
    loaded = fastmlp.load(tmp_path / "model.safetensors")
    assert (loaded.predict_proba(rows) == model.predict_proba(rows)).all()
    assert (loaded.parameters[0][2] == masks[0]).all()
    narrower = [mask_of(20, 30, seed=7), None, None]
    fine = fastmlp.train(rows, labels, init=model, config=model.config, masks=narrower)
    assert (fine.parameters[0][2] == (masks[0] & narrower[0])).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"masks": [None]}, "masks needs an entry for each of 2 layers; got 1"),
        ({"masks": 3}, "masks needs an entry for each of 2 layers; got int"),
        ({"masks": [np.ones((2, 2)), None]}, r"masks\[0\] has the shape \(2, 2\)"),
        ({"masks": [np.full((20, 8), 2), None]}, r"masks\[0\] must hold true and false"),
        ({"masks": [None, None], "connections": 3}, "masks and connections both say"),
        ({"connections": 21}, "connections = 21 is not between 1 and the 20 inputs of layer 0"),
        ({"connections": [3, 3]}, "connections names 2 layers and hidden 1"),
        ({"connections": 0}, "connections must be a whole number, at least 1"),
        ({"connections": 3, "precision": "bf16"}, "need precision 'full'; got 'bf16'"),
    ],
)
def test_what_training_refuses(options, message):
    rows, labels = data(50)
    with pytest.raises(fastmlp.ConfigError, match=message):
        fastmlp.train(rows, labels, hidden=[8], **options)


def test_weights_of_the_callers_are_masked():
    rows, labels = data(100)
    first = [(RNG.normal(size=(20, 8)), np.zeros(8)), (RNG.normal(size=(8, 5)), np.zeros(5))]
    options = {"hidden": [8], "learning_rate": 1e-30, "epochs": 1}
    model = fastmlp.train(rows, labels, init=first, connections=3, **options)
    weight, _, mask = model.parameters[0]
    assert (mask.sum(axis=0) == 3).all()
    assert (weight == np.where(mask, first[0][0], 0).astype("float32")).all()
    with pytest.raises(fastmlp.ConfigError, match="shapes"):
        fastmlp.train(rows, labels, init=model, hidden=[9])


def test_weights_that_are_scaled_to_data_stay_masked():
    rows, labels = data(300)
    options = {"hidden": [40], "learning_rate": 1e-30, "epochs": 1, "connections": 4}
    plain, scaled = (
        fastmlp.train(rows, labels, init_scaling=kind, **options) for kind in ("none", "data")
    )
    assert scaled.sparsity == plain.sparsity
    assert_masked(scaled.parameters)
    weight, bias, _ = scaled.parameters[0]
    z = rows.astype(np.float64) @ weight + bias
    np.testing.assert_allclose(z.std(axis=0), 1, rtol=1e-3)


def test_a_line_search_leaves_zeros_too():
    rows, labels = data(300)
    model = fastmlp.train(rows, labels, hidden=[30], connections=4, optimizer="lbfgs", epochs=5)
    assert model.sparsity[0] == 1 - 4 / 20
    assert_masked(model.parameters)
    with pytest.raises(fastmlp.ConfigError, match=r"prune=0.5 does not go with optimizer 'lbfgs'"):
        fastmlp.train(rows, labels, hidden=[30], prune=0.5, optimizer="lbfgs", epochs=5)


def digest():
    """What masked trainings come to, in short."""
    rows, labels = data(500, 30, 5)
    found = hashlib.sha256()
    for options in (
        {"optimizer": "adam", "clip_norm": 0.5, "batch_size": 64},
        {"momentum": 0.9, "batch_size": 2},
        {"averaging": "ema", "max_norm": 0.9, "batch_size": 50},
    ):
        model = fastmlp.train(rows, labels, hidden=[70, 40], connections=6, epochs=2, **options)
        for layer in model.parameters:
            for one in layer:
                found.update(one.tobytes())
        found.update(model.predict_proba(rows).tobytes())
    return found.hexdigest()
