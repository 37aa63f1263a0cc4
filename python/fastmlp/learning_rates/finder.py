"""find_learning_rate(): one short training in which the rate rises from step to step.

L. Smith, Cyclical Learning Rates for Training Neural Networks, 2017, section 3.3. The rates are the
engine's schedule `range_test`.
"""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..config.keys import real, whole
from ..errors import ConfigError
from ..training import prepare
from ..training.epochs import trainer_of
from ..training.plan import Plan
from .smoothing import DIVERGED, smoothed

Array = NDArray[np.float64]
SCHEDULE = "range_test"
SWEEP = {"lowest": 1e-6, "highest": 10.0, "steps": 100, "smoothing": 0.9}  # the defaults
OWN = ("learning_rate", "schedule", "epochs")  # what the sweep decides itself
LEFT_OUT = 0.1  # of the steps at the start: their averages are of few losses


@dataclass(frozen=True, eq=False, kw_only=True)
class LearningRateSweep:
    """What a sweep has seen: rates that rise, and the losses at each.

    Parameters
    ----------
    learning_rates, losses : ndarray of float64, shape (steps,)
        The rate of each step, and the mean loss of its batch before it.
    smoothed : ndarray of float64, shape (steps,)
        Averages of the losses.
    steepest : float
        The rate at which the smoothed loss falls fastest over the logarithm of the rate.
    tenth_of_minimum : float
        A tenth of the rate at which it is lowest.
    diverged : bool
        Whether the sweep ended before the highest rate: the smoothed loss was above the first and
        above four times the lowest, or a number had become infinite or NaN.

    Examples
    --------
    >>> import fastmlp
    >>> digits = fastmlp.load_data("digits")
    >>> sweep = fastmlp.find_learning_rate(digits, steps=60)
    >>> 0.001 < sweep.suggestion < 10
    True
    """

    learning_rates: Array
    losses: Array
    smoothed: Array
    steepest: float
    tenth_of_minimum: float
    diverged: bool

    @property
    def suggestion(self) -> float:
        """A rate to begin with: that of the steepest fall."""
        return self.steepest

    def as_dict(self) -> dict[str, Any]:
        """Return plain numbers and lists, as JSON holds them."""
        values = dataclasses.asdict(self) | {"suggestion": self.suggestion}
        return {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in values.items()}

    def plot(self, path: str | os.PathLike[str] | None = None) -> Any:
        """Draw the sweep with matplotlib, into a file where one is named; return the figure.

        Raises
        ------
        ConfigError
            matplotlib is not installed (``pip install 'fastmlp[plot]'``).
        """
        from ..plots import learning_rates

        marks = {"steepest": self.steepest, "minimum / 10": self.tenth_of_minimum}
        return learning_rates.sweep(self.learning_rates, self.losses, self.smoothed, marks, path)

    def __repr__(self) -> str:
        return (
            f"LearningRateSweep(steepest={self.steepest:.3g}, "
            f"tenth_of_minimum={self.tenth_of_minimum:.3g}, steps={len(self.losses)})"
        )


