"""What a model file says beside its weights: network, configuration, target, training record.

How it is checked is schema.py's; bytes and checksums are container.py's.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from .. import _core
from ..config import Config
from ..config.catalog import LOSSES
from ..evaluation import History
from .container import FORMAT_VERSION
from .heads import AnyTargets, HeadTargets
from .multilabel import LabelSetTargets
from .scaling import InputScaling
from .schema import labels_of
from .targets import ClassTargets, Targets, ValueTargets

Array = NDArray[Any]


@dataclass(frozen=True, eq=False, kw_only=True)
class Description:
    """Everything of a model but its weights.

    Parameters
    ----------
    sizes : tuple of int
        Units of each layer, inputs first.
    activations : tuple of str
        One a layer; the last is the output unit.
    dtype : {"float32", "float64"}
        Precision of the network.
    config : Config
        With every "auto" decided.
    targets : ClassTargets, LabelSetTargets or ValueTargets, or HeadTargets of several
    scaling : InputScaling
    history : History
    record : dict
        Keys of RECORD.
    structure : dict
        What of the network is not plain, as the engine says it; empty: nothing.
    image_shape, pixel_max, feature_names, target_name
        As in Dataset.
    """

    sizes: tuple[int, ...]
    activations: tuple[str, ...]
    dtype: str
    config: Config
    targets: AnyTargets
    scaling: InputScaling
    history: History = field(default_factory=History)
    record: dict[str, Any] = field(default_factory=dict)
    structure: dict[str, Any] = field(default_factory=dict)
    image_shape: tuple[int, int] | None = None
    pixel_max: int = 255
    feature_names: tuple[str, ...] | None = None
    target_name: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the description as JSON can hold it; numbers that are not finite become texts."""
        return {
            "format_version": FORMAT_VERSION,
            "network": {
                "sizes": list(self.sizes),
                "activations": list(self.activations),
                "dtype": self.dtype,
                **({"structure": self.structure} if self.structure else {}),
            },
            "config": self.config.as_dict(),
            "targets": _targets_as_json(self.targets),
            "scaling": self.scaling.kind,
            "image_shape": None if self.image_shape is None else list(self.image_shape),
            "pixel_max": self.pixel_max,
            "feature_names": None if self.feature_names is None else list(self.feature_names),
            "target_name": self.target_name,
            "history": without_infinity(self.history),
            "record": without_infinity(self.record),
        }

    def network(self) -> _core.Network:
        """Return a network that is this one but for its parameters, which are zeros."""
        made = _core.Network(self.sizes, self.activations, self.dtype, self.structure)
        made.set_input_scaling(self.scaling.shift, self.scaling.scale)
        return made

    def tensors(self) -> dict[str, Array]:
        """Return the arrays of the scalings, float64, by the names that they have in the file."""
        arrays = {"input.shift": self.scaling.shift, "input.scale": self.scaling.scale}
        for place, one in _places(self.targets):
            if isinstance(one, ValueTargets):
                arrays |= {f"{place}.shift": one.shift, f"{place}.scale": one.scale}
        return {name: array for name, array in arrays.items() if array is not None}

    @classmethod
    def from_json(cls, values: Mapping[str, Any], arrays: Mapping[str, Array]) -> Description:
        """Return the description of a file whose `values` were accepted by `slots`."""
        shape, names = values["image_shape"], values["feature_names"]
        config = Config.from_dict(values["config"])
        order = [part["name"] for part in values["targets"].get("heads", [])]
        if order:  # the configuration's are sorted in the file
            config = config.replace(heads={name: config.heads[name] for name in order})
        return cls(
            sizes=tuple(values["network"]["sizes"]),
            activations=tuple(values["network"]["activations"]),
            dtype=values["network"]["dtype"],
            structure=values["network"].get("structure", {}),
            config=config,
            targets=_any_targets_from_json(values["targets"], arrays, config),
            scaling=InputScaling(
                values["scaling"], arrays.get("input.shift"), arrays.get("input.scale")
            ),
            history=History(_with_infinity(values["history"])),
            record=_with_infinity(values["record"]),
            image_shape=None if shape is None else (shape[0], shape[1]),
            pixel_max=values["pixel_max"],
            feature_names=None if names is None else tuple(names),
            target_name=values["target_name"],
        )


def _places(targets: AnyTargets) -> list[tuple[str, Targets]]:
    """Return every target with what the names of its tensors begin with."""
    if isinstance(targets, HeadTargets):
        return [(f"head.{at}.target", one) for at, one in enumerate(targets.heads.values())]
    return [("target", targets)]


def _targets_as_json(targets: AnyTargets) -> dict[str, Any]:
    if isinstance(targets, HeadTargets):
        heads = targets.heads.items()
        return {"heads": [{"name": name} | _targets_as_json(one) for name, one in heads]}
    if isinstance(targets, ClassTargets):
        labels = targets.labels
        dtype = "str" if labels.dtype.kind == "U" else labels.dtype.name
        return {"outputs": targets.outputs, "dtype": dtype, "labels": labels.tolist()}
    if isinstance(targets, LabelSetTargets):
        return {"outputs": targets.outputs, "dtype": targets.dtype}
    return {
        "outputs": targets.outputs,
        "flat": targets.flat,
        "scaled": targets.scale is not None,
    }


def _any_targets_from_json(
    part: Mapping[str, Any], tensors: Mapping[str, Array], config: Config
) -> AnyTargets:
    if not config.heads:
        return _targets_from_json(part, tensors, config.training.loss)
    return HeadTargets(
        {
            own["name"]: _targets_from_json(
                own, tensors, config.heads[own["name"]].loss, f"head.{at}.target"
            )
            for at, own in enumerate(part["heads"])
        }
    )


def _targets_from_json(
    part: Mapping[str, Any], tensors: Mapping[str, Array], loss: str, place: str = "target"
) -> Targets:
    if "labels" in part:
        labels = labels_of(part["labels"], part["dtype"])
        return ClassTargets(labels, part["outputs"], LOSSES[loss]["is_margin"])
    if "dtype" in part:
        return LabelSetTargets(part["outputs"], part["dtype"])
    shift, scale = tensors.get(f"{place}.shift"), tensors.get(f"{place}.scale")
    log_outputs = LOSSES[loss]["log_outputs"]
    return ValueTargets(part["outputs"], part["flat"], shift, scale, log_outputs)


def without_infinity(value: Any) -> Any:
    """Copy a value of dicts, lists and numbers, with the numbers that JSON cannot hold as texts."""
    if isinstance(value, dict):
        return {key: without_infinity(one) for key, one in value.items()}
    if isinstance(value, list):
        return [without_infinity(one) for one in value]
    return repr(value) if isinstance(value, float) and not math.isfinite(value) else value


def _with_infinity(value: Any) -> Any:
    """Undo `without_infinity`."""
    if isinstance(value, dict):
        return {key: _with_infinity(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_with_infinity(one) for one in value]
    return float(value) if value in ("nan", "inf", "-inf") else copy.copy(value)
