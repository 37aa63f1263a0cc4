"""What a checkpoint holds beyond a model: all that it takes to go on with the same bits.

A checkpoint is a model file with one key more, `training_state`, and the tensors that it calls for.
When one is written, and whether one fits, is training/checkpoint.py's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import ModelFileError
from . import tensors
from .container import Slot
from .tensors import Array, Layers, Rows

MOST_STATES = 200  # arrays a parameter that an optimizer may keep: more are taken for damage
KEYS = {"steps", "states", "sets", "mean_count", "so_far", "best", "data"}
SO_FAR = {"loss_sum", "correct", "samples", "steps", "learning_rate"}
HEADS = "heads"  # in so_far, where there are some: sum of losses and count of right samples of each
BEST = {"epoch", "score", "reference", "waited"}
DATA = {"training rows", "validation rows", "weights"}
# Sets of numbers shaped like the parameters that there may be beside the optimizer's states: the
# weights that are trained where the model has others, their averages, and the best so far.
SETS = ("training", "ema", "swa", "best")


@dataclass(frozen=True, eq=False, kw_only=True)
class TrainingState:
    """A training between two steps.

    The random numbers need no state: first weights, splits and the order of the rows are functions
    of the seed and the epoch, which the configuration and the history hold.

    Parameters
    ----------
    steps : int
        Steps that the optimizer has taken.
    states : list of layers
        What it keeps of every parameter, as many arrays as it has.
    sets : dict of layers
        By the names of SETS; ``swa`` is float64.
    mean_count : int
        Epochs in ``swa``.
    so_far : dict or None
        What has been done of the epoch that is not finished.
    best : dict or None
        What early stopping knows (training/early_stopping.py).
    data : dict
        SHA-256 of the rows to learn from, of those to validate and of weights of rows.
    """

    steps: int
    states: Sequence[Layers]
    sets: Mapping[str, Layers]
    mean_count: int = 0
    so_far: dict[str, Any] | None = None
    best: dict[str, Any] | None = None
    data: dict[str, str | None] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return all but the arrays; floats are texts, so that they may be infinite or NaN."""
        return {
            "steps": self.steps,
            "states": len(self.states),
            "sets": sorted(self.sets),
            "mean_count": self.mean_count,
            "so_far": _with_texts(self.so_far),
            "best": _with_texts(self.best),
            "data": self.data,
        }

    def tensors(self, rows: Rows) -> dict[str, Array]:
        """Return the arrays by the names that they have in the file; rows: those of the network."""
        found: dict[str, Array] = {}
        for at, layers in enumerate(self.states):
            found |= tensors.by_name(tensors.trained(rows), layers, f"state.{at}.")
        for name, layers in self.sets.items():
            found |= tensors.by_name(rows, layers, f"{name}.")
        return found

    @classmethod
    def from_file(
        cls, values: Mapping[str, Any], arrays: Mapping[str, Array], rows: Rows
    ) -> TrainingState:
        """Return the state in a file that has one, whose `values` were accepted by `slots`."""
        part, changed = values["training_state"], tensors.trained(rows)
        return cls(
            steps=part["steps"],
            states=[
                tensors.by_layer(changed, arrays, f"state.{at}.") for at in range(part["states"])
            ],
            sets={name: tensors.by_layer(rows, arrays, f"{name}.") for name in part["sets"]},
            mean_count=part["mean_count"],
            so_far=_with_floats(part["so_far"]),
            best=_with_floats(part["best"]),
            data=part["data"],
        )


def slots(part: object, rows: Rows, dtype: str) -> dict[str, Slot]:
    """Check the key `training_state`; return dtype and shape of every tensor that it calls for.

    Raises
    ------
    ModelFileError
        A key, a type or a number that no checkpoint has.
    """
    state = _closed(part, KEYS, "it")
    _need(all(_is_count(state[key]) for key in ("steps", "states", "mean_count")), "its counts")
    _need(state["states"] <= MOST_STATES, f"{state['states']} states")
    names = state["sets"]
    _need(isinstance(names, list) and all(name in SETS for name in names), f"sets {names!r}")
    _need(sorted(set(names)) == names, f"sets {names!r}")
    if state["so_far"] is not None:
        has_heads = isinstance(state["so_far"], dict) and HEADS in state["so_far"]
        so_far = _closed(state["so_far"], SO_FAR | ({HEADS} if has_heads else set()), "so_far")
        _need(_is_heads(so_far.get(HEADS, [])), "so_far heads")
        _need(all(_is_count(so_far[key]) for key in ("correct", "samples", "steps")), "so_far")
        _need(all(_is_float(so_far[key]) for key in ("loss_sum", "learning_rate")), "so_far")
    if state["best"] is not None:
        best = _closed(state["best"], BEST, "best")
        _need(_is_count(best["waited"]), "best")
        _need(best["epoch"] is None or _is_count(best["epoch"]), "best")
        _need(_is_float(best["score"]) and _is_float(best["reference"]), "best")
    data = _closed(state["data"], DATA, "data")
    _need(all(one is None or isinstance(one, str) for one in data.values()), "data")
    _need((state["mean_count"] > 0) == ("swa" in names), "mean_count")
    found: dict[str, Slot] = {}
    for at in range(state["states"]):
        found |= tensors.slots(tensors.trained(rows), dtype, f"state.{at}.")
    for name in names:
        found |= tensors.slots(rows, "float64" if name == "swa" else dtype, f"{name}.")
    return found


def _need(condition: bool, what: str) -> None:
    if not condition:
        raise ModelFileError(f"the training state is not one of a checkpoint: {what}")


def _closed(part: object, keys: set[str], name: str) -> dict[str, Any]:
    _need(isinstance(part, dict) and set(part) == keys, f"{name} must have {sorted(keys)}")
    return dict(part)  # type: ignore[call-overload, no-any-return]


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def _is_float(value: object) -> bool:
    """Whether this is a float as `_with_texts` writes it."""
    try:
        return isinstance(value, str) and repr(float(value)) == value
    except ValueError:
        return False


def _is_heads(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(one, list) and len(one) == 2 and _is_float(one[0]) and _is_count(one[1])
        for one in value
    )


def _with_texts(values: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if values is None:
        return None
    texts = {key: repr(one) if isinstance(one, float) else one for key, one in values.items()}
    heads = {HEADS: [[repr(total), right] for total, right in values.get(HEADS, [])]}
    return texts | (heads if HEADS in values else {})


def _with_floats(values: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if values is None:
        return None
    floats = {key: float(one) if isinstance(one, str) else one for key, one in values.items()}
    heads = {HEADS: [(float(total), right) for total, right in values.get(HEADS, [])]}
    return floats | (heads if HEADS in values else {})
