"""An ONNX file for ONNX Runtime."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

onnxruntime: Any = importlib.import_module("onnxruntime")


def load(path: str) -> Any:
    """Return what predicts rows; the runtime's own number of threads unless one is set."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS", "0"))
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda rows: session.run(["y"], {"x": rows})[0]


def write(task: Any, path: Path) -> None:
    """Write the network of a task."""
    from bench.contenders.onnxruntime_mlp import model_bytes

    net = task.case.net
    path.write_bytes(model_bytes(task.parameters, net.activation, net.output))
