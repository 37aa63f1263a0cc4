"""Targets: labels to class numbers and back, values to scaled values and back; what fits them.

The arrays arrive checked by data/arrays.py. What is done with the numbers is the engine's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..config.catalog import CUSTOM_LOSS, LOSS_OUTPUTS, LOSSES
from ..config.keys import activation_name
from ..data.arrays import as_targets
from ..errors import ConfigError, DataError
from .multilabel import LabelSetTargets, is_label_matrix, is_one_hot
from .scaling import mean_and_deviation

Array = NDArray[Any]

# What "auto" becomes where the user chose neither output unit nor loss.
CLASS_OUTPUT = "softmax"
VALUE_OUTPUT = "identity"
SQUARED_LOSS = "mean_squared_error"
LABEL_OUTPUT = "sigmoid"  # of labels that hold or not, each by itself
SQUARED_CLASS_OUTPUT = "sigmoid"  # of classes learned with a squared error: the lectures' form
MANY = 20  # more classes than this and than half the rows are values, taken for classes by mistake


@dataclass(frozen=True, eq=False)
class ClassTargets:
    """Classes: the label of each class number.

    Parameters
    ----------
    labels : ndarray, shape (classes,)
        Whole numbers, booleans, strings or floats, sorted, each once.
    outputs : int
        Output units: one a class, or 1 for two classes on one sigmoid unit (its value is the
        second's probability), or on one linear unit (its sign decides, sign(0) = +1: the second).
    margin : bool
        Whether one unit decides by its sign instead of by one half.

    Examples
    --------
    >>> targets = ClassTargets.fit(["cat", "dog", "cat"])
    >>> targets.encode(["dog", "cat"]), targets.decode(np.array([[0.1, 0.9]]))
    (array([1, 0]), array(['dog'], dtype='<U3'))
    """

    labels: Array
    outputs: int
    margin: bool = False
    task: ClassVar[str] = "classification"

    @classmethod
    def fit(
        cls, y: Any, *, one_unit: bool = False, margin: bool = False, guessed: bool = False
    ) -> ClassTargets:
        """Find the classes of training labels.

        Parameters
        ----------
        y : array_like, shape (samples,)
            Labels; their dtype is kept.
        one_unit : bool
            Two classes on one unit.
        margin : bool
            Whether it decides by its sign.
        guessed : bool
            Whether classification was guessed from the dtype: whole numbers that look like values
            are refused then.

        Raises
        ------
        DataError
            Not one label a row, or fewer than two classes.
        """
        values = as_targets(y)
        if values.ndim != 1:
            raise DataError(
                f"classes need one label a row, y has shape {values.shape}; "
                "for one-hot rows pass y.argmax(axis=1)"
            )
        labels = np.unique(values)
        if len(labels) < 2:
            raise DataError(f"y holds one class only, {labels[0].item()!r}; training needs two")
        if guessed and values.dtype.kind == "i" and len(labels) > max(MANY, len(values) // 2):
            raise DataError(
                f"y holds {len(labels)} different whole numbers in {len(values)} rows; say "
                "task='regression' if they are values, or task='classification' if they are classes"
            )
        outputs = 1 if one_unit and len(labels) == 2 else len(labels)
        return cls(labels.astype(_label_dtype(y, values)), outputs, margin)

    def encode(self, y: Any, *, name: str = "y", samples: int | None = None) -> NDArray[np.int64]:
        """Return the class number of each label, shape (samples,).

        Raises
        ------
        DataError
            A label that training did not see (the first few are named), or labels of another kind.
        """
        values = as_targets(y, name=name, samples=samples)
        known = as_targets(self.labels)
        kinds = {known.dtype.kind, values.dtype.kind}
        if values.ndim != 1 or (len(kinds) > 1 and "U" in kinds):
            shown = ", ".join(repr(label) for label in self.labels[:5].tolist())
            raise DataError(
                f"{name} has shape {values.shape} and dtype {values.dtype}; "
                f"expected one label a row, such as {shown}"
            )
        numbers = np.minimum(np.searchsorted(known, values), len(known) - 1)
        unseen = np.unique(values[known[numbers] != values])
        if len(unseen):
            shown = ", ".join(repr(label) for label in unseen[:5].tolist())
            more = f" and {len(unseen) - 5} more" if len(unseen) > 5 else ""
            raise DataError(f"{name} holds labels that training did not see: {shown}{more}")
        return numbers.astype(np.int64)

    def numbers(self, outputs: Array) -> NDArray[np.int64]:
        """Return the class number that each row of outputs (samples, units) decides for."""
        if self.outputs == 1:
            second = outputs[:, 0] >= 0 if self.margin else outputs[:, 0] > 0.5
            return np.asarray(second, np.int64)
        return np.asarray(outputs.argmax(axis=1), np.int64)

    def decode(self, outputs: Array) -> Array:
        """Return the label that each row of outputs (samples, units) decides for."""
        return self.labels[self.numbers(outputs)]

    def probabilities(self, outputs: Array) -> Array:
        """Return class probabilities (samples, classes) from sigmoid outputs.

        One sigmoid unit becomes the pair (1 - p, p). Several sigmoid units are divided by their
        sum.
        """
        if self.outputs == 1:
            return np.concatenate([1 - outputs, outputs], axis=1)
        total = outputs.sum(axis=1, keepdims=True)
        equal = np.full_like(outputs, 1 / self.outputs)
        shares: Array = np.divide(outputs, total, out=equal, where=total > 0)
        return shares


@dataclass(frozen=True, eq=False)
class ValueTargets:
    """Real values: ``(y - shift) / scale`` is what the network learns.

    Parameters
    ----------
    outputs : int
        Values a row.
    flat : bool
        Whether y is (samples,); predictions have the same shape.
    shift, scale : ndarray of float64, shape (outputs,), or None
        Both None for values learned as they are, and never only one.
    log_outputs : bool
        Whether outputs are logarithms of what is predicted (rates of counts).

    Examples
    --------
    >>> targets = ValueTargets.fit([1.0, 3.0], "standard")
    >>> targets.encode([5.0]), targets.decode(np.array([[3.0]], np.float32))
    (array([[3.]]), array([5.]))
    """

    outputs: int
    flat: bool
    shift: NDArray[np.float64] | None = None
    scale: NDArray[np.float64] | None = None
    log_outputs: bool = False
    task: ClassVar[str] = "regression"

    @classmethod
    def fit(cls, y: Any, scaling: str = "none", *, log_outputs: bool = False) -> ValueTargets:
        """Find the shape and, with scaling ``standard``, mean and deviation of training values.

        Raises
        ------
        DataError
            Labels that are not numbers.
        """
        values = _as_values(y, "y", None)
        rows = values.reshape(len(values), -1)
        shift, scale = mean_and_deviation(rows) if scaling == "standard" else (None, None)
        return cls(rows.shape[1], values.ndim == 1, shift, scale, log_outputs)

    def encode(self, y: Any, *, name: str = "y", samples: int | None = None) -> NDArray[np.float64]:
        """Return what the network learns, shape (samples, outputs).

        Raises
        ------
        DataError
            Not numbers, or another number of values a row.
        """
        values = _as_values(y, name, samples)
        rows = values.reshape(len(values), -1)
        if rows.shape[1] != self.outputs:
            raise DataError(f"{name} has {rows.shape[1]} values a row, expected {self.outputs}")
        if self.shift is None or self.scale is None:
            return rows
        return (rows - self.shift) / self.scale

    def decode(self, outputs: Array) -> NDArray[np.float64]:
        """Return values in the units of y, (samples,) or (samples, outputs), from outputs."""
        values = outputs.astype(np.float64)
        if self.log_outputs:
            with np.errstate(over="ignore"):
                values = np.exp(values)
        if self.shift is not None and self.scale is not None:
            values = values * self.scale + self.shift
        return values[:, 0] if self.flat else values


Targets = ClassTargets | LabelSetTargets | ValueTargets


def infer_task(y: Array, task: str = "auto", loss: str = "auto") -> str:
    """Return "classification" for labels and "regression" for floats, unless `task` says.

    A matrix of 0 and 1 as whole numbers is "multilabel"; a loss of counts makes whole numbers
    values.

    Raises
    ------
    DataError
        A matrix of whole numbers that may mean something else: one-hot rows, counts.

    Examples
    --------
    >>> infer_task(np.array([0, 1])), infer_task(np.array([0.5, 1.5]))
    ('classification', 'regression')
    """
    if task != "auto":
        return task
    if loss != "auto" and LOSSES[loss]["log_outputs"]:
        return "regression"
    if is_label_matrix(y):
        if is_one_hot(y):
            raise DataError(
                "y is one-hot: for one class a row pass y.argmax(axis=1), for several labels a row "
                "say task='multilabel'"
            )
        if y.min() < 0 or y.max() > 1:
            raise DataError(
                "y is a matrix of whole numbers beyond 0 and 1; say task='regression' if they are "
                "values"
            )
        return "multilabel"
    return "regression" if y.dtype.kind == "f" else "classification"


def infer_output_and_loss(task: str, output: str = "auto", loss: str = "auto") -> tuple[str, str]:
    """Return the output unit and the loss: what was chosen, completed by what fits it.

    Parameters
    ----------
    task : {"classification", "multilabel", "regression"}
        What the target is.
    output, loss : str
        A name of the engine's catalog (of an output unit with its constants) or ``auto``.

    Returns
    -------
    output, loss : str
        Classes alone give softmax and categorical cross-entropy, sets of labels sigmoid and binary
        cross-entropy, values alone identity and mean squared error.

    Raises
    ------
    ConfigError
        A loss that does not go with the output unit.

    Examples
    --------
    >>> infer_output_and_loss("classification")
    ('softmax', 'categorical_cross_entropy')
    >>> infer_output_and_loss("classification", output="sigmoid")
    ('sigmoid', 'binary_cross_entropy')
    >>> infer_output_and_loss("regression", loss="half_squared_error")
    ('identity', 'half_squared_error')
    """
    classes = task != "regression"
    if task == "multilabel":
        if output not in ("auto", LABEL_OUTPUT):
            raise ConfigError(
                f"task 'multilabel' needs output_activation {LABEL_OUTPUT!r}, one unit a label; "
                f"got {output!r}"
            )
        output = LABEL_OUTPUT
    if output == "auto":
        if loss in ("auto", CUSTOM_LOSS):
            output = CLASS_OUTPUT if classes else VALUE_OUTPUT
        elif len(LOSS_OUTPUTS[loss]) == 1:
            output = LOSS_OUTPUTS[loss][0]
        else:
            output = SQUARED_CLASS_OUTPUT if classes else VALUE_OUTPUT
    unit = activation_name(output)
    if loss == "auto":
        own = [name for name, outputs in LOSS_OUTPUTS.items() if outputs == (unit,)]
        loss = own[0] if own and classes and unit != VALUE_OUTPUT else SQUARED_LOSS
    if unit not in LOSS_OUTPUTS[loss]:
        other = "log_outputs" if classes else "is_margin"  # belongs to the other task
        fitting = [
            name
            for name, row in LOSSES.items()
            if unit in row["outputs"] and not row[other] and name != CUSTOM_LOSS  # type: ignore[literal-required]
        ]
        raise ConfigError(
            f"loss {loss!r} goes with output_activation {' or '.join(LOSS_OUTPUTS[loss])}, "
            f"not {output!r}; for {output!r} choose {', '.join(fitting)}"
        )
    if classes and LOSSES[loss]["log_outputs"]:
        raise ConfigError(f"loss {loss!r} is for counts; this task is {task}")
    if not classes and LOSSES[loss]["is_margin"]:
        raise ConfigError(f"loss {loss!r} is for classes; this task is {task}")
    return output, loss


def _label_dtype(y: Any, values: Array) -> np.dtype[Any]:
    """Return the caller's own dtype of whole or true/false labels, else that of `values`."""
    own = getattr(y, "dtype", None) or np.asarray(y).dtype
    return (
        own.newbyteorder("=") if isinstance(own, np.dtype) and own.kind in "biu" else values.dtype
    )


def _as_values(y: Any, name: str, samples: int | None) -> NDArray[np.float64]:
    values = as_targets(y, name=name, samples=samples)
    if values.dtype.kind == "U":
        first = values[0].item()
        raise DataError(f"{name} holds texts such as {first!r}; a regression needs numbers")
    return values.astype(np.float64, copy=False)
