"""Pruning: which weights, blocks or units go, and networks without the units that went.

Masks are what the engine keeps zero; how a share grows over the epochs is training/pruning.py's.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..errors import ConfigError
from .description import Description
from .tensors import Layers, Rows

Array = NDArray[Any]
Masks = list[NDArray[np.bool_] | None]  # of each layer (inputs, units): where W may be other than 0
UNITS = ("weight", "block", "neuron")
BLOCK = 16  # units side by side whose weights of one input go together: the kernels' own width
MASK = "mask"


def masks_in(rows: Rows, layers: Layers) -> Masks:
    """Return the masks among the tensors of each layer."""
    found: Masks = []
    for layer, arrays in zip(rows, layers, strict=True):
        names = [row["name"] for row in layer]
        found.append(arrays[names.index(MASK)] != 0 if MASK in names else None)
    return found


def structure_with(structure: dict[str, Any], masks: Masks) -> dict[str, Any]:
    """Return the structure of a network with these masks."""
    rest = {key: value for key, value in structure.items() if key != "masked"}
    masked = [mask is not None for mask in masks]
    return {**rest, "masked": masked} if any(masked) else rest


def pruned_masks(
    weights: Sequence[Array],
    masks: Masks,
    share: float,
    by: str,
    layers: Iterable[int] | None = None,
) -> Masks:
    """Return masks under which a share of each layer is zero: what is smallest goes.

    Parameters
    ----------
    weights : sequence of ndarray, shape (inputs, units)
    masks : list of ndarray of bool, or None
        What is zero already: it goes first, and stays zero.
    share : float
        Of the weights, the blocks or the units of each layer, rounded to the nearest number.
    by : {"weight", "block", "neuron"}
        ``weight``: by magnitude. ``block``: the weights from one input to 16 units that follow each
        other, by their mean square. ``neuron``: units of hidden layers, by the length of their
        incoming weights; at least one stays.
    layers : iterable of int, optional
        Numbers of the layers, from 0; all that can be pruned, if left out.

    Examples
    --------
    >>> pruned_masks([np.array([[0.1, -3.0], [2.0, -0.2]])], [None], 0.5, "weight")
    [array([[False,  True],
           [ True, False]])]
    """
    found = list(masks)
    for number in _chosen(layers, len(weights) - (by == "neuron"), by):
        weight = weights[number]
        if by == "neuron":
            gone = _units_gone(weight, _whole(found[number], weight), share)
            found[number] = _whole(found[number], weight) & ~gone
            above = weights[number + 1]
            if len(above) != len(gone):
                raise ConfigError("units that have several pieces are not pruned by neuron")
            found[number + 1] = _whole(found[number + 1], above) & ~gone[:, np.newaxis]
        else:
            choose = _weights_left if by == "weight" else _blocks_left
            found[number] = choose(weight, _whole(found[number], weight), share)
    return found


def _chosen(layers: Iterable[int] | None, count: int, by: str) -> list[int]:
    if by not in UNITS:
        raise ConfigError(f"by must be one of {', '.join(UNITS)}; got {by!r}")
    numbers = range(count) if layers is None else list(layers)
    for number in numbers:
        if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < count:
            last = "the output layer is never pruned by neuron" if by == "neuron" else ""
            raise ConfigError(
                f"layers names {number!r}; layers to prune are 0 to {count - 1}"
                + (f": {last}" if last else "")
            )
    return sorted(set(numbers))


def _whole(mask: NDArray[np.bool_] | None, weight: Array) -> NDArray[np.bool_]:
    return np.ones(weight.shape, np.bool_) if mask is None else mask


def _smallest(sizes: Array, gone: NDArray[np.bool_], count: int) -> NDArray[np.bool_]:
    """Return the `count` smallest, those that are gone first; of equal ones the first."""
    order = np.argsort(np.where(gone, -1.0, sizes), axis=None, kind="stable")
    chosen = gone.copy()
    chosen.flat[order[:count]] = True
    return chosen


def _rounded(share: float, count: int) -> int:
    return math.floor(share * count + 0.5)


def _weights_left(weight: Array, mask: NDArray[np.bool_], share: float) -> NDArray[np.bool_]:
    return ~_smallest(np.abs(weight), np.logical_not(mask), _rounded(share, weight.size))


def _blocks_left(weight: Array, mask: NDArray[np.bool_], share: float) -> NDArray[np.bool_]:
    inputs, units = weight.shape
    starts = np.arange(0, units, BLOCK)
    widths = np.minimum(BLOCK, units - starts)
    squares = np.zeros((inputs, len(starts) * BLOCK))
    squares[:, :units] = weight.astype(np.float64) ** 2
    # One after the other: sums that are the same everywhere.
    sums = sum(squares[:, at::BLOCK] for at in range(BLOCK))
    gone: NDArray[np.bool_] = np.logical_not(np.logical_or.reduceat(mask, starts, axis=1))
    left = ~_smallest(sums / widths, gone, _rounded(share, gone.size))
    return mask & np.repeat(left, BLOCK, axis=1)[:, :units]


def _units_gone(weight: Array, mask: NDArray[np.bool_], share: float) -> NDArray[np.bool_]:
    squares = np.cumsum(weight.astype(np.float64) ** 2, axis=0)[-1]
    count = min(_rounded(share, weight.shape[1]), weight.shape[1] - 1)
    return _smallest(squares, np.logical_not(mask.any(axis=0)), count)


def with_masks(
    network: _core.Network, description: Description, masks: Masks
) -> tuple[_core.Network, Description]:
    """Return a network whose weights are zero where the masks are, and its description."""
    structure = structure_with(description.structure, masks)
    changed = dataclasses.replace(description, structure=structure)
    try:
        found = changed.network()
    except ValueError as error:
        raise ConfigError(str(error)) from None
    found.set_parameters(fitted(found.tensors, _named(network), masks))
    return found, changed


def _named(network: _core.Network) -> list[dict[str, Array]]:
    return [
        dict(zip((row["name"] for row in rows), arrays, strict=True))
        for rows, arrays in zip(network.tensors, network.parameters(), strict=True)
    ]


def fitted(rows: Rows, layers: Sequence[dict[str, Array]], masks: Masks) -> Layers:
    """Return the tensors of each layer in the order of `rows`, masked."""
    found = []
    for own, arrays, mask in zip(rows, layers, masks, strict=True):
        whole = dict(arrays)
        if mask is not None:
            whole["weight"] = np.where(mask, arrays["weight"], 0).astype(arrays["weight"].dtype)
            whole[MASK] = mask.astype(arrays["weight"].dtype)
        found.append(tuple(whole[row["name"]] for row in own))
    return found


def shrunk(network: _core.Network, description: Description) -> tuple[_core.Network, Description]:
    """Return the network without hidden units that nobody reads, and its description.

    Where what they put out was finite, the outputs have the same bits.

    Raises
    ------
    ConfigError
        A layer has tensors that do not belong to single units.
    """
    others = sorted(set(description.structure) - {"masked", "heads"})
    if others:
        raise ConfigError(f"units cannot be taken out of a network with {', '.join(others)}")
    layers = _named(network)
    for number in range(len(layers) - 1, 0, -1):
        read = (layers[number]["weight"] != 0).any(axis=1)
        read[0] |= not read.any()  # a layer keeps one
        above = ("weight", MASK)
        layers[number] |= {n: a[read] for n, a in layers[number].items() if n in above}
        for name, array in layers[number - 1].items():
            if array.shape[-1] != len(read) or (array.ndim > 1 and name not in above):
                raise ConfigError(f"units cannot be taken out of a layer that has {name!r}")
            layers[number - 1][name] = np.ascontiguousarray(array[..., read])
    sizes = (description.sizes[0], *(layer["bias"].size for layer in layers))
    masks: Masks = [layer[MASK] != 0 if MASK in layer else None for layer in layers]
    masks = [None if mask is None or mask.all() else mask for mask in masks]
    changed = dataclasses.replace(
        description,
        sizes=sizes,
        structure=structure_with(description.structure, masks),
        config=description.config.replace(hidden=sizes[1:-1]),
    )
    found = changed.network()
    found.set_parameters(fitted(found.tensors, layers, masks))
    return found, changed
