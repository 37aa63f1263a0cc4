"""A loss that is a function of the caller's: what it is given, what it must return, how it fails.

The engine calls it between forward and backward of each step (csrc/bindings/custom_loss.cpp checks
what it returns); figures of validation rows are computed here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..errors import LossFunctionError
from ..model.targets import ClassTargets, Targets

Array = NDArray[Any]
# (outputs, targets) -> (loss, gradient)
LossFunction = Callable[[Array, Array], tuple[Any, Any]]


def named(function: LossFunction) -> LossFunction:
    """Return the function with every error of its own told as a LossFunctionError."""

    def call(outputs: Array, targets: Array) -> tuple[Any, Any]:
        try:
            return function(outputs, targets)
        except Exception as error:
            said = f"the loss function raised {type(error).__name__}: {error}"
            raise LossFunctionError(said) from error

    return call


def told(run_epoch: Callable[..., _core.EpochResult]) -> Callable[..., _core.EpochResult]:
    """Return the engine's call with what it finds wrong with results told as LossFunctionError."""

    def call(*arguments: Any) -> _core.EpochResult:
        try:
            return run_epoch(*arguments)
        except (TypeError, ValueError) as error:
            raise LossFunctionError(str(error)) from error

    return call


def measured(
    network: _core.Network,
    about: Targets,
    function: LossFunction,
    x: Array,
    targets: Array,
    threads: int,
) -> tuple[float, int]:
    """Return the mean loss of rows and, of classes, how many are right."""
    outputs = network.predict(x, threads)
    right = 0
    if isinstance(about, ClassTargets):
        right = int((about.numbers(outputs) == targets).sum())
    return mean_loss(function, outputs, targets), right


def mean_loss(function: LossFunction, outputs: Array, targets: Array) -> float:
    """Return the mean loss of rows whose outputs (rows, outputs) are known.

    Raises
    ------
    LossFunctionError
        The function fails, or its loss is neither one number nor one a row.

    Examples
    --------
    >>> mean_loss(lambda y, t: ((y - t)[:, 0] ** 2, 2 * (y - t)), np.ones((2, 1)), np.zeros((2, 1)))
    1.0
    """
    result = named(function)(outputs.copy(), targets.copy())
    try:
        loss = np.asarray(result[0], np.float64)
    except (TypeError, ValueError, IndexError, KeyError) as error:
        raise LossFunctionError(f"the loss that the function returned: {error}") from None
    if loss.shape not in ((), (len(outputs),)):
        raise LossFunctionError(
            f"the loss that the function returned has shape {loss.shape}; it must be one number "
            f"or ({len(outputs)},)"
        )
    return float(loss.mean())
