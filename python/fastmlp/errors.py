"""The errors that fastmlp raises on purpose, as one tree.

Every error names the value, the place and the choices. Each class is also the built-in error that
fits it, so code which catches `ValueError` or `FloatingPointError` needs to know nothing of this
module.
"""

from __future__ import annotations

from typing import Any


class FastmlpError(Exception):
    """Base of every error that fastmlp raises on purpose."""


class ConfigError(FastmlpError, ValueError):
    """A configuration key or value that does not fit: unknown, misspelt, out of range."""


class DataError(FastmlpError, ValueError):
    """Data that cannot be used: wrong shape or kind, not finite, missing, damaged, not found."""


class ModelFileError(FastmlpError, ValueError):
    """A model file that cannot be read: damaged, of another format or version, inconsistent."""


class DivergedError(FastmlpError, FloatingPointError):
    """Training met a weight that is not finite and stopped before storing it.

    Parameters
    ----------
    message : str
        What happened and what to do.
    model : Model, optional
        The model at its last whole finite step.

    Attributes
    ----------
    model : Model or None
        As above; None when no step had been finished.

    Examples
    --------
    >>> error = DivergedError("the loss is not finite in epoch 3; try a smaller learning_rate")
    >>> isinstance(error, FloatingPointError), error.model
    (True, None)
    """

    def __init__(self, message: str, model: Any = None) -> None:
        super().__init__(message)
        self.model = model


class LossFunctionError(FastmlpError, RuntimeError):
    """A loss that is a function of the caller's failed, or returned what no loss can be.

    Parameters
    ----------
    message : str
        What it did; its own error is the cause.
    model : Model, optional
        The model at its last whole step.

    Attributes
    ----------
    model : Model or None
        As above.
    """

    def __init__(self, message: str, model: Any = None) -> None:
        super().__init__(message)
        self.model = model


class NotFittedError(FastmlpError, ValueError, AttributeError):
    """An estimator was asked before it was fitted."""


class NotSeparableWarning(UserWarning):
    """A perceptron stopped with rows on the wrong side; its message says whether a plane exists."""


class InterruptedWarning(UserWarning):
    """Training was interrupted; the model returned stands at its last whole step."""
