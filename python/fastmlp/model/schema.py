"""What the JSON of a model file may say, and which tensors it calls for.

It is closed: a key too many or too few is refused, before anything is allocated. What it means is
description.py's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..config import Config
from ..config.catalog import ACTIVATIONS, HIDDEN_ACTIVATIONS, LOSS_OUTPUTS, LOSSES
from ..config.keys import activation_name, one_activation
from ..errors import ConfigError, ModelFileError
from . import tensors, training_state
from .container import DTYPES, Slot
from .heads import HEADED_OUTPUT, TIES
from .scaling import SCALINGS

Array = NDArray[Any]

LABEL_DTYPES = ("bool", *(f"{u}int{n}" for u in ("", "u") for n in (8, 16, 32, 64)), "float64")
KEYS = {
    "format_version", "network", "config", "targets", "scaling", "image_shape", "pixel_max",
    "feature_names", "target_name", "history", "record",
}  # fmt: skip
STATE_KEY = "training_state"  # of a checkpoint alone
# The training record: what each entry may be. Made by training/preparation.py and run.py.
RECORD: dict[str, tuple[type, ...]] = {
    "version": (str,),  # of fastmlp
    "start": (str,),  # "drawn" or "given" first weights
    "weights": (str,),  # "given": of rows or classes, by the caller; else the configuration's
    "training_rows": (int,),
    "validation_rows": (int,),
    "steps": (int,),  # of all epochs, the unfinished one included
    "seconds": (float, str),
    "interrupted": (bool,),
    "partial_epoch": (dict, type(None)),  # figures of the epoch that was not finished
    "data_name": (str, type(None)),
    "data_sha256": (str, type(None)),  # of all rows, before the split
    "best_epoch": (int, type(None)),  # from 0, of early stopping
    "stopped_early": (bool,),
    "stop_reason": (str, type(None)),  # why a full-batch method took no further step
}


def slots(values: Mapping[str, Any]) -> dict[str, Slot]:
    """Check a description and return dtype and shape of every tensor that it calls for.

    Raises
    ------
    ModelFileError
        A key, a type or a number that no model has; nothing was allocated.
    """
    _need("members" not in values, "it is of bagged models; read it with fastmlp.Bagging.load")
    keys = set(values) - {STATE_KEY}
    _need(keys == KEYS, f"it has the keys {sorted(values)}, expected {sorted(KEYS)}")
    optional = {"structure"} & set(values["network"])
    network = _closed(values, "network", {"sizes", "activations", "dtype"} | optional)
    sizes, activations, dtype = network["sizes"], network["activations"], network["dtype"]
    _need(_is_counts(sizes) and len(sizes) >= 2, f"network sizes {sizes!r}")
    _need(
        isinstance(activations, list)
        and len(activations) == len(sizes) - 1
        and all(_is_activation(text, HIDDEN_ACTIVATIONS) for text in activations[:-1])
        and _is_activation(activations[-1], ACTIVATIONS),
        f"network activations {activations!r}",
    )
    _need(isinstance(dtype, str) and dtype in DTYPES, f"network dtype {dtype!r}")
    config = _check_config(values["config"], network)
    _check_about(values, sizes[0])
    rows = _tensor_rows(network)
    found = tensors.slots(rows, dtype)
    scaling = values["scaling"]
    _need(isinstance(scaling, str) and scaling in SCALINGS, f"scaling {scaling!r}")
    found |= _scaling_slots("input", scaling != "none", sizes[0])
    if STATE_KEY in values:
        found |= training_state.slots(values[STATE_KEY], rows, dtype)
    return found | _any_target_slots(values, sizes[-1], config)


def tensor_rows(values: Mapping[str, Any]) -> tensors.Rows:
    """Return the tensors of the network in a file whose `values` were accepted by `slots`."""
    return _tensor_rows(values["network"])


def _tensor_rows(network: Mapping[str, Any]) -> tensors.Rows:
    structure = network.get("structure", {})
    _need(isinstance(structure, dict), f"network structure {structure!r}")
    try:
        return _core.tensors(network["sizes"], network["activations"], structure)
    except (TypeError, ValueError) as error:
        raise ModelFileError(f"the description is not one of a model: {error}") from None


def _need(condition: bool, what: str) -> None:
    if not condition:
        raise ModelFileError(f"the description is not one of a model: {what}")


def _closed(values: Mapping[str, Any], name: str, keys: set[str]) -> dict[str, Any]:
    """Return one part of the description, which must have exactly these keys."""
    part = values[name]
    _need(isinstance(part, dict) and set(part) == keys, f"{name} must have {sorted(keys)}")
    return dict(part)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value < 2**31


def _is_counts(value: object) -> bool:
    return isinstance(value, list) and all(_is_count(one) for one in value)


def _is_activation(value: object, names: tuple[str, ...]) -> bool:
    """Whether `value` is an activation as a file says it: in full, with its constants."""
    try:
        return isinstance(value, str) and one_activation(names).check("activation", value) == value
    except ConfigError:
        return False


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _scaling_slots(name: str, scaled: bool, width: int) -> dict[str, Slot]:
    """Slots of shift and scale, float64, where there are any."""
    return {f"{name}.{key}": ("F64", (width,)) for key in ("shift", "scale")} if scaled else {}


def _check_config(values: object, network: Mapping[str, Any]) -> Config:
    """Return the configuration; refuse one that is none, or not of this network."""
    try:
        config = Config.from_dict(values)
    except ConfigError as error:
        raise ModelFileError(str(error)) from None
    output = HEADED_OUTPUT if config.heads else config.network.output_unit()
    _need(
        list(config.network.hidden) == network["sizes"][1:-1]
        and list(config.network.hidden_activations()) == network["activations"][:-1]
        and output == network["activations"][-1]
        and _configured(network) == config.network.structure()
        and config.network.dtype == network["dtype"],
        "network and configuration contradict each other",
    )
    if config.heads:
        return config  # what the heads are is looked at with their targets
    _check_loss(config, network["sizes"][-1])
    return config


def _check_loss(config: Config, outputs: int) -> None:
    """Refuse a loss that does not go with its output units."""
    loss = config.training.loss
    output = config.network.output_unit()
    _need(
        activation_name(output) in LOSS_OUTPUTS.get(loss, ()),
        f"loss {loss!r} with output {output!r}",
    )
    for name, value in config.training.loss_constants().items():
        fits = not isinstance(value, tuple) or len(value) == outputs
        _need(fits, f"{name} {value!r} for {outputs} outputs")


def _configured(network: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of the structure the configuration says too."""
    structure = network.get("structure", {})
    _need(isinstance(structure, dict), f"network structure {structure!r}")
    return {key: structure[key] for key in ("normalization", "skips", *TIES) if key in structure}


