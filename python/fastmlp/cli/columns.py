"""Which columns of a table a model wants: by name where both have names, otherwise by place.

Reading the table is data/'s.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..config.keys import nearest
from ..data import TEXT_SUFFIXES, load_rows
from ..errors import DataError
from ..model import Model

Array = NDArray[Any]


def is_text_table(path: str) -> bool:
    """Tell a table in text by its suffix.

    >>> is_text_table("rows.csv.gz"), is_text_table("rows.npz")
    (True, False)
    """
    return path.lower().removesuffix(".gz").endswith(TEXT_SUFFIXES)


def match_columns(model: Model, x: Array, names: tuple[str, ...] | None, place: str) -> Array:
    """Return the columns that the model wants, in its order, shape (rows, features).

    Raises
    ------
    DataError
        A name that the model knows is missing.
    """
    wanted = model.feature_names
    if names is None or wanted is None or names == wanted:
        return x
    for name in wanted:
        if name not in names:
            raise DataError(
                f"{place} has no column {name!r}, which the model needs{nearest(name, names)}"
            )
    return np.ascontiguousarray(x[:, [names.index(name) for name in wanted]])


def target_of(model: Model) -> str | int | None:
    """Return the column that the model learned, as a table may be asked for it."""
    return model.target_name or model.config.data.target


def read_rows(model: Model, path: str, header: Any, target: str | int | None) -> Array:
    """Read rows to predict from a file that may hold the target too.

    Parameters
    ----------
    model : Model
    path : str
        What `load_rows` reads.
    header : {"auto", "yes", "no"}
    target : str, int or None
        A column to leave out; None: found out.
    """
    if target is not None:
        x, names = load_rows(path, drop=target, header=header)
        return match_columns(model, x, names, path)
    try:
        x, names = load_rows(path, header=header)
    except DataError:
        if not is_text_table(path):
            raise
        return _without_target(model, path, header)  # a target of texts cannot be read as numbers
    by_place = names is None or model.feature_names is None
    if by_place and x.shape[1] == model.n_features + 1 and is_text_table(path):
        return _without_target(model, path, header)
    return match_columns(model, x, names, path)


def _without_target(model: Model, path: str, header: Any) -> Array:
    target = target_of(model)
    x, names = load_rows(path, drop=-1 if target is None else target, header=header)
    return match_columns(model, x, names, path)
