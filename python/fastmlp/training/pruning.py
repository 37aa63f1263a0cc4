"""Masks of a training: those it begins with, and pruning while it goes on.

What is pruned is model/pruning.py's; that masked weights stay zero is the engine's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..config import Config
from ..config.training import TrainingConfig
from ..errors import ConfigError
from ..model import Model
from ..model.pruning import MASK, Masks, fitted, masks_in, pruned_masks
from ..model.tensors import Layers

Array = NDArray[Any]


def first_masks(config: Config, sizes: Sequence[int], given: Any, start: Any) -> Masks:
    """Return the masks that training begins with: given, drawn or those of a model.

    Parameters
    ----------
    config : Config
        Its ``connections`` are drawn where no model brings masks along; ``prune`` wants a mask in
        every layer.
    sizes : sequence of int
    given : sequence of array_like or None, or None
        One for each layer, shape (inputs, units), true where there is a weight.
    start : Model or other first weights
        A Model brings its masks along.

    Raises
    ------
    ConfigError
        Masks of other shapes, not of 0 and 1, or beside ``connections``; more connections than
        there are inputs; masks with mixed precision.
    """
    chosen, layers = config.network, len(sizes) - 1
    masks: Masks = [None] * layers
    if isinstance(start, Model):
        masks = masks_in(start._network.tensors, start.parameters)
        if start._network.sizes != list(sizes):
            masks = [None] * layers  # it is refused for its weights
    elif given is None and chosen.connections is not None:
        masks = _drawn(config, sizes)
    elif given is not None and chosen.connections is not None:
        raise ConfigError("masks and connections both say which weights there are; choose one")
    if given is not None:
        own = _given(given, sizes)
        masks = [
            m if g is None else g if m is None else g & m for g, m in zip(own, masks, strict=True)
        ]
    if config.training.prune:
        whole = [np.ones(shape, np.bool_) for shape in pairwise(sizes)]
        masks = [one if m is None else m for m, one in zip(masks, whole, strict=True)]
    if config.training.precision != "full" and any(mask is not None for mask in masks):
        raise ConfigError(
            f"masks and pruning need precision 'full'; got {config.training.precision!r}"
        )
    return masks


def _drawn(config: Config, sizes: Sequence[int]) -> Masks:
    counts = config.network.connections
    hidden = len(config.network.hidden)
    each = (counts,) * hidden if isinstance(counts, int) else tuple(counts or ())
    found: Masks = [None] * (len(sizes) - 1)
    for layer, count in enumerate(each):
        try:
            mask = _core.draw_connections(
                sizes[layer], sizes[layer + 1], count, config.training.seed, layer
            )
        except ValueError as error:
            raise ConfigError(str(error)) from None
        found[layer] = mask != 0
    return found


def _given(given: Any, sizes: Sequence[int]) -> Masks:
    if isinstance(given, str) or not isinstance(given, Sequence) or len(given) != len(sizes) - 1:
        count = len(given) if isinstance(given, Sequence) else type(given).__name__
        raise ConfigError(f"masks needs an entry for each of {len(sizes) - 1} layers; got {count}")
    found: Masks = []
    for layer, one in enumerate(given):
        if one is None:
            found.append(None)
            continue
        mask, shape = np.asarray(one), (sizes[layer], sizes[layer + 1])
        if mask.shape != shape:
            raise ConfigError(f"masks[{layer}] has the shape {mask.shape}; it needs {shape}")
        if mask.dtype.kind not in "biuf" or not np.isin(mask, (0, 1)).all():
            raise ConfigError(f"masks[{layer}] must hold true and false, or 0 and 1")
        found.append(mask != 0)
    return found


def put_masks(network: _core.Network, masks: Masks) -> None:
    """Give a new network, whose weights are zeros, its masks."""
    if any(mask is not None for mask in masks):
        rows = network.tensors
        named = [
            dict(zip((row["name"] for row in own), arrays, strict=True))
            for own, arrays in zip(rows, network.parameters(), strict=True)
        ]
        network.set_parameters(fitted(rows, named, masks))


def masked(network: _core.Network, given: Sequence[tuple[Array, ...]]) -> Layers:
    """Return first weights with the masks of the network, and zeros where those are."""
    found: list[tuple[Array, ...]] = []
    for layer, rows, current in zip(given, network.tensors, network.parameters(), strict=True):
        names = [row["name"] for row in rows]
        whole = layer
        if MASK in names and layer and layer[0].shape == current[0].shape:
            at = names.index(MASK)
            rest = layer if len(layer) < len(names) else (*layer[:at], *layer[at + 1 :])
            rest = (np.where(current[at] != 0, layer[0], 0).astype(layer[0].dtype), *rest[1:])
            whole = (*rest[:at], current[at], *rest[at:])
        found.append(whole)
    return found


@dataclass(frozen=True)
class Pruning:
    """How much is zero in which epoch: the cubic schedule of Zhu and Gupta (2017), from 0 on.

    Epoch ``prune_start`` (from 1) is the first of ``prune_epochs`` that begin with pruning; in the
    i-th of n the share is ``prune (1 - (1 - i / n)^3)``.

    Examples
    --------
    >>> chosen = TrainingConfig(prune=0.8, prune_start=2, prune_epochs=2, epochs=4)
    >>> [round(Pruning(chosen).share(epoch), 3) for epoch in range(4)]
    [0.0, 0.7, 0.8, 0.8]
    """

    chosen: TrainingConfig

    def share(self, epoch: int) -> float:
        """Return the share that is zero in an epoch, numbered from 0."""
        chosen = self.chosen
        at, count = epoch + 2 - chosen.prune_start, chosen.prune_epochs or 1
        if at >= count:
            return chosen.prune
        return chosen.prune * (1 - (1 - at / count) ** 3) if at > 0 else 0.0

    def is_complete(self, epoch: int) -> bool:
        """Whether nothing is pruned after this epoch began."""
        return self.share(epoch) == self.chosen.prune

    def begin(self, epoch: int, network: _core.Network, trainer: _core.Trainer) -> None:
        """Prune before the first step of an epoch; what is pruned already stays so."""
        share = self.share(epoch)
        if share == 0 or (epoch > 0 and self.share(epoch - 1) == share):
            return
        layers = network.parameters()
        masks = masks_in(network.tensors, layers)
        weights = [layer[0] for layer in layers]
        pruned = pruned_masks(weights, masks, share, self.chosen.prune_by)
        trainer.set_masks([None if one is None else one.astype(network.dtype) for one in pruned])


def decided_prune_epochs(chosen: TrainingConfig) -> int | None:
    """Return for how many epochs pruning goes on: half of those from prune_start on, if not given.

    Raises
    ------
    ConfigError
        Training ends before pruning does.
    """
    if not chosen.prune:
        return chosen.prune_epochs
    count = chosen.prune_epochs or max(1, (chosen.epochs + 1 - chosen.prune_start) // 2)
    if chosen.prune_start + count - 1 > chosen.epochs:
        raise ConfigError(
            f"pruning begins in epoch {chosen.prune_start} and takes {count}; training has "
            f"{chosen.epochs}: choose prune_start and prune_epochs so that it ends before"
        )
    return count
