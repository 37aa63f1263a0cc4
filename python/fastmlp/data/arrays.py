"""The door for arrays: whatever holds numbers comes in, checked C-contiguous NumPy arrays go out.

Features become uint8, float32 or float64 of shape (samples, features); targets become int64 or str
labels, or float64 values. What a target means, and scaling, are left to model/.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError

Array = NDArray[Any]

# Whole numbers up to here are exact in float32.
FLOAT32_EXACT = 2**24
# Elements looked at together: the mask of a block stays in the cache instead of filling memory.
BLOCK = 1 << 16
# What the engine reads as it stands.
PLAIN_DTYPES = frozenset(np.dtype(name) for name in ("uint8", "float32", "float64"))
PLAIN_FLAGS = 0x101  # of ndarray.flags.num: C-contiguous, aligned


def as_features(
    x: Any, *, name: str = "x", features: int | None = None, finite: bool = True
) -> Array:
    """Check samples and bring them into the form that the engine reads.

    Parameters
    ----------
    x : array_like, shape (samples, features) or (samples, height, width)
        A NumPy array, anything with ``__array__`` or DLPack, or nested lists. Pictures are
        flattened.
    name : str
        What to call it in errors.
    features : int, optional
        How many features there must be.
    finite : bool
        Whether to look for NaN and infinity; the engine does it itself while it predicts.

    Returns
    -------
    ndarray, shape (samples, features), C-contiguous, aligned, native byte order
        uint8, float32 and float64 stay as they are, without a copy where the layout allows. bool,
        float16 and whole numbers become float32, or float64 when one of them is beyond 2**24.

    Raises
    ------
    DataError
        If the shape or the kind of number does not fit, there are no samples, or a value is
        missing, NaN or infinite. The message names the first such row and column, counted from 0.

    Examples
    --------
    >>> as_features([[1, 2], [3, 4]])
    array([[1., 2.],
           [3., 4.]], dtype=float32)
    >>> as_features([[1.0, float("nan")]])
    Traceback (most recent call last):
    fastmlp.errors.DataError: x holds nan at row 0, column 1 (counted from 0); ...
    """
    if not _is_plain(x, features):
        array = _number_array(x, name)
        if array.ndim == 3:
            array = array.reshape(len(array), -1) if array.size else array
        _check_feature_shape(array, name, features)
        x = np.require(array, dtype=_feature_dtype(array), requirements=["C", "A"])
    if finite:
        check_finite(x, name)
    return x  # type: ignore[no-any-return]


def as_targets(y: Any, *, name: str = "y", samples: int | None = None) -> Array:
    """Check targets and bring them into one of three forms.

    Parameters
    ----------
    y : array_like, shape (samples,) or, for numbers, (samples, outputs)
        Whole numbers, booleans and strings are class labels, a matrix of whole numbers or booleans
        says which labels hold; floating-point numbers are values to fit.
    name : str
        What to call it in errors.
    samples : int, optional
        How many targets there must be.

    Returns
    -------
    ndarray
        int64 or float64 of shape (samples,) or (samples, outputs), or str of shape (samples,).

    Raises
    ------
    DataError
        If the shape or the kind does not fit, there are no targets or not one a sample, or a value
        is missing, NaN or infinite. The message names the first such place, counted from 0.

    Examples
    --------
    >>> as_targets([True, False]), as_targets([0.5, 1])
    (array([1, 0]), array([0.5, 1. ]))
    >>> as_targets([1, 2, 3], samples=4)
    Traceback (most recent call last):
    fastmlp.errors.DataError: y has 3 targets for 4 samples
    """
    array = _as_array(y, name)
    if array.dtype.kind == "O":
        array = _labels_from_objects(array, name)
    if array.ndim == 2 and array.shape[1] == 1 and array.dtype.kind != "f":
        array = array[:, 0]
    _check_target_shape(array, name, samples)
    kind = array.dtype.kind
    if kind in "US":
        return np.ascontiguousarray(array.astype(np.str_))
    if kind in "biu":
        if kind == "u" and int(array.max()) > np.iinfo(np.int64).max:
            raise DataError(f"{name} holds {array.max()}, beyond the largest label, 2**63 - 1")
        return np.require(array, dtype=np.int64, requirements=["C", "A"])
    _check_number_dtype(array.dtype, name)
    values = np.require(array, dtype=np.float64, requirements=["C", "A"])
    check_finite(values.reshape(len(values), -1), name)
    return values


def as_weights(weights: Any, *, samples: int, name: str = "sample_weight") -> Array | None:
    """Check weights of samples: finite numbers of at least 0, one a row; None stays None.

    Returns
    -------
    ndarray of float64, shape (samples,), or None

    Raises
    ------
    DataError
        Another shape or kind, or a weight that is negative or not finite. The message names the
        first such row, counted from 0.

    Examples
    --------
    >>> as_weights([1, 0.5], samples=2)
    array([1. , 0.5])
    >>> as_weights([1, -1], samples=2)
    Traceback (most recent call last):
    fastmlp.errors.DataError: sample_weight holds -1.0 at row 1 (counted from 0); ...
    """
    if weights is None:
        return None
    array = _number_array(weights, name)
    if array.shape != (samples,):
        raise DataError(f"{name} has shape {array.shape}, expected ({samples},): one a row")
    values = np.require(array, dtype=np.float64, requirements=["C", "A"])
    bad = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
    if len(bad):
        row = int(bad[0])
        raise DataError(
            f"{name} holds {float(values[row])} at row {row} (counted from 0); "
            "weights must be finite and not negative"
        )
    return values


def fill_out(out: Any, values: Array) -> Array:
    """Write values into the caller's array and return that.

    Raises
    ------
    TypeError, ValueError
        `out` is no writable, C-contiguous ndarray of the values' dtype and shape.
    """
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out must be a NumPy array; got {type(out).__name__}")
    if out.dtype != values.dtype:
        raise TypeError(f"out has dtype {out.dtype}; it must be {values.dtype}")
    if out.shape != values.shape:
        raise ValueError(f"out has shape {out.shape}; it must be {values.shape}")
    if out.flags.num & PLAIN_FLAGS != PLAIN_FLAGS:
        raise ValueError("out must be C-contiguous and aligned")
    if not out.flags.writeable:
        raise ValueError("out is read-only")
    out[...] = values
    return out


def _is_plain(x: Any, features: int | None) -> bool:
    """Whether x is what `as_features` would return as it is."""
    return (
        type(x) is np.ndarray
        and x.dtype in PLAIN_DTYPES
        and x.ndim == 2
        and x.shape[1] == features
        and len(x) > 0
        and x.flags.num & PLAIN_FLAGS == PLAIN_FLAGS
    )


def _as_array(value: Any, name: str) -> Array:
    """Turn any array-like into a plain ndarray, or raise a DataError that says why not."""
    if isinstance(value, np.ma.MaskedArray):
        if np.ma.is_masked(value):
            place = tuple(int(i) for i in np.argwhere(np.ma.getmaskarray(value))[0])
            raise DataError(f"{name} is masked (missing) at {place}; fill it in or drop the row")
        return np.asarray(value.data)
    try:
        if not hasattr(value, "__array__") and hasattr(value, "__dlpack__"):
            return np.asarray(np.from_dlpack(value))
        return np.asarray(value)
    except (TypeError, ValueError, RuntimeError, BufferError, OverflowError) as error:
        raise DataError(
            f"{name} ({type(value).__name__}) is not an array of numbers: {error}"
        ) from error


def _number_array(value: Any, name: str) -> Array:
    array = _as_array(value, name)
    if array.ndim == 0:
        hint = "; a sparse matrix needs .toarray()" if hasattr(value, "toarray") else ""
        raise DataError(
            f"{name} must be an array (samples, features), not {type(value).__name__}{hint}"
        )
    _check_number_dtype(array.dtype, name)
    return array


def _check_number_dtype(dtype: np.dtype[Any], name: str) -> None:
    if dtype.kind in "biuf":
        return
    reason = {
        "c": "complex numbers",
        "O": "Python objects: mixed columns, or numbers together with text or None",
        "U": "text",
        "S": "bytes",
        "V": "records",
        "M": "dates",
        "m": "time differences",
    }.get(dtype.kind, "something else")
    raise DataError(
        f"{name} has dtype {dtype} ({reason}); expected real numbers: uint8, float32, float64, or "
        "any bool, integer or float type"
    )


def _check_feature_shape(array: Array, name: str, features: int | None) -> None:
    if array.ndim == 1:
        raise DataError(
            f"{name} has shape {array.shape}, expected (samples, features); for one sample pass "
            f"{name}.reshape(1, -1), for one feature {name}.reshape(-1, 1)"
        )
    if array.size == 0:
        raise DataError(f"{name} is empty: shape {array.shape}")
    if array.ndim != 2:
        raise DataError(
            f"{name} has shape {array.shape}, expected (samples, features) or (samples, height, "
            "width)"
        )
    if features is not None and array.shape[1] != features:
        raise DataError(f"{name} has {array.shape[1]} features, expected {features}")


def _feature_dtype(array: Array) -> np.dtype[Any]:
    kind, size = array.dtype.kind, array.dtype.itemsize
    if kind == "f":
        return np.dtype(np.float32 if size <= 4 else np.float64)
    if kind == "b" or (kind == "u" and size == 1):
        return np.dtype(np.uint8 if kind == "u" else np.float32)
    if size <= 2:
        return np.dtype(np.float32)
    exact = int(array.max()) <= FLOAT32_EXACT and int(array.min()) >= -FLOAT32_EXACT
    return np.dtype(np.float32 if exact else np.float64)


def check_finite(array: Array, name: str) -> None:
    """Refuse NaN and infinity in an array (rows, columns), a block of rows at a time."""
    if array.dtype.kind != "f":
        return
    step = max(1, BLOCK // array.shape[1])
    for start in range(0, len(array), step):
        finite = np.isfinite(array[start : start + step])
        if not finite.all():
            row, column = (int(i) for i in np.argwhere(~finite)[0])
            value = float(array[start + row, column])
            raise DataError(
                f"{name} holds {value} at row {start + row}, column {column} (counted from 0); "
                "every value must be finite"
            )


def _check_target_shape(array: Array, name: str, samples: int | None) -> None:
    if array.ndim not in (1, 2):
        raise DataError(
            f"{name} has shape {array.shape}, expected (samples,) or (samples, outputs)"
        )
    if array.size == 0:
        raise DataError(f"{name} is empty: shape {array.shape}")
    if samples is not None and len(array) != samples:
        raise DataError(f"{name} has {len(array)} targets for {samples} samples")
    if array.ndim == 2 and array.dtype.kind not in "biuf":
        raise DataError(
            f"{name} has shape {array.shape} and dtype {array.dtype}; class labels are "
            "one-dimensional, several labels a row a matrix of 0 and 1"
        )


def _labels_from_objects(array: Array, name: str) -> Array:
    """Accept an object array, as pandas hands them out, of strings only or whole numbers only."""
    flat = array.ravel()
    first = flat[0] if flat.size else None
    wanted: type | tuple[type, ...] = str if isinstance(first, str) else (int, np.integer)
    for place, value in enumerate(flat):
        if not isinstance(value, wanted):
            raise DataError(
                f"{name} holds {value!r} ({type(value).__name__}) at {place} (counted from 0); "
                "labels must be all text or all whole numbers, and none missing"
            )
    try:
        return array.astype(np.str_ if wanted is str else np.int64)
    except OverflowError as error:
        raise DataError(f"{name} holds a label beyond 64 bits: {error}") from error
