"""The epochs: one call of the engine each, then validation and the line; Ctrl-C and divergence.

Everything is decided and checked before (__init__.py); the engine stops at whole steps only. What
is known after each epoch, and the model made of it, stands in run.py.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from .. import _core
from ..errors import DivergedError, InterruptedWarning, LossFunctionError
from ..model import Model
from ..model.description import Description
from ..model.heads import Encoded, tasks_of
from .custom_loss import named, told
from .plan import Array, Plan
from .run import Run


def run_epochs(
    plan: Plan,
    *,
    progress: bool = False,
    verbose: bool = False,
    on_epoch: Callable[[int, Model], object] | None = None,
    trainer: _core.Trainer | None = None,
) -> Model:
    """Train for the epochs of the configuration and return the model.

    Parameters
    ----------
    trainer : Trainer, optional
        Of this plan, where the caller wants to ask it something afterwards; it is closed.

    Raises
    ------
    DivergedError
        A weight would have become infinite or NaN.
    LossFunctionError
        The caller's loss failed.
    """
    run = Run(plan, trainer_of(plan) if trainer is None else trainer, verbose)
    epochs, rows = plan.description.config.training.epochs, len(plan.training[0])
    run_epoch = run.trainer.run_epoch if plan.loss_function is None else told(run.trainer.run_epoch)
    bar = _bar(epochs, rows) if progress else None
    try:
        if run.is_over():
            run.save_if_due()  # what may change when a training goes on, may have
        while not run.is_over():
            epoch = run.start()
            advance = None if bar is None else _advance(bar, epoch, epochs, rows)
            run.finish(run_epoch(epoch, advance, run.begun))
            run.save_if_due()
            if on_epoch is not None:
                on_epoch(epoch, run.copy())
        return run.model()
    except KeyboardInterrupt:
        run.interrupt()
        _warn_interrupted(run)
        return run.model()
    except LossFunctionError as error:
        run.stop()
        where = f"epoch {run.done.epochs + 1} of {epochs}, after step {run.steps}"
        raise LossFunctionError(f"{error} (in {where})", run.model()) from error.__cause__
    except FloatingPointError:
        run.stop()
        raise DivergedError(_diverged(run), run.model()) from None
    finally:
        if bar is not None:
            bar.close()
        run.trainer.close()


def trainer_of(plan: Plan, *, record_steps: bool = False) -> _core.Trainer:
    """Return the engine's trainer for the plan; it can keep loss and rate of every step."""
    chosen = plan.description.config.training
    rows, targets = plan.training
    return _core.Trainer(
        plan.network,
        rows,
        **_what_is_learned(plan, targets),
        batch_size=chosen.batch_size,
        seed=chosen.seed,
        shuffle=chosen.shuffle,
        precision=chosen.precision,
        threads=chosen.threads or 0,
        ema_decay=chosen.ema_decay if chosen.averaging == "ema" else None,
        mixup=chosen.mixup,
        noise=chosen.input_noise,
        max_norm=chosen.max_norm or 0.0,
        augmentation=_augmentation(plan.description),
        dropout=chosen.dropout_rates(len(plan.description.config.network.hidden)),
        record_steps=record_steps,
        dropout_schedule=chosen.dropout_schedule,
        dropout_epochs=chosen.dropout_epochs or 1.0,
        **chosen.trainer_options(),
    )


def _what_is_learned(plan: Plan, targets: Array | Encoded) -> dict[str, Any]:
    """Return targets, loss and weights as the engine is told."""
    config = plan.description.config
    if isinstance(targets, dict):
        return {"targets": tasks_of(config, targets, plan.weights)}
    loss = config.training.loss if plan.loss_function is None else named(plan.loss_function)
    return {
        "targets": targets,
        "loss": loss,
        "loss_constants": config.training.loss_constants(),
        "sample_weight": plan.weights,
    }


def _augmentation(description: Description) -> dict[str, float]:
    """Return what the engine is told of pictures and how they are changed."""
    chosen = description.config.augmentation.chosen()
    if not chosen:
        return {}
    height, width = description.image_shape or (0, 0)
    return {"height": height, "width": width, **chosen}


def _bar(epochs: int, rows: int) -> Any:
    from tqdm import tqdm  # only where it is wanted: an import of some milliseconds

    return tqdm(
        desc=f"epoch 1/{epochs}", total=epochs * rows, unit=" rows", unit_scale=True, leave=False
    )


def _advance(bar: Any, epoch: int, epochs: int, rows: int) -> Callable[[int], object]:
    """Name the epoch; return what the engine calls with its rows that are done."""
    bar.set_description(f"epoch {epoch + 1}/{epochs}", refresh=False)
    return lambda done: bar.update(epoch * rows + done - bar.n)


def _warn_interrupted(run: Run) -> None:
    place = f"in epoch {run.done.epochs + 1} of {run.chosen.epochs}"
    warnings.warn(
        f"interrupted {place}; the model {run.stands()}", InterruptedWarning, stacklevel=5
    )


def _diverged(run: Run) -> str:
    if run.chosen.is_full_batch:
        return "the loss or its gradient is infinite or NaN; try other first weights or scaled rows"
    step = int((run.partial or {}).get("steps", 0)) + 1
    return (
        f"training diverged in epoch {run.done.epochs + 1} of {run.chosen.epochs}, step {step}: "
        "a weight or the loss would have become infinite or NaN, and the step was not taken. Try a "
        f"lower learning_rate than {run.chosen.learning_rate}, or scaled inputs and targets"
    )
