"""Targets of which each label holds or not by itself: a matrix of 0 and 1, an output unit a label.

The arrays arrive checked by data/arrays.py. Classes and values stand in targets.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..data.arrays import as_targets
from ..errors import DataError

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class LabelSetTargets:
    """Sets of labels: whether each of them holds for a row.

    Parameters
    ----------
    outputs : int
        Labels, one output unit each: its value is the label's probability.
    dtype : str
        Of the training matrix; predictions have it.

    Examples
    --------
    >>> targets = LabelSetTargets.fit([[1, 0], [1, 1], [0, 0]])
    >>> targets.encode([[0, 1]]), targets.decode(np.array([[0.2, 0.7]]))
    (array([[0., 1.]]), array([[0, 1]]))
    """

    outputs: int
    dtype: str
    task: ClassVar[str] = "multilabel"

    @classmethod
    def fit(cls, y: Any) -> LabelSetTargets:
        """Find the number of labels in a matrix of 0 and 1.

        Raises
        ------
        DataError
            Not a matrix, or a value that is neither 0 nor 1.
        """
        values = _as_matrix(y, "y", None)
        own = getattr(y, "dtype", None) or np.asarray(y).dtype
        is_whole = isinstance(own, np.dtype) and own.kind in "biu"
        return cls(values.shape[1], own.newbyteorder("=").name if is_whole else "float64")

    def encode(self, y: Any, *, name: str = "y", samples: int | None = None) -> NDArray[np.float64]:
        """Return what the network learns, shape (samples, labels).

        Raises
        ------
        DataError
            Another number of labels, or a value that is neither 0 nor 1.
        """
        values = _as_matrix(y, name, samples)
        if values.shape[1] != self.outputs:
            raise DataError(f"{name} has {values.shape[1]} labels a row, expected {self.outputs}")
        return values

    def decode(self, outputs: Array) -> Array:
        """Return 1 for each label above one half, shape (samples, labels)."""
        return (outputs > 0.5).astype(self.dtype)


def is_label_matrix(y: Array) -> bool:
    """Whether y, as `as_targets` returns it, is a matrix of whole numbers."""
    return y.ndim == 2 and y.dtype.kind == "i"


def is_one_hot(y: Array) -> bool:
    """Whether each row of a matrix holds one 1 and else 0.

    Examples
    --------
    >>> is_one_hot(np.eye(3)), is_one_hot(np.ones((2, 2)))
    (True, False)
    """
    return bool(((y == 0) | (y == 1)).all() and (y.sum(axis=1) == 1).all())


def _as_matrix(y: Any, name: str, samples: int | None) -> NDArray[np.float64]:
    values = as_targets(y, name=name, samples=samples)
    if values.ndim != 2 or values.dtype.kind == "U":
        raise DataError(
            f"{name} has shape {values.shape} and dtype {values.dtype}; several labels a row need "
            "a matrix (samples, labels) of 0 and 1"
        )
    wrong = np.argwhere((values != 0) & (values != 1))
    if len(wrong):
        row, column = (int(i) for i in wrong[0])
        raise DataError(
            f"{name} holds {values[row, column].item()} at row {row}, column {column} (counted "
            "from 0); labels that hold are 1, the others 0"
        )
    return values.astype(np.float64)
