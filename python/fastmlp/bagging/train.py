"""bag(): models of bootstrap resamples, and their score on the rows that these left out.

Training a member is training/'s.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..config import Config
from ..config.keys import whole
from ..data.dataset import Split
from ..errors import ConfigError
from ..model import Model
from ..training import bring_together, fit
from .model import Bagging, decided_by, evaluation_of, values_of

Array = NDArray[Any]


def bag(
    x: Any = None,
    y: Any = None,
    *,
    models: int = 3,
    config: Config | str | os.PathLike[str] | None = None,
    sample_weight: Any = None,
    class_weight: str | Mapping[Any, float] | None = None,
    validation: tuple[Any, Any] | float | None = None,
    verbose: bool = False,
    **options: Any,
) -> Bagging:
    """Train models on bootstrap resamples of the rows, each as many rows drawn with replacement.

    Parameters
    ----------
    x, y, config, sample_weight, class_weight, validation, verbose
        As for `train`. Validation rows are the same for all models and are not drawn from.
    models : int
        How many.
    **options
        Every key of the configuration; see `train`. Model m, from 0, is trained with ``seed + m``,
        on rows that are a function of the seed, m and how many rows there are.

    Returns
    -------
    Bagging
        After Ctrl-C the models so far, the last at its last whole step, with an InterruptedWarning.

    Raises
    ------
    ConfigError, DataError, DivergedError
        As `train`.

    Examples
    --------
    >>> import fastmlp
    >>> digits = fastmlp.load_data("digits")
    >>> bag = fastmlp.bag(digits.x[:900], digits.y[:900], models=3, hidden=[20], epochs=20)
    >>> bag.evaluate(digits.x[900:], digits.y[900:]).accuracy > 0.85
    True
    """
    count = whole(1, 2**31 - 1).check("models", models)
    if isinstance(class_weight, str):
        options["class_weight"], class_weight = class_weight, None
    chosen = config if isinstance(config, Config) else Config()
    if config is not None and not isinstance(config, Config):
        chosen = Config.read_toml(config)
    chosen = chosen.replace(**options)
    data, parts, labels = bring_together(x, y, validation, chosen, options)
    if data.y.dtype.names is not None:
        raise ConfigError(f"bagging is for one output; y has the heads {list(data.y.dtype.names)}")
    seed, rows = chosen.training.seed, len(parts.x_train)
    trained: list[Model] = []
    drawn: list[NDArray[np.int64]] = []
    for number in range(count):  # type: ignore[call-overload]
        drawn.append(_core.bootstrap(rows, seed, number))
        own = chosen.replace(seed=(seed + number) % 2**63)
        trained.append(
            fit(
                data,
                _resampled(parts, drawn[-1]),
                own,
                labels=labels,
                sample_weight=sample_weight,
                class_weight=class_weight,
                verbose=verbose,
            )
        )
        if trained[-1].record["interrupted"]:
            break
    return Bagging(trained, *_out_of_bag(trained, drawn, parts))


def _resampled(parts: Split, drawn: NDArray[np.int64]) -> Split:
    """Return the split whose training rows are those drawn."""
    return Split(
        parts.x_train[drawn],
        parts.y_train[drawn],
        parts.x_validation,
        parts.y_validation,
        parts.x_test,
        parts.y_test,
        drawn if parts.train_rows is None else parts.train_rows[drawn],
    )


def _out_of_bag(
    models: Sequence[Model], drawn: Sequence[NDArray[np.int64]], parts: Split
) -> tuple[float | None, int]:
    """Return the score on the rows that some model has not seen, and how many these are."""
    rows = len(parts.x_train)
    voters = np.zeros(rows)
    total: Array | None = None
    for model, seen in zip(models, drawn, strict=True):
        left = np.setdiff1d(np.arange(rows), seen)
        if len(left) == 0:
            continue
        values = values_of(model, parts.x_train[left], None)
        if total is None:
            total = np.zeros((rows, *values.shape[1:]))
        total[left] += values
        voters[left] += 1
    judged = voters > 0
    if total is None:
        return None, 0
    mean = total[judged] / voters[judged].reshape(-1, *[1] * (total.ndim - 1))
    targets: Any = models[0]._description.targets
    decided = decided_by(models[0], mean)
    found = evaluation_of(targets, parts.y_train[judged], decided, 0.0)
    score = found.r2 if found.accuracy is None else found.accuracy
    return (score if score is not None and np.isfinite(score) else None), int(judged.sum())