def _check_about(values: Mapping[str, Any], inputs: int) -> None:
    """Refuse names, picture shape, history or record that are not what they should be."""
    shape, names = values["image_shape"], values["feature_names"]
    is_shape = shape is None or (_is_counts(shape) and len(shape) == 2)
    _need(is_shape and (shape is None or shape[0] * shape[1] == inputs), f"image_shape {shape!r}")
    _need(names is None or (_is_texts(names) and len(names) == inputs), "feature_names")
    _need(values["target_name"] is None or isinstance(values["target_name"], str), "target_name")
    _need(_is_count(values["pixel_max"]), f"pixel_max {values['pixel_max']!r}")
    history, record = values["history"], values["record"]
    _need(
        isinstance(history, dict)
        and all(isinstance(h, list) and all(map(_is_figure, h)) for h in history.values())
        and len({len(h) for h in history.values()}) <= 1,
        "history",
    )
    _need(
        isinstance(record, dict)
        and all(type(value) in RECORD.get(key, ()) for key, value in record.items()),
        f"record {record!r}",
    )
    _need(all(map(_is_figure, (record.get("partial_epoch") or {}).values())), "partial_epoch")


def _is_figure(value: object) -> bool:
    return value in ("nan", "inf", "-inf") or type(value) in (int, float)


