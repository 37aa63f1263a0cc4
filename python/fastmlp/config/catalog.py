"""What exists, as the engine says it: names to choose from, their numbers, ranges and defaults."""

from __future__ import annotations

from .. import _core

_CATALOG = _core.catalog()

ACTIVATIONS = tuple(row["name"] for row in _CATALOG["activations"])
MAXOUT = _CATALOG["maxout"]["name"]
HIDDEN_ACTIVATIONS = (
    *(row["name"] for row in _CATALOG["activations"] if not row["rowwise"]),
    MAXOUT,
)
OUTPUT_ACTIVATIONS = tuple(row["name"] for row in _CATALOG["activations"] if not row["learned"])
LEARNED = frozenset(row["name"] for row in _CATALOG["activations"] if row["learned"])
RECTIFIERS = frozenset(row["name"] for row in _CATALOG["activations"] if row["rectifies"])
SELF_NORMALIZING = frozenset(
    row["name"] for row in _CATALOG["activations"] if row["self_normalizes"]
)
UNTRAINABLE = frozenset(row["name"] for row in _CATALOG["activations"] if not row["trainable"])
NORMALIZATIONS = tuple(row["name"] for row in _CATALOG["normalizations"])
OVER_SAMPLES = frozenset(row["name"] for row in _CATALOG["normalizations"] if row["over_samples"])
PRECISIONS = tuple(_CATALOG["precisions"])
INITIALIZERS = tuple(row["name"] for row in _CATALOG["initializers"])
LOSSES = {row["name"]: row for row in _CATALOG["losses"]}
# A function of the caller's: the engine has it from train(), a file has only this name.
CUSTOM_LOSS = "custom"
LOSSES[CUSTOM_LOSS] = {
    "name": CUSTOM_LOSS,
    "formula": "of the caller's",
    "outputs": list(OUTPUT_ACTIVATIONS),
    "constants": [],
    "targets": "real",
    "is_margin": False,
    "log_outputs": False,
}
LOSS_OUTPUTS = {name: tuple(row["outputs"]) for name, row in LOSSES.items()}
# By name of the loss, then of the constant; and by the constant's name alone.
LOSS_CONSTANTS = {
    name: {one["name"]: one for one in row["constants"]} for name, row in LOSSES.items()
}
CONSTANTS = {name: one for own in LOSS_CONSTANTS.values() for name, one in own.items()}
# By name of the optimizer, then of the hyperparameter: what the engine says of each. First those
# that step after every batch, then those that search along a line, with the loss of all rows.
OPTIMIZERS = {
    row["name"]: {one["name"]: one for one in row["hyperparameters"]}
    for row in (*_CATALOG["optimizers"], *_CATALOG["descent_methods"])
}
# Of the latter, the line search where none is chosen.
FULL_BATCH = {row["name"]: row["line_search"] for row in _CATALOG["descent_methods"]}
LINE_SEARCHES = tuple(_CATALOG["line_searches"])
SCHEDULES = {
    row["name"]: {one["name"]: one for one in row["hyperparameters"]}
    for row in _CATALOG["schedules"]
}
# Those that are spread over all epochs: another number of epochs is another schedule.
SPREAD_SCHEDULES = frozenset(
    row["name"] for row in _CATALOG["schedules"] if "total" in row["formula"]
)
UPDATE_OPTIONS = {one["name"]: one for one in _CATALOG["update_options"]}
ADAPTIVE = frozenset(row["name"] for row in _CATALOG["optimizers"] if row["adaptive"])
EMA_DECAY = _CATALOG["ema_decay"]
MIXUP = _CATALOG["mixup"]
DROPOUT_SCHEDULES = {row["name"]: row for row in _CATALOG["dropout_schedules"]}
DROPOUT_EPOCHS = _CATALOG["dropout_epochs"]
# By the key that chooses: all that its choices have.
FAMILIES = {"optimizer": OPTIMIZERS, "schedule": SCHEDULES}
HYPERPARAMETERS = {
    name: one for rows in FAMILIES.values() for own in rows.values() for name, one in own.items()
}
# The engine takes no number from here on, which is said only to who comes near.
UNLIMITED = max(one["below"] for one in HYPERPARAMETERS.values())
