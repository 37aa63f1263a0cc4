"""The rows of a training: what the caller gave, or what section [data] names, and its parts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..config import Config
from ..data import load_data
from ..data.arrays import as_features
from ..data.dataset import Dataset, Split, split
from ..data.heads import any_targets
from ..errors import ConfigError
from .checkpoint import digest_of

# Keys that say how data are read: they mean nothing when the caller hands over arrays.
READING_KEYS = ("source", "data_dir", "target", "header", "validation_fraction", "test_fraction")


def bring_together(
    x: Any,
    y: Any,
    validation: tuple[Any, Any] | float | None,
    config: Config,
    options: Mapping[str, Any],
) -> tuple[Dataset, Split, Any]:
    """Return the data that `train` was given or is to read, their parts, and the caller's labels.

    Parameters
    ----------
    x, y, validation
        As the caller gave them.
    config : Config
        Its section [data] is read where x is None.
    options : mapping
        Keys that the caller chose by name.
    """
    if x is None or isinstance(x, Dataset):
        if y is not None or validation is not None:
            raise ConfigError("y and validation go with an array x; a data set brings both along")
        data = load_dataset(config) if x is None else x
        return data, split_dataset(data, config), data.y
    _refuse_reading_keys(x, y, options)
    return _from_arrays(x, y, validation, config.training.seed)


def load_dataset(config: Config) -> Dataset:
    """Return the data set that section [data] names."""
    data = config.data
    return load_data(data.source, data_dir=data.data_dir, target=data.target, header=data.header)  # type: ignore[arg-type]


def split_dataset(data: Dataset, config: Config) -> Split:
    """Return the training, validation and test rows that section [data] and the seed decide."""
    fractions = (config.data.validation_fraction, config.data.test_fraction)
    return split(data, *fractions, seed=config.training.seed)


def fingerprint(data: Dataset) -> str:
    """Return the SHA-256 of all rows and targets but an official test part's."""
    return digest_of(data.x, data.y)


def _refuse_reading_keys(x: Any, y: Any, options: Mapping[str, Any]) -> None:
    if isinstance(x, str | os.PathLike):
        raise ConfigError(
            f"x is a text; to train on a data set or a file pass source={os.fspath(x)!r}"
        )
    if y is None:
        raise ConfigError("x needs its targets: train(x, y)")
    for key in READING_KEYS:
        if key in options:
            instead = "; pass validation=" if key == "validation_fraction" else ""
            raise ConfigError(f"{key} says how a data set is read; x and y are given{instead}")


def _from_arrays(
    x: Any, y: Any, validation: tuple[Any, Any] | float | None, seed: int
) -> tuple[Dataset, Split, Any]:
    """Return the caller's arrays as a data set, its parts, and labels in the caller's dtype."""
    rows = as_features(x)
    data = Dataset("arrays", rows, any_targets(y, samples=len(rows)), kind="arrays")
    if validation is None:
        return data, Split(rows, data.y, None, None, None, None), y
    if isinstance(validation, tuple | list):
        if len(validation) != 2:
            raise ConfigError(f"validation must be a pair (x, y), got {len(validation)} entries")
        x_held = as_features(validation[0], name="validation x", features=rows.shape[1])
        y_held = any_targets(validation[1], name="validation y", samples=len(x_held))
        return data, Split(rows, data.y, x_held, y_held, None, None), y
    if isinstance(validation, bool) or not isinstance(validation, int | float | np.floating):
        raise ConfigError(f"validation must be a pair (x, y) or a fraction; got {validation!r}")
    if not 0 < validation < 1:
        raise ConfigError(f"validation must be a fraction between 0 and 1; got {validation!r}")
    return data, split(data, float(validation), 0.0, seed), y
