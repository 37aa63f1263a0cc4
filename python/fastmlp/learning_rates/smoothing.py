"""Losses of single steps, averaged so that their course shows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


DIVERGED = 4.0  # times a loss from which it had come


def smoothed(losses: Array, share: float) -> Array:
    """Return exponential moving averages, corrected for their start at 0.

    Parameters
    ----------
    losses : ndarray, shape (steps,)
    share : float
        Of the average that is kept at a step, from 0 to below 1.

    Examples
    --------
    >>> smoothed(np.array([4.0, 1.0, 1.0]), 0.5)
    array([4.        , 2.        , 1.42857143])
    """
    averages, average = np.empty(len(losses)), 0.0
    for at, loss in enumerate(losses):
        average = share * average + (1 - share) * loss
        averages[at] = average / (1 - share ** (at + 1))
    return averages
