"""The section [training]: how the network learns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import ConfigError
from .catalog import (
    CONSTANTS,
    DROPOUT_EPOCHS,
    DROPOUT_SCHEDULES,
    EMA_DECAY,
    FAMILIES,
    FULL_BATCH,
    HYPERPARAMETERS,
    LINE_SEARCHES,
    LOSS_CONSTANTS,
    LOSS_OUTPUTS,
    MIXUP,
    OPTIMIZERS,
    PRECISIONS,
    SCHEDULES,
    UPDATE_OPTIONS,
)
from .full_batch import line_search_of
from .keys import (
    choice,
    default_of,
    defaults_by_choice,
    defaults_by_loss,
    figure,
    flag,
    hyperparameter,
    loss_constant,
    number_per_layer,
    per_layer,
    real,
    whole,
)
from .section import Section, key


def _hyperparameter(name: str, more: str = "", *, closed: bool = True) -> Any:
    """One number of optimizers or schedules, with the engine's range, meaning and defaults."""
    meaning = f"{HYPERPARAMETERS[name]['meaning']} ({defaults_by_choice(name)}{more})"
    return key(None, hyperparameter(name, closed=closed), meaning, optional=True)


def _update_option(name: str) -> Any:
    """One number of an update, whatever the optimizer, with the engine's range and default."""
    about = UPDATE_OPTIONS[name]
    return key(default_of(about), hyperparameter(name), about["meaning"])


