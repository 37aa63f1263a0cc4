"""The epochs: one call of the engine each, then validation and the line; Ctrl-C and divergence.

Everything is decided and checked before (__init__.py); the engine stops at whole steps only.
"""

from __future__ import annotations

import dataclasses
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from .. import _core
from ..errors import ConfigError, DivergedError, InterruptedWarning, LossFunctionError
from ..evaluation import History
from ..model import Model
from ..model.description import Description
from ..model.targets import ClassTargets
from .custom_loss import LossFunction, measured, named, told
from .plateau import watch

Array = NDArray[Any]
Labelled = tuple[Array, Array]  # rows, and what the network should say of them


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
        outputs).
    weights : ndarray of float64, shape (training samples,), optional
        Factors of the loss of each training row.
    loss_function : callable, optional
        What the loss "custom" is.
    """

    network: _core.Network
    description: Description
    training: Labelled
    validation: Labelled | None
    test: Labelled | None
    weights: Array | None = None
    loss_function: LossFunction | None = None


def run_epochs(
    plan: Plan,
    *,
    progress: bool,
    verbose: bool,
    on_epoch: Callable[[int, Model], object] | None,
) -> Model:
    """Train for the epochs of the configuration and return the model.

    Raises
    ------
    DivergedError
        A weight would have become infinite or NaN.
    LossFunctionError
        The caller's loss failed.
    """
    run = _Run(plan, verbose, on_epoch)
    chosen = plan.description.config.training
    rows = len(plan.training[0])
    plateau = watch(chosen, validates=plan.validation is not None)
    trainer = _trainer(plan)
    run_epoch = trainer.run_epoch if plan.loss_function is None else told(trainer.run_epoch)
    bar = _bar(chosen.epochs, rows) if progress else None
    try:
        for epoch in range(chosen.epochs):
            advance = None if bar is None else _advance(bar, epoch, chosen.epochs, rows)
            run.start(epoch)
            run.finish(epoch, run_epoch(epoch, advance))
            if plateau is not None:
                trainer.reductions = plateau.after(run.history["val_loss"][-1])
        return run.model()
    except KeyboardInterrupt:
        run.interrupt(trainer.last_epoch)
        _warn_interrupted(run, chosen.epochs)
        return run.model()
    except LossFunctionError as error:
        run.stop(trainer.last_epoch)
        where = f"epoch {run.history.epochs + 1} of {chosen.epochs}, after step {run.steps}"
        raise LossFunctionError(f"{error} (in {where})", run.model()) from error.__cause__
    except FloatingPointError:
        run.stop(trainer.last_epoch)
        raise DivergedError(_diverged(run), run.model()) from None
    finally:
        if bar is not None:
            bar.close()
        trainer.close()


def _trainer(plan: Plan) -> _core.Trainer:
    chosen = plan.description.config.training
    rows, targets = plan.training
    return _core.Trainer(
        plan.network,
        rows,
        targets,
        loss=chosen.loss if plan.loss_function is None else named(plan.loss_function),
        loss_constants=chosen.loss_constants(),
        sample_weight=plan.weights,
        batch_size=chosen.batch_size,
        seed=chosen.seed,
        shuffle=chosen.shuffle,
        precision=chosen.precision,
        threads=chosen.threads or 0,
        noise=chosen.input_noise,
        max_norm=chosen.max_norm or 0.0,
        augmentation=_augmentation(plan.description),
        dropout=chosen.dropout_rates(len(plan.description.config.network.hidden)),
        **chosen.trainer_options(),
    )


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


class _Run:
    """The history and the record while they grow."""

    def __init__(
        self, plan: Plan, verbose: bool, on_epoch: Callable[[int, Model], object] | None
    ) -> None:
        self.plan = plan
        self.verbose = verbose
        self.on_epoch = on_epoch
        self.history = History()
        self.steps = 0
        self.current: int | None = None  # the epoch that has begun and is not finished
        self.partial: dict[str, float] | None = None
        self.interrupted = False
        self.began = self.epoch_began = time.perf_counter()
        self.classes = isinstance(plan.description.targets, ClassTargets)
        chosen = plan.description.config.training
        if chosen.test_each_epoch and (plan.test is None or not self.classes):
            raise ConfigError("test_each_epoch needs classes and a data set with test rows")
        if verbose:
            self.say(_opening(plan))

    def say(self, line: str) -> None:
        """Print a line on stdout without tearing the progress bar."""
        from tqdm import tqdm

        tqdm.write(line, file=sys.stdout)
        sys.stdout.flush()

    def start(self, epoch: int) -> None:
        self.current = epoch
        self.epoch_began = time.perf_counter()

    def figures(self, result: _core.EpochResult) -> dict[str, float]:
        figures = {"loss": result.loss}
        if self.classes:
            figures["accuracy"] = result.correct / max(1, result.samples)
        return figures

    def finish(self, epoch: int, result: _core.EpochResult) -> None:
        """Measure validation and test rows, then enter the epoch as a whole."""
        seconds = time.perf_counter() - self.epoch_began
        figures = self.figures(result)
        line = ""
        if self.plan.validation is not None:
            loss, correct = self.measure(self.plan.validation)
            figures["val_loss"] = loss
            if self.classes:
                figures["val_accuracy"] = correct / len(self.plan.validation[0])
        chosen = self.plan.description.config.training
        if chosen.test_each_epoch and self.plan.test is not None:
            _, correct = self.measure(self.plan.test)
            figures["test_accuracy"] = correct / len(self.plan.test[0])
            line = f"Epoch {epoch}: {correct} / {len(self.plan.test[0])}"
        figures["learning_rate"] = result.learning_rate
        figures["seconds"] = seconds
        self.history.add(figures)
        self.steps += result.steps
        self.current = None
        if self.verbose:
            self.say(line or epoch_line(epoch, chosen.epochs, figures))
        if self.on_epoch is not None:
            self.on_epoch(epoch, self.copy())

    def measure(self, rows: Labelled) -> tuple[float, int]:
        """Return the loss of some rows, and how many are right."""
        plan, chosen = self.plan, self.plan.description.config.training
        threads = chosen.threads or 0
        if plan.loss_function is not None:
            return measured(
                plan.network, plan.description.targets, plan.loss_function, *rows, threads
            )
        constants = chosen.loss_constants()
        return plan.network.evaluate(*rows, chosen.loss, threads, loss_constants=constants)

    def stop(self, last: _core.EpochResult) -> None:
        """Keep the figures of an epoch that will not be finished apart from the history."""
        if self.current is not None:
            self.steps += last.steps
            counts = {"epoch": self.current, "steps": last.steps, "samples": last.samples}
            self.partial = {**counts, **self.figures(last)}

    def interrupt(self, last: _core.EpochResult) -> None:
        self.interrupted = True
        self.stop(last)

    def model(self, network: _core.Network | None = None) -> Model:
        record = self.plan.description.record | {
            "version": _core.__version__,
            "training_rows": len(self.plan.training[0]),
            "validation_rows": 0 if self.plan.validation is None else len(self.plan.validation[0]),
            "steps": self.steps,
            "seconds": time.perf_counter() - self.began,
            "interrupted": self.interrupted,
            "partial_epoch": self.partial,
        }
        description = dataclasses.replace(
            self.plan.description, history=History(self.history), record=record
        )
        return Model(network or self.plan.network, description)

    def copy(self) -> Model:
        """Return the model so far, with weights of its own: training on does not change it."""
        about = self.plan.description
        network = _core.Network(about.sizes, about.activations, about.dtype)
        network.set_parameters(self.plan.network.parameters())
        network.set_input_scaling(about.scaling.shift, about.scaling.scale)
        return self.model(network)


def epoch_line(epoch: int, epochs: int, figures: dict[str, float]) -> str:
    """Return the line of one epoch.

    Examples
    --------
    >>> epoch_line(0, 5, {"loss": 0.51234, "accuracy": 0.9, "val_loss": 0.4, "seconds": 0.5})
    'epoch 1/5: loss 0.5123, accuracy 90.00 % | validation loss 0.4000 | 500 ms'
    """

    def part(prefix: str) -> str:
        shown = f"loss {figures[prefix + 'loss']:.4f}"
        accuracy = figures.get(prefix + "accuracy")
        return shown if accuracy is None else f"{shown}, accuracy {accuracy:.2%}".replace("%", " %")

    width = len(str(epochs))
    line = f"epoch {epoch + 1:>{width}}/{epochs}: {part('')}"
    if "val_loss" in figures:
        line += f" | validation {part('val_')}"
    return f"{line} | {duration(figures['seconds'])}"


def duration(seconds: float) -> str:
    """Return a time to read: three digits are enough.

    Examples
    --------
    >>> duration(0.00123), duration(0.5), duration(75.0)
    ('1.23 ms', '500 ms', '75.0 s')
    """
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds:.1f} s"


def _opening(plan: Plan) -> str:
    """Say in two lines what is trained on what, and what was inferred."""
    about, chosen = plan.description, plan.description.config
    parts = [f"{len(plan.training[0]):,} rows to train"]
    for name, rows in (("validate", plan.validation), ("test", plan.test)):
        parts += [] if rows is None else [f"{len(rows[0]):,} to {name}"]
    what = {"classification": "classes", "multilabel": "labels", "regression": "values"}[
        chosen.data.task
    ]
    units = [f"{n} {name}" for n, name in zip(about.sizes[1:], about.activations, strict=True)]
    scaling = f"scaling {about.scaling.kind}"
    if about.scaling.kind == "unit":
        scaling += f" (x / {about.pixel_max})"
    if chosen.data.target_scaling != "none":
        scaling += f", targets {chosen.data.target_scaling}"
    return (
        f"{', '.join(parts)}; {chosen.data.task} of {_outputs(about)} {what}, {scaling}\n"
        f"{' -> '.join([str(about.sizes[0]), *units])}; loss {chosen.training.loss}, "
        f"{chosen.training.optimizer} {chosen.training.learning_rate}, "
        f"batch {chosen.training.batch_size}"
    )


def _outputs(about: Description) -> int:
    targets = about.targets
    return len(targets.labels) if isinstance(targets, ClassTargets) else targets.outputs


def _warn_interrupted(run: _Run, epochs: int) -> None:
    warnings.warn(
        f"interrupted in epoch {run.history.epochs + 1} of {epochs}; the model stands at its last "
        f"whole step ({run.steps})",
        InterruptedWarning,
        stacklevel=5,
    )


def _diverged(run: _Run) -> str:
    chosen = run.plan.description.config.training
    step = int((run.partial or {}).get("steps", 0)) + 1
    return (
        f"training diverged in epoch {run.history.epochs + 1} of {chosen.epochs}, step {step}: "
        "a weight or the loss would have become infinite or NaN, and the step was not taken. Try a "
        f"lower learning_rate than {chosen.learning_rate}, or scaled inputs and targets"
    )
