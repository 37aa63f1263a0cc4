"""LinearRegression and SoftmaxRegression: networks of one layer, their weights in units of x and y.

Both are trained by `train`; least squares can be solved at once instead.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..config import Config
from ..config.keys import choice
from ..data.arrays import as_features, as_targets
from ..data.dataset import Dataset, Split
from ..errors import ConfigError
from ..evaluation import Evaluation, History
from ..model import Model
from ..model.description import Description
from ..model.targets import ValueTargets
from ..training import train
from ..training.decisions import decide
from .estimator import Estimator

Array = NDArray[Any]
SOLVERS = ("exact", "sgd")
SCALED = {"scaling": "standard", "target_scaling": "standard"}  # for steps of one size


class _OneLayer(Estimator):
    """What both have in common: a Model of one layer, seen as coefficients."""

    model_: Model
    fixed: dict[str, Any]  # of the configuration: what makes the model what its name says

    def _train(self, x: Any, y: Any, **defaults: Any) -> Model:
        for key, value in self.fixed.items():
            if key in self.options:
                raise ConfigError(
                    f"a {type(self).__name__} has {key} {value!r}; for {self.options[key]!r} use "
                    "train()"
                )
        return train(x, y, **(defaults | self.options | self.fixed))

    def _keep(self, model: Model) -> Self:
        coefficients, intercept = _in_units_of_x(model)
        self.model_ = model
        self.coef_: Array = coefficients
        self.intercept_: Any = intercept
        self.n_features_in_ = model.n_features
        self.history_: History = model.history
        self.n_iter_ = self.history_.epochs
        return self

    def predict(self, x: Any) -> Array:
        """Return what the model says of each row, shape (samples,) or (samples, outputs)."""
        model: Model = self._fitted("model_")
        return model.predict(x)


class LinearRegression(_OneLayer):
    """Linear regression: ``y = x @ coef_.T + intercept_``, the least squared error.

    Parameters
    ----------
    solver : {"exact", "sgd"}
        ``exact``: least squares by NumPy (LAPACK), of all that fit equally well those of least
        norm; the last bits are those of the machine's LAPACK. ``sgd``: a network of one layer,
        trained by the engine: the same bits on every machine.
    **options
        With ``sgd``: every key of the configuration but ``hidden``, ``output_activation`` and
        ``task``; see `train`. Inputs and targets are scaled to mean 0 and deviation 1 for the
        training unless ``scaling`` and ``target_scaling`` say otherwise.

    Attributes
    ----------
    coef_ : ndarray of float64, shape (features,), or (outputs, features) where y has columns
        In the units of x and y.
    intercept_ : float, or ndarray of float64, shape (outputs,)
    n_iter_ : int
        Epochs; 0 with ``exact``.
    n_features_in_ : int
    model_ : Model
        The same as a model: to be saved, measured, described.
    history_ : History
        Of the training; empty with ``exact``.

    Examples
    --------
    >>> import fastmlp
    >>> regression = fastmlp.LinearRegression().fit([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0])
    >>> regression.coef_.round(6), round(regression.intercept_, 6)
    (array([2.]), 1.0)
    >>> by_steps = fastmlp.LinearRegression(solver="sgd", epochs=500, batch_size=3)
    >>> by_steps.fit([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0]).predict([[10.0]]).round(2)
    array([21.])
    """

    kind = "regressor"
    fixed = {"hidden": [], "output_activation": "identity", "task": "regression"}  # noqa: RUF012

    def __init__(self, *, solver: str = SOLVERS[0], **options: Any) -> None:
        self.solver = solver
        self.options = options

    def fit(self, x: Any, y: Any) -> Self:
        """Find the coefficients.

        Parameters
        ----------
        x : array_like, shape (samples, features)
        y : array_like of numbers, shape (samples,) or (samples, outputs)

        Raises
        ------
        ConfigError
            An unknown solver, or options that it does not have.
        DataError
            x or y cannot be used.
        """
        choice(SOLVERS).check("solver", self.solver)
        if self.solver == "sgd":
            return self._keep_values(self._train(x, y, **SCALED))
        if self.options:
            raise ConfigError(f"solver 'exact' has no options; got {', '.join(self.options)}")
        return self._keep_values(_least_squares(x, y))

    def score(self, x: Any, y: Any) -> float:
        """Return R^2, the mean over the outputs; 1 is a perfect fit."""
        r2 = Evaluation.of_values(as_targets(y), self.predict(x), loss=0.0).r2
        assert r2 is not None
        return r2

    def _keep_values(self, model: Model) -> Self:
        self._keep(model)
        targets = model._description.targets
        assert isinstance(targets, ValueTargets)
        if targets.shift is not None and targets.scale is not None:
            self.coef_ = self.coef_ * targets.scale[:, None]
            self.intercept_ = self.intercept_ * targets.scale + targets.shift
        if targets.flat:
            self.coef_, self.intercept_ = self.coef_[0], float(self.intercept_[0])
        return self


class SoftmaxRegression(_OneLayer):
    """Softmax regression: a classifier of one layer, ``softmax(x @ coef_.T + intercept_)``.

    Parameters
    ----------
    **options
        Every key of the configuration but ``hidden``, ``output_activation`` and ``task``; see
        `train`.

    Attributes
    ----------
    coef_ : ndarray of float64, shape (classes, features)
        In the units of x: one row a class, also where there are two.
    intercept_ : ndarray of float64, shape (classes,)
    classes_ : ndarray, shape (classes,)
    n_iter_ : int
        Epochs.
    n_features_in_ : int
    model_ : Model
        The same as a model: to be saved, measured, described.
    history_ : History

    Examples
    --------
    >>> import fastmlp
    >>> x, y = [[0.0], [1.0], [2.0], [3.0]], ["low", "low", "high", "high"]
    >>> regression = fastmlp.SoftmaxRegression(epochs=100, learning_rate=1.0).fit(x, y)
    >>> regression.predict([[0.5], [2.5]]), regression.score(x, y)
    (array(['low', 'high'], dtype='<U4'), 1.0)
    """

    kind = "classifier"
    fixed = {"hidden": [], "output_activation": "softmax", "task": "classification"}  # noqa: RUF012

    def __init__(self, **options: Any) -> None:
        self.options = options

    def fit(self, x: Any, y: Any) -> Self:
        """Learn the classes.

        Parameters
        ----------
        x : array_like, shape (samples, features)
        y : array_like, shape (samples,)
            Labels: whole numbers, booleans or texts.

        Raises
        ------
        ConfigError
            Options that `train` refuses.
        DataError
            x or y cannot be used.
        """
        self._keep(self._train(x, y))
        self.classes_: Array = self.model_._description.targets.labels.copy()  # type: ignore[union-attr]
        return self

    def predict_proba(self, x: Any) -> Array:
        """Return the probability of each class for each row, shape (samples, classes)."""
        model: Model = self._fitted("model_")
        return model.predict_proba(x)

    def score(self, x: Any, y: Any) -> float:
        """Return the share of rows that are right."""
        return float((self.predict(x) == np.asarray(y)).mean())


def _in_units_of_x(model: Model) -> tuple[Array, Array]:
    """Return coefficients (outputs, features) and intercept (outputs,) of unscaled inputs."""
    ((w, b, *_),) = model.parameters
    weight, bias = w.T.astype(np.float64), b.astype(np.float64)
    scaling = model._description.scaling
    if scaling.shift is None or scaling.scale is None:
        return weight, bias
    coefficients = weight * scaling.scale
    return coefficients, bias - coefficients @ scaling.shift


def _least_squares(x: Any, y: Any) -> Model:
    """Return the Model of the least squared error; of several such, that of least norm."""
    rows = as_features(x)
    data = Dataset("arrays", rows, as_targets(y, samples=len(rows)), kind="arrays")
    chosen = Config().replace(**LinearRegression.fixed, dtype="float64", scaling="none")
    parts = Split(rows, data.y, None, None, None, None)
    config, targets, scaling = decide(data, parts, chosen)
    values = targets.encode(data.y)
    exact = rows.astype(np.float64)
    x_mean, y_mean = exact.mean(axis=0), values.mean(axis=0)
    weight = np.linalg.lstsq(exact - x_mean, values - y_mean, rcond=None)[0]
    sizes, activations = (rows.shape[1], targets.outputs), (config.network.output_unit(),)
    network = _core.Network(sizes, activations, config.network.dtype)
    network.set_parameters([(weight, y_mean - x_mean @ weight)])
    record = {"version": _core.__version__, "start": "given", "training_rows": len(rows)}
    description = Description(
        sizes=sizes,
        activations=activations,
        dtype=config.network.dtype,
        config=config,
        targets=targets,
        scaling=scaling,
        record=record,
    )
    return Model(network, description)
