"""A data set in memory, and its split into training, validation and test rows.

The split is a function of the seed and the row numbers alone: it uses a cryptographic hash, no
random generator, so it is the same on every machine and in every release of NumPy. Reading files is
left to the other modules.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from .heads import as_head_targets

Kind = Literal["images", "table", "arrays"]
Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples, their targets, and what is known of them.

    Parameters
    ----------
    name : str
        What to call the set: "digits", or the file it came from.
    x : ndarray of uint8, float32 or float64, shape (samples, features)
        The samples, C-contiguous.
    y : ndarray of int64, str or float64, shape (samples,), or of float64, shape (samples, outputs)
        Class labels (int64, str) or real values (float64). Of several heads a mapping of such
        targets by name, which becomes a structured array.
    x_test, y_test : ndarray or None
        The official test part, of the same kinds, where the set has one.
    feature_names : tuple of str or None
        Names of the columns of `x`.
    target_name : str or None
        Name of the target column.
    image_shape : tuple of int or None
        (height, width) when a row of `x` is a picture.
    pixel_max : int
        The value of a full pixel: 16 for "digits", 255 for IDX files. Input scaling "unit" divides
        by it. By default the largest value of a uint8 `x`, so that columns of 0 and 1 stay as they
        are; 255 for other types.
    kind : {"images", "table", "arrays"}
        Where the rows come from, for the choice of defaults.
    source, licence : str
        Where the data come from and on what terms; "" when unknown.

    Raises
    ------
    DataError
        If the arrays do not fit one another.

    Examples
    --------
    >>> data = Dataset("xor", np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0]))
    >>> data.x.shape, data.kind, data.x_test is None
    ((4, 2), 'arrays', True)
    """

    name: str
    x: Array
    y: Array
    x_test: Array | None = None
    y_test: Array | None = None
    feature_names: tuple[str, ...] | None = None
    target_name: str | None = None
    image_shape: tuple[int, int] | None = None
    pixel_max: int = 0
    kind: Kind = "arrays"
    source: str = ""
    licence: str = ""

    def __post_init__(self) -> None:
        """Check that the parts fit one another; the values were checked when they were read."""
        for name in ("y", "y_test"):
            if isinstance(getattr(self, name), Mapping):
                object.__setattr__(self, name, as_head_targets(getattr(self, name), name=name))
        if self.pixel_max == 0:
            largest = int(self.x.max(initial=1)) if self.x.dtype == np.uint8 else 255
            object.__setattr__(self, "pixel_max", largest)
        _check_rows(self.name, "x", self.x, "y", self.y)
        features = self.x.shape[1]
        if (self.x_test is None) != (self.y_test is None):
            raise DataError(f"{self.name}: x_test and y_test belong together; one of them is None")
        if self.x_test is not None and self.y_test is not None:
            _check_rows(self.name, "x_test", self.x_test, "y_test", self.y_test)
            if self.x_test.shape[1] != features:
                raise DataError(
                    f"{self.name}: x_test has {self.x_test.shape[1]} features, x has {features}"
                )
        if self.feature_names is not None and len(self.feature_names) != features:
            raise DataError(
                f"{self.name}: {len(self.feature_names)} feature names for {features} features"
            )
        if self.image_shape is not None and self.image_shape[0] * self.image_shape[1] != features:
            raise DataError(
                f"{self.name}: image_shape {self.image_shape} does not make {features} features"
            )


def _check_rows(name: str, x_name: str, x: Array, y_name: str, y: Array) -> None:
    if x.ndim != 2 or y.ndim not in (1, 2):
        raise DataError(
            f"{name}: {x_name} must be (samples, features) and {y_name} (samples,) or (samples, "
            f"outputs), not {x.shape} and {y.shape}"
        )
    if len(x) != len(y):
        raise DataError(f"{name}: {len(x)} samples in {x_name}, but {len(y)} targets in {y_name}")


@dataclass(frozen=True, eq=False)
class Split:
    """The three parts of a data set; a part that was not asked for is None.

    Parameters
    ----------
    x_train, y_train : ndarray
        What to train on, in the order of the data set.
    x_validation, y_validation : ndarray or None
        What to watch while training.
    x_test, y_test : ndarray or None
        What to judge by at the end.
    train_rows : ndarray of int64 or None
        Which rows of the data set `x_train` is; None: all of them.
    """

    x_train: Array
    y_train: Array
    x_validation: Array | None
    y_validation: Array | None
    x_test: Array | None
    y_test: Array | None
    train_rows: NDArray[np.int64] | None = None


