"""Averages of the weights: SWA here, an epoch at a time; EMA in the engine, a step at a time.

Both as in PyTorch's swa_utils. SWA: P. Izmailov et al., Averaging Weights Leads to Wider Optima and
Better Generalization, UAI 2018.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..config.training import TrainingConfig
from ..errors import ConfigError
from ..model.tensors import Layers

LAST_QUARTER = 0.75  # of the epochs are over before SWA begins, as in the paper


@dataclass(frozen=True, eq=False)
class Mean:
    """The mean of some sets of weights, in float64 until it is used.

    One more set moves it by (w - mean) / count. Each such move has three roundings, so after n of
    them no number is off by more than (n / 2 + 5) 2^-53 max|w|; `rounded` adds half a unit of the
    network's dtype.

    Examples
    --------
    >>> mean = Mean()
    >>> for number in (1.0, 2.0, 6.0):
    ...     mean = mean.including([(np.full((1, 1), number), np.zeros(1))])
    >>> mean.count, mean.rounded("float32")[0][0]
    (3, array([[3.]], dtype=float32))
    """

    count: int = 0
    layers: Layers = ()

    def including(self, layers: Layers) -> Mean:
        """Return the mean with one more set of weights."""
        if self.count == 0:
            return Mean(1, [tuple(one.astype(np.float64) for one in layer) for layer in layers])
        n = self.count + 1
        moved = [
            tuple(old + (new - old) / n for old, new in zip(*layer, strict=True))
            for layer in zip(self.layers, layers, strict=True)
        ]
        return Mean(n, moved)

    def rounded(self, dtype: str) -> Layers:
        """Return the mean in the dtype of the network."""
        return [tuple(one.astype(dtype) for one in layer) for layer in self.layers]


def first_averaged_epoch(chosen: TrainingConfig) -> int:
    """Return the epoch, from 1, whose weights are the first in SWA's mean.

    Examples
    --------
    >>> first_averaged_epoch(TrainingConfig(epochs=20)), first_averaged_epoch(TrainingConfig())
    (16, 4)
    """
    return chosen.swa_start or int(chosen.epochs * LAST_QUARTER) + 1


def require_measured(chosen: TrainingConfig) -> None:
    """Refuse averages that nobody would ever get.

    Raises
    ------
    ConfigError
        Early stopping that is to return the weights it measured, which were not the averages.
    """
    restores = chosen.early_stopping and chosen.restore_best
    if restores and chosen.averaging != "none" and not chosen.validate_average:
        raise ConfigError(
            "early_stopping returns the weights that were measured, and validate_average=False "
            "measures those before averaging: choose restore_best=False or validate_average=True"
        )
