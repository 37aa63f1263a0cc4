"""The four sections of the configuration: every key, its default, what it accepts and means.

Values are checked when a section is made, by the kinds of keys.py. Reading and writing whole
configurations is __init__.py's.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import ConfigError
from .keys import (
    ACTIVATIONS,
    CONSTANTS,
    EMA_DECAY,
    FAMILIES,
    HIDDEN_ACTIVATIONS,
    HYPERPARAMETERS,
    INITIALIZERS,
    LOSS_CONSTANTS,
    LOSS_OUTPUTS,
    OPTIMIZERS,
    PRECISIONS,
    SCHEDULES,
    UPDATE_OPTIONS,
    Kind,
    activation_per_layer,
    choice,
    column,
    default_of,
    defaults_by_choice,
    defaults_by_loss,
    flag,
    hyperparameter,
    loss_constant,
    number_per_layer,
    one_activation,
    per_layer,
    real,
    text,
    whole,
    widths,
)

TASKS = ("auto", "classification", "multilabel", "regression")


def _key(default: object, kind: Kind, meaning: str, *, optional: bool = False) -> Any:
    """One key of a section. With `optional`, None is allowed too and stands for "not chosen"."""
    return field(default=default, metadata={"kind": kind, "meaning": meaning, "optional": optional})


def _hyperparameter(name: str, more: str = "", *, closed: bool = True) -> Any:
    """One number of optimizers or schedules, with the engine's range, meaning and defaults."""
    meaning = f"{HYPERPARAMETERS[name]['meaning']} ({defaults_by_choice(name)}{more})"
    return _key(None, hyperparameter(name, closed=closed), meaning, optional=True)


def _update_option(name: str) -> Any:
    """One number of an update, whatever the optimizer, with the engine's range and default."""
    about = UPDATE_OPTIONS[name]
    return _key(default_of(about), hyperparameter(name), about["meaning"])


def _constant(name: str) -> Any:
    """One constant of the losses, with the engine's range, meaning and defaults."""
    meaning = f"{CONSTANTS[name]['meaning']} ({defaults_by_loss(name)})"
    return _key(None, loss_constant(name), meaning, optional=True)


class _Section:
    """Checks every key on construction and keeps it in one form (lists become tuples)."""

    def __post_init__(self) -> None:
        for name, kind, optional in _keys_of(type(self)):  # type: ignore[arg-type]
            value = getattr(self, name)
            if not (value is None and optional):
                object.__setattr__(self, name, kind.check(name, value))


@functools.cache
def _keys_of(section: type[_Section]) -> tuple[tuple[str, Kind, bool], ...]:
    """Return name, kind and whether None is allowed, of each key of a section."""
    return tuple(
        (one.name, one.metadata["kind"], one.metadata["optional"])
        for one in dataclasses.fields(section)  # type: ignore[arg-type]
    )


