"""The contender `onnxruntime`, which only predicts: how a network becomes an ONNX graph.

The graph is Gemm and activation a layer, as exporters write it; the runtime fuses them. (Fixed or
free rows, Gemm or MatMul and Add, W stored either way: all took the same time.)
"""

from __future__ import annotations

import importlib
from typing import Any, NoReturn

from bench.contenders import UnsupportedProblemError
from bench.problem import Parameters, Problem

onnxruntime: Any = importlib.import_module("onnxruntime")
onnx: Any = importlib.import_module("onnx")

OPERATORS = {"relu": "Relu", "sigmoid": "Sigmoid", "softmax": "Softmax"}
OPSET = 17
IR_VERSION = 9  # the one of that opset's time: older runtimes read it too


def model_bytes(
    parameters: Parameters, activation: str, output: str, dtype: str = "float32"
) -> bytes:
    """Return an ONNX file: any number of rows "x" in, "y" out; uint8 rows are cast, not scaled."""
    kinds = {"float32": onnx.TensorProto.FLOAT, "uint8": onnx.TensorProto.UINT8}
    nodes, weights, y = [], [], "x"
    if dtype == "uint8":
        nodes.append(onnx.helper.make_node("Cast", [y], ["pixels"], to=onnx.TensorProto.FLOAT))
        y = "pixels"
    for number, layer in enumerate(parameters):
        names = [f"w{number}", f"b{number}"]
        weights += [onnx.numpy_helper.from_array(a, n) for a, n in zip(layer, names, strict=True)]
        last = number == len(parameters) - 1
        z, x, y = f"z{number}", y, "y" if last else f"y{number}"
        nodes.append(onnx.helper.make_node("Gemm", [x, *names], [z]))
        nodes.append(onnx.helper.make_node(OPERATORS[output if last else activation], [z], [y]))
    value = onnx.helper.make_tensor_value_info
    inputs, outputs = len(parameters[0][0]), len(parameters[-1][1])
    graph = onnx.helper.make_graph(
        nodes,
        "mlp",
        [value("x", kinds[dtype], ["rows", inputs])],
        [value("y", onnx.TensorProto.FLOAT, ["rows", outputs])],
        weights,
    )
    opset = onnx.helper.make_opsetid("", OPSET)
    model = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)
    return bytes(model.SerializeToString())


def build(problem: Problem, threads: int | None) -> NoReturn:
    """Refuse to train.

    Raises
    ------
    UnsupportedProblemError
        Always.
    """
    raise UnsupportedProblemError("ONNX Runtime predicts; it does not train")


def describe() -> dict[str, Any]:
    """Return the versions."""
    return {"onnxruntime": onnxruntime.__version__, "onnx": onnx.__version__}
