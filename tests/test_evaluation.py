"""Figures against counting by hand; the history as a dict of lists."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from fastmlp.evaluation import Evaluation, History


def test_confusion_counts_true_by_row() -> None:
    rng = np.random.default_rng(3)
    true, decided = rng.integers(0, 4, 500), rng.integers(0, 3, 500)  # class 3 is never decided
    got = Evaluation.of_classes(true, decided, np.array(list("abcd")), loss=0.5)
    expected = np.zeros((4, 4), np.int64)
    for t, d in zip(true, decided, strict=True):
        expected[t, d] += 1
    assert got.confusion is not None
    np.testing.assert_array_equal(got.confusion, expected)
    assert got.confusion.dtype == np.int64
    assert got.accuracy == (true == decided).mean()
    assert got.correct == (true == decided).sum()
    assert (got.samples, got.loss, got.rmse) == (500, 0.5, None)


@pytest.mark.parametrize("shape", [(60,), (60, 3)])
def test_distances_are_in_the_units_of_y(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(4)
    y = rng.normal(10, 3, shape)
    p = y + rng.normal(0, 1, shape)
    got = Evaluation.of_values(y, p, loss=1.0)
    assert got.rmse == pytest.approx(math.sqrt(((y - p) ** 2).mean()), rel=1e-14)
    assert got.mae == pytest.approx(abs(y - p).mean(), rel=1e-14)
    columns = zip(y.reshape(60, -1).T, p.reshape(60, -1).T, strict=True)
    each = [1 - ((a - b) ** 2).sum() / ((a - a.mean()) ** 2).sum() for a, b in columns]
    assert got.r2 == pytest.approx(np.mean(each), rel=1e-12)
    assert got.accuracy is None
    assert got.confusion is None


def test_r2_of_a_target_that_does_not_vary_is_unknown() -> None:
    got = Evaluation.of_values(np.ones(3), np.zeros(3), loss=1.0)
    assert got.r2 is not None
    assert math.isnan(got.r2)
    assert got.as_dict() == {"samples": 3, "loss": 1.0, "rmse": 1.0, "mae": 1.0, "r2": None}


def test_figures_fit_into_json() -> None:
    got = Evaluation.of_classes(
        np.array([0, 1]), np.array([1, 1]), np.array([False, True]), math.inf
    )
    assert json.loads(json.dumps(got.as_dict(), allow_nan=False)) == {
        "samples": 2,
        "loss": None,
        "accuracy": 0.5,
        "correct": 1,
        "classes": [False, True],
        "confusion": [[0, 1], [0, 1]],
    }


def test_repr_shows_what_applies() -> None:
    shown = repr(Evaluation(samples=10, loss=0.125, accuracy=0.5))
    assert shown == "Evaluation(samples=10, loss=0.125, accuracy=0.5)"


def test_history_is_a_dict_of_lists() -> None:
    history = History()
    assert (history.epochs, history.last("loss")) == (0, None)
    history.add({"loss": 2, "accuracy": np.float32(0.5)})
    history.add({"loss": 1, "accuracy": 0.75})
    assert history == {"loss": [2.0, 1.0], "accuracy": [0.5, 0.75]}
    assert (history.epochs, history.last("loss")) == (2, 1.0)
    assert type(history["accuracy"][0]) is float
    copied = History(history)
    copied["loss"].append(0.0)
    assert history["loss"] == [2.0, 1.0]