def split(
    dataset: Dataset,
    validation_fraction: float = 0.1,
    test_fraction: float = 0.2,
    seed: int = 0,
) -> Split:
    """Split a data set into training, validation and test rows.

    Every class is spread over the parts in proportion. A set with an official test part keeps it,
    and `test_fraction` does not matter then. The same seed gives the same rows on every machine.

    Parameters
    ----------
    dataset : Dataset
        What to split.
    validation_fraction, test_fraction : float
        Shares of the rows of `x`, each in [0, 1), together less than 1; 0 leaves the part out.
    seed : int
        From 0 to 2**64 - 1.

    Returns
    -------
    Split
        The parts. Rows keep the order that they have in the data set.

    Raises
    ------
    DataError
        If a fraction or the seed is out of range, or no row would be left to train on.

    Examples
    --------
    >>> data = Dataset("ten", np.arange(20.0).reshape(10, 2), np.array([0, 1] * 5))
    >>> parts = split(data, validation_fraction=0.2, test_fraction=0.2, seed=1)
    >>> len(parts.y_train), sorted(parts.y_validation.tolist()), sorted(parts.y_test.tolist())
    (6, [0, 1], [0, 1])
    """
    _check_fraction("validation_fraction", validation_fraction)
    _check_fraction("test_fraction", test_fraction)
    x, y, x_test, y_test = dataset.x, dataset.y, dataset.x_test, dataset.y_test
    if x_test is not None:
        test_fraction = 0.0
    n_test = _share(len(x), test_fraction)
    n_validation = _share(len(x), validation_fraction)
    if n_test + n_validation >= len(x):
        raise DataError(
            f"{dataset.name}: {len(x)} rows leave none to train on with validation_fraction="
            f"{validation_fraction} and test_fraction={test_fraction}; make them smaller"
        )
    order = _stratified_order(y, seed)
    test = np.sort(order[:n_test])
    validation = np.sort(order[n_test : n_test + n_validation])
    train = np.sort(order[n_test + n_validation :])
    if n_test:
        x_test, y_test = x[test], y[test]
    return Split(
        x_train=x[train],
        y_train=y[train],
        x_validation=x[validation] if n_validation else None,
        y_validation=y[validation] if n_validation else None,
        x_test=x_test,
        y_test=y_test,
        train_rows=train,
    )


def _check_fraction(name: str, value: float) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1:
        raise DataError(f"{name} must be a number from 0 up to, not including, 1, not {value!r}")


def _share(rows: int, fraction: float) -> int:
    """How many rows a fraction is; at least one when it is not 0."""
    return max(1, int(rows * fraction + 0.5)) if fraction else 0


def _stratified_order(y: Array, seed: int) -> NDArray[np.int64]:
    """Order the rows so that any run of them holds each class in proportion.

    Within its class the row with the r-th smallest hash of c stands at (r + 1/2) / c of the way;
    rows are sorted by that, then by hash. Real-valued targets are one class.
    """
    rows = len(y)
    keys = _hashes(rows, seed)
    place = np.empty(rows, dtype=np.float64)
    classes = np.zeros(rows, dtype=np.int64)
    y = _strata(y)
    if y.ndim == 1 and y.dtype.kind != "f":
        classes = np.unique(y, return_inverse=True)[1].astype(np.int64)
    by_class = np.lexsort((keys, classes))
    counts = np.bincount(classes)
    starts = np.cumsum(counts) - counts
    rank = np.arange(rows) - np.repeat(starts, counts)
    place[by_class] = (rank + 0.5) / np.repeat(counts, counts)
    return np.lexsort((keys, place)).astype(np.int64)


def _strata(y: Array) -> Array:
    """Return the targets whose classes are spread evenly: of heads the first that has classes."""
    fields = [y[name] for name in y.dtype.names or ()]
    return next(
        (one for one in fields if one.ndim == 1 and one.dtype.kind != "f"), (fields or [y])[0]
    )


def _hashes(rows: int, seed: int) -> NDArray[np.uint64]:
    """Hash each row number with the seed, shape (rows,): BLAKE2b, eight rows a digest."""
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**64:
        raise DataError(f"seed must be a whole number from 0 to 2**64 - 1, not {seed!r}")
    head = b"fastmlp split" + int(seed).to_bytes(8, "little")
    blocks = range((rows + 7) // 8)
    digests = b"".join(hashlib.blake2b(head + b.to_bytes(8, "little")).digest() for b in blocks)
    return np.frombuffer(digests, dtype="<u8")[:rows].astype(np.uint64)
