"""Targets of several heads on one trunk: a range of the outputs each, with a meaning of its own.

The order of the heads is that of the targets of training. What a head learns stands in
config/heads.py, what its labels and values mean in targets.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from numpy.typing import NDArray

from .. import _core
from ..config import Config
from ..errors import DataError
from ..evaluation import Evaluation
from .measures import meaning, measured
from .targets import ClassTargets, Targets

Array = NDArray[Any]
HEADED_OUTPUT = "identity"  # of the last layer: the heads have the output units
TIES = ("tied", "tied_transposed")  # keys of [network] and of the structure
Encoded = dict[str, Array]  # by head: class numbers (samples,) or values (samples, units)


@dataclass(frozen=True, eq=False)
class HeadTargets:
    """What the heads of a network mean.

    Parameters
    ----------
    heads : mapping of Targets
        By name, in the order of their outputs.

    Examples
    --------
    >>> heads = HeadTargets({"a": ClassTargets.fit(["x", "y"]), "b": ClassTargets.fit([1, 2, 3])})
    >>> heads.outputs, heads.columns()
    (5, {'a': slice(0, 2, None), 'b': slice(2, 5, None)})
    >>> heads.encode({"a": ["y", "x"], "b": [3, 1]})
    {'a': array([1, 0]), 'b': array([2, 0])}
    """

    heads: Mapping[str, Targets]
    task: ClassVar[str] = "multitask"

    @property
    def outputs(self) -> int:
        """Output units of all heads."""
        return sum(targets.outputs for targets in self.heads.values())

    def columns(self) -> dict[str, slice]:
        """Return the range of the outputs that is each head's."""
        ranges, first = {}, 0
        for name, targets in self.heads.items():
            ranges[name] = slice(first, first + targets.outputs)
            first += targets.outputs
        return ranges

    def encode(self, y: Any, *, name: str = "y", samples: int | None = None) -> Any:
        """Return what each head learns, by its name.

        Parameters
        ----------
        y : mapping of array_like, or structured array
            The targets of each head; every head must be there, and no other.

        Raises
        ------
        DataError
            Another set of heads, or targets that a head does not know.
        """
        fields = getattr(getattr(y, "dtype", None), "names", None)
        if not isinstance(y, Mapping) and fields is None:
            raise DataError(
                f"{name} must have targets for each head: a mapping with {self._names()}; "
                f"got {type(y).__name__}"
            )
        given = list(y) if isinstance(y, Mapping) else list(fields or ())
        if set(given) != set(self.heads):
            raise DataError(f"{name} has the heads {given}; the model has {self._names()}")
        return {
            head: targets.encode(y[head], name=f"{name}[{head!r}]", samples=samples)
            for head, targets in self.heads.items()
        }

    def decode(self, outputs: Array) -> Any:
        """Return what each head says, by its name, from outputs (samples, units of all heads)."""
        columns = self.columns()
        return {name: one.decode(outputs[:, columns[name]]) for name, one in self.heads.items()}

    def _names(self) -> list[str]:
        return list(self.heads)


AnyTargets = Targets | HeadTargets


class Evaluations(dict[str, Evaluation]):
    """The evaluation of each head by its name.

    Attributes
    ----------
    loss : float
        The weighted sum of the heads' losses, which training makes small.
    """

    def __init__(self, by_head: Mapping[str, Evaluation], loss: float) -> None:
        super().__init__(by_head)
        self.loss = loss

    def as_dict(self) -> dict[str, Any]:
        """Return the figures as JSON can hold them."""
        return {"loss": self.loss, "heads": {name: one.as_dict() for name, one in self.items()}}

    def __repr__(self) -> str:
        return f"Evaluations({super().__repr__()}, loss={self.loss:.4g})"


def structure_of(config: Config, targets: AnyTargets) -> dict[str, Any]:
    """Return what of the network is not plain, as the engine is told."""
    structure = config.network.structure()
    if isinstance(targets, HeadTargets):
        structure["heads"] = [
            [one.outputs, config.heads[name].output_activation]
            for name, one in targets.heads.items()
        ]
    return structure


def tasks_of(config: Config, encoded: Encoded, weights: Array | None = None) -> list[_core.Task]:
    """Return what the engine learns: targets, loss and weight of each head.

    Parameters
    ----------
    encoded : dict
        Of `HeadTargets.encode`.
    weights : ndarray of float64, shape (samples,), optional
        Factors of each sample's loss, in all heads.
    """
    return [
        _core.Task(
            targets,
            config.heads[name].loss,
            loss_constants=config.heads[name].loss_constants(),
            weight=config.heads[name].weight,
            sample_weight=weights,
        )
        for name, targets in encoded.items()
    ]


def figures_of_heads(
    targets: HeadTargets, by_head: list[tuple[float, int]], samples: int, prefix: str = ""
) -> dict[str, float]:
    """Return the figures of the heads: ``loss_NAME`` and, where it has classes, ``accuracy_NAME``.

    Parameters
    ----------
    by_head : list of (loss, right samples)
        Mean loss of each head, without its weight.
    prefix : str
        ``"val_"``, for example.
    """
    figures: dict[str, float] = {}
    for (name, one), (loss, correct) in zip(targets.heads.items(), by_head, strict=True):
        figures[f"{prefix}loss_{name}"] = loss
        if isinstance(one, ClassTargets):
            figures[f"{prefix}accuracy_{name}"] = correct / max(1, samples)
    return figures


def validated_figures(targets: AnyTargets) -> list[str]:
    """Return the names of the figures that validation gives.

    Examples
    --------
    >>> validated_figures(HeadTargets({"a": ClassTargets.fit(["x", "y"])}))
    ['val_loss', 'val_loss_a', 'val_accuracy_a']
    """
    if isinstance(targets, HeadTargets):
        each = [(0.0, 0)] * len(targets.heads)
        return ["val_loss", *figures_of_heads(targets, each, 1, "val_")]
    return ["val_loss", "val_accuracy"] if isinstance(targets, ClassTargets) else ["val_loss"]


def evaluate_heads(
    network: _core.Network,
    config: Config,
    targets: HeadTargets,
    rows: Array,
    y: Any,
    weights: Array | None,
    threads: int | None,
) -> Any:
    """Return the `Evaluations` of each head on rows (samples, features) whose targets are y."""
    encoded = targets.encode(y, samples=len(rows))
    tasks = tasks_of(config, encoded, weights)
    total, by_head = network.evaluate_tasks(rows, tasks, threads or 0)
    outputs, columns = network.predict(rows, threads or 0), targets.columns()
    figures = {
        name: measured(one, y[name], encoded[name], outputs[:, columns[name]], loss)
        for (name, one), (loss, _) in zip(targets.heads.items(), by_head, strict=True)
    }
    return Evaluations(figures, total)


def head_notes(config: Config, targets: HeadTargets) -> list[str]:
    """Return a line for each head, of a summary."""
    return [
        f"head {name}: {one.outputs} {config.heads[name].output_activation}, {meaning(one)}, "
        f"{config.heads[name].loss}, weight {config.heads[name].weight:g}"
        for name, one in targets.heads.items()
    ]
