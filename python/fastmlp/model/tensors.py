"""The tensors of a network's layers: what the engine says that there are, and their names in files.

W and b come first; a layer that is more than f(x W + b) has others. Those that are not trained are
kept and saved, but no optimizer has a state of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from .container import DTYPES, Slot

if TYPE_CHECKING:
    from .._core import TensorRow

Array = NDArray[Any]
Layers = Sequence[tuple[Array, ...]]  # of each layer W (inputs, units), b (units,) and the others
Rows = Sequence[Sequence["TensorRow"]]  # of each layer, in the same order


def trained(rows: Rows) -> Rows:
    """Return those that an optimizer changes."""
    return [[row for row in layer if row["trained"]] for layer in rows]


def parameters(rows: Rows) -> list[int]:
    """Return how many numbers of each layer are trained; those of tied layers count once."""
    return [
        sum(math.prod(row["shape"]) for row in layer if row["trained"] and row["owner"] == number)
        for number, layer in enumerate(rows)
    ]


def slots(rows: Rows, dtype: str, group: str = "") -> dict[str, Slot]:
    """Return dtype and shape of each tensor by its name in the file.

    Examples
    --------
    >>> from fastmlp import _core
    >>> slots(_core.tensors([2, 3], ["identity"]), "float32")
    {'layer.0.weight': ('F32', (2, 3)), 'layer.0.bias': ('F32', (3,))}
    """
    return {name: (DTYPES[dtype], tuple(row["shape"])) for name, row in _named(rows, group)}


def by_name(rows: Rows, layers: Layers, group: str = "") -> dict[str, Array]:
    """Return the arrays by their names in the file."""
    arrays = (array for layer in layers for array in layer)
    named = zip(_all_named(rows, group), arrays, strict=True)
    return {name: one for (name, row, is_own), one in named if is_own}


def by_layer(rows: Rows, tensors: Mapping[str, Array], group: str = "") -> Layers:
    """Return the arrays that a file has under these names."""

    def array(row: TensorRow) -> Array:
        own = tensors[f"{group}layer.{row['owner']}.{row['name']}"]
        return own.T if row.get("transposed") else own

    return [tuple(array(row) for row in layer) for layer in rows]


def with_kept(rows: Rows, layers: Layers, current: Layers) -> Layers:
    """Return the layers with the current values of what is not trained."""
    return [
        tuple(new if row["trained"] else old for row, new, old in zip(*layer, strict=True))
        for layer in zip(rows, layers, current, strict=True)
    ]


def _named(rows: Rows, group: str) -> Iterator[tuple[str, TensorRow]]:
    """Yield the tensors that a file holds: those of tied layers once."""
    return ((name, row) for name, row, is_own in _all_named(rows, group) if is_own)


def _all_named(rows: Rows, group: str) -> Iterator[tuple[str, TensorRow, bool]]:
    for number, layer in enumerate(rows):
        for row in layer:
            yield f"{group}layer.{number}.{row['name']}", row, row["owner"] == number
