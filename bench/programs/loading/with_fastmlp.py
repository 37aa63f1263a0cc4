"""A model file of fastmlp: weights, classes, scaling, record and configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fastmlp


def load(path: str) -> Any:
    """Return what predicts rows."""
    return fastmlp.load(path).predict_proba


def write(task: Any, path: Path) -> None:
    """Write the network of a task."""
    from bench.contenders.predicting.model import make_model

    make_model(task).save(path)
