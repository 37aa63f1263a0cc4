"""Input scaling: what is taken from each feature, and its factor, before the first layer.

The numbers are found here, once, from the training rows; the engine applies them on the way in, so
that uint8 pictures stay uint8 in memory. Scaling of targets stands in targets.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ConfigError

SCALINGS = ("none", "unit", "standard")
BLOCK = 1 << 20  # numbers held in float64 at a time, so that a uint8 set is never copied whole


@dataclass(frozen=True, eq=False)
class InputScaling:
    """``x -> (x - shift) * scale``, feature by feature.

    Parameters
    ----------
    kind : {"none", "unit", "standard"}
        How the numbers were found.
    shift, scale : ndarray of float64, shape (features,), or None
        Both None with ``none``, and never only one.

    Examples
    --------
    >>> InputScaling.fit(np.array([[0, 255]], np.uint8), "unit").apply(np.array([[51.0, 255.0]]))
    array([[0.2, 1. ]])
    """

    kind: str = "none"
    shift: NDArray[np.float64] | None = None
    scale: NDArray[np.float64] | None = None

    @classmethod
    def fit(cls, x: NDArray[Any], kind: str = "auto", *, pixel_max: float = 255) -> InputScaling:
        """Find the numbers from training samples.

        Parameters
        ----------
        x : ndarray of uint8, float32 or float64, shape (samples, features)
            Training samples; not changed.
        kind : {"auto", "none", "unit", "standard"}
            ``none``: x as it is. ``unit``: x / pixel_max. ``standard``: (x - mean) / deviation of
            each feature, a constant feature only being shifted. ``auto``: unit for uint8, else
            none.
        pixel_max : float
            What ``unit`` divides by.

        Raises
        ------
        ConfigError
            An unknown kind.
        """
        if kind == "auto":
            kind = "unit" if x.dtype == np.uint8 else "none"
        if kind not in SCALINGS:
            raise ConfigError(f"scaling must be one of auto, {', '.join(SCALINGS)}; got {kind!r}")
        if kind == "none":
            return cls()
        if kind == "unit":
            return cls(kind, np.zeros(x.shape[1]), np.full(x.shape[1], 1.0 / pixel_max))
        mean, deviation = mean_and_deviation(x)
        return cls(kind, mean, 1.0 / deviation)

    def apply(self, x: NDArray[Any]) -> NDArray[np.float64]:
        """Return the scaled samples in float64; the engine does the same to every row it reads."""
        if self.shift is None or self.scale is None:
            return x.astype(np.float64)
        return (x - self.shift) * self.scale


def mean_and_deviation(x: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and standard deviation of each column; that of a constant column is 1.

    Parameters
    ----------
    x : ndarray, shape (rows, columns)
        Finite numbers of any kind.

    Returns
    -------
    mean, deviation : ndarray of float64, shape (columns,)
        deviation = sqrt(mean((x - mean)^2)); 1 where it is lost in the rounding of the column's own
        size.

    Examples
    --------
    >>> mean_and_deviation(np.array([[1.0, 5.0], [3.0, 5.0]]))
    (array([2., 5.]), array([1., 1.]))
    """
    rows = max(1, BLOCK // x.shape[1])
    blocks = [slice(start, start + rows) for start in range(0, len(x), rows)]
    largest = np.abs(x).max(axis=0).astype(np.float64)
    unit = np.where(largest > 0, largest, 1.0)  # sums of x / unit cannot overflow
    mean = sum((x[block] / unit).sum(axis=0) for block in blocks) / len(x)
    square = sum(((x[block] / unit - mean) ** 2).sum(axis=0) for block in blocks) / len(x)
    deviation = np.sqrt(square)
    constant = deviation <= 10 * np.finfo(np.float64).eps * np.abs(mean)
    with np.errstate(over="ignore", divide="ignore"):
        constant |= ~np.isfinite(1.0 / (deviation * unit))
    return mean * unit, np.where(constant, 1.0, deviation * unit)
