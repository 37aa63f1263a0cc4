"""Early stopping: which epoch was best by its validation figure, and when to wait no longer.

As in I. Goodfellow, Y. Bengio and A. Courville, Deep Learning, 2016, algorithm 7.1: the parameters
of the lowest validation error are returned. Nothing here changes in place, so that an interruption
finds what was known after one epoch or after the next.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from ..config.training import TrainingConfig
from ..errors import ConfigError


@dataclass(frozen=True)
class Best:
    """What is known of the epochs so far. Of scores the lowest is best: a loss, or -accuracy.

    Parameters
    ----------
    epoch : int or None
        The best one, from 0; None as long as no figure was finite.
    score : float
        Of that epoch.
    reference : float
        What an epoch must beat by more than min_delta so as not to count as waited.
    waited : int
        Epochs since one did.

    Examples
    --------
    >>> best = Best().after(0, 0.5).after(1, 0.3).after(2, 0.4)
    >>> best.epoch, best.waited
    (1, 1)
    """

    epoch: int | None = None
    score: float = math.inf
    reference: float = math.inf
    waited: int = 0

    def after(
        self, epoch: int, score: float, *, min_delta: float = 0.0, tie: str = "first"
    ) -> Best:
        """Return what is known once `epoch` has this score; NaN is never best.

        Parameters
        ----------
        min_delta : float
            A smaller change than this, or an equal one, does not end the waiting. The lowest score
            is best all the same.
        tie : {"first", "last"}
            Which of the epochs with the lowest score.
        """
        is_best = score < self.score or (tie == "last" and score == self.score < math.inf)
        known = replace(self, epoch=epoch, score=score) if is_best else self
        if score < self.reference - min_delta:
            return replace(known, reference=score, waited=0)
        return replace(known, waited=self.waited + 1)

    def as_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return asdict(self)


class EarlyStopping:
    """What a configuration says of early stopping, which may be nothing.

    Parameters
    ----------
    chosen : TrainingConfig
    validated : bool
        Whether there are validation rows.
    figures : sequence of str
        What is measured of them.

    Raises
    ------
    ConfigError
        Nothing to watch: no validation rows, or an accuracy of values.
    """

    def __init__(self, chosen: TrainingConfig, *, validated: bool, figures: Sequence[str]) -> None:
        self.chosen = chosen
        if chosen.early_stopping and not validated:
            raise ConfigError(
                "early_stopping needs validation rows: pass validation=, or for a data set a "
                "validation_fraction greater than 0"
            )
        if chosen.early_stopping and chosen.monitor not in figures:
            is_accuracy = chosen.monitor.startswith("val_accuracy")
            why = "is for classes" if is_accuracy else "is not measured here"
            raise ConfigError(
                f"monitor {chosen.monitor!r} {why}; choose from: {', '.join(figures)}"
            )

    def after(self, best: Best, epoch: int, figures: Mapping[str, float]) -> Best:
        """Return what is known after an epoch with these figures."""
        if not self.chosen.early_stopping:
            return best
        figure = figures[self.chosen.monitor]
        score = -figure if self.chosen.monitor.startswith("val_accuracy") else figure
        return best.after(epoch, score, min_delta=self.chosen.min_delta, tie=self.chosen.best_tie)

    def is_over(self, best: Best) -> bool:
        """Whether no epoch follows."""
        return self.chosen.early_stopping and best.waited >= self.chosen.patience

    def reason(self, best: Best) -> str:
        """Say why training has ended, and with which weights."""
        monitor, epoch = self.chosen.monitor, "none" if best.epoch is None else best.epoch + 1
        shown = f"{abs(best.score):.4g}" if best.epoch is not None else "never finite"
        kept = "" if not self.restores(best) else ", whose weights the model has"
        return (
            f"stopped early: {self.chosen.patience} epochs without a better {monitor}; "
            f"best was epoch {epoch} ({shown}){kept}"
        )

    def restores(self, best: Best) -> bool:
        """Whether the model is that of the best epoch so far."""
        chosen = self.chosen
        return chosen.early_stopping and chosen.restore_best and best.epoch is not None
