"""learning_rate_study(): the same training at several rates, side by side.

A step that is too small crawls, one that is too large diverges.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..config.keys import real
from ..errors import ConfigError, DivergedError
from ..evaluation import History
from ..training import prepare
from ..training.epochs import run_epochs, trainer_of
from .smoothing import DIVERGED, smoothed

Array = NDArray[np.float64]
SMOOTHING = 0.9  # of the losses of single steps


@dataclass(frozen=True, eq=False, kw_only=True)
class LearningRateStudy:
    """What several rates have come to. All mappings are by learning rate, in the order given.

    Parameters
    ----------
    histories : dict of History
        Of the epochs that were finished.
    step_losses : dict of ndarray of float64, shape (steps,)
        The mean loss of each batch before its step.
    diverged : dict of bool
        A number became infinite or NaN, or the average loss rose to four times that of the first
        batch.

    Examples
    --------
    >>> import fastmlp
    >>> digits = fastmlp.load_data("digits")
    >>> study = fastmlp.learning_rate_study(digits, learning_rates=[0.001, 0.1, 50.0], epochs=2)
    >>> [study.diverged[rate] for rate in (0.001, 0.1, 50.0)], study.best
    ([False, False, True], 0.1)
    """

    histories: dict[float, History]
    step_losses: dict[float, Array]
    diverged: dict[float, bool]

    @property
    def best(self) -> float | None:
        """The rate with the lowest loss in its last epoch, of those that did not diverge."""
        ends = {r: h.last("loss") for r, h in self.histories.items() if not self.diverged[r]}
        known = {rate: end for rate, end in ends.items() if end is not None}
        return min(known, key=known.__getitem__) if known else None

    def plot(self, path: str | os.PathLike[str] | None = None) -> Any:
        """Draw smoothed losses over the steps, into a file where one is named; return the figure.

        Raises
        ------
        ConfigError
            matplotlib is not installed (``pip install 'fastmlp[plot]'``).
        """
        from ..plots import learning_rates

        lines = {rate: smoothed(losses, SMOOTHING) for rate, losses in self.step_losses.items()}
        return learning_rates.study(lines, self.diverged, path)


def learning_rate_study(
    x: Any = None, y: Any = None, *, learning_rates: Sequence[float], **options: Any
) -> LearningRateStudy:
    """Train with each of some learning rates, from the same first weights.

    Parameters
    ----------
    x, y : array_like or Dataset
        As for `train`.
    learning_rates : sequence of float
        Different ones.
    **options
        Everything else that `train` takes, but ``learning_rate`` and what writes files.

    Returns
    -------
    LearningRateStudy
        Histories, losses of all steps, which rates diverged, and a picture.

    Raises
    ------
    ConfigError
        A choice that does not fit.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> rows = rng.normal(size=(200, 4))
    >>> study = learning_rate_study(rows, rows.sum(axis=1), learning_rates=[0.001, 0.01], epochs=3)
    >>> [history.epochs for history in study.histories.values()]
    [3, 3]
    """
    kind = real(0, closed=False)
    rates = [float(kind.check("learning_rates", one)) for one in learning_rates]  # type: ignore[arg-type]
    if not rates or len(set(rates)) < len(rates):
        raise ConfigError(f"learning_rates must be different numbers; got {list(learning_rates)}")
    if "learning_rate" in options:
        raise ConfigError("learning_rate and learning_rates are both given; leave out the first")
    histories: dict[float, History] = {}
    losses: dict[float, Array] = {}
    diverged: dict[float, bool] = {}
    for rate in rates:
        histories[rate], losses[rate], failed = _trained(x, y, options | {"learning_rate": rate})
        diverged[rate] = failed or _has_risen(smoothed(losses[rate], SMOOTHING))
    return LearningRateStudy(histories=histories, step_losses=losses, diverged=diverged)


def _trained(x: Any, y: Any, options: dict[str, Any]) -> tuple[History, Array, bool]:
    """Return history, losses of the steps, and whether a number became infinite or NaN."""
    plan = prepare(x, y, **options)
    trainer = trainer_of(plan, record_steps=True)
    try:
        model = run_epochs(plan, trainer=trainer)
    except DivergedError as error:
        history = History() if error.model is None else error.model.history
        return history, trainer.recorded_steps[:, 0].copy(), True
    if model.record["interrupted"]:
        raise KeyboardInterrupt
    return model.history, trainer.recorded_steps[:, 0].copy(), False


def _has_risen(averages: Array) -> bool:
    """Whether the loss has been a multiple of the first one."""
    rise = averages - averages[:1]
    return bool((~(rise <= (DIVERGED - 1) * np.abs(averages[:1]))).any())
