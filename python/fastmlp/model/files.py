"""Models from files and bytes: load().

What a file says is description.py's, how its bytes lie container.py's.
"""

from __future__ import annotations

import os
from typing import Any

from numpy.typing import NDArray

from ..errors import ModelFileError
from . import tensors as layer_tensors
from .container import read_container, unpack
from .description import Description
from .model import Model
from .schema import STATE_KEY, slots, tensor_rows
from .training_state import TrainingState

Array = NDArray[Any]


def load(path: str | os.PathLike[str]) -> Model:
    """Read a model that was written by `Model.save` or ``fastmlp train``, or a checkpoint's.

    Parameters
    ----------
    path : path-like
        A safetensors file. It is read whole and checked before a network is made; nothing in it is
        executed.

    Returns
    -------
    Model
        Equal to the one saved: its predictions have the same bits.

    Raises
    ------
    OSError
        The file cannot be opened.
    ModelFileError
        It is damaged, not of fastmlp, or of another format version.

    Examples
    --------
    >>> import fastmlp, os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.safetensors")
    ...     fastmlp.train([[0.0], [1.0]], [1.0, 2.0], hidden=[]).save(path)
    ...     fastmlp.load(path).summary().parameters
    2
    """
    return assemble(*read_container(path, slots))


def load_checkpoint(path: str | os.PathLike[str]) -> tuple[Model, TrainingState | None]:
    """Return the model in a file and, if that is a checkpoint, the state of its training."""
    values, tensors = read_container(path, slots)
    model = assemble(values, tensors)
    state = None
    if STATE_KEY in values:
        state = TrainingState.from_file(values, tensors, tensor_rows(values))
    return model, state


def model_from_bytes(data: bytes) -> Model:
    """Return the model whose file has this content; what `load` says applies."""
    return assemble(*unpack(data, slots))


def assemble(values: dict[str, Any], tensors: dict[str, Array]) -> Model:
    """Return the model of a description that `slots` has accepted, and its tensors."""
    description = Description.from_json(values, tensors)
    try:
        network = description.network()
        network.set_parameters(layer_tensors.by_layer(tensor_rows(values), tensors))
    except ValueError as error:
        raise ModelFileError(str(error)) from None
    return Model(network, description)
