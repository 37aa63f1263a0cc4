"""All that is decided and checked before the first step: arguments of train() in, a Plan out.

What "auto" becomes is decisions.py's, where rows come from datasets.py's.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from .. import _core
from ..config import Config
from ..config.catalog import CUSTOM_LOSS
from ..data.arrays import as_weights
from ..data.dataset import Dataset, Split
from ..errors import ConfigError
from ..model import Model
from ..model.description import Description
from ..model.heads import HEADED_OUTPUT, AnyTargets, HeadTargets, structure_of
from ..model.pruning import Masks, structure_with
from .checkpoint import Checkpoint, GoingOn, fingerprint_of_weights, fingerprints
from .custom_loss import LossFunction
from .datasets import bring_together, fingerprint
from .decisions import decide
from .first_weights import scale_first_weights, set_first_weights
from .plan import Labelled, Plan
from .pruning import first_masks
from .weights import training_weights

Array = NDArray[Any]
Weights = Sequence[tuple[Any, Any]]


def prepare(
    x: Any = None,
    y: Any = None,
    *,
    config: Config | str | os.PathLike[str] | None = None,
    sample_weight: Any = None,
    class_weight: str | Mapping[Any, float] | None = None,
    validation: tuple[Any, Any] | float | None = None,
    init: str | Model | Weights | None = None,
    masks: Sequence[Any] | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int = 1,
    resume: str | os.PathLike[str] | None = None,
    **options: Any,
) -> Plan:
    """Decide and check everything that `train` would do with these arguments; compute nothing."""
    going_on = None if resume is None else GoingOn.read(resume)
    chosen = config if isinstance(config, Config) else Config()
    if config is None and going_on is not None:
        chosen = going_on.model.config
    if config is not None and not isinstance(config, Config):
        chosen = Config.read_toml(config)
    function = options.get("loss")
    if callable(function):
        options["loss"] = CUSTOM_LOSS
    if isinstance(class_weight, str):
        options["class_weight"], class_weight = class_weight, None
    if isinstance(init, str):
        options["init"], init = init, None
    for name, value in {"init": init, "masks": masks}.items():
        if going_on is not None and value is not None:
            raise ConfigError(f"{name} and resume both say where training starts; pass one of them")
    chosen = chosen.replace(**options)
    data, parts, labels = bring_together(x, y, validation, chosen, options)
    return plan_for(
        data,
        parts,
        chosen,
        labels=labels,
        sample_weight=sample_weight,
        class_weight=class_weight,
        loss_function=function if callable(function) else None,
        start=init,
        masks=masks,
        checkpoint=None if checkpoint is None else Checkpoint(checkpoint, checkpoint_every),
        going_on=going_on,
    )


def plan_for(
    data: Dataset,
    parts: Split,
    config: Config,
    *,
    labels: Any = None,
    sample_weight: Any = None,
    class_weight: Mapping[Any, float] | None = None,
    loss_function: LossFunction | None = None,
    start: Model | Weights | None = None,
    masks: Sequence[Any] | None = None,
    checkpoint: Checkpoint | None = None,
    going_on: GoingOn | None = None,
) -> Plan:
    """Return what is to be trained, on a data set that is already split.

    Parameters
    ----------
    data : Dataset
        All rows and what is known of them; the classes are those of all its rows.
    parts : Split
        The rows to learn from, to validate and to test.
    config : Config
        Its section [data] is used for task and scaling only.
    labels : array_like, optional
        ``data.y`` in the caller's own dtype, which predictions will have.
    sample_weight : array_like, shape (samples,), optional
        Of all rows of `data`.
    class_weight : dict, optional
        Instead of what the configuration says.
    loss_function : callable, optional
        What the loss "custom" is.
    start : Model or list of (W, b), optional
        First weights.
    masks : list of array_like or None, optional
        Which weights there are, for each layer.
    checkpoint : Checkpoint, optional
        Where the state of the training goes.
    going_on : GoingOn, optional
        The checkpoint that training goes on from, instead of `start`.
    """
    if (config.training.loss == CUSTOM_LOSS) != (loss_function is not None):
        raise ConfigError(f"loss {CUSTOM_LOSS!r} is a function: pass it, train(..., loss=function)")
    if checkpoint is not None:
        checkpoint.require_place(going_on)
    if going_on is not None:
        going_on.require_data(fingerprints(parts))
        config, start = going_on.config(config), going_on.model
    weights = as_weights(sample_weight, samples=len(data.x))
    config, targets, scaling = decide(data, parts, config, labels, start)
    pixel_max = data.pixel_max
    if isinstance(start, Model) and scaling is start._description.scaling:
        pixel_max = start.pixel_max  # it belongs to the scaling that was taken over
    network, first = _shape(data.x.shape[1], config, targets, masks, start)
    description = Description(
        **network,
        dtype=config.network.dtype,
        config=config,
        targets=targets,
        scaling=scaling,
        record={
            "start": _how_started(start, going_on),
            "weights": "none" if sample_weight is None and class_weight is None else "given",
            "data_name": None if data.kind == "arrays" else data.name,
            "data_sha256": None if data.kind == "arrays" else fingerprint(data),
        },
        image_shape=data.image_shape,
        pixel_max=pixel_max,
        feature_names=data.feature_names,
        target_name=data.target_name,
    )
    if weights is not None and parts.train_rows is not None:
        weights = weights[parts.train_rows]
    by_class = config.training.class_weight if class_weight is None else class_weight
    encoded = targets.encode(parts.y_train)
    weights = training_weights(weights, by_class, targets, encoded)
    if going_on is not None:
        going_on.require_data(fingerprint_of_weights(weights))
    return Plan(
        _first_network(description, parts, start, going_on, first),
        description,
        (parts.x_train, encoded),
        _encoded(targets, parts.x_validation, parts.y_validation, "validation y"),
        _encoded(targets, parts.x_test, parts.y_test, "test y"),
        weights,
        loss_function,
        checkpoint,
        going_on,
        {} if checkpoint is None else fingerprints(parts) | fingerprint_of_weights(weights),
    )


def _shape(
    features: int, config: Config, targets: AnyTargets, masks: Any, start: Any
) -> tuple[dict[str, Any], Masks]:
    """Return widths, activations and structure of the network, and its first masks.

    Raises
    ------
    ConfigError
        What the configuration could not know: ties between layers of other shapes, for example.
    """
    sizes = (features, *config.network.hidden, targets.outputs)
    structure, output = structure_of(config, targets), config.network.output_unit()
    if isinstance(targets, HeadTargets):
        output = HEADED_OUTPUT
    activations = (*config.network.hidden_activations(), output)
    try:
        whole = _core.tensors(sizes, activations, structure)
        first = first_masks(config, [tuple(rows[0]["shape"]) for rows in whole], masks, start)
        structure = structure_with(structure, first)
        _core.tensors(sizes, activations, structure)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    return {"sizes": sizes, "activations": activations, "structure": structure}, first


def _first_network(
    description: Description, parts: Split, start: Any, going_on: GoingOn | None, masks: Masks
) -> _core.Network:
    """Return the network with its first weights: drawn, given, or those of the checkpoint."""
    network, config = description.network(), description.config
    set_first_weights(network, config, start if going_on is None else going_on.weights, masks)
    if start is None:
        scale_first_weights(network, config, parts.x_train)
    return network


def _how_started(start: Model | Weights | None, going_on: GoingOn | None) -> str:
    if going_on is not None:
        return str(going_on.model.record.get("start", "given"))
    return "drawn" if start is None else "given"


def _encoded(targets: AnyTargets, x: Array | None, y: Array | None, name: str) -> Labelled | None:
    return None if x is None or y is None else (x, targets.encode(y, name=name))
