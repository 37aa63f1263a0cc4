"""How a contender predicts, and the table of those that do.

A module has `build(task, rows)`; the process of its predictor (predict_worker.py) imports it by
name. Several rows of the table may belong to one contender: different calls of one library.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Protocol

import numpy.typing as npt

from bench.prediction import Task


class Predictor(Protocol):
    """A network ready to predict.

    Attributes
    ----------
    answers : "outputs" of the last layer, or "probabilities" (one sigmoid unit p as (1 - p, p),
        several divided by their sum)
    """

    answers: str

    def take(self, x: npt.NDArray[Any]) -> Any:
        """Return rows (n, inputs) in the container that the library likes best; not timed."""

    def predict(self, rows: Any) -> Any:
        """Return the outputs in the library's own container: this is what is timed."""

    def as_array(self, outputs: Any) -> npt.NDArray[Any]:
        """Return outputs as an array (n, outputs); not timed."""


class PredictorModule(Protocol):
    """What a module of this folder offers."""

    def build(self, task: Task, rows: int) -> Predictor:
        """Make a predictor for calls of that many rows; threads are set in the environment.

        Raises
        ------
        UnsupportedProblemError
            If this library cannot predict this way.
        """


@dataclasses.dataclass(frozen=True)
class PredictorSpec:
    """A row of the table.

    Attributes
    ----------
    name : the word for it in results
    contender : the row of `bench.contenders.CONTENDERS` that it belongs to
    module : what its process imports
    build : the module's function that makes it
    one_row_only : it saves the price of a call, which many rows do not notice
    """

    name: str
    contender: str
    module: str
    build: str = "build"
    one_row_only: bool = False


_HERE = "bench.contenders.predicting"
PREDICTORS = (
    PredictorSpec("core", "core", f"{_HERE}.core"),
    PredictorSpec("core_out", "core", f"{_HERE}.core", "build_out", one_row_only=True),
    PredictorSpec("model", "core", f"{_HERE}.model"),
    PredictorSpec("onnxruntime", "onnxruntime", f"{_HERE}.onnxruntime_mlp"),
    PredictorSpec(
        "onnxruntime_bound",
        "onnxruntime",
        f"{_HERE}.onnxruntime_mlp",
        "build_bound",
        one_row_only=True,
    ),
    PredictorSpec("torch", "torch", f"{_HERE}.torch_mlp"),
    PredictorSpec("sklearn", "sklearn", f"{_HERE}.sklearn_mlp"),
    PredictorSpec("numpy", "numpy", f"{_HERE}.numpy_mlp"),
)
