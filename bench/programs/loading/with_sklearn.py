"""A classifier of scikit-learn in a joblib file."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

joblib: Any = importlib.import_module("joblib")
importlib.import_module("sklearn.neural_network")


def load(path: str) -> Any:
    """Return what predicts rows."""
    return joblib.load(path).predict_proba


def write(task: Any, path: Path) -> None:
    """Write the network of a task."""
    from bench.contenders.predicting.sklearn_mlp import make_classifier

    joblib.dump(make_classifier(task), path)
