"""Dropout that rises: at every step the share that the formula says, drawn by the generator."""

from __future__ import annotations

import hashlib
import math

import fastmlp
import numpy as np
import pytest
from conftest import CATALOG
from fastmlp import ConfigError, _core
from test_dropout import mask, weights_after

ROWS = {row["name"]: row["formula"] for row in CATALOG["dropout_schedules"]}


def factor(name, taken, total):
    return eval(ROWS[name], {"t": taken, "total": total, "exp": math.exp, "min": min})


@pytest.mark.parametrize("epochs", [0.5, 2.0, 3.0])
@pytest.mark.parametrize("name", ROWS)
def test_each_step_drops_the_share_of_the_formula(name, epochs):
    """A linear unit at zero whose inputs are 1: its gradient shows how often each input stayed."""
    rows, batch, width, rate, seed = 60, 20, 40, 0.5, 11
    network = _core.Network([width, 1], ["identity"], "float64")
    zero = [(np.zeros((width, 1)), np.zeros(1))]
    network.set_parameters(zero)
    options = {"dropout": [rate], "dropout_schedule": name, "dropout_epochs": epochs}
    options |= {"loss": "half_squared_error", "learning_rate": 1e-6, "batch_size": batch}
    trainer = _core.Trainer(
        network, np.ones((rows, width)), -np.ones((rows, 1)), seed=seed, shuffle=False, **options
    )
    for epoch in range(3):
        before = network.parameters()[0][0]
        trainer.run_epoch(epoch)
        found = (before - network.parameters()[0][0])[:, 0] / 1e-6
        expected = np.zeros(width)
        for step in range(3):
            taken = 3 * epoch + step
            now = rate * factor(name, taken, 3 * epochs)
            kept = (
                mask(now, seed, 0, taken, step * batch, batch, width)
                if now
                else np.ones((batch, width))
            )
            expected += kept.mean(axis=0)
        np.testing.assert_allclose(found, expected, rtol=1e-3)  # the weights move by 1e-6
    trainer.close()


def test_formulas_at_their_ends():
    assert [factor("linear", t, 8) for t in (0, 4, 8, 20)] == [0, 0.5, 1, 1]
    assert factor("curriculum", 0, 8) == 0
    assert factor("curriculum", 8, 8) == pytest.approx(1 - math.exp(-10))
    assert {factor("constant", t, 8) for t in range(20)} == {1}


def test_constant_is_what_dropout_was():
    for sizes, batch, rates in [([33, 20, 5], 10, (0.2, 0.5)), ([33, 70, 5], 40, (0, 0.5))]:
        plain = weights_after(sizes, batch, rates)
        assert weights_after(sizes, batch, rates, dropout_schedule="constant") == plain
        risen = {"dropout_schedule": "linear", "dropout_epochs": 0.001}
        assert weights_after(sizes, batch, rates, **risen) != plain  # the first step drops nothing


def digest():
    """The bits of some runs in short, for comparisons between processes."""
    sha = hashlib.sha256()
    for name in ROWS:
        for sizes, batch, rates in [
            ([100, 300, 70, 10], 40, (0.2, 0.5, 0.5)),
            ([7, 9, 3], 3, (0.1, 0.2)),
        ]:
            options = {"dropout_schedule": name, "dropout_epochs": 1.7}
            sha.update(weights_after(sizes, batch, rates, **options))
    return sha.hexdigest()


@pytest.mark.parametrize("name", ["linear", "curriculum"])
def test_a_training_that_is_resumed_goes_on_where_dropout_was(name, tmp_path):
    options = {"hidden": [30], "dropout": 0.4, "dropout_schedule": name, "batch_size": 50}
    options |= {"dropout_epochs": 3.5}
    data, path = fastmlp.load_data("digits"), tmp_path / "run"
    whole = fastmlp.train(data, epochs=4, **options)
    fastmlp.train(data, epochs=2, checkpoint=path, **options)
    again = fastmlp.train(data, epochs=4, resume=path)
    for pair, other in zip(whole.parameters, again.parameters, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(pair, other, strict=True))


def test_all_epochs_are_what_is_left_open():
    x, y = np.random.default_rng(0).normal(size=(60, 4)), np.arange(60) % 2
    options = {"hidden": [9], "dropout": 0.5, "dropout_schedule": "linear", "epochs": 7}
    open_, said = (
        fastmlp.train(x, y, **options),
        fastmlp.train(x, y, dropout_epochs=7, **options),
    )
    assert open_.config.training.dropout_epochs == 7.0
    np.testing.assert_array_equal(open_.predict_proba(x), said.predict_proba(x))


def test_what_cannot_be_is_refused():
    x, y = np.zeros((4, 2)), [0, 1, 0, 1]
    with pytest.raises(ConfigError, match="dropout_epochs=3 counts only with dropout_schedule"):
        fastmlp.train(x, y, dropout=0.5, dropout_epochs=3)
    with pytest.raises(ConfigError, match="dropout_schedule 'linear' needs dropout, which is 0"):
        fastmlp.train(x, y, dropout_schedule="linear")
    with pytest.raises(ConfigError, match="dropout_schedule must be one of constant, linear, curr"):
        fastmlp.train(x, y, dropout_schedule="sudden")
    with pytest.raises(ValueError, match="dropout_schedule 'sudden' is unknown; choose from"):
        weights_after([33, 20, 5], 10, (0.2, 0.5), dropout_schedule="sudden")
    with pytest.raises(ValueError, match="dropout_epochs = 0 is not"):
        weights_after([33, 20, 5], 10, (0.2, 0.5), dropout_epochs=0.0)
