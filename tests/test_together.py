"""What is tested alone elsewhere, switched on together: the same bits for any team, and for a
training that is resumed.
"""

from __future__ import annotations

import dataclasses

import fastmlp
import numpy as np
import pytest

EVERYTHING = {
    "hidden": [40, 30],
    "activation": ["gelu", "prelu(alpha=0.1)"],
    "normalization": ["batch", "layer"],
    "skips": [[0, 2], [1, 3]],
    "init": "orthogonal",
    "label_smoothing": 0.1,
    "class_weight": "balanced",
    "optimizer": "nadam",
    "l2": 1e-4,
    "clip_norm": 0.5,
    "layer_rates": [1.0, 0.5, 1.0],
    "schedule": "plateau",
    "warmup_epochs": 1,
    "plateau_epochs": 1,
    "dropout": [0.2, 0.1],
    "input_dropout": 0.1,
    "dropout_schedule": "curriculum",
    "dropout_epochs": 2.5,
    "mixup": 0.2,
    "input_noise": 0.05,
    "max_norm": 2.0,
    "connections": [40, 30],
    "prune": 0.4,
    "prune_by": "block",
    "prune_start": 1,
    "prune_epochs": 1,
    "augment_shift": 0.5,
    "augment_rotation": 5.0,
    "augment_elastic": 2.0,
    "averaging": "ema",
    "ema_decay": 0.9,
    "early_stopping": True,
    "patience": 3,
    "batch_size": 37,
    "seed": 3,
}


def trained(**options):
    model = fastmlp.train(fastmlp.load_data("digits"), **EVERYTHING, **options)
    figures = {name: values for name, values in model.history.items() if name != "seconds"}
    return figures, b"".join(one.tobytes() for layer in model.parameters for one in layer)


@pytest.fixture(scope="module")
def whole():
    return trained(epochs=5)


def test_it_learns(whole):
    figures, _ = whole
    assert figures["val_accuracy"][-1] > 0.6
    assert figures["val_loss"][-1] < figures["val_loss"][0]


@pytest.mark.parametrize("threads", [2, 5])
def test_every_team_agrees(whole, team, threads):
    team(threads)
    assert trained(epochs=5) == whole


@pytest.mark.parametrize("stopped", [1, 3])
def test_going_on_gives_the_bits_of_not_stopping(whole, tmp_path, stopped):
    path = tmp_path / "run.safetensors"
    trained(epochs=stopped, checkpoint=path)
    assert trained(epochs=5, resume=path) == whole


# With several heads and tied layers, which have no masks; what is for one output is left out.
MASKS = ("connections", "prune", "prune_by", "prune_epochs", "prune_start")
ONE_OUTPUT = ("label_smoothing", "class_weight", "mixup")
SEVERAL = {name: value for name, value in EVERYTHING.items() if name not in ONE_OUTPUT + MASKS} | {
    "hidden": [40, 40, 40],
    "activation": ["gelu", "prelu(alpha=0.1)", "tanh"],
    "normalization": ["batch", "layer", "rms"],
    "tied": [[2, 3]],
    "layer_rates": [1.0, 0.5, 0.5, 1.0],
    "dropout": [0.2, 0.1, 0.1],
    "monitor": "val_loss_digit",
    "heads": {
        "digit": {"label_smoothing": 0.1},
        "parity": {"weight": 0.3, "output_activation": "sigmoid"},
        "ink": {"weight": 0.2, "loss": "huber", "target_scaling": "standard"},
    },
}


def trained_heads(**options):
    digits = fastmlp.load_data("digits")
    parity = np.where(digits.y % 2, "odd", "even")
    y = {"digit": digits.y, "parity": parity, "ink": digits.x.sum(axis=1) / 16}
    data = dataclasses.replace(digits, y=y)
    model = fastmlp.train(data, **SEVERAL, **options)
    figures = {name: values for name, values in model.history.items() if name != "seconds"}
    return figures, b"".join(one.tobytes() for layer in model.parameters for one in layer)


def test_several_heads_and_tied_layers_go_with_all_else(tmp_path, team):
    path = tmp_path / "run.safetensors"
    whole = trained_heads(epochs=6)
    assert whole[0]["val_loss_digit"][-1] < whole[0]["val_loss_digit"][0]
    trained_heads(epochs=2, checkpoint=path)
    team(3)
    assert trained_heads(epochs=6) == whole
    assert trained_heads(epochs=6, resume=path) == whole


@pytest.mark.parametrize("optimizer", ["sgd", "adamw", "lion", "rmsprop", "adagrad"])
def test_other_optimizers_with_clipped_values_go_on_too(tmp_path, optimizer):
    data = fastmlp.load_data("digits")
    options = {
        "hidden": [30],
        "activation": "mixed_tanh",
        "optimizer": optimizer,
        "clip_value": 0.01,
        "dropout": 0.2,
    }
    options |= {"schedule": "exponential", "averaging": "swa", "swa_start": 2, "batch_size": 50}
    if optimizer == "sgd":
        options |= {"momentum": 0.9, "nesterov": True}
    path = tmp_path / "run.safetensors"
    expected = fastmlp.train(data, epochs=4, **options)
    fastmlp.train(data, epochs=2, checkpoint=path, **options)
    found = fastmlp.train(data, epochs=4, resume=path, **options)
    for layers in zip(found.parameters, expected.parameters, strict=True):
        for own, other in zip(*layers, strict=True):
            np.testing.assert_array_equal(own, other)


FULL_BATCH = {
    "hidden": [20, 10],
    "activation": ["prelu", "gelu"],
    "init": "orthogonal",
    "label_smoothing": 0.1,
    "class_weight": "balanced",
    "optimizer": "lbfgs",
    "history": 4,
    "l2": 1e-4,
    "averaging": "swa",
    "swa_start": 3,
    "early_stopping": True,
    "patience": 6,
    "seed": 3,
}


def trained_in_full_batches(**options):
    model = fastmlp.train(fastmlp.load_data("digits"), **FULL_BATCH, **options)
    figures = {name: values for name, values in model.history.items() if name != "seconds"}
    return figures, b"".join(one.tobytes() for layer in model.parameters for one in layer)


def test_full_batches_agree_for_every_team_and_go_on(team, tmp_path):
    whole = trained_in_full_batches(epochs=12)
    assert whole[0]["val_loss"][-1] < whole[0]["val_loss"][0]
    path = tmp_path / "run.safetensors"
    team(3)
    trained_in_full_batches(epochs=7, checkpoint=path)
    team(2)
    assert trained_in_full_batches(epochs=12, resume=path) == whole
    assert trained_in_full_batches(epochs=12) == whole
