"""Weights of the training rows: the caller's, times those of their classes.

What a weight does to the loss of a batch is the engine's: sum(w_i l_i) / rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.arrays import as_weights
from ..errors import ConfigError, DataError
from ..model.heads import AnyTargets, Encoded
from ..model.targets import ClassTargets

Array = NDArray[Any]


def training_weights(
    sample_weight: Array | None,
    class_weight: str | Mapping[Any, float],
    targets: AnyTargets,
    encoded: Array | Encoded,
) -> NDArray[np.float64] | None:
    """Return a weight for each training row, or None where every row counts the same.

    Parameters
    ----------
    sample_weight : ndarray, shape (rows,), or None
        Checked by `as_weights`.
    class_weight : "none", "balanced", or dict
        ``balanced``: rows / (classes * rows of the class), as in scikit-learn. A dict: the weight
        of each label; a class that it leaves out has 1.
    targets : ClassTargets or another
        What the rows are learned as.
    encoded : ndarray, shape (rows,) or (rows, outputs)
        Class numbers, where there are classes.

    Raises
    ------
    ConfigError
        Weights of classes for what has none, or for labels that there are not.
    DataError
        Every weight is 0.
    """
    weights = sample_weight
    if class_weight != "none":
        if not isinstance(targets, ClassTargets) or isinstance(encoded, dict):
            raise ConfigError(f"class_weight needs one label a row; this task is {targets.task}")
        own = (
            _by_label(class_weight, targets)
            if isinstance(class_weight, Mapping)
            else balanced(encoded, len(targets.labels))
        )[encoded]
        weights = own if weights is None else weights * own
    if weights is not None and not weights.any():
        raise DataError("every training row has weight 0: there is nothing to learn")
    return weights


def balanced(numbers: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    """Return weights that make all classes count the same: rows / (classes * rows of the class).

    Examples
    --------
    >>> balanced(np.array([0, 0, 0, 1]), 2)
    array([0.66666667, 2.        ])
    """
    counts = np.bincount(numbers, minlength=classes)
    present = int((counts > 0).sum())
    weights: NDArray[np.float64] = len(numbers) / (present * np.maximum(counts, 1))
    return weights


def _by_label(weights: Mapping[Any, float], targets: ClassTargets) -> NDArray[np.float64]:
    labels = targets.labels.tolist()
    for label in weights:
        if label not in labels:
            raise ConfigError(
                f"class_weight names {label!r}, which is no class; there are {labels}"
            )
    try:
        values = as_weights(
            np.array([weights.get(label, 1.0) for label in labels], np.float64),
            samples=len(labels),
            name="class_weight",
        )
    except (TypeError, ValueError) as error:
        raise ConfigError(f"class_weight must hold numbers of at least 0: {error}") from None
    assert values is not None
    return values