def constant_key(name: str) -> Any:
    """One constant of the losses, with the engine's range, meaning and defaults."""
    meaning = f"{CONSTANTS[name]['meaning']} ({defaults_by_loss(name)})"
    return key(None, loss_constant(name), meaning, optional=True)


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(Section):
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

    loss: str = key("auto", choice(("auto", *LOSS_OUTPUTS)), "what is made small")
    delta: float | None = constant_key("delta")
    quantile: float | Sequence[float] | None = constant_key("quantile")
    label_smoothing: float | None = constant_key("label_smoothing")
    gamma: float | None = constant_key("gamma")
    alpha: float | None = constant_key("alpha")
    class_weight: str = key(
        "none",
        choice(("none", "balanced")),
        "of the loss of each row; balanced: rows / (classes * rows of its class)",
    )
    optimizer: str = key("sgd", choice(tuple(OPTIMIZERS)), "how the weights step")
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
    history: int | None = _hyperparameter("history")
    gradient_tolerance: float | None = _hyperparameter("gradient_tolerance")
    max_evaluations: int | None = _hyperparameter("max_evaluations")
    line_search: str | None = key(
        None,
        choice(LINE_SEARCHES),
        "which step along the direction: one that fulfils the strong Wolfe conditions, or the best "
        f"({', '.join(f'{name} {default}' for name, default in FULL_BATCH.items())})",
        optional=True,
    )
    schedule: str = key(
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
    layer_rates: Sequence[float] = key(
        (), number_per_layer("layer_rates"), UPDATE_OPTIONS["layer_rates"]["meaning"]
    )
    bias_rate: float = _update_option("bias_rate")
    dropout: float | Sequence[float] = key(
        0.0,
        per_layer(real(0, 1)),
        "share of the hidden units left out of a step, one or one for each layer",
    )
    input_dropout: float = key(0.0, real(0, 1), "share of the inputs left out of a step")
    dropout_schedule: str = key(
        "constant",
        choice(tuple(DROPOUT_SCHEDULES)),
        "whether these shares are the same in all steps, or rise to what they are given",
    )
    dropout_epochs: float | None = key(
        None,
        real(DROPOUT_EPOCHS["least"], DROPOUT_EPOCHS["below"]),
        f"{DROPOUT_EPOCHS['meaning']} (default: all)",
        optional=True,
    )
    mixup: float = key(MIXUP["default"], real(MIXUP["least"], MIXUP["below"]), MIXUP["meaning"])
    input_noise: float = key(
        0.0, real(0, 1e30), "standard deviation of what is added to the scaled inputs of a step"
    )
    max_norm: float | None = key(
        None,
        real(0, 1e30, closed=False),
        "longest that the incoming weights of a hidden unit may be",
        optional=True,
    )
    prune: float = key(0.0, real(0, 1), "share of each layer that becomes zero while it trains")
    prune_by: str = key(
        "weight",
        choice(("weight", "block", "neuron")),
        "what is pruned: single weights, those from an input to 16 units, or hidden units",
    )
    prune_start: int = key(2, whole(1), "first epoch, from 1, that begins with pruning")
    prune_epochs: int | None = key(
        None,
        whole(1),
        "epochs over which the share grows to all of prune (default: half of those that are left)",
        optional=True,
    )
    batch_size: int = key(64, whole(1, 2**31 - 1), "rows a step")
    epochs: int = key(5, whole(1, 2**31 - 1), "passes over the training rows")
    seed: int = key(0, whole(0), "decides first weights, shuffles and splits")
    threads: int | None = key(
        None, whole(1, 4096), "threads to use (default: what the machine allows)", optional=True
    )
    precision: str = key(
        "full", choice(PRECISIONS), "of products: as dtype, or bf16 factors summed in float32"
    )
    shuffle: bool = key(True, flag(), "draw a new order of the rows every epoch")
    test_each_epoch: bool = key(
        False, flag(), "count the right test rows after every epoch: 'Epoch 0: 9129 / 10000'"
    )
    early_stopping: bool = key(False, flag(), "stop once the validation rows say so")
    monitor: str = key(
        "val_loss",
        figure(("val_loss", "val_accuracy")),
        "what early stopping watches; of one head val_loss_NAME or val_accuracy_NAME",
    )
    patience: int = key(10, whole(1), "epochs without improvement after which early stopping stops")
    min_delta: float = key(0.0, real(0), "a smaller improvement does not end the waiting")
    restore_best: bool = key(
        True, flag(), "with early stopping: return the weights of the best epoch, not of the last"
    )
    best_tie: str = key(
        "first", choice(("first", "last")), "which of equally good epochs early stopping calls best"
    )
    averaging: str = key(
        "none",
        choice(("none", "ema", "swa")),
        "return averaged weights: exponentially over steps, or the mean over epochs",
    )
    ema_decay: float = key(
        EMA_DECAY["default"], real(EMA_DECAY["least"], EMA_DECAY["below"]), EMA_DECAY["meaning"]
    )
    swa_start: int | None = key(
        None,
        whole(1),
        "first epoch, from 1, in the mean (default: last quarter)",
        optional=True,
    )
    validate_average: bool = key(
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
        object.__setattr__(self, "line_search", line_search_of(self))
        if self.loss != "auto":
            settle_constants(self, self.loss)

    @property
    def is_full_batch(self) -> bool:
        """Whether the optimizer searches along a line, with the loss of all rows."""
        return self.optimizer in FULL_BATCH

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
        others = ("line_search",) if family == "optimizer" else ()
        kept = {name for name, one in choices.get(choice, {}).items() if one["on_weights_only"]}
        names = (*_names_in(choices), *others)
        return dict.fromkeys(name for name in names if name not in kept)

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
            "line_search": self.line_search or "",
            **{name: getattr(self, name) for name in UPDATE_OPTIONS},
            **self.hyperparameters("optimizer"),
            **self.hyperparameters("schedule"),
        }


def settle_constants(section: Section, loss: str) -> None:
    """Give the constants of the loss their defaults; refuse those that it does not have."""
    own = LOSS_CONSTANTS[loss]
    for name in CONSTANTS:
        value = getattr(section, name)
        if name not in own and value is not None:
            has = f"it has {', '.join(own)}" if own else "it has no constants"
            raise ConfigError(f"loss {loss!r} has no {name}; got {value!r}: {has}")
        if name in own and value is None:
            object.__setattr__(section, name, float(own[name]["default"]))


def _names_in(choices: dict[str, dict[str, Any]]) -> list[str]:
    """Return the names of all hyperparameters that some choice has."""
    return list(dict.fromkeys(name for own in choices.values() for name in own))


# Keys of [training] that count only where another key has one of these values.
COUNTS_WITH: dict[str, tuple[str, tuple[object, ...]]] = {
    **dict.fromkeys(
        ("monitor", "patience", "min_delta", "restore_best", "best_tie"),
        ("early_stopping", (True,)),
    ),
    "dropout_epochs": ("dropout_schedule", tuple(DROPOUT_SCHEDULES)[1:]),
    "ema_decay": ("averaging", ("ema",)),
    "swa_start": ("averaging", ("swa",)),
    "validate_average": ("averaging", ("ema", "swa")),
}
