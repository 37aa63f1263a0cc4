"""What outputs mean for one target: its words, its probabilities, its figures."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.arrays import as_targets
from ..evaluation import Evaluation
from .multilabel import LabelSetTargets
from .targets import ClassTargets, Targets

Array = NDArray[Any]


def meaning(targets: Targets) -> str:
    """Return in words what is predicted.

    Examples
    --------
    >>> meaning(ClassTargets.fit(["a", "b"])), meaning(LabelSetTargets.fit([[1, 0], [0, 1]]))
    ('classification of 2 classes', 'multilabel of 2 labels')
    """
    if isinstance(targets, ClassTargets):
        return f"classification of {len(targets.labels)} classes"
    if isinstance(targets, LabelSetTargets):
        return f"{targets.task} of {targets.outputs} labels"
    return f"regression of {targets.outputs} value{'s' if targets.outputs > 1 else ''}"


def has_probabilities(targets: Targets, output: str) -> bool:
    """Whether outputs of this unit are probabilities, or can be made some."""
    is_class = isinstance(targets, ClassTargets) and output in ("softmax", "sigmoid")
    return is_class or isinstance(targets, LabelSetTargets)


def require_probabilities(targets: Targets, output: str) -> None:
    """Refuse outputs that are no probabilities.

    Raises
    ------
    ValueError
        A regression, or an output unit of another kind.
    """
    if has_probabilities(targets, output):
        return
    if not isinstance(targets, ClassTargets):
        raise ValueError("a regression has no class probabilities; use predict")
    raise ValueError(
        f"output_activation {output!r} gives no probabilities; train with 'softmax' or 'sigmoid'"
    )


def probabilities(targets: Targets, output: str, outputs: Array) -> Array:
    """Return the probability of each class or label, from outputs that have some."""
    if isinstance(targets, ClassTargets) and output != "softmax":
        return targets.probabilities(outputs)
    return outputs


def measured(targets: Targets, y: Any, encoded: Array, outputs: Array, loss: float) -> Evaluation:
    """Return the figures of outputs (samples, units) whose targets are y, `encoded` by them."""
    if isinstance(targets, ClassTargets):
        numbers = targets.numbers(outputs)
        return Evaluation.of_classes(encoded.astype(np.int64), numbers, targets.labels.copy(), loss)
    if isinstance(targets, LabelSetTargets):
        return Evaluation.of_label_sets(encoded, targets.decode(outputs), loss)
    return Evaluation.of_values(as_targets(y), targets.decode(outputs), loss)