def find_learning_rate(
    x: Any = None,
    y: Any = None,
    *,
    lowest: float = SWEEP["lowest"],
    highest: float = SWEEP["highest"],
    steps: int = int(SWEEP["steps"]),
    smoothing: float = SWEEP["smoothing"],
    **options: Any,
) -> LearningRateSweep:
    """Train for some steps while the learning rate rises, and see where the loss falls fastest.

    The model is thrown away.

    Parameters
    ----------
    x, y : array_like or Dataset
        As for `train`.
    lowest, highest : float
        Rates between which the sweep goes, by equal factors from step to step.
    steps : int
        Steps of the sweep; where there are fewer rows than that takes, the passes over them are
        whole, so that there are some steps more.
    smoothing : float
        Share of the average loss that is kept at a step.
    **options
        Everything else that `train` takes, but ``learning_rate``, ``schedule`` and ``epochs``, and
        what watches a training or writes files.

    Returns
    -------
    LearningRateSweep
        Rates, losses, suggestions, and a picture.

    Raises
    ------
    ConfigError
        A choice that does not fit, or a sweep that ended before there was anything to see.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> rows = rng.normal(size=(500, 4))
    >>> find_learning_rate(rows, rows.sum(axis=1) > 0, steps=80, batch_size=20)
    LearningRateSweep(steepest=..., tenth_of_minimum=..., steps=...)
    """
    real(0, closed=False).check("lowest", lowest)
    real(lowest, closed=False).check("highest", highest)
    whole(10).check("steps", steps)
    real(0, 1).check("smoothing", smoothing)
    for key in OWN:
        if key in options:
            raise ConfigError(f"{key} is what the sweep decides itself; leave it out")
    plan = _sweeping(prepare(x, y, **options), lowest, highest, steps)
    found, over = _swept(plan, smoothing)
    if len(found) < 3:
        raise ConfigError(
            f"the sweep ended after {len(found)} steps at learning rate {found[-1:, 1]}: "
            f"lowest={lowest:g} is too high"
        )
    return _judged(found, smoothing, diverged=over)


def _sweeping(plan: Plan, lowest: float, highest: float, steps: int) -> Plan:
    """Return the plan of the sweep: its schedule, and no more rows than its steps need."""
    config = plan.description.config
    if config.training.is_full_batch:
        raise ConfigError(f"optimizer {config.training.optimizer!r} has no learning rate to find")
    batch = config.training.batch_size
    rows, targets = plan.training
    weights = plan.weights
    if len(rows) > steps * batch:
        some = _core.permutation(len(rows), config.training.seed, 0)[: steps * batch]
        rows, targets = rows[some], targets[some]
        weights = None if weights is None else weights[some]
    an_epoch = -(-len(rows) // batch)
    chosen = config.replace(
        schedule=SCHEDULE,
        learning_rate=highest,
        first_factor=lowest / highest,
        epochs=-(-steps // an_epoch),
    )
    about = dataclasses.replace(plan.description, config=chosen)
    return dataclasses.replace(
        plan, description=about, training=(rows, targets), weights=weights, validation=None
    )


def _swept(plan: Plan, smoothing: float) -> tuple[Array, bool]:
    """Return loss and rate of each step (steps, 2), and whether the sweep ended before its end."""
    trainer = trainer_of(plan, record_steps=True)
    try:
        for epoch in range(plan.description.config.training.epochs):
            trainer.run_epoch(epoch)
            end = _end_of(trainer.recorded_steps, smoothing)
            if end is not None:
                return trainer.recorded_steps[:end], True
    except FloatingPointError:
        found = trainer.recorded_steps
        return found[: _end_of(found, smoothing)], True
    finally:
        trainer.close()
    return trainer.recorded_steps, False


def _end_of(found: Array, smoothing: float) -> int | None:
    """Return the steps up to the one at which the loss has diverged, or None where it has not.

    That is where its average is above the first, and a multiple of the lowest.
    """
    averages = smoothed(found[:, 0], smoothing)
    low = np.minimum.accumulate(averages)
    over = ~(averages <= low + np.maximum((DIVERGED - 1) * np.abs(low), averages[:1] - low))
    return int(over.argmax()) + 1 if over.any() else None


def _judged(found: Array, smoothing: float, *, diverged: bool) -> LearningRateSweep:
    losses, rates = found[:, 0].copy(), found[:, 1].copy()
    averages = smoothed(losses, smoothing)
    first = int(LEFT_OUT * len(rates))
    lowest = first + int(averages[first:].argmin())
    slopes = np.gradient(averages, np.log(rates))
    falling = slopes[first : max(lowest, first) + 1]
    return LearningRateSweep(
        learning_rates=rates,
        losses=losses,
        smoothed=averages,
        steepest=float(rates[first + int(falling.argmin())]),
        tenth_of_minimum=float(rates[lowest] / 10),
        diverged=diverged,
    )
