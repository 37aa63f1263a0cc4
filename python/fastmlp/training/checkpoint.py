"""Checkpoints: where and when they are written, and whether one may be gone on from.

What is in one is model/training_state.py's; how a file is written whole, atomic.py's.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..config import Config
from ..config.catalog import SPREAD_SCHEDULES
from ..config.keys import whole
from ..config.sections import KEYS
from ..data.dataset import Split
from ..errors import ConfigError, DataError, ModelFileError
from ..model import Model, load_checkpoint
from ..model.tensors import Layers
from ..model.training_state import TrainingState

Array = NDArray[Any]
# What may be another when a training goes on: how long it lasts, who computes it, what is told of
# it, and where its data come from; the data themselves are compared.
MAY_CHANGE = (
    "epochs", "patience", "min_delta", "threads", "test_each_epoch", "source", "data_dir", "target",
    "header", "validation_fraction", "test_fraction",
)  # fmt: skip
OPEN = ("auto", None)  # values that leave a choice to the checkpoint


@dataclass(frozen=True)
class Checkpoint:
    """The file that a training writes its state to.

    Parameters
    ----------
    path : path-like
    every : int
        Epochs from one writing to the next; the last epoch and an interruption write too.
    """

    path: str | os.PathLike[str]
    every: int = 1

    def require_place(self, going_on: GoingOn | None) -> None:
        """Refuse, before any work, a place that cannot be written or holds something else.

        Raises
        ------
        ConfigError
            No such folder, a folder, or a file that training does not go on from.
        """
        whole(1).check("checkpoint_every", self.every)
        path = Path(self.path)
        if not path.parent.is_dir():
            raise ConfigError(f"checkpoint: there is no folder {path.parent}")
        if path.is_dir():
            raise ConfigError(f"checkpoint: {path} is a folder; name a file in it")
        is_own = going_on is not None and path.exists() and path.samefile(going_on.path)
        if path.is_file() and not is_own:
            raise ConfigError(
                f"checkpoint: {path} is there already; to go on from it pass resume={str(path)!r}, "
                "otherwise name another file or remove it"
            )

    def is_due(self, epochs: int, *, is_last: bool) -> bool:
        """Whether the file is written after so many epochs."""
        return is_last or epochs % self.every == 0


@dataclass(frozen=True, eq=False)
class GoingOn:
    """A checkpoint that training goes on from.

    Parameters
    ----------
    path : path-like
        Where it was read.
    model : Model
        The model at that point.
    state : TrainingState
        All else.
    """

    path: str | os.PathLike[str]
    model: Model
    state: TrainingState

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> GoingOn:
        """Read a checkpoint.

        Raises
        ------
        OSError
            The file cannot be opened.
        ModelFileError
            It is damaged, or no checkpoint.
        """
        try:
            model, state = load_checkpoint(path)
        except FileNotFoundError:
            name = os.fspath(path)
            raise FileNotFoundError(
                f"resume: there is no checkpoint {name} to go on from"
            ) from None
        if state is None:
            raise ModelFileError(
                f"{os.fspath(path)}: a model without a training state; its weights can be the "
                "first ones of another training (init=)"
            )
        return cls(path, model, state)

    @property
    def weights(self) -> Layers:
        """The weights that are being trained, which need not be those of the model."""
        return self.state.sets.get("training", self.model.parameters)

    def require_heads(self, chosen: Config) -> None:
        """Refuse heads that are others than the checkpoint's; what is left out may be anything."""
        heads = self.model.config.heads
        for name, own in chosen.heads.items():
            known = heads.get(name)
            kept = {} if known is None else vars(known)
            for key, value in vars(own).items():
                if value not in (*OPEN, kept.get(key)):
                    raise ConfigError(
                        f"resume: {os.fspath(self.path)} was trained with heads.{name}.{key} "
                        f"{_shown(kept.get(key))}, not {_shown(value)}"
                    )

    def config(self, chosen: Config) -> Config:
        """Return the configuration to go on with: the checkpoint's, with what may change.

        Parameters
        ----------
        chosen : Config
            What the caller chose; "auto" and None leave it to the checkpoint.

        Raises
        ------
        ConfigError
            A choice that would make it another training, or fewer epochs than have begun.
        """
        spread = self.model.config.training.schedule in SPREAD_SCHEDULES
        may_change = [key for key in MAY_CHANGE if not (spread and key == "epochs")]
        changed: dict[str, object] = {}
        for key, (section, _) in KEYS.items():
            old, new = (getattr(getattr(one, section), key) for one in (self.model.config, chosen))
            if new == old:
                continue
            if key in may_change:
                changed[key] = new
            elif new not in OPEN:
                raise ConfigError(
                    f"resume: {os.fspath(self.path)} was trained with {key} {_shown(old)}, not "
                    f"{_shown(new)}; what may change is {', '.join(may_change)}"
                )
        self.require_heads(chosen)
        begun = self.model.history.epochs + (self.state.so_far is not None)
        if chosen.training.epochs < begun:
            raise ConfigError(
                f"resume: {begun} epochs of {os.fspath(self.path)} have begun; "
                f"epochs must be at least that, got {chosen.training.epochs}"
            )
        return self.model.config.replace(**changed)

    def require_data(self, found: Mapping[str, str | None]) -> None:
        """Refuse other data than those that the checkpoint was trained and validated on.

        Parameters
        ----------
        found : mapping
            SHA-256 of the data that there are now, by the names of `fingerprints`.

        Raises
        ------
        DataError
            Which of them differ.
        """
        for name, digest in found.items():
            known = self.state.data[name]
            if digest != known:
                raise DataError(
                    f"resume: the {name} are not those of {os.fspath(self.path)}: "
                    f"SHA-256 {_short(digest)}, in the checkpoint {_short(known)}"
                )


def fingerprints(parts: Split) -> dict[str, str | None]:
    """Return the SHA-256 of the rows and targets to learn from, and of those to validate."""
    held = None
    if parts.x_validation is not None and parts.y_validation is not None:
        held = digest_of(parts.x_validation, parts.y_validation)
    return {"training rows": digest_of(parts.x_train, parts.y_train), "validation rows": held}


def fingerprint_of_weights(weights: Array | None) -> dict[str, str | None]:
    """Return the SHA-256 of the weights of the training rows."""
    return {"weights": None if weights is None else digest_of(weights)}


def digest_of(*arrays: Array) -> str:
    """Return the SHA-256 of some arrays, with their dtypes and shapes."""
    digest = hashlib.sha256("".join(f"{one.dtype}{one.shape}" for one in arrays).encode())
    for one in arrays:
        whole = np.ascontiguousarray(one)
        digest.update(whole.tobytes() if whole.dtype.kind in "UV" else whole.data)
    return digest.hexdigest()


def _short(digest: str | None) -> str:
    return "none" if digest is None else f"{digest[:12]}..."


def _shown(value: object) -> str:
    return repr(list(value)) if isinstance(value, tuple) else repr(value)
