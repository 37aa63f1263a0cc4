"""The contender `sklearn`: scikit-learn's MLPClassifier and MLPRegressor, an epoch a call.

`partial_fit` on the rows of an epoch, without shuffling and without L2. The first call on a few
rows only makes the arrays; then the problem's weights are put in and the optimizer starts anew.
scikit-learn also computes the loss of each step and checks its input on each call.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from bench.contenders import UnsupportedProblemError
from bench.problem import Parameters, Problem
from bench.shapes import BETA_1, BETA_2, EPSILON, MOMENTUM, Shape

sklearn: Any = importlib.import_module("sklearn")
neural_network: Any = importlib.import_module("sklearn.neural_network")

ACTIVATIONS = {"relu": "relu", "tanh": "tanh", "sigmoid": "logistic"}


class SklearnMlp:
    """An estimator on one problem."""

    def __init__(self, problem: Problem) -> None:
        shape = problem.shape
        if shape.output == "sigmoid":
            raise UnsupportedProblemError("scikit-learn has no squared error of sigmoid units")
        self._shape = shape
        self._x = problem.x
        self._next = 0
        if shape.output == "identity":
            self._y = problem.targets
            self._estimator = neural_network.MLPRegressor(**_settings(shape))
            self._estimator.partial_fit(self._x[: shape.batch], self._y[: shape.batch])
        else:
            self._y = self._classifier(problem)
        for mine, given in zip(self._arrays(), _flat(problem.parameters), strict=True):
            mine[...] = given
        del self._estimator._optimizer  # made anew, for the weights that are there now

    def _classifier(self, problem: Problem) -> Any:
        """Make the classifier; returns the targets it takes."""
        shape, count = problem.shape, problem.shape.sizes[-1]
        self._estimator = neural_network.MLPClassifier(**_settings(shape))
        # Of two classes it would make one logistic unit; given as two columns they stay two.
        y: Any = problem.targets.astype(np.int64) if count == 2 else problem.labels
        classes = np.arange(count)
        self._estimator.partial_fit(self._x[: shape.batch], y[: shape.batch], classes=classes)
        self._estimator.out_activation_ = "softmax"
        return y

    def _arrays(self) -> list[Any]:
        """Return the estimator's own arrays in the order W, b, W, b, ..."""
        return _flat(zip(self._estimator.coefs_, self._estimator.intercepts_, strict=True))

    def train(self, steps: int) -> None:
        """Take `steps` steps: as many calls as they need epochs."""
        batch = self._shape.batch
        while steps:
            count = min(steps, self._shape.steps - self._next)
            rows = slice(self._next * batch, (self._next + count) * batch)
            self._estimator.partial_fit(self._x[rows], self._y[rows])
            self._next = (self._next + count) % self._shape.steps
            steps -= count

    def parameters(self) -> Parameters:
        """Return copies of (W, b) per layer."""
        arrays = [array.copy() for array in self._arrays()]
        return list(zip(arrays[::2], arrays[1::2], strict=True))

    def close(self) -> None:
        """Nothing to release."""


def _flat(layers: Any) -> list[Any]:
    """Return the arrays of (W, b) pairs in one list."""
    return [array for layer in layers for array in layer]


def _settings(shape: Shape) -> dict[str, Any]:
    """Return what the estimator is constructed with."""
    return {
        "hidden_layer_sizes": shape.sizes[1:-1],
        "activation": ACTIVATIONS[shape.activation],
        "solver": "adam" if shape.optimizer == "adam" else "sgd",
        "alpha": 0.0,
        "batch_size": shape.batch,
        "learning_rate_init": shape.learning_rate,
        "shuffle": False,
        "momentum": MOMENTUM if shape.optimizer == "momentum" else 0.0,
        "nesterovs_momentum": False,
        "beta_1": BETA_1,
        "beta_2": BETA_2,
        "epsilon": EPSILON,
        "random_state": 0,
    }


def build(problem: Problem, threads: int | None) -> SklearnMlp:
    """Make the contender; the threads of NumPy's BLAS are set in the environment."""
    del threads
    return SklearnMlp(problem)


def describe() -> dict[str, Any]:
    """Return the version of scikit-learn."""
    return {"scikit-learn": sklearn.__version__, "numpy": np.__version__}
