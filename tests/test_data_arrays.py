"""The door for arrays: what comes in, what form it leaves in, what is refused in which words."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from fastmlp.data.arrays import as_features, as_targets
from fastmlp.errors import DataError


def refusal(function, *arguments, **options):
    with pytest.raises(DataError) as caught:
        function(*arguments, **options)
    return str(caught.value)


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_the_engines_own_types_pass_without_a_copy(dtype):
    x = np.arange(12, dtype=dtype).reshape(3, 4)
    x.flags.writeable = False
    out = as_features(x)
    assert out.dtype == dtype
    assert np.shares_memory(out, x)


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        ("bool", "float32"),
        ("int8", "float32"),
        ("uint16", "float32"),
        ("int32", "float32"),
        ("int64", "float32"),
        ("uint64", "float32"),
        ("float16", "float32"),
        ("longdouble", "float64"),
    ],
)
def test_other_numbers_become_floats_of_the_same_value(dtype, expected):
    x = np.array([[0, 1], [1, 0], [1, 1]]).astype(dtype)
    out = as_features(x)
    assert out.dtype == expected
    assert np.array_equal(out, x.astype("float64"))


@pytest.mark.parametrize(
    ("value", "expected"),
    [(2**24, "float32"), (2**24 + 1, "float64"), (-(2**24), "float32"), (-(2**24) - 1, "float64")],
)
def test_whole_numbers_beyond_float32_become_float64(value, expected):
    out = as_features(np.array([[value, 0]], dtype=np.int64))
    assert out.dtype == expected
    assert out[0, 0] == value


@pytest.mark.parametrize("dtype", [">f4", ">f8", "<f8", ">i2", ">u4"])
def test_byte_order_is_made_native(dtype):
    x = np.array([[1, 2], [3, 4000]], dtype=dtype)
    out = as_features(x)
    assert out.dtype.isnative
    assert np.array_equal(out, x)


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x[::2],
        lambda x: x[:, ::3],
        lambda x: x[::-1, ::-1],
        lambda x: x.T,
        lambda x: np.broadcast_to(x[0], (5, x.shape[1])),
        lambda x: np.asfortranarray(x),
    ],
)
@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_strided_views_are_copied_with_their_values(view, dtype):
    x = view(np.arange(48, dtype=dtype).reshape(6, 8))
    out = as_features(x)
    assert out.flags.c_contiguous
    assert out.flags.aligned
    assert np.array_equal(out, x)


def test_misaligned_numbers_are_copied():
    buffer = bytearray(1 + 4 * 8)
    x = np.frombuffer(buffer, dtype=np.float64, count=4, offset=1).reshape(2, 2)
    assert not x.flags.aligned
    out = as_features(x)
    assert out.flags.aligned
    assert np.array_equal(out, x)


def test_pictures_are_flattened_row_by_row():
    x = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    assert as_features(x).tolist() == [list(range(12)), list(range(12, 24))]


def test_lists_and_array_protocol():
    class Holder:
        def __array__(self, dtype=None, copy=None):
            return np.array([[1.5, 2.5]], dtype=np.float32)

    assert as_features(Holder()).dtype == np.float32
    assert as_features([[1, 2], [3, 4]]).tolist() == [[1, 2], [3, 4]]


def test_dlpack_protocol():
    class Holder:
        array = np.array([[1.0, 2.0]])

        def __dlpack__(self, **options):
            return self.array.__dlpack__(**options)

        def __dlpack_device__(self):
            return self.array.__dlpack_device__()

    out = as_features(Holder())
    assert out.tolist() == [[1.0, 2.0]]
    assert np.shares_memory(out, Holder.array)


def test_dlpack_on_another_device_is_refused():
    class OnDevice:
        def __dlpack__(self, **options):
            raise BufferError("the tensor lies on a GPU")

        def __dlpack_device__(self):
            return (2, 0)

    assert "OnDevice" in refusal(as_features, OnDevice())


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (5.0, ["x must be an array (samples, features)", "float"]),
        (np.zeros(3), ["shape (3,)", "x.reshape(1, -1)", "x.reshape(-1, 1)"]),
        (np.zeros((2, 2, 2, 2)), ["shape (2, 2, 2, 2)", "(samples, height, width)"]),
        (np.zeros((0, 3)), ["empty", "(0, 3)"]),
        (np.zeros((3, 0)), ["empty", "(3, 0)"]),
        (np.zeros((2, 0, 4)), ["empty", "(2, 0, 4)"]),
        (np.zeros((0, 3, 4), dtype=np.int64), ["empty", "(0, 3, 4)"]),
        (np.zeros((2, 2), dtype=complex), ["complex128", "complex numbers"]),
        (np.zeros((2, 2), dtype=object), ["object", "Python objects"]),
        ([["a", "b"]], ["text", "real numbers"]),
        (np.array([[b"a"]]), ["bytes"]),
        (np.zeros((2, 2), dtype="datetime64[s]"), ["datetime64", "dates"]),
        (np.zeros(2, dtype=[("a", float)]), ["records"]),
        ([[1, 2], [3]], ["not an array of numbers", "inhomogeneous"]),
        (np.ma.masked_equal(np.array([[1, 2], [3, 4]]), 3), ["masked", "(1, 0)"]),
    ],
)
def test_features_that_are_refused(x, words):
    message = refusal(as_features, x)
    assert all(word in message for word in words), message


def test_a_sparse_matrix_is_told_from_a_number():
    class Sparse:
        def toarray(self):
            raise AssertionError("not ours to call")

    assert ".toarray()" in refusal(as_features, Sparse())


def test_an_unmasked_masked_array_passes():
    assert as_features(np.ma.array([[1.0, 2.0]])).tolist() == [[1, 2]]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("place", [(0, 0), (299, 256), (171, 13)])
def test_values_that_are_not_finite_are_found_in_their_place(value, dtype, place):
    x = np.zeros((300, 257), dtype=dtype)
    x[place] = value
    message = refusal(as_features, x, name="samples")
    assert f"samples holds {float(value)} at row {place[0]}, column {place[1]} (counted" in message


def test_the_first_of_several_is_named():
    x = np.zeros((2000, 100))
    x[1500, 2] = x[1500, 7] = x[1900, 0] = np.nan
    assert "row 1500, column 2 " in refusal(as_features, x)


def test_the_number_of_features_is_checked():
    assert refusal(as_features, np.zeros((2, 3)), features=4) == "x has 3 features, expected 4"


def test_checking_takes_little_memory():
    x = np.ones((20_000, 500), dtype=np.float32)
    tracemalloc.start()
    try:
        as_features(x)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < x.nbytes / 50


def test_nothing_is_changed_by_a_refusal():
    x = np.array([[1.0, np.nan]])
    before = x.tobytes()
    refusal(as_features, x)
    assert x.tobytes() == before


@pytest.mark.parametrize(
    ("y", "dtype", "values"),
    [
        ([1, 2, 3], "int64", [1, 2, 3]),
        ([True, False], "int64", [1, 0]),
        (np.array([[3], [4]], dtype=np.uint8), "int64", [3, 4]),
        (np.array([3, 4], dtype=">i4"), "int64", [3, 4]),
        (np.arange(6)[::2], "int64", [0, 2, 4]),
        (np.array([1, 2], dtype=object), "int64", [1, 2]),
        ([0.5, 1], "float64", [0.5, 1.0]),
        (np.array([0.5], dtype=np.float32), "float64", [0.5]),
        ([[0.5, 1.0]], "float64", [[0.5, 1.0]]),
        ([[0.5], [1.0]], "float64", [[0.5], [1.0]]),
        ([[0, 1], [1, 1]], "int64", [[0, 1], [1, 1]]),
        ([[False, True]], "int64", [[0, 1]]),
        (["cat", "dog"], "<U3", ["cat", "dog"]),
        (np.array(["cat", "dog"], dtype=object), "<U3", ["cat", "dog"]),
        (np.array([b"cat"]), "<U3", ["cat"]),
    ],
)
def test_targets_that_pass(y, dtype, values):
    out = as_targets(y)
    assert out.dtype == np.dtype(dtype)
    assert out.flags.c_contiguous
    assert out.tolist() == values


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (3, ["shape ()"]),
        (np.zeros((2, 2, 2)), ["shape (2, 2, 2)", "(samples, outputs)"]),
        ([], ["empty"]),
        (np.zeros((3, 0)), ["empty", "(3, 0)"]),
        ([["a", "b"]], ["class labels are one-dimensional"]),
        ([1.0, np.nan], ["nan at row 1"]),
        ([[1.0, 2.0], [3.0, np.inf]], ["inf at row 1, column 1"]),
        (np.array([1 + 2j]), ["complex"]),
        (np.array(["a", None], dtype=object), ["None (NoneType) at 1", "none missing"]),
        (np.array([1, "a"], dtype=object), ["'a' (str) at 1"]),
        (np.array([1, 2**70], dtype=object), ["beyond 64 bits"]),
        (np.array([0, 2**63], dtype=np.uint64), ["9223372036854775808"]),
        (np.array(["2020-01-01"], dtype="datetime64[D]"), ["dates"]),
    ],
)
def test_targets_that_are_refused(y, words):
    message = refusal(as_targets, y)
    assert all(word in message for word in words), message


def test_the_number_of_targets_is_checked():
    message = refusal(as_targets, [1, 2, 3], name="y_val", samples=2)
    assert message == "y_val has 3 targets for 2 samples"
