"""Bagging: several models whose average decides, and their one file.

How they are trained is train.py's; the file of a single model model/'s.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..atomic import atomic_write
from ..data.arrays import as_features, as_targets
from ..errors import ModelFileError
from ..evaluation import Evaluation
from ..model import Model, assemble
from ..model.container import FORMAT_VERSION, Slot, pack, read_container, unpack
from ..model.schema import slots
from ..model.targets import ClassTargets, Targets

Array = NDArray[Any]
KEYS = {"format_version", "members", "oob_score", "oob_rows"}


class Bagging:
    """Models that were trained on resamples of the same rows; their average decides.

    Made by `bag` and `Bagging.load`. Where outputs are probabilities they are averaged, else the
    values; each sum is made in the order of the models.

    Attributes
    ----------
    models : tuple of Model
    oob_score : float or None
        Accuracy (of classes and sets of labels) or R^2 on the rows that some model has not seen,
        each decided by the models that have not seen it. None where there are no such rows.
    oob_rows : int
        How many these are.

    Examples
    --------
    >>> import fastmlp
    >>> rows, labels = [[0.0], [1.0], [2.0], [3.0]], ["low", "low", "high", "high"]
    >>> bag = fastmlp.bag(rows, labels, models=5, hidden=[], epochs=100, learning_rate=1.0)
    >>> bag.predict([[0.2], [2.9]]), len(bag.models)
    (array(['low', 'high'], dtype='<U4'), 5)
    """

    def __init__(
        self, models: Sequence[Model], oob_score: float | None = None, oob_rows: int = 0
    ) -> None:
        self.models = tuple(models)
        self.oob_score = oob_score
        self.oob_rows = oob_rows

    @property
    def task(self) -> str:
        """One of "classification", "multilabel" and "regression"."""
        return self.models[0].task

    @property
    def classes(self) -> Array | None:
        """Labels in the order of `predict_proba`'s columns, shape (classes,); None: no classes."""
        return self.models[0].classes

    def predict(self, x: Any, *, threads: int | None = None) -> Array:
        """Return what the average of the models decides for each sample; see `Model.predict`."""
        rows = as_features(x, features=self.models[0].n_features)
        values = [values_of(model, rows, threads) for model in self.models]
        return decided_by(self.models[0], _mean(values))

    def predict_proba(self, x: Any, *, threads: int | None = None) -> NDArray[np.float64]:
        """Return the mean probability of each class for each sample.

        Returns
        -------
        ndarray of float64, shape (samples, classes)
            Of several labels a row the probability of each.

        Raises
        ------
        ValueError
            As `Model.predict_proba`.
        """
        rows = as_features(x, features=self.models[0].n_features)
        return _mean([model.predict_proba(rows, threads=threads) for model in self.models])

    def evaluate(self, x: Any, y: Any, *, threads: int | None = None) -> Evaluation:
        """Measure the average of the models on samples whose targets are known.

        Returns
        -------
        Evaluation
            Of what the average decides; its ``loss`` is the mean of the models' own losses.
        """
        rows = as_features(x, features=self.models[0].n_features)
        losses = [model.evaluate(rows, y, threads=threads).loss for model in self.models]
        targets: Any = self.models[0]._description.targets
        decided = self.predict(rows, threads=threads)
        return evaluation_of(targets, y, decided, float(np.mean(losses)))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all models to one safetensors file, whole or not at all; see `Bagging.load`.

        Examples
        --------
        >>> import fastmlp, os, tempfile
        >>> bag = fastmlp.bag([[0.0], [1.0]] * 5, [1.0, 2.0] * 5, models=2, hidden=[])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "bag.safetensors")
        ...     bag.save(path)
        ...     len(fastmlp.Bagging.load(path).models)
        2
        """
        members: list[dict[str, Any]] = []
        tensors: dict[str, Array] = {}
        for number, model in enumerate(self.models):
            values, own = unpack(model._as_bytes(), slots)
            members.append(values)
            tensors |= {_name(number, name): array for name, array in own.items()}
        about = {
            "format_version": FORMAT_VERSION,
            "members": members,
            "oob_score": self.oob_score,
            "oob_rows": self.oob_rows,
        }
        atomic_write(path, pack(about, tensors))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Bagging:
        """Read what `save` has written; its predictions have the same bits.

        Raises
        ------
        OSError
            The file cannot be opened.
        ModelFileError
            It is damaged, or holds no bagged models.
        """
        values, tensors = read_container(path, _slots)
        models = []
        for number, about in enumerate(values["members"]):
            start = _name(number, "")
            own = {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}
            models.append(assemble(about, own))
        if len({(one.n_features, one.task, str(one.classes)) for one in models}) != 1:
            raise ModelFileError(f"{os.fspath(path)}: its models are not of the same features")
        return cls(models, values["oob_score"], values["oob_rows"])

    def __repr__(self) -> str:
        return f"Bagging({len(self.models)} x {self.models[0]!r})"


def values_of(model: Model, rows: Array, threads: int | None) -> Array:
    """Return what is averaged: probabilities where outputs are such, outputs, or values."""
    if model.task == "regression":
        return model.predict(rows, threads=threads)
    has_shares = model._description.activations[-1] in ("softmax", "sigmoid")
    is_classes = model.task == "classification"
    if has_shares and is_classes:
        return model.predict_proba(rows, threads=threads)
    return model._outputs(rows, threads)


def decided_by(model: Model, mean: NDArray[np.float64]) -> Array:
    """Return what the mean of `_values` decides."""
    targets: Any = model._description.targets
    if model.task == "regression":
        return mean
    if isinstance(targets, ClassTargets) and mean.shape[1] == len(targets.labels):
        labels: Array = targets.labels[mean.argmax(axis=1)]
        return labels
    decided: Array = targets.decode(mean)
    return decided


def _mean(values: Sequence[Array]) -> NDArray[np.float64]:
    """Return the mean in float64, summed in order."""
    total = np.zeros(values[0].shape)
    for one in values:
        total += one
    total /= len(values)
    return total


def evaluation_of(targets: Targets, y: Any, decided: Array, loss: float) -> Evaluation:
    """Measure what was decided."""
    if isinstance(targets, ClassTargets):
        numbers = targets.encode(decided)
        return Evaluation.of_classes(targets.encode(y), numbers, targets.labels.copy(), loss)
    if targets.task == "multilabel":
        return Evaluation.of_label_sets(targets.encode(y), decided, loss)
    return Evaluation.of_values(as_targets(y), decided, loss)


def _name(number: int, tensor: str) -> str:
    return f"member.{number}.{tensor}"


def _slots(values: Mapping[str, Any]) -> dict[str, Slot]:
    """Check what a file says; return dtype and shape of every tensor that it calls for."""
    members, score, rows = (values.get(key) for key in ("members", "oob_score", "oob_rows"))
    if set(values) != KEYS or not isinstance(members, list) or not members:
        raise ModelFileError("a model, but not of bagged models; read it with fastmlp.load")
    is_score = score is None or (type(score) in (int, float) and score <= 1)
    if not is_score or type(rows) is not int or rows < 0:
        raise ModelFileError(f"oob_score {score!r} of {rows!r} rows")
    found: dict[str, Slot] = {}
    for number, about in enumerate(members):
        if not isinstance(about, dict):
            raise ModelFileError(f"member {number} is no description of a model")
        found |= {_name(number, name): slot for name, slot in slots(about).items()}
    return found