def _any_target_slots(values: Mapping[str, Any], width: int, config: Config) -> dict[str, Slot]:
    """Check the part about targets, of one output or of heads; return its slots."""
    if not config.heads:
        return _target_slots(values, width, config)
    parts = _closed(values, "targets", {"heads"})["heads"]
    names = [str(part.get("name")) for part in _items(parts) if isinstance(part, dict)]
    _need(sorted(names) == sorted(config.heads) and len(names) == len(parts), f"heads {names!r}")
    found: dict[str, Slot] = {}
    widths = []
    for at, part in enumerate(parts):
        own = {key: value for key, value in part.items() if key != "name"}
        _need(_is_count(own.get("outputs")), f"head {names[at]!r}: outputs {own.get('outputs')!r}")
        widths.append(own["outputs"])
        alone = config.of_head(names[at])
        _check_loss(alone, widths[-1])
        found |= _target_slots({"targets": own}, widths[-1], alone, f"head.{at}.target")
    units = [
        [n, config.heads[name].output_activation] for name, n in zip(names, widths, strict=True)
    ]
    _need(sum(widths) == width, f"heads of {widths} units for {width} outputs")
    _need(values["network"].get("structure", {}).get("heads") == units, "heads of the network")
    return found


def _target_slots(
    values: Mapping[str, Any], width: int, config: Config, place: str = "target"
) -> dict[str, Slot]:
    """Check the part about targets; return its slots, whose names begin with `place`."""
    part = values["targets"]
    if isinstance(part, dict) and "labels" in part:
        part = _closed(values, "targets", {"outputs", "dtype", "labels"})
        labels = labels_of(part["labels"], part["dtype"])
        is_margin = LOSSES[config.training.loss]["is_margin"]
        one_unit = is_margin or config.network.output_activation == "sigmoid"
        one_unit = one_unit and width == 1 and len(labels) == 2
        _need(
            part["outputs"] == width and (width == len(labels) or one_unit),
            f"{len(labels)} classes for {width} outputs",
        )
        return {}
    if config.data.task == "multilabel":
        part = _closed(values, "targets", {"outputs", "dtype"})
        _need(part["outputs"] == width, f"{part['outputs']!r} labels for {width} outputs")
        _need(part["dtype"] in LABEL_DTYPES, f"labels of dtype {part['dtype']!r}")
        return {}
    part = _closed(values, "targets", {"outputs", "flat", "scaled"})
    _need(part["outputs"] == width, f"{part['outputs']!r} values for {width} outputs")
    _need(isinstance(part["flat"], bool) and (width == 1 or not part["flat"]), "targets flat")
    _need(isinstance(part["scaled"], bool), "targets scaled")
    return _scaling_slots(place, part["scaled"], width)


def labels_of(values: object, dtype: object) -> Array:
    """Return class labels as they were, or refuse them."""
    kinds = {"str": str, "bool": bool, "float64": float}
    kind = kinds.get(str(dtype), int)
    _need(dtype == "str" or dtype in LABEL_DTYPES, f"labels of dtype {dtype!r}")
    is_list = isinstance(values, list) and len(values) >= 2
    _need(is_list and all(type(one) is kind for one in _items(values)), "labels")
    if kind is int:  # NumPy 1 would wrap what is too large
        limits = np.iinfo(str(dtype))
        if not all(limits.min <= one <= limits.max for one in _items(values)):
            raise ModelFileError(f"the labels do not fit dtype {dtype!r}")
    labels = np.array(values, np.str_ if dtype == "str" else str(dtype))
    _need(bool((labels[1:] > labels[:-1]).all()), "labels must be sorted, each once")
    return labels


def _items(values: object) -> Sequence[Any]:
    return values if isinstance(values, list) else ()
