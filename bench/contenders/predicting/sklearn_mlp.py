"""The predictor `sklearn`: `predict_proba` of an MLPClassifier that is given its weights."""

from __future__ import annotations

import importlib
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.prediction import Task

neural_network: Any = importlib.import_module("sklearn.neural_network")

ACTIVATIONS = {"relu": "relu", "sigmoid": "logistic"}


class SklearnPredictor:
    """A classifier with given weights.

    For one sigmoid unit it answers (1 - p, p). Several sigmoid units are what it makes of labels
    that do not exclude each other, and it answers them as they are.
    """

    def __init__(self, task: Task) -> None:
        one_unit = task.case.net.sizes[-1] == 1
        self.answers = "probabilities" if one_unit else "outputs"
        self.predict = make_classifier(task).predict_proba

    def take(self, x: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the rows as they are."""
        return x

    def as_array(self, outputs: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the outputs as they are."""
        return outputs


def make_classifier(task: Task) -> Any:
    """Return a classifier of the task's shape, fitted for an epoch, then given its weights."""
    net = task.case.net
    units = net.sizes[-1]
    classifier = neural_network.MLPClassifier(
        hidden_layer_sizes=net.sizes[1:-1],
        activation=ACTIVATIONS[net.activation],
        solver="sgd",
        max_iter=1,
    )
    x = np.zeros((max(2, units), net.sizes[0]), dtype=np.float32)
    labels: npt.NDArray[Any] = np.arange(len(x))
    if net.output == "sigmoid" and units > 1:
        labels = np.eye(units, dtype=np.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it has not converged
        classifier.fit(x, labels)
    classifier.coefs_ = [weights for weights, _ in task.folded]
    classifier.intercepts_ = [biases for _, biases in task.folded]
    return classifier


def build(task: Task, rows: int) -> SklearnPredictor:
    """Make the predictor."""
    del rows
    return SklearnPredictor(task)
