"""The weights that training begins with: drawn, given, and fitted to the data."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..config import Config
from ..errors import ConfigError
from ..model import Model
from ..model.pruning import Masks
from .pruning import masked, put_masks

Array = NDArray[Any]

ROWS_TO_SCALE_BY = 1024  # enough for a deviation within some percent, whatever the batch


def set_first_weights(network: _core.Network, config: Config, start: Any, masks: Masks) -> None:
    """Draw the first weights, or take those of a Model or a list with the tensors of each layer.

    (W, b) is enough of a layer: its other tensors, where there are any, begin as they always do.

    Raises
    ------
    ConfigError
        Tensors of other shapes than the network's, or not finite.
    """
    chosen = config.network
    put_masks(network, masks)
    if start is None or network.structure or any(len(rows) > 2 for rows in network.tensors):
        network.initialize(chosen.init, config.training.seed, chosen.init_std, chosen.bias_init)
    if start is None:
        return
    try:
        with np.errstate(over="ignore"):  # too large for the dtype: refused below
            given = [
                tuple(np.asarray(one, network.dtype) for one in layer)
                for layer in (start.parameters if isinstance(start, Model) else start)
            ]
    except (TypeError, ValueError) as error:
        raise ConfigError(f"init must be a name, a Model or a list of (W, b): {error}") from None
    if len(given) == len(network.tensors):
        given = list(masked(network, given))
        given = [
            layer + rest[2:] if len(layer) == 2 else layer
            for layer, rest in zip(given, network.parameters(), strict=True)
        ]
    shapes = [tuple(one.shape for one in layer) for layer in given]
    expected = [tuple(row["shape"] for row in layer) for layer in network.tensors]
    if shapes != expected:
        raise ConfigError(
            f"init has (W, b) of shapes {shapes}; the network of sizes {list(network.sizes)} "
            f"needs {expected}"
        )
    if not all(np.isfinite(one).all() for layer in given for one in layer):
        raise ConfigError(f"init holds weights that are not finite in {network.dtype}")
    network.set_parameters(given)


def scale_first_weights(network: _core.Network, config: Config, rows: Array) -> None:
    """Let the weights that were drawn suit the first rows of the first epoch, where that is chosen.

    Raises
    ------
    ConfigError
        A network with normalisation, skips, maxout or tied layers.
    """
    if config.network.init_scaling == "none":
        return
    count, chosen = len(rows), config.training
    order = _core.permutation(count, chosen.seed, 0) if chosen.shuffle else np.arange(count)
    try:
        network.scale_to_data(rows[order[:ROWS_TO_SCALE_BY]])
    except ValueError as error:
        raise ConfigError(f"init_scaling 'data': {error}") from None
