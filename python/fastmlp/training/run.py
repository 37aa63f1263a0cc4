"""What a training has come to: history, record, best and averaged weights, and the model of them.

What the rules of early stopping are stands in early_stopping.py, how weights are averaged in
averaging.py, what a checkpoint is in checkpoint.py.
"""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from .. import _core
from ..atomic import atomic_write
from ..errors import ConfigError, ModelFileError
from ..evaluation import History
from ..model import Model
from ..model.heads import HeadTargets, figures_of_heads, tasks_of, validated_figures
from ..model.targets import ClassTargets
from ..model.tensors import Layers, with_kept
from ..model.training_state import TrainingState
from .averaging import Mean, first_averaged_epoch, require_measured
from .checkpoint import Checkpoint, GoingOn
from .custom_loss import measured
from .early_stopping import Best, EarlyStopping
from .lines import epoch_line, opening
from .plan import Labelled, Plan
from .plateau import watch
from .pruning import Pruning, masked


@dataclass(frozen=True, eq=False, kw_only=True)
class Done:
    """What the finished epochs have come to.

    It is replaced whole, so that an interruption finds it before an epoch is entered or after.
    """

    epochs: int = 0
    steps: int = 0
    stop_reason: str = ""  # of a full-batch method that finds no further step
    best: Best = dataclasses.field(default_factory=Best)
    best_layers: Layers | None = None  # weights of the best epoch, where they may be returned
    mean: Mean = dataclasses.field(default_factory=Mean)


