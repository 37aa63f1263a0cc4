"""What was measured: the figures of one evaluation, and the history of a training.

The loss itself comes from the engine. How the figures are printed is cli/text.py's.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """How well a model does on some samples.

    Parameters
    ----------
    samples : int
        Rows it was measured on.
    loss : float
        Mean of the model's own loss (of scaled targets, where the model scales them).
    accuracy : float or None
        Right rows / rows, of sets of labels those of which every label is right. None of values.
    label_accuracy : float or None
        Right labels / labels, of sets of labels only.
    classes : ndarray or None, shape (classes,)
        Labels of the rows and columns of `confusion`. Of classes only, like that.
    confusion : ndarray of int64 or None, shape (classes, classes)
        How many rows of each class (row) were taken for each class (column).
    rmse, mae : float or None
        sqrt(mean (y - p)^2) and mean |y - p|, in the units of y, over all values. Of real values
        only.
    r2 : float or None
        1 - sum (y - p)^2 / sum (y - mean)^2, averaged over the outputs; NaN where y does not vary.

    Examples
    --------
    >>> true, decided = np.array([0, 1, 1]), np.array([0, 1, 0])
    >>> Evaluation.of_classes(true, decided, np.array(["a", "b"]), loss=0.5)
    Evaluation(samples=3, loss=0.5, accuracy=0.6667)
    """

    samples: int
    loss: float
    accuracy: float | None = None
    classes: Array | None = None
    confusion: NDArray[np.int64] | None = None
    rmse: float | None = None
    mae: float | None = None
    r2: float | None = None
    label_accuracy: float | None = None

    @classmethod
    def of_classes(
        cls, true: NDArray[np.int64], decided: NDArray[np.int64], classes: Array, loss: float
    ) -> Evaluation:
        """Count decisions: class numbers `true` and `decided`, each (samples,)."""
        k = len(classes)
        confusion = np.bincount(true * k + decided, minlength=k * k).reshape(k, k)
        right = int(np.trace(confusion))
        return cls(
            samples=len(true),
            loss=loss,
            accuracy=right / len(true),
            classes=classes,
            confusion=confusion.astype(np.int64),
        )

    @classmethod
    def of_label_sets(cls, true: Array, decided: Array, loss: float) -> Evaluation:
        """Count labels that are right: matrices of 0 and 1, each (samples, labels).

        Examples
        --------
        >>> Evaluation.of_label_sets(np.eye(2), np.array([[1, 0], [1, 1]]), loss=0.5)
        Evaluation(samples=2, loss=0.5, accuracy=0.5, label_accuracy=0.75)
        """
        right = np.asarray(true != 0) == np.asarray(decided != 0)
        return cls(
            samples=len(right),
            loss=loss,
            accuracy=float(right.all(axis=1).mean()),
            label_accuracy=float(right.mean()),
        )

    @classmethod
    def of_values(cls, true: Array, predicted: Array, loss: float) -> Evaluation:
        """Measure distances: values `true` and `predicted`, each (samples,) or (samples, outputs).

        Examples
        --------
        >>> Evaluation.of_values(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 5.0]), loss=4 / 3)
        Evaluation(samples=3, loss=1.333, rmse=1.155, mae=0.6667, r2=-1)
        """
        y = true.astype(np.float64).reshape(len(true), -1)
        error = predicted.astype(np.float64).reshape(y.shape) - y
        spread = ((y - y.mean(axis=0)) ** 2).sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            r2 = np.where(spread > 0, 1 - (error**2).sum(axis=0) / spread, math.nan)
        return cls(
            samples=len(y),
            loss=loss,
            rmse=float(np.sqrt((error**2).mean())),
            mae=float(np.abs(error).mean()),
            r2=float(r2.mean()),
        )

    @property
    def correct(self) -> int | None:
        """Rows that are right; None for real values."""
        return None if self.accuracy is None else round(self.accuracy * self.samples)

    def as_dict(self) -> dict[str, Any]:
        """Return the figures as JSON can hold them; what is not finite is None."""
        figures: dict[str, Any] = {"samples": self.samples, "loss": _finite(self.loss)}
        if self.classes is not None and self.confusion is not None:
            figures |= {"accuracy": self.accuracy, "correct": self.correct}
            figures |= {"classes": self.classes.tolist(), "confusion": self.confusion.tolist()}
        elif self.label_accuracy is not None:
            figures |= {"accuracy": self.accuracy, "correct": self.correct}
            figures |= {"label_accuracy": self.label_accuracy}
        else:
            figures |= {name: _finite(getattr(self, name)) for name in ("rmse", "mae", "r2")}
        return figures

    def __repr__(self) -> str:
        names = ("samples", "loss", "accuracy", "label_accuracy", "rmse", "mae", "r2")
        shown = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        figures = (
            f"{name}={value if isinstance(value, int) else format(value, '.4g')}"
            for name, value in shown.items()
        )
        return f"Evaluation({', '.join(figures)})"


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None


class History(dict[str, list[float]]):
    """The figures of each finished epoch: a dict of lists, ``history["loss"][3]`` being epoch 3's.

    Keys: ``loss`` and, for classes, ``accuracy`` (running means over the epoch, while the weights
    move); ``val_loss`` and ``val_accuracy`` (after the epoch) when there are validation rows;
    of several heads also ``loss_NAME``, ``accuracy_NAME``, ``val_loss_NAME`` and
    ``val_accuracy_NAME`` of each head, its loss without its weight;
    ``test_accuracy`` when the test rows are counted each epoch; ``learning_rate``, of the epoch's
    last step (of a full-batch method the length of its step, and ``loss`` is that of all rows after
    it); ``evaluations`` of its line search; ``seconds``.

    Examples
    --------
    >>> history = History({"loss": [0.9, 0.4], "seconds": [0.1, 0.1]})
    >>> history.epochs, history.last("loss")
    (2, 0.4)
    """

    def __init__(self, figures: Mapping[str, Iterable[float]] | None = None) -> None:
        super().__init__({name: list(values) for name, values in (figures or {}).items()})

    @property
    def epochs(self) -> int:
        """How many epochs were finished."""
        return max((len(values) for values in self.values()), default=0)

    def last(self, name: str) -> float | None:
        """Return the newest figure of that name, or None."""
        values = self.get(name)
        return values[-1] if values else None

    def first(self, epochs: int) -> History:
        """Return the figures of the first so many epochs."""
        return History({name: values[:epochs] for name, values in self.items()} if epochs else {})

    def add(self, figures: Mapping[str, float]) -> None:
        """Append the figures of one more epoch."""
        for name, value in figures.items():
            self.setdefault(name, []).append(float(value))
