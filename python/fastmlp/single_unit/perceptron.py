"""Perceptron: the rule of the lectures (A2), and an honest end where no plane separates classes.

The rule itself, and the proof that it cannot end, are the engine's.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..config.keys import flag, real, whole
from ..data.arrays import as_features
from ..errors import DataError, DivergedError, NotSeparableWarning
from ..model.targets import ClassTargets
from .estimator import Estimator

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class PerceptronHistory:
    """The way of a perceptron: row u is what stood after u updates.

    Parameters
    ----------
    weights : ndarray of float64, shape (updates + 1, features)
    biases : ndarray of float64, shape (updates + 1,)
    mistakes : ndarray of int64, shape (updates + 1,)
        Rows that were on the wrong side.
    picked : ndarray of int64, shape (updates,)
        The row that each update was made for.
    """

    weights: NDArray[np.float64]
    biases: NDArray[np.float64]
    mistakes: NDArray[np.int64]
    picked: NDArray[np.int64]


class Perceptron(Estimator):
    """A single unit that answers ``sign(x @ coef_ + intercept_)``, sign(0) being +1.

    It starts at zero. While a row is on the wrong side, one of those is picked at random and
    ``w <- w + learning_rate y x``, ``b <- b + learning_rate y``, y being +1 for the second class
    and -1 for the first (F. Rosenblatt, 1958). If a plane separates the classes this ends (A.
    Novikoff, 1962); if none does it never would: it stops after `max_updates`, says so with a
    NotSeparableWarning, and keeps the weights that had the fewest mistakes (the pocket: S. Gallant,
    1990).

    Where weights come back to what they were, no plane can separate the classes: towards a
    separating one every update would have made progress. Then ``separable_`` is False, and the
    proof is kept: how often each row was picked meanwhile.

    Parameters
    ----------
    learning_rate : float
        Starting from zero, its size changes the length of the weights alone.
    max_updates : int
        Where the training stops, if it does not end.
    seed : int
        Decides which of the rows is picked; the same seed gives the same bits everywhere.
    keep_history : bool
        Whether `history_` is kept.

    Attributes
    ----------
    coef_ : ndarray of float64, shape (1, features)
        Of the fewest mistakes that were met.
    intercept_ : ndarray of float64, shape (1,)
    classes_ : ndarray, shape (2,)
    converged_ : bool
        Whether every row is on its side.
    separable_ : bool or None
        True where it converged; False where it is proved that no plane separates the classes; None
        where neither is known.
    proof_ : ndarray of int64, shape (samples,), or None
        Counts c, not all zero, with ``sum(c_i y_i x_i) = 0`` and ``sum(c_i y_i) = 0`` exactly:
        any plane would have to be on the right side of that sum of its own updates.
    repeated_ : tuple of int or None
        Two numbers of updates between which these updates were made.
    mistakes_ : int
        Rows on the wrong side of ``coef_``.
    last_coef_, last_intercept_
        The weights after the last update, in the same shapes.
    n_iter_ : int
        Updates.
    n_features_in_ : int
    history_ : PerceptronHistory or None

    Examples
    --------
    >>> import fastmlp, warnings
    >>> corners = [[0, 0], [0, 1], [1, 0], [1, 1]]
    >>> unit = fastmlp.Perceptron().fit(corners, [0, 0, 0, 1])
    >>> unit.predict(corners), unit.converged_
    (array([0, 0, 0, 1]), True)
    >>> with warnings.catch_warnings(action="ignore"):
    ...     unit.fit(corners, [0, 1, 1, 0])
    Perceptron(learning_rate=1.0, max_updates=10000, seed=0, keep_history=False)
    >>> unit.converged_, unit.separable_
    (False, False)
    """

    kind = "classifier"

    def __init__(
        self,
        *,
        learning_rate: float = 1.0,
        max_updates: int = 10_000,
        seed: int = 0,
        keep_history: bool = False,
    ) -> None:
        self.learning_rate = learning_rate
        self.max_updates = max_updates
        self.seed = seed
        self.keep_history = keep_history

    def fit(self, x: Any, y: Any) -> Self:
        """Learn two classes.

        Parameters
        ----------
        x : array_like, shape (samples, features)
        y : array_like, shape (samples,)
            Labels of two classes.

        Raises
        ------
        ConfigError
            A parameter out of range.
        DataError
            x or y cannot be used; more than two classes.
        DivergedError
            A weight would have become infinite.

        Warns
        -----
        NotSeparableWarning
            Rows are left on the wrong side.
        """
        rate = real(0, closed=False).check("learning_rate", self.learning_rate)
        most = whole(1).check("max_updates", self.max_updates)
        seed = whole(0, 2**64 - 1).check("seed", self.seed)
        keeps = flag().check("keep_history", self.keep_history)
        rows = as_features(x)
        targets = ClassTargets.fit(y)
        numbers = targets.encode(y, samples=len(rows))
        if len(targets.labels) > 2:
            raise DataError(
                f"a Perceptron decides between two classes; y holds {len(targets.labels)}: use "
                "SoftmaxRegression, or train(..., hidden=[], loss='perceptron'), which has a unit "
                "for each"
            )
        found = _core.train_perceptron(
            rows.astype(np.float64),
            np.where(numbers == 1, 1, -1).astype(np.int8),
            learning_rate=rate,  # type: ignore[arg-type]
            seed=seed,  # type: ignore[arg-type]
            max_updates=most,  # type: ignore[arg-type]
            keep_history=keeps,  # type: ignore[arg-type]
        )
        if found["end"] == "not finite":
            raise DivergedError("a weight would have become infinite; scale x or learning_rate")
        self._keep(found, targets)
        if not self.converged_:
            warnings.warn(self._why(len(rows)), NotSeparableWarning, stacklevel=2)
        return self

    def _keep(self, found: _core.PerceptronRun, targets: ClassTargets) -> None:
        self.converged_ = found["end"] == "converged"
        best = found["pocket"]
        self.coef_, self.intercept_ = best[None, :-1].copy(), best[-1:].copy()
        self.last_coef_, self.last_intercept_ = found["last"][None, :-1], found["last"][-1:]
        self.mistakes_ = found["pocket_mistakes"]
        self.last_mistakes_ = found["last_mistakes"]
        self.classes_ = targets.labels
        self.n_iter_ = len(found["picked"])
        self.n_features_in_ = len(best) - 1
        counts, begin, end = found["proof"] or (None, 0, 0)
        self.proof_: NDArray[np.int64] | None = counts
        self.repeated_ = None if counts is None else (begin, end)
        self.separable_: bool | None = True if self.converged_ else None
        if counts is not None:
            self.separable_ = False
        self.history_: PerceptronHistory | None = None
        if found["history"] is not None and found["mistakes"] is not None:
            states = found["history"]
            self.history_ = PerceptronHistory(
                states[:, :-1], states[:, -1], found["mistakes"], found["picked"]
            )

    def _why(self, rows: int) -> str:
        """Say how a training ended that has not converged."""
        told = (
            f"after {self.n_iter_:,} updates {self.last_mistakes_:,} of {rows:,} rows are on the "
            f"wrong side (at best {self.mistakes_:,}: those weights are kept)"
        )
        if self.repeated_ is not None:
            begin, end = self.repeated_
            return (
                f"no plane separates the classes: {told}. The weights oscillate: after update "
                f"{end:,} they were back where they stood after update {begin:,}, which proves it"
            )
        return (
            f"the perceptron has not converged: {told}. More max_updates may do, or no plane does"
        )

    def decision_function(self, x: Any) -> NDArray[np.float64]:
        """Return ``x @ coef_ + intercept_`` for each row, shape (samples,)."""
        weights: NDArray[np.float64] = self._fitted("coef_")
        rows = as_features(x, features=self.n_features_in_).astype(np.float64)
        sums = np.zeros(len(rows))
        for weight, column in zip(weights[0], rows.T, strict=True):  # the chain of the training
            sums += weight * column
        sums += self.intercept_[0]
        return sums

    def predict(self, x: Any) -> Array:
        """Return the class of each row, shape (samples,): the second from 0 on."""
        second = self.decision_function(x) >= 0
        classes: Array = self.classes_
        return classes[second.astype(np.int64)]

    def score(self, x: Any, y: Any) -> float:
        """Return the share of rows that are right."""
        return float((self.predict(x) == np.asarray(y)).mean())