class Run:
    """The trainer, the history and the record while they grow."""

    def __init__(self, plan: Plan, trainer: _core.Trainer, verbose: bool) -> None:
        self.plan = plan
        self.trainer = trainer
        self.verbose = verbose
        targets = plan.description.targets
        self.classes = isinstance(targets, ClassTargets)
        self.heads = targets if isinstance(targets, HeadTargets) else None
        self.chosen = plan.description.config.training
        if self.chosen.test_each_epoch and (plan.test is None or not self.classes):
            raise ConfigError("test_each_epoch needs classes and a data set with test rows")
        require_measured(self.chosen)
        self.plateau = watch(self.chosen, validates=plan.validation is not None)
        self.stopping = EarlyStopping(
            self.chosen,
            validated=plan.validation is not None,
            figures=validated_figures(targets),
        )
        self.pruning = Pruning(self.chosen) if self.chosen.prune else None
        self.history = History()
        self.done = Done()
        self.last_begun: _core.EpochResult | None = None
        self.partial: dict[str, float] | None = None
        self.interrupted = False
        self.began = self.epoch_began = time.perf_counter()
        if plan.going_on is not None:
            self.go_on(plan.going_on)
        if verbose:
            self.say(opening(plan))

    def go_on(self, checkpoint: GoingOn) -> None:
        """Stand where the checkpoint's training stood."""
        state, model = checkpoint.state, checkpoint.model
        self.history = model.history
        self.watch_plateau(self.history.get("val_loss", ()))
        self.began -= float(model.record.get("seconds", 0.0))
        begun = state.so_far or {"steps": 0}
        self.done = Done(
            epochs=self.history.epochs,
            steps=state.steps - begun["steps"],
            best=Best(**(state.best or {})),
            best_layers=state.sets.get("best"),
            mean=Mean(state.mean_count, state.sets.get("swa", ())),
            stop_reason=str(model.record.get("stop_reason") or ""),
        )
        try:
            self.trainer.set_state(state.steps, state.states, state.sets.get("ema"))
            if state.so_far is not None:
                self.last_begun = _core.EpochResult(epoch=self.done.epochs, **state.so_far)
        except (TypeError, ValueError) as error:
            raise ModelFileError(f"{checkpoint.path}: {error}") from None

    def say(self, line: str) -> None:
        """Print a line on stdout without tearing the progress bar."""
        from tqdm import tqdm

        tqdm.write(line, file=sys.stdout)
        sys.stdout.flush()

    def is_over(self) -> bool:
        """Whether no epoch follows."""
        return self.done.epochs >= self.chosen.epochs or self.has_stopped

    @property
    def has_stopped(self) -> bool:
        """Whether early stopping or the optimizer wants no further epoch."""
        return bool(self.done.stop_reason) or self.stopping.is_over(self.done.best)

    @property
    def stopped_early(self) -> bool:
        """Whether epochs are left out."""
        return self.has_stopped and self.done.epochs < self.chosen.epochs

    def figures(self, result: _core.EpochResult) -> dict[str, float]:
        """Return what the engine has measured while it trained."""
        figures = {"loss": result.loss}
        if self.classes:
            figures["accuracy"] = result.correct / max(1, result.samples)
        if self.heads is not None:
            by_head = [(total / max(1, result.samples), right) for total, right in result.heads]
            figures |= figures_of_heads(self.heads, by_head, result.samples)
        return figures

    def start(self) -> int:
        """Return the number of the epoch that begins."""
        self.epoch_began = time.perf_counter()
        if self.pruning is not None and self.begun is None:
            self.pruning.begin(self.done.epochs, self.plan.network, self.trainer)
        return self.done.epochs

    def finish(self, result: _core.EpochResult) -> None:
        """Average, measure validation and test rows, then enter the epoch as a whole."""
        seconds = time.perf_counter() - self.epoch_began
        epoch, mean = self.done.epochs, self.done.mean
        if self.chosen.averaging == "swa" and epoch + 1 >= first_averaged_epoch(self.chosen):
            mean = mean.including(self.plan.network.parameters())
        network = self.network_of(self.averages(mean) if self.chosen.validate_average else None)
        figures = self.figures(result) | self.measure(network)
        figures |= {"learning_rate": result.learning_rate, "seconds": seconds}
        if self.chosen.is_full_batch:
            figures["evaluations"] = result.evaluations
        best, layers = self.done.best, self.done.best_layers
        if self.pruning is None or self.pruning.is_complete(epoch):  # before, it has more weights
            best = self.stopping.after(best, epoch, figures)
        if best.epoch == epoch and self.stopping.restores(best):
            layers = network.parameters()
        self.history.add(figures)
        self.watch_plateau([figures.get("val_loss", 0.0)])
        steps = self.done.steps + result.steps
        self.done = Done(
            epochs=epoch + 1,
            steps=steps,
            best=best,
            best_layers=layers,
            mean=mean,
            stop_reason=result.stop_reason,
        )
        if self.verbose:
            self.tell(epoch, figures)

    def watch_plateau(self, losses: Sequence[float]) -> None:
        """Let the learning rate fall, where its schedule waits for validation losses."""
        if self.plateau is not None:
            for loss in losses:
                self.trainer.reductions = self.plateau.after(loss)

    def measure(self, network: _core.Network) -> dict[str, float]:
        """Return the figures of validation and, where they are counted, test rows."""
        figures: dict[str, float] = {}
        if self.plan.validation is not None and self.heads is not None:
            figures |= self.measure_heads(network, self.heads, self.plan.validation)
        elif self.plan.validation is not None:
            figures["val_loss"], right = self.evaluate(network, self.plan.validation)
            if self.classes:
                figures["val_accuracy"] = right / len(self.plan.validation[0])
        if self.chosen.test_each_epoch and self.plan.test is not None:
            _, right = self.evaluate(network, self.plan.test)
            figures["test_accuracy"] = right / len(self.plan.test[0])
        return figures

    def measure_heads(
        self, network: _core.Network, heads: HeadTargets, rows: Labelled
    ) -> dict[str, float]:
        """Return the validation figures of all heads together and of each."""
        x, encoded = rows
        tasks = tasks_of(self.plan.description.config, encoded)
        loss, by_head = network.evaluate_tasks(x, tasks, self.chosen.threads or 0)
        return {"val_loss": loss, **figures_of_heads(heads, by_head, len(x), "val_")}

    def evaluate(self, network: _core.Network, rows: Labelled) -> tuple[float, int]:
        """Return the loss of some rows, and how many are right."""
        threads, function = self.chosen.threads or 0, self.plan.loss_function
        targets = self.plan.description.targets
        if function is not None and not isinstance(targets, HeadTargets):
            return measured(network, targets, function, *rows, threads)
        constants = self.chosen.loss_constants()
        return network.evaluate(*rows, self.chosen.loss, threads, loss_constants=constants)

    def tell(self, epoch: int, figures: dict[str, float]) -> None:
        """Print the line of an epoch and, after the last, why it was."""
        best = self.done.best
        if "test_accuracy" in figures and self.plan.test is not None:
            rows = len(self.plan.test[0])
            self.say(f"Epoch {epoch}: {round(figures['test_accuracy'] * rows)} / {rows}")
        else:
            note = "best so far" if best.epoch == epoch else ""
            self.say(epoch_line(epoch, self.chosen.epochs, figures, note))
        if self.stopped_early:
            stopped = self.done.stop_reason
            self.say(f"stopped: {stopped}" if stopped else self.stopping.reason(best))

    def interrupt(self) -> None:
        """Keep what an interruption has left, in the checkpoint too."""
        self.interrupted = True
        self.stop()
        if self.plan.checkpoint is not None:
            self.save(self.plan.checkpoint)

    def stop(self) -> None:
        """Keep the figures of an epoch that will not be finished apart from the history."""
        last = self.trainer.last_epoch
        if last.epoch == self.done.epochs:
            self.last_begun = last
        if self.begun is not None:
            counts = {"epoch": self.done.epochs, "steps": self.begun.steps}
            self.partial = {**counts, "samples": self.begun.samples, **self.figures(self.begun)}

    @property
    def begun(self) -> _core.EpochResult | None:
        """What is over of the epoch that comes next, or None."""
        last = self.last_begun
        return last if last is not None and last.epoch == self.done.epochs else None

    @property
    def steps(self) -> int:
        """Steps that were taken, those of an unfinished epoch too."""
        return self.done.steps + (0 if self.begun is None else self.begun.steps)

    def averages(self, mean: Mean) -> Layers | None:
        """Return the averaged weights, where there are any yet."""
        if self.chosen.averaging == "ema":
            return self.trainer.average()
        if mean.count == 0:
            return None
        network = self.plan.network
        averages = mean.rounded(self.plan.description.dtype)
        return masked(network, with_kept(network.tensors, averages, network.parameters()))

    def layers(self) -> Layers | None:
        """Return the weights of the model, where they are not those that are being trained."""
        if self.stopping.restores(self.done.best):
            return self.done.best_layers
        return self.averages(self.done.mean)

    def stands(self) -> str:
        """Say which weights the model has after an interruption."""
        at = f"at its last whole step ({self.steps})"
        if self.stopping.restores(self.done.best):
            return f"is that of epoch {(self.done.best.epoch or 0) + 1}, the best so far"
        if self.layers() is not None:
            return f"has the averaged weights {at}"
        return f"stands {at}"

    def network_of(self, layers: Layers | None) -> _core.Network:
        """Return a network of its own with these weights, or the one that is trained."""
        if layers is None:
            return self.plan.network
        network = self.plan.description.network()
        network.set_parameters(layers)
        return network

    def model(self, network: _core.Network | None = None) -> Model:
        """Return the model that the training has come to, or one of this network."""
        validation = self.plan.validation
        record = self.plan.description.record | {
            "version": _core.__version__,
            "training_rows": len(self.plan.training[0]),
            "validation_rows": 0 if validation is None else len(validation[0]),
            "steps": self.steps,
            "seconds": time.perf_counter() - self.began,
            "interrupted": self.interrupted,
            "partial_epoch": self.partial,
            "best_epoch": self.done.best.epoch,
            "stopped_early": self.stopped_early,
            "stop_reason": self.done.stop_reason or None,
        }
        history = self.history.first(self.done.epochs)
        description = dataclasses.replace(self.plan.description, history=history, record=record)
        return Model(network or self.network_of(self.layers()), description)

    def copy(self) -> Model:
        """Return the model of the last epoch, with weights of its own: training on spares it."""
        averages = self.averages(self.done.mean)
        layers = self.plan.network.parameters() if averages is None else averages
        return self.model(self.network_of(layers))

    def save_if_due(self) -> None:
        """Write the checkpoint, where one is wanted after this epoch."""
        checkpoint = self.plan.checkpoint
        if checkpoint is not None and checkpoint.is_due(self.done.epochs, is_last=self.is_over()):
            self.save(checkpoint)

    def save(self, checkpoint: Checkpoint) -> None:
        """Write the model and all that it takes to go on."""
        kept, begun = self.trainer.state(), self.begun
        sets: dict[str, Layers] = {}
        if self.layers() is not None:
            sets["training"] = self.plan.network.parameters()
        averages = {"ema": kept["average"], "swa": self.done.mean.layers}
        sets |= {name: layers for name, layers in averages.items() if layers}
        if self.done.best_layers is not None:
            sets["best"] = self.done.best_layers
        so_far = None
        if begun is not None:
            names = ("loss_sum", "correct", "samples", "steps", "learning_rate")
            so_far = {name: getattr(begun, name) for name in names}
            so_far |= {"heads": begun.heads} if begun.heads else {}
        state = TrainingState(
            steps=kept["steps"],
            states=kept["states"],
            sets=sets,
            mean_count=self.done.mean.count,
            so_far=so_far,
            best=self.done.best.as_dict(),
            data=dict(self.plan.fingerprints),
        )
        atomic_write(checkpoint.path, self.model()._as_bytes(state))
