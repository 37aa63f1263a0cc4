"""When a validation loss that has stopped falling makes the learning rate fall.

By how much it falls is the engine's (schedule "plateau"); here its falls are counted.
"""

from __future__ import annotations

import math

from ..config.training import TrainingConfig
from ..errors import ConfigError


class Plateau:
    """Watches the validation loss of every epoch.

    Parameters
    ----------
    epochs : int
        So many epochs in a row may be no better than the best one; the next makes the rate fall.
    threshold : float
        A loss is better that is below the best one by more than this share of it.

    Examples
    --------
    >>> plateau = Plateau(1, 0.01)
    >>> [plateau.after(loss) for loss in (0.9, 0.5, 0.499, 0.498, 0.6, 0.1)]
    [0, 0, 0, 1, 1, 1]
    """

    def __init__(self, epochs: int, threshold: float) -> None:
        self.epochs = epochs
        self.threshold = threshold
        self.best = math.inf
        self.waited = 0
        self.reductions = 0

    def after(self, loss: float) -> int:
        """Take the loss of one more epoch; return how often the learning rate has fallen by now."""
        if self.best == math.inf or loss < self.best - self.threshold * abs(self.best):
            self.best, self.waited = loss, 0
            return self.reductions
        self.waited += 1
        if self.waited > self.epochs:
            self.waited = 0
            self.reductions += 1
        return self.reductions


def watch(chosen: TrainingConfig, *, validates: bool) -> Plateau | None:
    """Return what watches the validation loss, where the schedule chosen falls by it.

    Raises
    ------
    ConfigError
        There are no validation rows.
    """
    if chosen.plateau_epochs is None or chosen.plateau_threshold is None:
        return None
    if not validates:
        raise ConfigError(f"schedule {chosen.schedule!r} needs validation rows: it falls by them")
    return Plateau(chosen.plateau_epochs, chosen.plateau_threshold)
