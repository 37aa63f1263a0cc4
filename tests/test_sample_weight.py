"""Weights of rows and classes through `fastmlp.train` and `Model.evaluate`: what they mean, what is
refused.
"""

from __future__ import annotations

from typing import Any

import fastmlp
import numpy as np
import pytest
from fastmlp.data.dataset import Dataset, split
from fastmlp.errors import ConfigError, DataError
from fastmlp.training.weights import balanced

RNG = np.random.default_rng(4)
X = RNG.normal(size=(60, 4))
Y = np.repeat(["a", "b", "c"], [40, 15, 5])[RNG.permutation(60)]
OPTIONS: dict[str, Any] = {"hidden": [6], "epochs": 3, "batch_size": 60, "dtype": "float64"}


def bits(model: fastmlp.Model) -> bytes:
    return b"".join(w.tobytes() + b.tobytes() for w, b in model.parameters)


def test_weights_of_one_change_no_bit() -> None:
    plain = fastmlp.train(X, Y, **OPTIONS)
    ones = fastmlp.train(X, Y, sample_weight=[1] * 60, **OPTIONS)
    assert bits(ones) == bits(plain)
    assert ones.history["loss"] == plain.history["loss"]
    assert (plain.record["weights"], ones.record["weights"]) == ("none", "given")
    assert bits(fastmlp.train(X, Y, class_weight={}, **OPTIONS)) == bits(plain)


def test_weights_of_classes_are_weights_of_their_rows() -> None:
    counts = {label: int((label == Y).sum()) for label in "abc"}
    by_hand = {label: 60 / (3 * count) for label, count in counts.items()}
    rows = np.array([by_hand[label] for label in Y])
    expected = bits(fastmlp.train(X, Y, sample_weight=rows, **OPTIONS))
    assert bits(fastmlp.train(X, Y, class_weight=by_hand, **OPTIONS)) == expected
    model = fastmlp.train(X, Y, class_weight="balanced", **OPTIONS)
    assert bits(model) == expected
    assert model.config.training.class_weight == "balanced"
    twice = fastmlp.train(X, Y, class_weight="balanced", sample_weight=rows, **OPTIONS)
    assert bits(twice) == bits(fastmlp.train(X, Y, sample_weight=rows * rows, **OPTIONS))
    half = fastmlp.train(X, Y, class_weight={"b": 0.5}, **OPTIONS)
    assert bits(half) == bits(
        fastmlp.train(X, Y, sample_weight=np.where(Y == "b", 0.5, 1), **OPTIONS)
    )


def test_balanced_weights_add_up_to_the_rows() -> None:
    numbers = np.array([0] * 7 + [2] * 2 + [1])
    weights = balanced(numbers, 3)
    np.testing.assert_allclose(np.bincount(numbers, weights[numbers]), 10 / 3)
    np.testing.assert_allclose(balanced(np.array([0, 0, 2]), 3)[[0, 2]], [0.75, 1.5])


def test_rows_kept_to_validate_take_their_weights_along() -> None:
    weights = np.linspace(0, 2, 60)
    rows = split(Dataset("rows", X, Y), 0.25, 0.0, seed=0).train_rows
    assert rows is not None
    held = fastmlp.train(X, Y, sample_weight=weights, validation=0.25, **OPTIONS)
    apart = fastmlp.train(X[rows], Y[rows], sample_weight=weights[rows], **OPTIONS)
    assert bits(held) == bits(apart)


def test_weights_of_a_data_set_are_those_of_all_its_rows() -> None:
    data = Dataset("rows", X, np.unique(Y, return_inverse=True)[1].astype(np.int64))
    weights = np.linspace(0, 2, 60)
    rows = split(data, 0.1, 0.2, seed=0).train_rows
    assert rows is not None
    whole = fastmlp.train(data, sample_weight=weights, **OPTIONS)
    apart = fastmlp.train(data.x[rows], data.y[rows], sample_weight=weights[rows], **OPTIONS)
    assert bits(whole) == bits(apart)


def test_evaluation_weighs_the_loss_alone() -> None:
    model = fastmlp.train(X, Y, **OPTIONS)
    weights = np.linspace(0, 2, 60)
    share = model.predict_proba(X)[np.arange(60), np.searchsorted(model.classes, Y)]  # type: ignore[arg-type]
    got, plain = model.evaluate(X, Y, sample_weight=weights), model.evaluate(X, Y)
    assert got.loss == pytest.approx(-(weights * np.log(share)).mean(), rel=1e-12)
    assert plain.loss == pytest.approx(-np.log(share).mean(), rel=1e-12)
    assert got.accuracy == plain.accuracy
    assert model.evaluate(X, Y, sample_weight=np.ones(60)).loss == plain.loss


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(59), r"sample_weight has shape \(59,\), expected \(60,\): one a row"),
        ([1.0] * 7 + [-0.5] + [1.0] * 52, r"sample_weight holds -0.5 at row 7 .*not negative"),
        ([float("nan")] * 60, "sample_weight holds nan at row 0"),
        (["1"] * 60, "sample_weight has dtype"),
        (np.zeros(60), "every training row has weight 0"),
    ],
)
def test_weights_that_are_refused(weights: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        fastmlp.train(X, Y, sample_weight=weights, **OPTIONS)


def test_weights_of_classes_that_are_refused() -> None:
    with pytest.raises(ConfigError, match="class_weight names 'd', which is no class; there are"):
        fastmlp.train(X, Y, class_weight={"d": 1.0}, **OPTIONS)
    with pytest.raises(ConfigError, match=r"must hold numbers of at least 0: .* row 1"):
        fastmlp.train(X, Y, class_weight={"b": -1.0}, **OPTIONS)
    with pytest.raises(ConfigError, match="class_weight must be one of none, balanced; got 'even'"):
        fastmlp.train(X, Y, class_weight="even", **OPTIONS)
    with pytest.raises(ConfigError, match="class_weight needs one label a row; this task is regr"):
        fastmlp.train(X, X[:, 0], class_weight="balanced", **OPTIONS)
