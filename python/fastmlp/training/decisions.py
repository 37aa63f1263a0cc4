"""What every "auto" becomes once the data are seen: task, output, loss, scalings, initializer.

Which of them go together is said in model/targets.py and compatibility.py; the caller's own choices
were checked by config/keys.py.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from numpy.typing import NDArray

from ..config import Config
from ..config.catalog import (
    ADAPTIVE,
    CUSTOM_LOSS,
    HIDDEN_ACTIVATIONS,
    LOSSES,
    OPTIMIZERS,
    RECTIFIERS,
    SELF_NORMALIZING,
    UNTRAINABLE,
)
from ..config.heads import HeadConfig
from ..config.keys import activation_name, nearest
from ..data.dataset import Dataset, Split
from ..errors import ConfigError, DataError
from ..model import Model
from ..model.description import Description
from ..model.heads import AnyTargets, HeadTargets
from ..model.multilabel import LabelSetTargets
from ..model.scaling import InputScaling
from ..model.targets import (
    VALUE_OUTPUT,
    ClassTargets,
    Targets,
    ValueTargets,
    infer_output_and_loss,
    infer_task,
)
from .averaging import first_averaged_epoch
from .compatibility import require_compatible
from .pruning import decided_prune_epochs

Array = NDArray[Any]

# A linear output with a squared error is the steeper the wider the layer before it: with 128 units
# every table tried diverged at SGD's default, and learned at a tenth of it. An adaptive optimizer's
# steps do not grow with the gradient.
LINEAR_DIVISOR = 10


def decide(
    data: Dataset, parts: Split, config: Config, labels: Any = None, start: Any = None
) -> tuple[Config, AnyTargets, InputScaling]:
    """Return the configuration with every "auto" replaced, the targets and the input scaling.

    Parameters
    ----------
    data : Dataset
        All rows; the classes are those of all of them.
    parts : Split
        Scalings are found from its training rows alone.
    config : Config
        What the caller chose.
    labels : array_like, optional
        ``data.y`` in the caller's own dtype.
    start : Model or list of (W, b), optional
        First weights; a Model hands on its classes and scalings.

    Raises
    ------
    ConfigError
        Choices that do not go together.
    DataError
        Targets that do not fit the task.
    """
    require_compatible(config)
    if config.augmentation.chosen() and data.image_shape is None:
        raise ConfigError(
            "augmentation needs pictures: a data set of images, or a Dataset with image_shape="
        )
    for name in config.network.hidden_activations():
        _require_trainable(name)
    known = start._description if isinstance(start, Model) else None
    own, old = data.y if labels is None else labels, None if known is None else known.targets
    targets: AnyTargets
    if data.y.dtype.names is not None:
        config, targets = decide_heads(data, parts, config, own, old)
    else:
        config.require_no_heads()
        config, targets = decide_target(data, parts, config, own, old)
    inputs = _input_scaling(data, parts, config, known)
    decided = {
        "scaling": inputs.kind,
        "init": _initializer(config),
        "learning_rate": _learning_rate(config),
    }
    if config.training.prune:
        decided["prune_epochs"] = decided_prune_epochs(config.training)
    if config.training.averaging == "swa":  # where more epochs follow, it stays
        decided["swa_start"] = first_averaged_epoch(config.training)
    if config.training.dropout_epochs is None and config.training.dropout_schedule != "constant":
        decided["dropout_epochs"] = float(config.training.epochs)
    return config.replace(**decided), targets, inputs


def decide_target(
    data: Dataset, parts: Split, config: Config, labels: Any, old: AnyTargets | None
) -> tuple[Config, Targets]:
    """Return the configuration with task, output unit, loss and target scaling, and the targets.

    Parameters
    ----------
    labels : array_like
        ``data.y`` in the caller's own dtype.
    old : Targets or None
        Of the model that training starts from.
    """
    task = infer_task(data.y, config.data.task, config.training.loss)
    output, loss = infer_output_and_loss(task, config.network.output_unit(), config.training.loss)
    _require_trainable(output)
    if loss == CUSTOM_LOSS and config.training.mixup:
        raise ConfigError("mixup mixes the targets of a loss of the engine; this one is a function")
    config = config.replace(output_activation=output, loss=loss)
    if isinstance(old, HeadTargets):
        raise ConfigError(f"init is a Model with the heads {list(old.heads)}; y has one target")
    targets = _targets(data, parts, config, task, labels, old)
    if activation_name(output) not in HIDDEN_ACTIVATIONS and targets.outputs == 1:
        raise ConfigError(f"output_activation {output!r} needs two units or more; y gives it one")
    _check_constants(config, targets.outputs)
    return config.replace(task=task, target_scaling=_target_scaling_kind(targets)), targets


def decide_heads(
    data: Dataset, parts: Split, config: Config, labels: Any, old: AnyTargets | None
) -> tuple[Config, HeadTargets]:
    """Return the configuration with every head decided as if it were alone, and their targets."""
    names = data.y.dtype.names or ()
    for name in config.heads:
        if name not in names:
            raise ConfigError(f"heads has {name!r}, y has {list(names)}{nearest(name, names)}")
    if old is not None and not (isinstance(old, HeadTargets) and list(old.heads) == list(names)):
        raise ConfigError(f"init is a Model without the heads of y, {list(names)}")
    every = {name: config.heads.get(name, HeadConfig()) for name in names}
    config = config.replace(heads=every)
    targets: dict[str, Targets] = {}
    for name in names:
        known = old.heads[name] if isinstance(old, HeadTargets) else None
        own = (dataclasses.replace(data, **_field(data, name)), _part(parts, name))
        try:
            decided, targets[name] = decide_target(*own, config.of_head(name), labels[name], known)
        except (ConfigError, DataError) as error:
            raise type(error)(f"head {name!r}: {error}") from None
        every[name] = HeadConfig.of(decided, every[name].weight)
    return config.replace(heads=every), HeadTargets(targets)


def _field(data: Dataset, name: str) -> dict[str, Any]:
    """Return the targets of one head, as a data set keeps them."""
    return {"y": data.y[name], "y_test": None if data.y_test is None else data.y_test[name]}


def _part(parts: Split, name: str) -> Split:
    """Return the split with the targets of one head."""
    own: dict[str, Any] = {}
    for key in ("y_train", "y_validation", "y_test"):
        y = getattr(parts, key)
        own[key] = None if y is None else y[name]
    return dataclasses.replace(parts, **own)


def _require_trainable(activation: str) -> None:
    if activation_name(activation) in UNTRAINABLE:
        raise ConfigError(
            f"activation {activation!r} cannot be trained through: its slope is 0 wherever it has "
            "one"
        )


def _check_constants(config: Config, outputs: int) -> None:
    """Refuse constants for another number of outputs."""
    for name, value in config.training.loss_constants().items():
        if isinstance(value, tuple) and len(value) != outputs:
            raise ConfigError(
                f"{name} has {len(value)} values for {outputs} outputs; give one, or one for each"
            )


def _targets(
    data: Dataset, parts: Split, config: Config, task: str, labels: Any, old: Targets | None
) -> Targets:
    """Return the targets found in the data, or those of the model that training goes on from."""
    scaling, output = config.data.target_scaling, config.network.output_activation
    loss = LOSSES[config.training.loss]
    if scaling == "auto":
        is_open = task == "regression" and data.kind == "table" and output == VALUE_OUTPUT
        is_open = is_open and loss["targets"] == "real"
        scaling = "standard" if is_open else "none"
        if old is not None:
            scaling = _target_scaling_kind(old)
    new: Targets
    if task != "regression" and scaling != "none":
        raise ConfigError(f"target_scaling is for a regression; this task is {task}")
    if task == "multilabel":
        new = LabelSetTargets.fit(labels)
    elif task == "classification":
        guessed = config.data.task == "auto"
        margin = loss["is_margin"]
        one_unit = margin or output == "sigmoid"
        new = ClassTargets.fit(labels, one_unit=one_unit, margin=margin, guessed=guessed)
    else:
        if scaling != "none" and loss["targets"] != "real":
            raise ConfigError(f"loss {loss['name']!r} learns targets as they are; scale none")
        new = ValueTargets.fit(parts.y_train, scaling, log_outputs=loss["log_outputs"])
    if old is None:
        return new
    if new.task != old.task:
        raise ConfigError(f"init is a Model for {old.task}; y is for {new.task}")
    if isinstance(new, ClassTargets) and isinstance(old, ClassTargets):
        if not set(new.labels.tolist()) <= set(old.labels.tolist()):
            raise ConfigError(
                f"init is a Model of the classes {old.labels.tolist()}; "
                f"y holds {new.labels.tolist()}"
            )
        return dataclasses.replace(old, margin=new.margin)
    if scaling == _target_scaling_kind(old) and isinstance(old, ValueTargets):
        return dataclasses.replace(old, log_outputs=loss["log_outputs"])
    return new


def _target_scaling_kind(targets: Targets) -> str:
    is_scaled = isinstance(targets, ValueTargets) and targets.scale is not None
    return "standard" if is_scaled else "none"


def _input_scaling(
    data: Dataset, parts: Split, config: Config, known: Description | None
) -> InputScaling:
    """Return the scaling found in the training rows, or that of the model gone on from."""
    kind = config.data.scaling
    same = known is not None and known.sizes[0] == data.x.shape[1]
    if known is not None and same and kind in ("auto", known.scaling.kind):
        return known.scaling
    if kind == "auto" and data.kind == "table":
        kind = "standard"
    return InputScaling.fit(parts.x_train, kind, pixel_max=data.pixel_max)


def _initializer(config: Config) -> str:
    if config.network.init != "auto":
        return config.network.init
    names = {activation_name(one) for one in config.network.hidden_activations()}
    if names and names <= SELF_NORMALIZING:
        return "lecun_normal"
    return "glorot_uniform" if RECTIFIERS.isdisjoint(names) else "he_normal"


def _learning_rate(config: Config) -> float | None:
    chosen = config.training
    if chosen.learning_rate is not None or chosen.is_full_batch:
        return chosen.learning_rate
    alone = [config.of_head(name) for name in config.heads] or [config]
    is_linear = any(
        one.data.task == "regression" and one.network.output_activation == VALUE_OUTPUT
        for one in alone
    )
    is_steep = is_linear and chosen.optimizer not in ADAPTIVE
    default = OPTIMIZERS[chosen.optimizer]["learning_rate"]["default"]
    return default / (LINEAR_DIVISOR if is_steep else 1)
