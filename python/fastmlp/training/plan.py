"""What is about to be trained: everything decided and checked, nothing computed yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from .. import _core
from ..model.description import Description
from .checkpoint import Checkpoint, GoingOn
from .custom_loss import LossFunction

Array = NDArray[Any]
# Rows, and what the network should say of them: an array, or a dict of arrays for heads.
Labelled = tuple[Array, Any]


@dataclass(frozen=True, eq=False)
class Plan:
    """A network with its first weights, and the rows for it.

    Parameters
    ----------
    network : Network
        Trained in place; nobody else holds it.
    description : Description
        Of the model to be; its history is empty.
    training, validation, test : (x, targets)
        Rows (samples, features) and encoded targets: class numbers (samples,) or values (samples,
        outputs); of heads a dict of such.
    weights : ndarray of float64, shape (training samples,), or None
        Factors of the loss of each training row.
    loss_function : callable or None
        What the loss "custom" is.
    checkpoint : Checkpoint or None
        Where the state goes.
    going_on : GoingOn or None
        The checkpoint whose training goes on; the network has its weights.
    fingerprints : mapping
        SHA-256 of the training and validation rows and of the weights, for checkpoints.
    """

    network: _core.Network
    description: Description
    training: Labelled
    validation: Labelled | None
    test: Labelled | None
    weights: Array | None = None
    loss_function: LossFunction | None = None
    checkpoint: Checkpoint | None = None
    going_on: GoingOn | None = None
    fingerprints: Mapping[str, str | None] = field(default_factory=dict)
