"""Model: a trained network with all that it takes to use it on new samples; immutable to users.

Arithmetic is the engine's (one `Network`); what labels and values mean stands in targets.py, the
file in description.py.
"""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Iterable
from typing import Any

from numpy.typing import NDArray

from .. import _core
from ..atomic import atomic_write
from ..config import Config
from ..config.catalog import CUSTOM_LOSS
from ..config.keys import real
from ..data.arrays import as_features, as_weights, check_finite, fill_out
from ..evaluation import Evaluation, History
from . import pruning
from . import tensors as layer_tensors
from .container import pack
from .description import Description
from .heads import TIES, HeadTargets, evaluate_heads, head_notes
from .measures import has_probabilities, meaning, measured, probabilities, require_probabilities
from .multilabel import LabelSetTargets
from .schema import STATE_KEY
from .summary import Summary
from .targets import ClassTargets, Targets
from .training_state import TrainingState

Array = NDArray[Any]


class Model:
    """A trained network: made by `train` and `load`, not by hand.

    Nothing that it hands out changes it: arrays, history and record are copies. Any number of
    threads may predict with one model at once. Models can be pickled; what is pickled are the bytes
    of the model file.

    Examples
    --------
    >>> import fastmlp
    >>> rows, labels = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], ["no", "no", "no", "yes"]
    >>> model = fastmlp.train(rows, labels, hidden=[], batch_size=4, learning_rate=2.0, epochs=200)
    >>> model
    Model(2 -> 2 softmax, classification of 2 classes)
    >>> model.predict(rows)
    array(['no', 'no', 'no', 'yes'], dtype='<U3')
    """

    __slots__ = ("_description", "_network")

    def __init__(self, network: _core.Network, description: Description) -> None:
        self._network = network
        self._description = description

    @property
    def config(self) -> Config:
        """The configuration with every "auto" decided; the same data and it repeat the training."""
        return self._description.config

    @property
    def history(self) -> History:
        """Figures of each finished epoch: a dict of lists (a copy)."""
        return History(self._description.history)

    @property
    def record(self) -> dict[str, Any]:
        """How the model came about: rows, steps, best epoch, interrupted or not (a copy)."""
        return copy.deepcopy(self._description.record)

    @property
    def parameters(self) -> list[tuple[Array, ...]]:
        """Tensors of each layer, in the network's dtype: W (inputs, units), b (units,), and others.

        Only layers that are more than f(x W + b) have others, say what an activation has learnt.
        """
        return self._network.parameters()

    @property
    def task(self) -> str:
        """One of "classification", "multilabel" and "regression"; of several heads "multitask"."""
        return self._description.targets.task

    @property
    def heads(self) -> tuple[str, ...]:
        """Names of the heads in the order of their outputs; empty where there is one output."""
        targets = self._description.targets
        return tuple(targets.heads) if isinstance(targets, HeadTargets) else ()

    @property
    def classes(self) -> Array | None:
        """Labels in the order of `predict_proba`'s columns, shape (classes,); None: regression.

        Of several heads a dict with those of each.
        """
        targets = self._description.targets
        if isinstance(targets, HeadTargets):
            by_head: Any = {name: _labels(one) for name, one in targets.heads.items()}
            return by_head  # type: ignore[no-any-return]
        return _labels(targets)

    @property
    def n_features(self) -> int:
        """How many numbers a row has."""
        return self._description.sizes[0]

    @property
    def feature_names(self) -> tuple[str, ...] | None:
        """Names of the columns, where the training data had them."""
        return self._description.feature_names

    @property
    def target_name(self) -> str | None:
        """Name of the target column, where the training data had one."""
        return self._description.target_name

    @property
    def image_shape(self) -> tuple[int, int] | None:
        """Height and width, when a row is a picture."""
        return self._description.image_shape

    @property
    def pixel_max(self) -> int:
        """The value of a full pixel in a picture's row."""
        return self._description.pixel_max

    def predict(self, x: Any, *, threads: int | None = None, out: Array | None = None) -> Array:
        """Return what the model decides for each sample.

        Parameters
        ----------
        x : array_like, shape (samples, features)
            What `train` accepts; not changed.
        threads : int, optional
            Threads to use; by default what the machine allows. The result does not depend on it.
        out : ndarray, optional
            Where the values of a regression go: float64, C-contiguous, in the shape of the result.
            It is returned.

        Returns
        -------
        ndarray
            Labels in the dtype of the training labels, shape (samples,): the class of the largest
            output, for one sigmoid unit the second class above 0.5, for one linear unit that has
            learned with a margin the second from 0 on. Of several labels a row the matrix of 0 and
            1. For a regression values in the units of y, float64, shape (samples,) or (samples,
            outputs) as y had. Of several heads a dict with that of each by its name.

        Raises
        ------
        DataError
            Another number of features, or values that are not finite numbers.

        Examples
        --------
        >>> import fastmlp
        >>> x = [[0.0], [1.0], [2.0], [3.0]]
        >>> model = fastmlp.train(x, [1.0, 3.0, 5.0, 7.0], hidden=[], batch_size=4, epochs=3000)
        >>> model.predict([[10.0]]).round(2)
        array([21.])
        """
        targets = self._description.targets
        if out is not None and targets.task != "regression":
            raise ValueError("out is for the values of a regression; predict_proba takes it too")
        values = targets.decode(self._outputs(x, threads))
        return values if out is None else fill_out(out, values)

    def predict_proba(
        self, x: Any, *, threads: int | None = None, out: Array | None = None
    ) -> Array:
        """Return the probability of each class for each sample.

        Parameters
        ----------
        x : array_like, shape (samples, features)
            What `train` accepts; not changed.
        threads : int, optional
            As for `predict`.
        out : ndarray, optional
            Where they go: C-contiguous, in shape and dtype of the result. It is returned; after an
            error its numbers do not count.

        Returns
        -------
        ndarray, shape (samples, classes), in the dtype of the network
            Softmax outputs as they are; one sigmoid unit p as (1 - p, p); several sigmoid units
            divided by their sum. Of several labels a row the probability of each, as it is. Of
            several heads a dict with that of each head that has classes or labels.

        Raises
        ------
        ValueError
            A regression, or an output unit whose values are no probabilities.
        DataError
            As for `predict`.

        Examples
        --------
        >>> import fastmlp
        >>> rows, labels = [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]
        >>> model = fastmlp.train(rows, labels, hidden=[], output_activation="sigmoid")
        >>> model.predict_proba([[1.5], [1000.0]]).shape
        (2, 2)
        """
        targets, output = self._description.targets, self._description.activations[-1]
        if isinstance(targets, HeadTargets):
            by_head: Any = self._head_probabilities(targets, x, threads, out)
            return by_head  # type: ignore[no-any-return]
        require_probabilities(targets, output)
        if output == "softmax" or isinstance(targets, LabelSetTargets):
            return self._outputs(x, threads, out)
        shares = probabilities(targets, output, self._outputs(x, threads))
        return shares if out is None else fill_out(out, shares)

    def _head_probabilities(
        self, targets: HeadTargets, x: Any, threads: int | None, out: Array | None
    ) -> Any:
        if out is not None:
            raise ValueError("out is for a model with one output; this one has heads")
        units = {name: str(head.output_activation) for name, head in self.config.heads.items()}
        having = [n for n, one in targets.heads.items() if has_probabilities(one, units[n])]
        if not having:
            raise ValueError("no head has class probabilities; use predict")
        outputs, columns = self._outputs(x, threads), targets.columns()
        return {
            n: probabilities(targets.heads[n], units[n], outputs[:, columns[n]]) for n in having
        }

    def evaluate(
        self, x: Any, y: Any, *, sample_weight: Any = None, threads: int | None = None
    ) -> Evaluation:
        """Measure the model on samples whose targets are known.

        Parameters
        ----------
        x : array_like, shape (samples, features)
            What `train` accepts; not changed.
        y : array_like, shape (samples,) or (samples, outputs)
            Labels or values, in the units of training.
        sample_weight : array_like, shape (samples,), optional
            Factors of each sample's loss, which is then ``sum(w_i l_i) / samples``; the other
            figures count every sample once.
        threads : int, optional
            As for `predict`.

        Returns
        -------
        Evaluation
            Loss and, for classes, accuracy and confusion matrix; for sets of labels accuracy and
            label_accuracy; for values rmse, mae and r2. The loss is NaN where training had a
            function for it. Of several heads a dict with the evaluation of each by its name, whose
            attribute ``loss`` is the weighted sum of their losses.

        Raises
        ------
        DataError
            As for `predict`; a label that training did not see; another number of targets than
            samples.

        Examples
        --------
        >>> import fastmlp
        >>> rows, labels = [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]
        >>> model = fastmlp.train(rows, labels, hidden=[], learning_rate=1.0, epochs=500)
        >>> model.evaluate(rows, labels).confusion
        array([[2, 0],
               [0, 2]])
        """
        rows = as_features(x, features=self.n_features)
        targets = self._description.targets
        encoded = targets.encode(y, samples=len(rows))
        chosen = self.config.training
        weights = as_weights(sample_weight, samples=len(rows))
        if isinstance(targets, HeadTargets):
            figures: Any = evaluate_heads(
                self._network, self.config, targets, rows, y, weights, threads
            )
            return figures  # type: ignore[no-any-return]
        loss = math.nan  # of a function of the caller's, which no model holds
        if chosen.loss != CUSTOM_LOSS:
            loss, _ = self._network.evaluate(
                rows,
                encoded,
                chosen.loss,
                threads or 0,
                loss_constants=chosen.loss_constants(),
                sample_weight=weights,
            )
        return measured(targets, y, encoded, self._network.predict(rows, threads or 0), loss)

    @property
    def sparsity(self) -> tuple[float, ...]:
        """Share of the weights of each layer that are zero."""
        return tuple(float((layer[0] == 0).mean()) for layer in self.parameters)

    def prune(
        self, share: float, *, by: str = "weight", layers: Iterable[int] | None = None
    ) -> Model:
        """Return the model with a share of each layer zero: what has the smallest magnitude.

        Masks keep the zeros where training goes on, ``train(..., init=pruned)``. Prediction leaves
        them out where that is faster.

        Parameters
        ----------
        share : float
            From 0 up to, and without, 1, of the weights, blocks or units of each layer by itself;
            what is zero already counts.
        by : {"weight", "block", "neuron"}
            Single weights; those from one input to 16 units that follow each other, which
            prediction leaves out at less cost; or units of hidden layers, by the length of their
            incoming weights: the network becomes smaller.
        layers : iterable of int, optional
            Which layers, from 0; by default all, by neuron all hidden ones.

        Raises
        ------
        ConfigError
            A share, `by` or a layer that there is not.

        Examples
        --------
        >>> import fastmlp
        >>> model = fastmlp.train([[0.0], [1.0]], ["a", "b"], hidden=[8], batch_size=2)
        >>> model.prune(0.75).sparsity
        (0.75, 0.75)
        >>> model.prune(0.75, by="neuron")
        Model(1 -> 2 relu -> 2 softmax, classification of 2 classes)
        """
        share = float(real(0, 1).check("share", share))  # type: ignore[arg-type]
        tensors = self.parameters
        masks = pruning.pruned_masks(
            [layer[0] for layer in tensors],
            pruning.masks_in(self._network.tensors, tensors),
            share,
            by,
            layers,
        )
        network, about = pruning.with_masks(self._network, self._description, masks)
        return Model(*(pruning.shrunk(network, about) if by == "neuron" else (network, about)))

    def shrink(self) -> Model:
        """Return the model without hidden units whose outgoing weights are all zero.

        What it predicts has the same bits. Pruning by neuron during training leaves such units.
        """
        return Model(*pruning.shrunk(self._network, self._description))

    def summary(self) -> Summary:
        """Return layers, shapes, activations and parameters; printing it gives a table."""
        about = self._description
        layers = tuple(
            (inputs, units, activation, count)
            for inputs, units, activation, count in zip(
                about.sizes[:-1],
                about.sizes[1:],
                about.activations,
                layer_tensors.parameters(self._network.tensors),
                strict=True,
            )
        )
        targets = about.targets
        notes = [f"inputs: scaling {about.scaling.kind}"]
        if isinstance(targets, HeadTargets):
            notes += head_notes(self.config, targets)
        else:
            notes.append(meaning(targets))
        notes += [
            f"layers {a} and {b} are {key.replace('_', ', ')}"
            for key in TIES
            for a, b in getattr(self.config.network, key)
        ]
        if any("mask" in (row["name"] for row in rows) for rows in self._network.tensors):
            notes.append("zero weights: " + ", ".join(f"{one:.1%}" for one in self.sparsity))
        return Summary(layers, about.dtype, tuple(notes))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to a safetensors file, whole or not at all; `load` gives an equal one.

        Raises
        ------
        OSError
            The file cannot be written; what was there is as it was.

        Examples
        --------
        >>> import fastmlp, os, tempfile
        >>> model = fastmlp.train([[0.0], [1.0]], ["a", "b"], hidden=[])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "model.safetensors")
        ...     model.save(path)
        ...     fastmlp.load(path)
        Model(1 -> 2 softmax, classification of 2 classes)
        """
        atomic_write(path, self._as_bytes())

    def _as_bytes(self, state: TrainingState | None = None) -> bytes:
        """Return the content of the model's file; with a state, of a checkpoint."""
        about, tensors = self._description.as_json(), self._description.tensors()
        rows = self._network.tensors
        tensors |= layer_tensors.by_name(rows, self._network.parameters())
        if state is not None:
            about[STATE_KEY] = state.as_json()
            tensors |= state.tensors(rows)
        return pack(about, tensors)

    def _outputs(self, x: Any, threads: int | None, out: Array | None = None) -> Array:
        rows = as_features(x, features=self._description.sizes[0], finite=False)
        try:
            return self._network.predict(rows, threads or 0, out=out)
        except ValueError:
            check_finite(rows, "x")
            raise

    def __repr__(self) -> str:
        about = self._description
        layers = zip(about.sizes[1:], about.activations, strict=True)
        path = " -> ".join([str(about.sizes[0]), *(f"{units} {name}" for units, name in layers)])
        targets = about.targets
        if isinstance(targets, HeadTargets):
            own = [f"{name}: {meaning(one)}" for name, one in targets.heads.items()]
            return f"Model({path}, heads {'; '.join(own)})"
        return f"Model({path}, {meaning(targets)})"

    def __reduce__(self) -> tuple[Any, tuple[bytes]]:
        from .files import model_from_bytes

        return model_from_bytes, (self._as_bytes(),)


def _labels(targets: Targets) -> Array | None:
    return targets.labels.copy() if isinstance(targets, ClassTargets) else None
