"""Several targets a row through `fastmlp.train`: sets of labels, values, a quantile each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fastmlp
import numpy as np
import pytest
from fastmlp.errors import ConfigError, DataError
from fastmlp.model.multilabel import LabelSetTargets

RNG = np.random.default_rng(6)
X = RNG.normal(size=(200, 5))
LABELS = (X @ RNG.normal(size=(5, 3)) + [0.3, -0.2, 0.8] > 0).astype(np.int64)
VALUES = X @ RNG.normal(size=(5, 2)) + [10.0, -3.0]


def test_sets_of_labels_are_learned_told_and_measured(tmp_path: Path) -> None:
    model = fastmlp.train(X, LABELS, hidden=[16], epochs=60, learning_rate=0.2, dtype="float64")
    assert (model.task, model.classes) == ("multilabel", None)
    assert model.config.network.output_activation == "sigmoid"
    assert model.config.training.loss == "binary_cross_entropy"
    assert "multilabel of 3 labels" in repr(model)
    p, said = model.predict_proba(X), model.predict(X)
    assert p.shape == said.shape == (200, 3)
    assert said.dtype == LABELS.dtype
    np.testing.assert_array_equal(said, p > 0.5)
    right = said == LABELS
    got = model.evaluate(X, LABELS)
    assert got.accuracy == right.all(axis=1).mean() > 0.85
    assert got.label_accuracy == right.mean() > got.accuracy
    assert got.correct == right.all(axis=1).sum()
    exact = -(LABELS * np.log(p) + (1 - LABELS) * np.log1p(-p)).sum(axis=1).mean()
    assert got.loss == pytest.approx(exact, rel=1e-9)
    assert set(got.as_dict()) == {"samples", "loss", "accuracy", "correct", "label_accuracy"}
    assert set(model.history) == {"loss", "learning_rate", "seconds"}
    model.save(tmp_path / "m.safetensors")
    again = fastmlp.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.predict(X), said)
    assert repr(again) == repr(model)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.int64])
def test_predictions_have_the_type_of_the_labels(dtype: Any) -> None:
    said = fastmlp.train(X, LABELS.astype(dtype), hidden=[]).predict(X[:4])
    assert (said.dtype, said.shape) == (np.dtype(dtype), (4, 3))


def test_floats_are_labels_where_the_task_says_so() -> None:
    model = fastmlp.train(X, LABELS.astype("f4"), hidden=[], task="multilabel")
    assert set(np.unique(model.predict(X))) == {0.0, 1.0}
    whole = fastmlp.train(X, LABELS, hidden=[])
    np.testing.assert_array_equal(model.predict_proba(X), whole.predict_proba(X))


def test_labels_learn_with_other_losses_of_a_sigmoid_unit() -> None:
    focal = "binary_focal_cross_entropy"
    model = fastmlp.train(X, LABELS, hidden=[], loss=focal, gamma=1, epochs=60, learning_rate=1.0)
    accuracy = model.evaluate(X, LABELS).label_accuracy
    assert accuracy is not None
    assert accuracy > 0.9


def test_a_matrix_that_may_mean_something_else_is_refused() -> None:
    one_hot = np.eye(3, dtype=int)[RNG.integers(0, 3, 200)]
    with pytest.raises(DataError, match=r"y is one-hot: .* y.argmax\(axis=1\), .*'multilabel'"):
        fastmlp.train(X, one_hot)
    assert fastmlp.train(X, one_hot, hidden=[], task="multilabel").task == "multilabel"
    with pytest.raises(DataError, match="whole numbers beyond 0 and 1; say task='regression'"):
        fastmlp.train(X, LABELS + 1)
    assert fastmlp.train(X, LABELS + 1, hidden=[], task="regression").predict(X).shape == (200, 3)


def test_labels_that_do_not_fit_are_refused() -> None:
    targets = LabelSetTargets.fit(LABELS)
    with pytest.raises(DataError, match="validation y has 2 labels a row, expected 3"):
        targets.encode(LABELS[:, :2], name="validation y")
    with pytest.raises(DataError, match=r"y holds 2 at row 0, column 1 .counted from 0.; labels"):
        targets.encode([[0, 2, 1]])
    with pytest.raises(DataError, match=r"y has shape \(3,\) and dtype int64; several labels"):
        LabelSetTargets.fit([0, 1, 1])
    with pytest.raises(ConfigError, match="'multilabel' needs output_activation 'sigmoid', one"):
        fastmlp.train(X, LABELS, output_activation="softmax")
    with pytest.raises(ConfigError, match="target_scaling is for a regression; this task is multi"):
        fastmlp.train(X, LABELS, target_scaling="standard")
    with pytest.raises(ConfigError, match="class_weight needs one label a row"):
        fastmlp.train(X, LABELS, class_weight="balanced")
    with pytest.raises(ConfigError, match="loss 'hinge' goes with output_activation identity"):
        fastmlp.train(X, LABELS, loss="hinge")


@pytest.mark.parametrize("scaling", ["none", "standard"])
def test_several_values_a_row_are_learned_and_measured(scaling: str) -> None:
    options: dict[str, Any] = {"hidden": [], "epochs": 200, "target_scaling": scaling}
    model = fastmlp.train(X, VALUES, learning_rate=0.05, **options)
    said = model.predict(X)
    np.testing.assert_allclose(said, VALUES, atol=1e-3)
    got = model.evaluate(X, VALUES)
    assert got.rmse == pytest.approx(np.sqrt(((said - VALUES) ** 2).mean()), rel=1e-12)
    assert got.r2 is not None
    assert got.r2 > 0.999
    with pytest.raises(DataError, match="y has 3 values a row, expected 2"):
        model.evaluate(X, LABELS.astype(float))


def test_an_output_each_learns_its_own_quantile() -> None:
    """Of a target that does not depend on x, the least loss is at its own quantiles."""
    y = np.random.default_rng(0).exponential(size=1000)
    quantiles = [0.1, 0.5, 0.9]
    model = fastmlp.train(
        np.zeros((1000, 1)), np.column_stack([y] * 3), hidden=[], loss="quantile",
        quantile=quantiles, epochs=400, batch_size=1000, learning_rate=0.5, dtype="float64",
    )  # fmt: skip
    said = model.predict([[0.0]])[0]
    assert said == pytest.approx(np.quantile(y, quantiles), abs=0.05)
    with pytest.raises(ConfigError, match="quantile has 2 values for 3 outputs; give one, or one"):
        fastmlp.train(X, np.zeros((200, 3)), loss="quantile", quantile=[0.1, 0.9])


def test_counts_are_predicted_as_rates(tmp_path: Path) -> None:
    rates = np.exp(0.5 * X[:, 0] - 0.3 * X[:, 1] + 0.7)
    counts = np.random.default_rng(1).poisson(rates)
    model = fastmlp.train(X, counts, hidden=[], loss="poisson", epochs=300, learning_rate=0.05)
    assert (model.task, model.config.network.output_activation) == ("regression", "identity")
    said = model.predict(X)
    assert (said > 0).all()
    assert np.abs(np.log(said / rates)).mean() < 0.2
    model.save(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(fastmlp.load(tmp_path / "m.safetensors").predict(X), said)
    with pytest.raises(ValueError, match="is not at least 0, as poisson needs"):
        fastmlp.train(X, counts - 1, loss="poisson")
    with pytest.raises(ConfigError, match="loss 'poisson' learns targets as they are"):
        fastmlp.train(X, counts, loss="poisson", target_scaling="standard")


@pytest.mark.parametrize("loss", ["hinge", "perceptron"])
def test_two_classes_learn_on_one_linear_unit(loss: str, tmp_path: Path) -> None:
    y = np.where(X[:, 0] + X[:, 1] > 0.1, "yes", "no")
    model = fastmlp.train(X, y, hidden=[], loss=loss, epochs=200, learning_rate=0.1)
    assert model.summary().layers[-1][1:3] == (1, "identity")
    accuracy = model.evaluate(X, y).accuracy
    assert accuracy is not None
    assert accuracy > 0.97
    assert accuracy == (model.predict(X) == y).mean() >= 0.97
    model.save(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(
        fastmlp.load(tmp_path / "m.safetensors").predict(X), model.predict(X)
    )
    several = fastmlp.train(X, np.argmax(X[:, :3], axis=1), hidden=[], loss=loss, epochs=100)
    assert several.summary().layers[-1][1:3] == (3, "identity")
