"""Targets: labels of every kind there and back, what is inferred from them, and what is refused."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from fastmlp import _core
from fastmlp.errors import ConfigError, DataError
from fastmlp.model.targets import ClassTargets, ValueTargets, infer_output_and_loss, infer_task

LABELS: list[Any] = [
    [3, -7, 3, 1000],
    np.array([3, 200, 3], np.uint8),
    np.array([5, -5], np.int16),
    np.array([2**63 - 1, 0], np.int64),
    np.array([1, 2], ">i4"),
    [True, False, True],
    ["no", "yes", "no", "äöü"],
    np.array(["b", "a"], object),
    np.array([1.5, 0.5, 1.5]),
]


@pytest.mark.parametrize("y", LABELS, ids=lambda y: str(getattr(y, "dtype", type(y[0]).__name__)))
def test_labels_come_back_as_they_were(y: Any) -> None:
    targets = ClassTargets.fit(y)
    numbers = targets.encode(y)
    assert numbers.dtype == np.int64
    one_hot = np.eye(len(targets.labels))[numbers]
    back = targets.decode(one_hot)
    assert back.tolist() == np.asarray(y).tolist()
    given = np.asarray(y).dtype
    assert back.dtype == (given.newbyteorder("=") if given.kind in "biu" else targets.labels.dtype)
    assert targets.labels.tolist() == sorted(set(np.asarray(y).tolist()))


def test_unseen_labels_are_named() -> None:
    targets = ClassTargets.fit([0, 2, 4])
    with pytest.raises(DataError, match=r"y holds labels that training did not see: 1, 3, 5$"):
        targets.encode([0, 3, 1, 5, 3])
    with pytest.raises(DataError, match=r"validation y holds .*: 10, 11, 12, 13, 14 and 3 more"):
        targets.encode(list(range(10, 18)), name="validation y")
    with pytest.raises(DataError, match="training did not see: 'bat'"):
        ClassTargets.fit(["cat", "dog"]).encode(["bat", "cat"])


def test_labels_of_another_kind_are_refused() -> None:
    with pytest.raises(DataError, match="expected one label a row, such as 'cat', 'dog'"):
        ClassTargets.fit(["cat", "dog"]).encode([0, 1])
    with pytest.raises(DataError, match="expected one label a row, such as 0, 1"):
        ClassTargets.fit([0, 1]).encode(["0", "1"])
    with pytest.raises(DataError, match=re.escape("y has shape (2, 2) and dtype float64")):
        ClassTargets.fit([0, 1]).encode(np.eye(2))


def test_one_class_is_too_few() -> None:
    with pytest.raises(DataError, match="y holds one class only, 'a'; training needs two"):
        ClassTargets.fit(["a", "a"])


def test_one_hot_rows_are_no_labels() -> None:
    with pytest.raises(DataError, match=r"pass y.argmax\(axis=1\)"):
        ClassTargets.fit(np.eye(3))


def test_whole_numbers_that_look_like_values_are_not_guessed_to_be_classes() -> None:
    y = np.arange(100)
    with pytest.raises(DataError, match="100 different whole numbers in 100 rows; say task="):
        ClassTargets.fit(y, guessed=True)
    assert len(ClassTargets.fit(y).labels) == 100
    assert len(ClassTargets.fit(np.arange(100) // 2, guessed=True).labels) == 50
    assert len(ClassTargets.fit(np.arange(10), guessed=True).labels) == 10


def test_two_classes_on_one_unit_split_at_one_half() -> None:
    targets = ClassTargets.fit(["no", "yes"], one_unit=True)
    assert targets.outputs == 1
    p = np.array([[0.0], [0.5], [np.nextafter(np.float32(0.5), np.float32(1))], [1.0]], np.float32)
    assert targets.decode(p).tolist() == ["no", "no", "yes", "yes"]
    np.testing.assert_array_equal(targets.probabilities(p), np.hstack([1 - p, p]))
    assert ClassTargets.fit([1, 2, 3], one_unit=True).outputs == 3


def test_the_engine_counts_the_same_side_of_one_half_as_right() -> None:
    targets = ClassTargets.fit([0, 1], one_unit=True)
    network = _core.Network([1, 1], ["sigmoid"], "float64")
    network.set_parameters([(np.ones((1, 1)), np.zeros(1))])
    x = np.array([[-1.0], [0.0], [0.5], [2.0]])
    y = np.zeros(4, np.int64)
    _, correct = network.evaluate(x, y, "binary_cross_entropy")
    assert correct == int((targets.numbers(network.predict(x)) == y).sum()) == 2


def test_probabilities_of_several_sigmoid_units_sum_to_1() -> None:
    targets = ClassTargets.fit([0, 1, 2])
    outputs = np.array([[0.2, 0.2, 0.4], [0.0, 0.0, 0.0], [1.0, 1.0, 0.0]])
    expected = [[0.25, 0.25, 0.5], [1 / 3, 1 / 3, 1 / 3], [0.5, 0.5, 0]]
    np.testing.assert_allclose(targets.probabilities(outputs), expected, rtol=1e-15)


@pytest.mark.parametrize("shape", [(50,), (50, 1), (50, 3)])
@pytest.mark.parametrize("scaling", ["none", "standard"])
def test_values_come_back_in_their_units_and_shape(shape: tuple[int, ...], scaling: str) -> None:
    y = np.random.default_rng(1).normal(1000, 5, shape)
    targets = ValueTargets.fit(y, scaling)
    learned = targets.encode(y)
    assert learned.shape == (50, targets.outputs)
    back = targets.decode(learned)
    assert back.shape == shape
    np.testing.assert_allclose(back, y, rtol=1e-14)
    if scaling == "standard":
        np.testing.assert_allclose(learned.mean(axis=0), 0, atol=1e-12)
        np.testing.assert_allclose(learned.std(axis=0), 1, rtol=1e-12)
    else:
        np.testing.assert_array_equal(learned.reshape(shape), y)


def test_whole_numbers_can_be_values() -> None:
    targets = ValueTargets.fit([1, 2, 3])
    assert targets.encode([4]).tolist() == [[4.0]]


def test_values_must_be_numbers_and_as_many_as_in_training() -> None:
    with pytest.raises(DataError, match="y holds texts such as 'a'; a regression needs numbers"):
        ValueTargets.fit(["a", "b"])
    with pytest.raises(DataError, match="y has 3 values a row, expected 2"):
        ValueTargets.fit(np.zeros((4, 2))).encode(np.zeros((4, 3)))
    with pytest.raises(DataError, match="y has 3 targets for 4 samples"):
        ValueTargets.fit([1.0, 2.0]).encode([1.0, 2.0, 3.0], samples=4)


def test_the_task_follows_from_the_kind_of_target() -> None:
    assert infer_task(np.array(["a"])) == "classification"
    assert infer_task(np.array([1])) == "classification"
    assert infer_task(np.array([1.0])) == "regression"
    assert infer_task(np.array([1.0]), "classification") == "classification"
    assert infer_task(np.array([1]), loss="poisson") == "regression"  # counts
    assert infer_task(np.array([1]), loss="huber") == "classification"


@pytest.mark.parametrize(
    ("task", "output", "loss", "expected"),
    [
        ("classification", "auto", "auto", ("softmax", "categorical_cross_entropy")),
        ("classification", "sigmoid", "auto", ("sigmoid", "binary_cross_entropy")),
        ("classification", "auto", "binary_cross_entropy", ("sigmoid", "binary_cross_entropy")),
        ("classification", "auto", "half_squared_error", ("sigmoid", "half_squared_error")),
        ("classification", "tanh", "auto", ("tanh", "mean_squared_error")),
        ("classification", "softmax", "half_squared_error", ("softmax", "half_squared_error")),
        ("regression", "auto", "auto", ("identity", "mean_squared_error")),
        ("regression", "sigmoid", "auto", ("sigmoid", "mean_squared_error")),
        ("regression", "auto", "half_squared_error", ("identity", "half_squared_error")),
        ("classification", "identity", "auto", ("identity", "mean_squared_error")),
        ("classification", "auto", "hinge", ("identity", "hinge")),
        ("classification", "auto", "huber", ("sigmoid", "huber")),
        ("regression", "auto", "poisson", ("identity", "poisson")),
        ("regression", "auto", "quantile", ("identity", "quantile")),
        ("regression", "auto", "binary_cross_entropy", ("sigmoid", "binary_cross_entropy")),
    ],
)
def test_output_and_loss_are_completed(
    task: str, output: str, loss: str, expected: tuple[str, str]
) -> None:
    assert infer_output_and_loss(task, output, loss) == expected


def test_a_loss_that_does_not_go_with_the_output_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        infer_output_and_loss("classification", "identity", "categorical_cross_entropy")
    assert str(caught.value) == (
        "loss 'categorical_cross_entropy' goes with output_activation softmax, not 'identity'; "
        "for 'identity' choose half_squared_error, mean_squared_error, mean_absolute_error, huber, "
        "log_cosh, quantile, hinge, perceptron"
    )


@pytest.mark.parametrize(
    ("task", "loss", "message"),
    [
        ("classification", "poisson", "loss 'poisson' is for counts; this task is classification"),
        ("regression", "hinge", "loss 'hinge' is for classes; this task is regression"),
        ("regression", "perceptron", "loss 'perceptron' is for classes; this task is regression"),
    ],
)
def test_a_loss_of_another_task_is_refused(task: str, loss: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        infer_output_and_loss(task, "auto", loss)


def test_two_classes_on_one_linear_unit_are_told_by_its_sign() -> None:
    targets = ClassTargets.fit(["no", "yes"], one_unit=True, margin=True)
    z = np.array([[-0.1], [-0.0], [0.0], [0.3]])
    assert targets.decode(z).tolist() == ["no", "yes", "yes", "yes"]
    network = _core.Network([1, 1], ["identity"], "float64")
    network.set_parameters([(np.ones((1, 1)), np.zeros(1))])
    _, correct = network.evaluate(z, np.ones(4, np.int64), "hinge")
    assert correct == int(targets.numbers(z).sum()) == 3


def test_logarithms_of_rates_come_back_as_rates() -> None:
    targets = ValueTargets.fit([0.0, 3.0], log_outputs=True)
    assert targets.encode([3.0]).tolist() == [[3.0]]
    np.testing.assert_array_equal(targets.decode(np.array([[0.0], [1.0]])), [1.0, np.e])
