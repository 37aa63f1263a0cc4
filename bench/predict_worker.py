"""The process of one predictor: JSON requests on stdin, answers on stdout (worker.serve).

``python -m bench.predict_worker MODULE BUILD`` is started by questions/predict.py.

setup      case        -> checksum of the task
check      file        -> outputs for all rows as an .npy file; what kind of answers they are
calibrate              -> seconds of a pass over all rows, and the rows a call that give it
predict    passes      -> seconds
"""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from bench.contenders.predicting import Predictor
from bench.prediction import Task, case_from_mapping, make_task, rows_at_once
from bench.worker import Actions, serve, timed

WARM_PASSES = 2


class Session:
    """The state between requests: a task, and a predictor with its rows in parts."""

    def __init__(self, module: str, build: str) -> None:
        self._build: Callable[[Task, int], Predictor] = getattr(
            importlib.import_module(module), build
        )
        gc.freeze()  # a large library's objects would make every collection (worker.timed) slow
        self._task: Task | None = None
        self._predictor: Predictor | None = None
        self._parts: list[Any] = []

    def actions(self) -> Actions:
        """Return what can be asked."""
        return {
            "setup": self.setup,
            "check": self.check,
            "calibrate": self.calibrate,
            "predict": self.predict,
        }

    def setup(self, case: dict[str, Any]) -> dict[str, Any]:
        """Make rows, weights and the predictor of a case."""
        self._task = make_task(case_from_mapping(case))
        self._part(rows_at_once(self._task.case)[0])
        return {"checksum": self._task.checksum()}

    def check(self, file: str) -> dict[str, Any]:
        """Predict every row and leave the outputs."""
        predictor = self._ready()
        outputs = [predictor.as_array(predictor.predict(part)).copy() for part in self._parts]
        np.save(file, np.concatenate(outputs))
        return {"answers": predictor.answers}

    def calibrate(self) -> dict[str, Any]:
        """Find the number of rows a call that is fastest, and stay with it."""
        assert self._task is not None
        seconds = {}
        for count in rows_at_once(self._task.case):
            self._part(count)
            self.predict(1)
            seconds[count] = min(self.predict(1)["seconds"] for _ in range(WARM_PASSES))
        best = min(seconds, key=lambda count: seconds[count])
        self._part(best)
        return {"seconds": seconds[best], "rows_at_once": best}

    def predict(self, passes: int) -> dict[str, Any]:
        """Predict all rows, some times over, timed."""
        predict, parts = self._ready().predict, self._parts

        def work() -> None:
            for _ in range(passes):
                for part in parts:
                    predict(part)

        return {"seconds": timed(work)}

    def _part(self, count: int) -> None:
        """Cut the rows into parts of `count`; the library takes them before anything is timed."""
        assert self._task is not None
        x = self._task.x
        self._predictor = predictor = self._build(self._task, count)
        self._parts = [predictor.take(x[at : at + count]) for at in range(0, len(x), count)]

    def _ready(self) -> Predictor:
        if self._predictor is None:
            raise RuntimeError("the first request must be setup")
        return self._predictor


if __name__ == "__main__":
    serve(lambda: Session(*sys.argv[1:3]).actions())
