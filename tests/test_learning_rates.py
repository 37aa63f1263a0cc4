"""The learning rate finder and the study of several rates, on real digits: what they train, what
they conclude, and their pictures.
"""

from __future__ import annotations

import json
import sys

import fastmlp
import numpy as np
import pytest
from fastmlp import ConfigError
from fastmlp.cli import main
from fastmlp.learning_rates.finder import _judged
from fastmlp.learning_rates.smoothing import smoothed

DIGITS = fastmlp.load_data("digits")
RATES = (0.001, 0.1, 1.0, 1000.0)


@pytest.fixture(scope="module")
def sweep():
    return fastmlp.find_learning_rate(DIGITS, hidden=[30], seed=2, highest=1e9)


@pytest.fixture(scope="module")
def study():
    return fastmlp.learning_rate_study(DIGITS, learning_rates=RATES, hidden=[30], epochs=4)


def test_rates_rise_by_equal_factors(sweep):
    steps = -(-1258 // 64) * 5  # whole passes over the training rows, 100 steps at least
    expected = 1e9 * (1e-15) ** (1 - np.arange(steps) / steps)
    np.testing.assert_allclose(sweep.learning_rates, expected[: len(sweep.losses)], rtol=1e-12)
    assert sweep.diverged
    assert len(sweep.losses) < steps


def test_losses_are_those_of_the_batches_in_their_order(sweep):
    """Rates of the first steps are too small to change a loss by much: it is that of the first
    weights.
    """
    model = fastmlp.train(DIGITS, hidden=[30], seed=2, epochs=1, learning_rate=1e-20)
    parts = fastmlp.training.split_dataset(DIGITS, model.config)
    order = fastmlp._core.permutation(len(parts.x_train), 2, 0)
    for step in range(5):
        rows = order[64 * step : 64 * (step + 1)]
        loss = model.evaluate(parts.x_train[rows], parts.y_train[rows]).loss
        np.testing.assert_allclose(sweep.losses[step], loss, rtol=1e-3)


def test_the_suggestion_trains_well():
    found = fastmlp.find_learning_rate(DIGITS, hidden=[30], seed=2)
    for rate in (found.suggestion, found.tenth_of_minimum):
        model = fastmlp.train(DIGITS, hidden=[30], seed=2, epochs=15, learning_rate=rate)
        assert model.history.last("val_accuracy") > 0.9


def test_the_steepest_fall_and_the_minimum_are_found():
    """Of a curve that is known: a logistic fall at 1e-2, its end at 1, then a rise."""
    rates = np.logspace(-5, 1, 121)
    at = np.log10(rates)
    losses = 2 / (1 + np.exp(4 * (at + 2))) + np.where(at > 0, at**2, 0) - 0.01 * at
    found = _judged(np.column_stack([losses, rates]), 0.0, diverged=False)
    np.testing.assert_allclose(np.log10(found.steepest), -2, atol=0.051)
    np.testing.assert_allclose(found.tenth_of_minimum * 10, rates[losses.argmin()])
    assert found.smoothed.tolist() == losses.tolist()


def test_averages_are_corrected_for_their_start():
    losses = np.random.default_rng(0).uniform(1, 2, 30)
    weights = 0.9 ** np.arange(30)[::-1]
    np.testing.assert_allclose(smoothed(losses, 0.9)[-1], (weights * losses).sum() / weights.sum())
    assert smoothed(np.full(5, 3.0), 0.98) == pytest.approx(np.full(5, 3.0))


def test_few_rows_of_many_are_enough():
    """A sweep of 20 steps of 10 rows; the rows are not changed, and the same sweep is the same."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5000, 6)), rng.integers(0, 2, 5000)
    kept = x.copy(), y.copy()
    weights = rng.uniform(0.5, 1, 5000)
    options = {"steps": 20, "batch_size": 10, "highest": 0.1, "sample_weight": weights}
    first, again = (fastmlp.find_learning_rate(x, y, **options) for _ in range(2))
    assert len(first.losses) == 20
    assert not first.diverged
    assert first.losses.tolist() == again.losses.tolist()
    assert (x == kept[0]).all()
    assert (y == kept[1]).all()


def test_a_weight_that_would_become_infinite_ends_the_sweep():
    x = np.random.default_rng(0).normal(size=(200, 3)) * 1e6
    found = fastmlp.find_learning_rate(
        x, x[:, 0], scaling="none", lowest=1e-18, highest=1e12, steps=60, smoothing=0.0
    )
    assert found.diverged
    assert np.isfinite(found.losses).all()
    assert found.steepest < 1e-8
    with pytest.raises(ConfigError, match="the sweep ended after"):
        fastmlp.find_learning_rate(
            x, x[:, 0], scaling="none", lowest=1e12, highest=1e29, smoothing=0.0
        )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"learning_rate": 0.1}, "learning_rate is what the sweep decides itself"),
        ({"schedule": "cosine"}, "schedule is what the sweep decides itself"),
        ({"lowest": 0.0}, "lowest must be a number greater than 0"),
        ({"lowest": 1.0, "highest": 0.5}, "highest must be a number greater than 1"),
        ({"steps": 3}, "steps must be a whole number, at least 10"),
        ({"optimizer": "lbfgs"}, "optimizer 'lbfgs' has no learning rate to find"),
        ({"bach_size": 3}, "did you mean 'batch_size'"),
    ],
)
def test_what_does_not_fit_is_refused(given, message):
    with pytest.raises(ConfigError, match=message):
        fastmlp.find_learning_rate(DIGITS, **given)


def test_a_study_is_so_many_trainings(study):
    assert study.diverged == {0.001: False, 0.1: False, 1.0: False, 1000.0: True}
    assert study.best == 1.0
    for rate in RATES[:3]:
        model = fastmlp.train(DIGITS, hidden=[30], epochs=4, learning_rate=rate)
        for name in ("loss", "accuracy", "val_loss"):
            assert study.histories[rate][name] == model.history[name]
        assert len(study.step_losses[rate]) == model.record["steps"]
        # The mean over an epoch is that of its steps, the last of which has fewer rows.
        rows = np.array([64] * 19 + [1258 - 19 * 64])
        first = (study.step_losses[rate][:20] * rows).sum() / 1258
        np.testing.assert_allclose(first, model.history["loss"][0], rtol=1e-12)
    firsts = {losses[0] for losses in study.step_losses.values()}
    assert len(firsts) == 1


def test_a_study_tells_who_has_diverged():
    x = np.random.default_rng(0).normal(size=(300, 3))
    study = fastmlp.learning_rate_study(x, x.sum(axis=1), learning_rates=[1e-3, 1e20], epochs=3)
    assert study.diverged == {1e-3: False, 1e20: True}
    assert study.histories[1e20].epochs == 0
    assert (study.histories[1e-3].epochs, study.best) == (3, 1e-3)
    for wrong in ([], [0.1, 0.1], [-1.0]):
        with pytest.raises(ConfigError, match="learning_rates must be"):
            fastmlp.learning_rate_study(x, x[:, 0], learning_rates=wrong)
    with pytest.raises(ConfigError, match="learning_rate and learning_rates are both given"):
        fastmlp.learning_rate_study(x, x[:, 0], learning_rates=[0.1], learning_rate=0.2)


def test_pictures_show_what_was_found(sweep, study, tmp_path):
    pytest.importorskip("matplotlib")
    image = pytest.importorskip("PIL.Image")
    for name, found in (("sweep", sweep), ("study", study)):
        figure = found.plot(tmp_path / f"{name}.png")
        with image.open(tmp_path / f"{name}.png") as picture:
            assert picture.size == (1050, 630)
            assert len(picture.convert("RGB").getcolors(2**20)) > 50
        figure.canvas.draw()
    (axes,) = study.plot().axes
    labels = [line.get_label() for line in axes.get_lines() if line.get_label()[0] != "_"]
    assert labels == ["0.001", "0.1", "1", "1000 (diverged)"]
    (axes,) = sweep.plot().axes
    assert axes.get_lines()[1].get_ydata().tolist() == sweep.smoothed.tolist()
    with pytest.raises(ConfigError, match=r"study.jpgg must end in one of \."):
        study.plot(tmp_path / "study.jpgg")
    assert not (tmp_path / "study.jpgg").exists()


def test_without_matplotlib_the_message_says_what_to_install(study, monkeypatch):

    for name in [one for one in sys.modules if one.startswith("matplotlib")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ConfigError, match=r"pip install 'fastmlp\[plot\]'"):
        study.plot()


def test_the_command_says_the_same(capsys, tmp_path):
    given = ["find-learning-rate", "digits", "--hidden", "30", "--seed", "2", "--batch-size", "64"]
    assert main([*given, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    own = fastmlp.find_learning_rate(DIGITS, hidden=[30], seed=2, momentum=0.9)
    assert said == own.as_dict()
    assert main(given) == 0
    out = capsys.readouterr().out
    assert f"steepest fall at {own.steepest:.3g}: a rate to begin with" in out
    assert "diverged after" in out
    assert main(["find-learning-rate", "--learning-rate", "1"]) == 2
    assert "unrecognized arguments: --learning-rate" in capsys.readouterr().err
    pytest.importorskip("matplotlib")
    assert main([*given, "--plot", str(tmp_path / "sweep.svg")]) == 0
    assert "<svg" in (tmp_path / "sweep.svg").read_text()


def test_real_digits_from_mnist(mnist_folder):
    options = {"hidden": [30], "optimizer": "adam", "highest": 1.0}
    found = fastmlp.find_learning_rate(source="mnist", data_dir=str(mnist_folder), **options)
    assert len(found.losses) <= 100
    assert 1e-4 < found.suggestion < 0.3
