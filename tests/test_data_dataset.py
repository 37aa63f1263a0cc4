"""Datasets, the bundled digits, the split into parts, and the choice of a reader by load_data."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from fastmlp.data import Dataset, load_data, load_rows, split
from fastmlp.errors import DataError, DivergedError, FastmlpError


def refusal(function, *arguments, **options):
    with pytest.raises(DataError) as caught:
        function(*arguments, **options)
    return str(caught.value)


@pytest.fixture(scope="module")
def digits():
    return load_data("digits")


def test_digits_are_the_published_ones(digits):
    assert digits.x.shape == (1797, 64)
    assert digits.x.dtype == np.uint8
    assert digits.y.dtype == np.int64
    assert (digits.x.min(), digits.x.max(), digits.pixel_max) == (0, 16, 16)
    counts = np.bincount(digits.y).tolist()
    assert counts == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    sums = [hashlib.sha256(a.tobytes()).hexdigest()[:16] for a in (digits.x, digits.y)]
    assert sums == ["8f26b2bd9d135c25", "a3c91c262eddcf7b"]


def test_digits_say_whose_they_are(digits):
    assert digits.licence == "CC BY 4.0"
    assert "10.24432/C50P49" in digits.source
    assert "Alpaydin" in digits.source
    assert (digits.kind, digits.image_shape, digits.x_test) == ("images", (8, 8), None)


def test_split_parts_are_disjoint_and_complete(digits):
    marked = Dataset("marked", np.arange(1797.0)[:, None], digits.y)
    parts = split(marked, validation_fraction=0.1, test_fraction=0.2, seed=5)
    rows = [part.ravel().astype(int) for part in (parts.x_train, parts.x_validation, parts.x_test)]
    assert [len(r) for r in rows] == [1258, 180, 359]
    assert sorted(np.concatenate(rows).tolist()) == list(range(1797))
    targets = (parts.y_train, parts.y_validation, parts.y_test)
    for row, y in zip(rows, targets, strict=True):
        assert np.array_equal(digits.y[row], y)
        assert np.array_equal(row, np.sort(row))


def test_split_is_stratified(digits):
    parts = split(digits, validation_fraction=0.1, test_fraction=0.2, seed=0)
    counts = np.bincount(digits.y)
    for y, share in ((parts.y_validation, 0.1), (parts.y_test, 0.2)):
        assert np.abs(np.bincount(y, minlength=10) - share * counts).max() <= 1


def test_a_class_of_one_row_stays_in_training():
    y = np.array([0] * 60 + [1] * 39 + [2])
    for seed in range(20):
        parts = split(Dataset("rare", np.zeros((100, 1)), y), 0.1, 0.2, seed)
        assert 2 in parts.y_train


def test_split_never_changes(digits):
    """Golden: the same on every machine and in every release of NumPy."""
    marked = Dataset("marked", np.arange(1797.0)[:, None], digits.y)
    parts = split(marked, validation_fraction=0.1, test_fraction=0.2, seed=0)
    assert parts.x_test[:8].ravel().astype(int).tolist() == [0, 2, 6, 9, 12, 15, 18, 19]
    assert parts.x_validation[:8].ravel().astype(int).tolist() == [8, 14, 21, 30, 37, 57, 60, 75]


def test_split_depends_on_the_seed(digits):
    first, again, other = (split(digits, seed=seed).x_test for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_split_of_real_values_and_of_text_labels():
    x = np.arange(100.0)[:, None]
    real = split(Dataset("real", x, np.linspace(0, 1, 100)), 0.1, 0.2)
    several = split(Dataset("several", x, np.zeros((100, 3))), 0.1, 0.2)
    text = split(Dataset("text", x, np.array(["a", "b"] * 50)), 0.1, 0.2)
    for parts in (real, several, text):
        assert [len(part) for part in (parts.x_train, parts.x_validation, parts.x_test)] == [
            70,
            10,
            20,
        ]
    assert (text.y_test == "a").sum() == 10
    assert several.y_test.shape == (20, 3)


def test_split_keeps_an_official_test_part():
    x, y = np.arange(10.0)[:, None], np.arange(10) % 2
    data = Dataset("official", x, y, x_test=x + 100, y_test=y)
    parts = split(data, validation_fraction=0.2, test_fraction=0.5)
    assert parts.x_test is data.x_test
    assert parts.y_test is data.y_test
    assert (len(parts.x_train), len(parts.x_validation)) == (8, 2)


def test_split_without_parts():
    x, y = np.arange(10.0)[:, None], np.arange(10) % 2
    parts = split(Dataset("whole", x, y), 0, 0)
    assert parts.x_validation is None
    assert parts.y_test is None
    assert np.array_equal(parts.x_train, x)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"validation_fraction": 1.0}, ["validation_fraction", "1.0"]),
        ({"test_fraction": -0.1}, ["test_fraction", "-0.1"]),
        ({"test_fraction": float("nan")}, ["test_fraction", "nan"]),
        ({"test_fraction": "half"}, ["test_fraction", "'half'"]),
        ({"validation_fraction": 0.5, "test_fraction": 0.5}, ["4 rows leave none to train on"]),
        ({"seed": -1}, ["seed", "-1", "2**64 - 1"]),
        ({"seed": 2**64}, ["seed", "2**64 - 1"]),
        ({"seed": 1.5}, ["seed", "1.5"]),
    ],
)
def test_split_refuses(options, words):
    data = Dataset("four", np.zeros((4, 1)), np.array([0, 1, 0, 1]))
    message = refusal(split, data, **options)
    assert all(word in message for word in words), message


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"y": np.zeros(3)}, ["4 samples in x", "3 targets in y"]),
        ({"x": np.zeros(4)}, ["(samples, features)", "(4,)"]),
        ({"x_test": np.zeros((1, 2))}, ["x_test and y_test belong together"]),
        ({"x_test": np.zeros((1, 3)), "y_test": np.zeros(1)}, ["x_test has 3 features, x has 2"]),
        ({"feature_names": ("a",)}, ["1 feature names for 2 features"]),
        ({"image_shape": (2, 2)}, ["image_shape (2, 2)", "2 features"]),
    ],
)
def test_dataset_refuses_parts_that_do_not_fit(options, words):
    message = refusal(
        Dataset, **{"name": "odd", "x": np.zeros((4, 2)), "y": np.zeros(4), **options}
    )
    assert message.startswith("odd: ")
    assert all(word in message for word in words), message


@pytest.mark.parametrize(
    ("source", "near"),
    [("digit", "digits"), ("minst", "mnist"), ("fashion_mnist", "fashion-mnist")],
)
def test_an_unknown_name_suggests_the_nearest(source, near):
    message = refusal(load_data, source)
    assert f"did you mean '{near}'?" in message
    assert "digits, mnist, fashion-mnist" in message
    assert ".npz" in message


def test_a_missing_file_lists_the_choices():
    message = refusal(load_data, "/no/such/table.csv")
    assert "/no/such/table.csv" in message
    assert "data sets are digits, mnist" in message


@pytest.mark.parametrize(
    "options", [{"target": 3}, {"header": "yes"}, {"data_dir": "somewhere"}], ids=str
)
def test_options_without_effect_are_refused(options):
    ((name, value),) = options.items()
    assert refusal(load_data, "digits", **options) == f"{name}={value!r} does not apply to 'digits'"


def test_files_are_told_apart_by_their_suffix(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[1.0, 2.0, 3.0]]))
    np.savez(tmp_path / "a.npz", x=np.ones((2, 2)), y=[0, 1])
    (tmp_path / "A.CSV").write_text("1,2,3\n")
    assert load_data(tmp_path / "a.npy").y.tolist() == [3.0]
    assert load_data(str(tmp_path / "a.npy"), target="0").y.tolist() == [1.0]
    assert load_data(tmp_path / "a.npz").y.tolist() == [0, 1]
    assert load_data(tmp_path / "A.CSV", target=1).y.tolist() == [2]
    assert "columns have numbers only" in refusal(load_data, tmp_path / "a.npy", target="age")
    assert "target=1 does not apply" in refusal(load_data, tmp_path / "a.npz", target=1)


def test_rows_to_predict(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((2, 4, 3), dtype=np.uint8))
    np.savez(tmp_path / "a.npz", x=np.ones((2, 2)))
    (tmp_path / "a.csv").write_text("a,b,kind\n1,2,u\n3,4,v\n")
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(
        bytes([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 9, 8, 7, 6])
    )
    assert load_rows(tmp_path / "a.npy")[0].shape == (2, 12)
    assert load_rows(tmp_path / "a.npz")[0].tolist() == [[1, 1], [1, 1]]
    x, names = load_rows(tmp_path / "a.csv", drop="kind")
    assert (x.tolist(), names) == ([[1, 2], [3, 4]], ("a", "b"))
    assert load_rows(tmp_path / "t10k-images-idx3-ubyte")[0].tolist() == [[9, 8, 7, 6]]
    assert "'u' is not a number" in refusal(load_rows, tmp_path / "a.csv")
    assert "drop='x' does not apply" in refusal(load_rows, tmp_path / "a.npz", drop="x")


def test_every_error_is_also_the_built_in_that_fits():
    assert issubclass(DataError, FastmlpError)
    assert issubclass(DataError, ValueError)
    assert issubclass(DivergedError, FloatingPointError)
    assert DivergedError("stopped", model="kept").model == "kept"
