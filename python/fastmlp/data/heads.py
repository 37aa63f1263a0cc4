"""Targets of several heads: a mapping of arrays becomes one structured array, a field a head.

So they are split, counted and kept like any other targets.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from .arrays import as_targets

Array = NDArray[Any]


def as_head_targets(
    y: Mapping[str, Any], *, name: str = "y", samples: int | None = None
) -> NDArray[np.void]:
    """Check the targets of each head and put them side by side.

    Parameters
    ----------
    y : mapping of str to array_like
        What `as_targets` accepts, by the name of the head.
    name : str
        What to call the mapping in errors.
    samples : int, optional
        How many targets there must be; by default as many as the first head has.

    Returns
    -------
    structured ndarray, shape (samples,)
        A field for each head, in their order.

    Raises
    ------
    DataError
        No head, a name that is no text, or targets that `as_targets` refuses.

    Examples
    --------
    >>> y = as_head_targets({"digit": [3, 8], "parity": ["odd", "even"], "ink": [[0.5], [0.25]]})
    >>> y.dtype.names, y["parity"], y["ink"].shape
    (('digit', 'parity', 'ink'), array(['odd', 'even'], dtype='<U4'), (2, 1))
    >>> as_head_targets({"digit": [3, 8], "parity": ["odd"]})
    Traceback (most recent call last):
    fastmlp.errors.DataError: y['parity'] has 1 targets for 2 samples
    """
    if not y:
        raise DataError(f"{name} names no head; give at least one: {{'digit': labels}}")
    columns: dict[str, Array] = {}
    for head, values in y.items():
        if not isinstance(head, str) or not head:
            raise DataError(f"{name}: the name of a head must be a text; got {head!r}")
        columns[head] = as_targets(values, name=f"{name}[{head!r}]", samples=samples)
        samples = len(columns[head])
    fields = [(head, column.dtype, column.shape[1:]) for head, column in columns.items()]
    table = np.empty(samples or 0, np.dtype(fields))
    for head, column in columns.items():
        table[head] = column
    return table


def any_targets(y: Any, *, name: str = "y", samples: int | None = None) -> Array:
    """Check targets: of several heads where y is a mapping or a structured array, else of one.

    Examples
    --------
    >>> any_targets(np.array([(1, 0.5), (0, 2.0)], [("label", "u1"), ("size", "f4")]))["label"]
    array([1, 0])
    """
    fields = getattr(getattr(y, "dtype", None), "names", None)
    if fields is not None:
        y = {field: y[field] for field in fields}
    if isinstance(y, Mapping):
        return as_head_targets(y, name=name, samples=samples)
    return as_targets(y, name=name, samples=samples)
