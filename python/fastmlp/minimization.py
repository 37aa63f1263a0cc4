"""minimize(): the full-batch methods of training over a Python function, with the path they take.

Directions and line searches are the engine's (csrc/descent), the same as for
``train(optimizer="lbfgs")``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core
from .config.catalog import FULL_BATCH, LINE_SEARCHES, OPTIMIZERS
from .config.keys import choice, hyperparameter, whole
from .errors import ConfigError, DataError

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class Minimization:
    """The path of a descent: n + 1 points, and the n steps between them.

    Parameters
    ----------
    points, gradients : ndarray of float64, shape (n + 1, size)
        The last point is the lowest.
    values : ndarray of float64, shape (n + 1,)
        Of the function.
    directions : ndarray of float64, shape (n, size)
        Of each step: ``points[k + 1] = points[k] + step_lengths[k] * directions[k]``.
    step_lengths : ndarray of float64, shape (n,)
        What the line search found.
    evaluations : ndarray of int64, shape (n,)
        Values with their gradients that each line search asked for.
    stop_reason : str or None
        Why no step followed; None where `max_iterations` had been done.

    Examples
    --------
    >>> minimize(lambda x: ((x[0] - 3) ** 2, [2 * x[0] - 6]), [1.0])
    Minimization(value=0, iterations=2, stop_reason='no element of the gradient is larger ...')
    """

    points: Array
    values: Array
    gradients: Array
    directions: Array
    step_lengths: Array
    evaluations: NDArray[np.int64]
    stop_reason: str | None

    @property
    def x(self) -> Array:
        """The last point."""
        last: Array = self.points[-1]
        return last

    @property
    def value(self) -> float:
        """The function there."""
        return float(self.values[-1])

    @property
    def iterations(self) -> int:
        """How many steps there were."""
        return len(self.step_lengths)

    def __repr__(self) -> str:
        return (
            f"Minimization(value={self.value:.6g}, iterations={self.iterations}, "
            f"stop_reason={self.stop_reason!r})"
        )


def minimize(
    function: Callable[[Array], tuple[float, ArrayLike]],
    start: ArrayLike,
    *,
    method: str = "lbfgs",
    line_search: str | None = None,
    max_iterations: int = 100,
    **numbers: Any,
) -> Minimization:
    """Go down a function of which the gradient is known.

    Parameters
    ----------
    function : callable
        Takes x (size,), returns its value there and the gradient (size,). A value that is not
        finite counts as infinitely high.
    start : array_like, shape (size,)
        Where the descent begins.
    method : {"lbfgs", "steepest_descent"}
        L-BFGS (Liu and Nocedal, 1989), or the direction ``-g / |g|`` of length 1.
    line_search : {"wolfe", "exact"}, optional
        A step that fulfils the strong Wolfe conditions (Nocedal and Wright, 2006, algorithms 3.5
        and 3.6), the default of lbfgs, or the lowest point along the direction, that of
        steepest_descent.
    max_iterations : int
        Steps at most.
    **numbers
        ``gradient_tolerance=1e-5`` (the descent ends once no element of the gradient is larger),
        ``max_evaluations=25`` of one line search, and for lbfgs ``history=10``.

    Returns
    -------
    Minimization
        The path.

    Raises
    ------
    ConfigError
        An unknown method, line search or number.
    DataError
        `start` is not a vector of finite numbers.

    Examples
    --------
    The lowest point along the first direction from (9, 9) lies at a = 5 sqrt(5):

    >>> path = minimize(lambda x: (x[0]**2 + 2 * x[1]**2, [2 * x[0], 4 * x[1]]), [9.0, 9.0],
    ...                 method="steepest_descent", max_iterations=1)
    >>> path.step_lengths.round(3), path.x.round(6), round(path.value, 6)
    (array([11.18]), array([ 4., -1.]), 18.0)
    """
    choice(tuple(FULL_BATCH)).check("method", method)
    if line_search is not None:
        choice(LINE_SEARCHES).check("line_search", line_search)
    whole(0).check("max_iterations", max_iterations)
    own = [name for name, one in OPTIMIZERS[method].items() if not one["on_weights_only"]]
    for name, value in numbers.items():
        if name not in own:
            raise ConfigError(f"method {method!r} has no {name!r}; it has {', '.join(own)}")
        numbers[name] = hyperparameter(name).check(name, value)
    x = np.array(start, np.float64, ndmin=1)
    if x.ndim != 1 or x.size == 0 or not np.isfinite(x).all():
        raise DataError(f"start must be a vector of finite numbers; got {start!r}")
    path: dict[str, Any] = dict(
        _core.minimize(function, x, method, line_search or "", max_iterations, **numbers)
    )
    return Minimization(stop_reason=path.pop("reason") or None, **path)
