"""What a training says: its opening, and a line an epoch."""

from __future__ import annotations

from collections.abc import Mapping

from ..config import Config
from ..config.training import TrainingConfig
from ..model.description import Description
from ..model.heads import HeadTargets
from ..model.measures import meaning
from .plan import Plan


def epoch_line(epoch: int, epochs: int, figures: Mapping[str, float], note: str = "") -> str:
    """Return the line of one epoch; `note` stands at its end.

    Examples
    --------
    >>> epoch_line(0, 5, {"loss": 0.51234, "accuracy": 0.9, "val_loss": 0.4, "seconds": 0.5})
    'epoch 1/5: loss 0.5123, accuracy 90.00 % | validation loss 0.4000 | 500 ms'
    >>> epoch_line(0, 5, {"loss": 0.51234, "accuracy_digit": 0.9, "seconds": 0.5})
    'epoch 1/5: loss 0.5123, accuracy digit 90.00 % | 500 ms'
    """

    def part(prefix: str) -> str:
        shown = f"loss {figures[prefix + 'loss']:.4f}"
        accuracies = {
            name.removeprefix(prefix + "accuracy").replace("_", " ", 1): share
            for name, share in figures.items()
            if name.startswith(prefix + "accuracy")
        }
        for head, share in accuracies.items():
            shown += f", accuracy{head} {100 * share:.2f} %"
        return shown

    width = len(str(epochs))
    line = f"epoch {epoch + 1:>{width}}/{epochs}: {part('')}"
    if "val_loss" in figures:
        line += f" | validation {part('val_')}"
    return f"{line} | {duration(figures['seconds'])}" + (f" | {note}" if note else "")


def duration(seconds: float) -> str:
    """Return a time to read: three digits are enough.

    Examples
    --------
    >>> duration(0.00123), duration(0.5), duration(75.0)
    ('1.23 ms', '500 ms', '75.0 s')
    """
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds:.1f} s"


def opening(plan: Plan) -> str:
    """Say in two lines what is trained on what, and what was inferred; a third, where it began."""
    about, chosen = plan.description, plan.description.config
    parts = [f"{len(plan.training[0]):,} rows to train"]
    for name, rows in (("validate", plan.validation), ("test", plan.test)):
        parts += [] if rows is None else [f"{len(rows[0]):,} to {name}"]
    units = [f"{n} {name}" for n, name in zip(about.sizes[1:], about.activations, strict=True)]
    scaling = f"scaling {about.scaling.kind}"
    if about.scaling.kind == "unit":
        scaling += f" (x / {about.pixel_max})"
    if chosen.data.target_scaling != "none":
        scaling += f", targets {chosen.data.target_scaling}"
    return (
        f"{', '.join(parts)}; {_what(about)}, {scaling}\n"
        f"{' -> '.join([str(about.sizes[0]), *units])}; loss {_losses(chosen)}, "
        f"{_how_it_steps(chosen.training)}"
        f"{_where_it_began(plan)}"
    )


def _how_it_steps(chosen: TrainingConfig) -> str:
    if chosen.is_full_batch:
        return f"{chosen.optimizer}, {chosen.line_search} line search, all rows a step"
    return f"{chosen.optimizer} {chosen.learning_rate}, batch {chosen.batch_size}"


def _where_it_began(plan: Plan) -> str:
    if plan.going_on is None:
        return ""
    state, over = plan.going_on.state, plan.going_on.model.history.epochs
    inside = f" and {state.so_far['steps']:,} steps" if state.so_far else ""
    return f"\ngoing on from {plan.going_on.path} after {over:,} epochs{inside}"


def _what(about: Description) -> str:
    """Say what is learned."""
    targets = about.targets
    if isinstance(targets, HeadTargets):
        return "; ".join(f"{name}: {meaning(one)}" for name, one in targets.heads.items())
    return meaning(targets)


def _losses(chosen: Config) -> str:
    parts = [f"{head.weight:g} {name} {head.loss}" for name, head in chosen.heads.items()]
    return " + ".join(parts) or chosen.training.loss