@dataclass(frozen=True, kw_only=True)
class DataConfig(_Section):
    """What is learned from, and how it is read, scaled and split (section ``[data]``).

    Examples
    --------
    >>> DataConfig(source="mnist").validation_fraction
    0.1
    """

    source: str = _key("digits", text(), "built-in data set (digits, mnist, fashion-mnist) or path")
    data_dir: str | None = _key(
        None, text(), "folder that holds the files of a built-in data set", optional=True
    )
    target: str | int | None = _key(
        None, column(), "column to learn, by name or number (default: the last)", optional=True
    )
    header: str = _key("auto", choice(("auto", "yes", "no")), "whether a table opens with names")
    task: str = _key("auto", choice(TASKS), "what the target is")
    scaling: str = _key(
        "auto",
        choice(("auto", "none", "unit", "standard")),
        "inputs: as they are, pixels to [0, 1], or mean 0 and deviation 1",
    )
    target_scaling: str = _key(
        "auto", choice(("auto", "none", "standard")), "targets of a regression"
    )
    validation_fraction: float = _key(0.1, real(0, 1), "part of the training rows kept to validate")
    test_fraction: float = _key(
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
class NetworkConfig(_Section):
    """The shape of the network and its first weights (section ``[network]``).

    Examples
    --------
    >>> NetworkConfig(hidden=[30], activation="sigmoid").hidden_activations()
    ('sigmoid',)
    >>> NetworkConfig(hidden=[9, 9], activation=["relu", "elu(alpha=0.5)"]).activation
    ('relu', 'elu(alpha=0.5)')
    """

    hidden: Sequence[int] = _key((128,), widths(), "widths of the hidden layers")
    activation: str | Mapping[str, Any] | Sequence[str | Mapping[str, Any]] = _key(
        "relu",
        activation_per_layer(HIDDEN_ACTIVATIONS),
        f"of the hidden layers, one or one for each: {', '.join(HIDDEN_ACTIVATIONS)}; "
        "elu(alpha=0.5), for example, sets a constant",
    )
    output_activation: str | Mapping[str, Any] = _key(
        "auto",
        one_activation(("auto", *ACTIVATIONS)),
        "activation of the output layer: auto, softmax or one of those of hidden layers",
    )
    init: str = _key("auto", choice(("auto", *INITIALIZERS)), "how the first weights are drawn")
    init_std: float = _key(1.0, real(0, closed=False), "standard deviation of init 'normal'")
    bias_init: str = _key("zeros", choice(("zeros", "normal")), "how the first biases are drawn")
    dtype: str = _key("float32", choice(("float32", "float64")), "precision of the network")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.activation, str) and len(self.activation) != len(self.hidden):
            raise ConfigError(
                f"activation names {len(self.activation)} layers and hidden {len(self.hidden)}; "
                "give one name for all hidden layers or one for each"
            )

    def hidden_activations(self) -> tuple[str, ...]:
        """Return the activation of each hidden layer, written in full."""
        if isinstance(self.activation, str):
            return (self.activation,) * len(self.hidden)
        return tuple(str(one) for one in self.activation)

    def output_unit(self) -> str:
        """Return the activation of the output layer, written in full, or ``auto``."""
        return str(self.output_activation)


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(_Section):
    """How the network learns (section ``[training]``).

    The numbers of the optimizer and the loss chosen are the engine's defaults unless given, those
    of others are None and are refused (with loss "auto" once it is decided); learning_rate stays
    None until training sees the target: a linear output learns values with a tenth of the default,
    unless the optimizer adapts.

    Examples
    --------
    >>> TrainingConfig(batch_size=10).momentum
    0.0
    >>> TrainingConfig(optimizer="adam").beta_1, TrainingConfig(optimizer="adam").momentum
    (0.9, None)
    """

    loss: str = _key("auto", choice(("auto", *LOSS_OUTPUTS)), "what is made small")
    delta: float | None = _constant("delta")
    quantile: float | Sequence[float] | None = _constant("quantile")
    label_smoothing: float | None = _constant("label_smoothing")
    gamma: float | None = _constant("gamma")
    alpha: float | None = _constant("alpha")
    class_weight: str = _key(
        "none",
        choice(("none", "balanced")),
        "of the loss of each row; balanced: rows / (classes * rows of its class)",
    )
    optimizer: str = _key("sgd", choice(tuple(OPTIMIZERS)), "how the weights step")
    learning_rate: float | None = _hyperparameter(
        "learning_rate", "; with sgd a tenth for values on a linear output", closed=False
    )
    momentum: float | None = _hyperparameter("momentum")
    nesterov: bool | None = _hyperparameter("nesterov")
    rho: float | None = _hyperparameter("rho")
    centered: bool | None = _hyperparameter("centered")
    beta_1: float | None = _hyperparameter("beta_1")
    beta_2: float | None = _hyperparameter("beta_2")
    epsilon: float | None = _hyperparameter("epsilon")
    l1: float | None = _hyperparameter("l1")
    l2: float | None = _hyperparameter("l2")
    weight_decay: float | None = _hyperparameter("weight_decay")
    schedule: str = _key(
        "constant", choice(tuple(SCHEDULES)), "how the learning rate changes over the steps"
    )
    warmup_epochs: float | None = _hyperparameter("warmup_epochs")
    decay_factor: float | None = _hyperparameter("decay_factor")
    step_epochs: float | None = _hyperparameter("step_epochs")
    power: float | None = _hyperparameter("power")
    final_factor: float | None = _hyperparameter("final_factor")
    first_factor: float | None = _hyperparameter("first_factor")
    rise: float | None = _hyperparameter("rise")
    cycle_epochs: float | None = _hyperparameter("cycle_epochs")
    cycle_growth: float | None = _hyperparameter("cycle_growth")
    cycles: int | None = _hyperparameter("cycles")
    peak_drop: float | None = _hyperparameter("peak_drop")
    plateau_epochs: int | None = _hyperparameter("plateau_epochs")
    plateau_threshold: float | None = _hyperparameter("plateau_threshold")
    clip_value: float = _update_option("clip_value")
    clip_norm: float = _update_option("clip_norm")
    layer_rates: Sequence[float] = _key(
        (), number_per_layer("layer_rates"), UPDATE_OPTIONS["layer_rates"]["meaning"]
    )
    bias_rate: float = _update_option("bias_rate")
    dropout: float | Sequence[float] = _key(
        0.0,
        per_layer(real(0, 1)),
        "share of the hidden units left out of a step, one or one for each layer",
    )
    input_dropout: float = _key(0.0, real(0, 1), "share of the inputs left out of a step")
    input_noise: float = _key(
        0.0, real(0, 1e30), "standard deviation of what is added to the scaled inputs of a step"
    )
    max_norm: float | None = _key(
        None,
        real(0, 1e30, closed=False),
        "longest that the incoming weights of a hidden unit may be",
        optional=True,
    )
    batch_size: int = _key(64, whole(1, 2**31 - 1), "rows a step")
    epochs: int = _key(5, whole(1, 2**31 - 1), "passes over the training rows")
    seed: int = _key(0, whole(0), "decides first weights, shuffles and splits")
    threads: int | None = _key(
        None, whole(1, 4096), "threads to use (default: what the machine allows)", optional=True
    )
    precision: str = _key(
        "full", choice(PRECISIONS), "of products: as dtype, or bf16 factors summed in float32"
    )
    shuffle: bool = _key(True, flag(), "draw a new order of the rows every epoch")
    test_each_epoch: bool = _key(
        False, flag(), "count the right test rows after every epoch: 'Epoch 0: 9129 / 10000'"
    )
    early_stopping: bool = _key(False, flag(), "stop once the validation rows say so")
    monitor: str = _key(
        "val_loss", choice(("val_loss", "val_accuracy")), "what early stopping watches"
    )
    patience: int = _key(
        10, whole(1), "epochs without improvement after which early stopping stops"
    )
    min_delta: float = _key(0.0, real(0), "a smaller improvement does not end the waiting")
    restore_best: bool = _key(
        True, flag(), "with early stopping: return the weights of the best epoch, not of the last"
    )
    best_tie: str = _key(
        "first", choice(("first", "last")), "which of equally good epochs early stopping calls best"
    )
    averaging: str = _key(
        "none",
        choice(("none", "ema", "swa")),
        "return averaged weights: exponentially over steps, or the mean over epochs",
    )
    ema_decay: float = _key(
        EMA_DECAY["default"], real(EMA_DECAY["least"], EMA_DECAY["below"]), EMA_DECAY["meaning"]
    )
    swa_start: int | None = _key(
        None,
        whole(1),
        "first epoch, from 1, in the mean (default: last quarter)",
        optional=True,
    )
    validate_average: bool = _key(
        True, flag(), "validate and test the averaged weights, where there are any"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for family, choices in FAMILIES.items():
            chosen = getattr(self, family)
            own = choices[chosen]
            for name in _names_in(choices):
                value = getattr(self, name)
                if name not in own and value is not None:
                    raise ConfigError(
                        f"{family} {chosen!r} has no {name}; got {value!r}: it has {', '.join(own)}"
                    )
                if name in own and value is None and name != "learning_rate":
                    object.__setattr__(self, name, default_of(own[name]))
        if self.clip_value and self.clip_norm:
            raise ConfigError(
                f"clip_value and clip_norm are both given ({self.clip_value} and "
                f"{self.clip_norm}); choose one"
            )
        if self.loss != "auto":
            self._settle_constants(LOSS_CONSTANTS[self.loss])

    def _settle_constants(self, own: Mapping[str, Any]) -> None:
        """Give the constants of the loss their defaults; refuse those that it does not have."""
        for name in CONSTANTS:
            value = getattr(self, name)
            if name not in own and value is not None:
                has = f"it has {', '.join(own)}" if own else "it has no constants"
                raise ConfigError(f"loss {self.loss!r} has no {name}; got {value!r}: {has}")
            if name in own and value is None:
                object.__setattr__(self, name, float(own[name]["default"]))

    def constants_let_go(self, loss: object) -> dict[str, None]:
        """Return, as None, the constants that do not pass on to another loss: all of them."""
        return {} if self.loss in (loss, "auto") else dict.fromkeys(CONSTANTS)

    def loss_constants(self) -> dict[str, float | Sequence[float]]:
        """Return the constants of the loss, which is decided."""
        return {name: getattr(self, name) for name in LOSS_CONSTANTS[self.loss]}

    def let_go(self, family: str, choice: object) -> dict[str, None]:
        """Return, as None, the numbers that do not pass on to another optimizer or schedule.

        They were chosen for this one: all of them, but a penalty that both optimizers have, which
        belongs to the loss.
        """
        if not isinstance(choice, str) or choice == getattr(self, family):
            return {}
        choices = FAMILIES[family]
        kept = {name for name, one in choices.get(choice, {}).items() if one["on_weights_only"]}
        return dict.fromkeys(name for name in _names_in(choices) if name not in kept)

    def dropout_rates(self, hidden: int) -> tuple[float, ...]:
        """Return the share left out of the inputs and of each of so many hidden layers."""
        one = isinstance(self.dropout, float)
        rates = (self.dropout,) * hidden if one else tuple(self.dropout)  # type: ignore[arg-type]
        return (self.input_dropout, *rates)  # type: ignore[arg-type]

    def hyperparameters(self, family: str = "optimizer") -> dict[str, float]:
        """Return the numbers of the optimizer or schedule, without a learning_rate to decide."""
        values = {name: getattr(self, name) for name in FAMILIES[family][getattr(self, family)]}
        return {name: value for name, value in values.items() if value is not None}

    def trainer_options(self) -> dict[str, Any]:
        """Return what the engine needs to know of the update: every choice but the precision."""
        return {
            "optimizer": self.optimizer,
            "schedule": self.schedule,
            "epochs": self.epochs,
            **{name: getattr(self, name) for name in UPDATE_OPTIONS},
            **self.hyperparameters("optimizer"),
            **self.hyperparameters("schedule"),
        }


def _names_in(choices: dict[str, dict[str, Any]]) -> list[str]:
    """Return the names of all hyperparameters that some choice has."""
    return list(dict.fromkeys(name for own in choices.values() for name in own))


# Keys of [training] that count only where another key has one of these values.
COUNTS_WITH: dict[str, tuple[str, tuple[object, ...]]] = {
    **dict.fromkeys(
        ("monitor", "patience", "min_delta", "restore_best", "best_tie"),
        ("early_stopping", (True,)),
    ),
    "ema_decay": ("averaging", ("ema",)),
    "swa_start": ("averaging", ("swa",)),
    "validate_average": ("averaging", ("ema", "swa")),
}


@dataclass(frozen=True, kw_only=True)
class AugmentationConfig(_Section):
    """How pictures are changed by chance each time they are used (section ``[augmentation]``).

    Each number is the largest change, drawn evenly to both sides; 0 leaves it out. Elastic
    deformation is that of Simard, Steinkraus and Platt (ICDAR 2003).

    Examples
    --------
    >>> AugmentationConfig(augment_shift=2, augment_rotation=15).chosen()["shift"]
    2.0
    """

    augment_shift: float = _key(0.0, real(0), "pixels, along both axes by themselves")
    augment_rotation: float = _key(0.0, real(0, 180.1), "degrees")
    augment_scale: float = _key(0.0, real(0, 1), "share by which a picture grows or shrinks")
    augment_elastic: float = _key(
        0.0, real(0, 1e6), "pixels by which a smooth random field bends it"
    )
    augment_smoothness: float = _key(
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


SECTIONS: dict[str, type[_Section]] = {
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
