"""The four sections of the configuration: every key, its default, what it accepts and means.

Values are checked when a section is made, by the kinds of keys.py. Reading and writing whole
configurations is __init__.py's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import ConfigError
from .catalog import HIDDEN_ACTIVATIONS, INITIALIZERS, NORMALIZATIONS, OUTPUT_ACTIVATIONS
from .keys import choice, column, one_activation, pairs, per_layer, real, text, whole, widths
from .section import Section, key
from .structure import one_normalization, skip_connections
from .training import TrainingConfig

TARGET_SCALINGS = ("auto", "none", "standard")
TASKS = ("auto", "classification", "multilabel", "regression")


@dataclass(frozen=True, kw_only=True)
class DataConfig(Section):
    """What is learned from, and how it is read, scaled and split (section ``[data]``).

    Examples
    --------
    >>> DataConfig(source="mnist").validation_fraction
    0.1
    """

    source: str = key("digits", text(), "built-in data set (digits, mnist, fashion-mnist) or path")
    data_dir: str | None = key(
        None, text(), "folder that holds the files of a built-in data set", optional=True
    )
    target: str | int | None = key(
        None, column(), "column to learn, by name or number (default: the last)", optional=True
    )
    header: str = key("auto", choice(("auto", "yes", "no")), "whether a table opens with names")
    task: str = key("auto", choice(TASKS), "what the target is")
    scaling: str = key(
        "auto",
        choice(("auto", "none", "unit", "standard")),
        "inputs: as they are, pixels to [0, 1], or mean 0 and deviation 1",
    )
    target_scaling: str = key("auto", choice(TARGET_SCALINGS), "targets of a regression")
    validation_fraction: float = key(0.1, real(0, 1), "part of the training rows kept to validate")
    test_fraction: float = key(
        0.2, real(0, 1), "part of the rows kept to test, where no test set comes with the data"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.validation_fraction + self.test_fraction >= 1:
            raise ConfigError(
                "validation_fraction and test_fraction must leave rows to train on; "
                f"got {self.validation_fraction} and {self.test_fraction}"
            )


@dataclass(frozen=True, kw_only=True)
class NetworkConfig(Section):
    """The shape of the network and its first weights (section ``[network]``).

    Examples
    --------
    >>> NetworkConfig(hidden=[30], activation="sigmoid").hidden_activations()
    ('sigmoid',)
    >>> NetworkConfig(hidden=[9, 9], activation=["relu", "elu(alpha=0.5)"]).activation
    ('relu', 'elu(alpha=0.5)')
    """

    hidden: Sequence[int] = key((128,), widths(), "widths of the hidden layers")
    activation: str | Mapping[str, Any] | Sequence[str | Mapping[str, Any]] = key(
        "relu",
        per_layer(one_activation(HIDDEN_ACTIVATIONS)),
        f"of the hidden layers, one or one for each: {', '.join(HIDDEN_ACTIVATIONS)}; "
        "elu(alpha=0.5), for example, sets a constant",
    )
    output_activation: str | Mapping[str, Any] = key(
        "auto",
        one_activation(("auto", *OUTPUT_ACTIVATIONS)),
        "activation of the output layer: auto, softmax or one of hidden layers that learns nothing",
    )
    normalization: str | Mapping[str, Any] | Sequence[str | Mapping[str, Any]] = key(
        "none",
        per_layer(one_normalization()),
        "of x W + b before the activation, in the hidden layers, one or one for each: "
        f"{', '.join(NORMALIZATIONS)}; batch(momentum=0.2), for example, sets a constant",
    )
    skips: Sequence[Sequence[int]] = key(
        (),
        skip_connections(),
        "pairs [from, to] of layers, 0 the inputs: what the first gives is added to what goes into "
        "the activation of the second, through a matrix where their widths differ",
    )
    connections: int | Sequence[int] | None = key(
        None,
        per_layer(whole(1, 2**31 - 1)),
        "inputs of each hidden unit, drawn by the seed, one number or one for each layer "
        "(default: all)",
        optional=True,
    )
    tied: Sequence[Sequence[int]] = key(
        (), pairs(), "layers that share W and b, the first of each pair below the second, from 1"
    )
    tied_transposed: Sequence[Sequence[int]] = key(
        (), pairs(), "layers whose W is the transpose of a lower one's, as pairs like those of tied"
    )
    init: str = key("auto", choice(("auto", *INITIALIZERS)), "how the first weights are drawn")
    init_scaling: str = key(
        "none",
        choice(("none", "data")),
        "whether weights that are drawn are scaled so that each unit's input has mean 0 and "
        "deviation 1 over the first training rows",
    )
    init_std: float = key(1.0, real(0, closed=False), "standard deviation of init 'normal'")
    bias_init: str = key("zeros", choice(("zeros", "normal")), "how the first biases are drawn")
    dtype: str = key("float32", choice(("float32", "float64")), "precision of the network")

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("activation", "normalization"):
            given = getattr(self, name)
            if not isinstance(given, str) and len(given) != len(self.hidden):
                raise ConfigError(
                    f"{name} names {len(given)} layers and hidden {len(self.hidden)}; "
                    "give one name for all hidden layers or one for each"
                )
        if isinstance(self.connections, Sequence) and len(self.connections) != len(self.hidden):
            raise ConfigError(
                f"connections names {len(self.connections)} layers and hidden {len(self.hidden)}; "
                "give one number for all hidden layers or one for each"
            )
        last = len(self.hidden) + 1
        for at, (start, end) in enumerate(self.skips):
            if end > last:
                raise ConfigError(
                    f"skips[{at}] goes from {start} to {end}; the last layer, the output's, "
                    f"is {last}"
                )

    def normalizations(self) -> tuple[str, ...]:
        """Return the normalization of each hidden layer, written in full."""
        if isinstance(self.normalization, str):
            return (self.normalization,) * len(self.hidden)
        return tuple(str(one) for one in self.normalization)

    def structure(self) -> dict[str, Any]:
        """Return what of the network is not plain, as the engine takes it.

        Examples
        --------
        >>> NetworkConfig(hidden=[9, 9], skips=[[0, 2]]).structure()
        {'skips': [[0, 2]]}
        """
        found: dict[str, Any] = {}
        if any(name != "none" for name in self.normalizations()):
            found["normalization"] = list(self.normalizations())
        if self.skips:
            found["skips"] = [list(pair) for pair in self.skips]
        if self.tied:
            found["tied"] = [list(pair) for pair in self.tied]
        if self.tied_transposed:
            found["tied_transposed"] = [list(pair) for pair in self.tied_transposed]
        return found

    def hidden_activations(self) -> tuple[str, ...]:
        """Return the activation of each hidden layer, written in full."""
        if isinstance(self.activation, str):
            return (self.activation,) * len(self.hidden)
        return tuple(str(one) for one in self.activation)

    def output_unit(self) -> str:
        """Return the activation of the output layer, written in full, or ``auto``."""
        return str(self.output_activation)


@dataclass(frozen=True, kw_only=True)
class AugmentationConfig(Section):
    """How pictures are changed by chance each time they are used (section ``[augmentation]``).

    Each number is the largest change, drawn evenly to both sides; 0 leaves it out. Elastic
    deformation is that of Simard, Steinkraus and Platt (ICDAR 2003).

    Examples
    --------
    >>> AugmentationConfig(augment_shift=2, augment_rotation=15).chosen()["shift"]
    2.0
    """

    augment_shift: float = key(0.0, real(0), "pixels, along both axes by themselves")
    augment_rotation: float = key(0.0, real(0, 180.1), "degrees")
    augment_scale: float = key(0.0, real(0, 1), "share by which a picture grows or shrinks")
    augment_elastic: float = key(
        0.0, real(0, 1e6), "pixels by which a smooth random field bends it"
    )
    augment_smoothness: float = key(
        4.0, real(0.1, 100), "pixels: deviation of the Gaussian that smooths that field"
    )

    def chosen(self) -> dict[str, float]:
        """Return what is given to the engine: nothing where nothing is changed."""
        values = {
            one.name.removeprefix("augment_"): getattr(self, one.name)
            for one in dataclasses.fields(self)
        }
        changes = [value for name, value in values.items() if name != "smoothness"]
        return values if any(changes) else {}


SECTIONS: dict[str, type[Section]] = {
    "data": DataConfig,
    "network": NetworkConfig,
    "training": TrainingConfig,
    "augmentation": AugmentationConfig,
}
# Every key by its name alone: names are unique over the sections, so a keyword needs no section.
KEYS: dict[str, tuple[str, dataclasses.Field[Any]]] = {
    one.name: (section, one)
    for section, kind in SECTIONS.items()
    for one in dataclasses.fields(kind)  # type: ignore[arg-type]
}
