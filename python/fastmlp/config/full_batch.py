"""What the optimizers that search along a line do not go with: they take all rows at once."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from ..errors import ConfigError
from .catalog import FULL_BATCH, UPDATE_OPTIONS

if TYPE_CHECKING:
    from .training import TrainingConfig

# What makes the loss another one at every evaluation, or says how long a step is: such a key keeps
# its default.
NEEDS_BATCHES = frozenset(
    (
        *UPDATE_OPTIONS,
        *("schedule", "warmup_epochs", "dropout", "dropout_schedule", "input_dropout"),
        *("input_noise", "mixup", "max_norm", "prune", "precision"),
    )
)
# What would mean nothing, and is refused where it is given.
MEANS_NOTHING = frozenset(("batch_size", "shuffle"))


def line_search_of(chosen: TrainingConfig) -> str | None:
    """Return the line search of these choices, which is the optimizer's own unless given.

    Raises
    ------
    ConfigError
        A line search where there is none, or beside one what does not go with it.
    """
    if not chosen.is_full_batch:
        if chosen.line_search is not None:
            raise ConfigError(
                f"optimizer {chosen.optimizer!r} has no line_search; got {chosen.line_search!r}: "
                f"those that have one are {', '.join(FULL_BATCH)}"
            )
        return None
    for one in dataclasses.fields(chosen):
        value = getattr(chosen, one.name)
        is_open = value == one.default or (one.name == "warmup_epochs" and value == 0)
        if one.name in NEEDS_BATCHES and not is_open:
            raise ConfigError(
                f"{one.name}={value!r} does not go with optimizer {chosen.optimizer!r}: it needs "
                "the same loss of all rows at every evaluation, and finds the length of its steps"
            )
    if chosen.averaging == "ema":
        raise ConfigError(
            f"averaging='ema' is over the steps of an epoch; optimizer {chosen.optimizer!r} has "
            "one an epoch: choose 'swa' or 'none'"
        )
    return chosen.line_search or FULL_BATCH[chosen.optimizer]
