"""The contenders `torch` and `torch_compile`: PyTorch as a loop that is written with care.

Batches are views made beforehand, no DataLoader, no loss is read back. The eager step asks
`torch.autograd.grad` and updates all parameters in one call, which is faster than an optimizer
object with `backward()`; momentum and Adam are those of `torch.optim`, fused. The compiled step is
one graph: forward, gradients and update.
"""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Callable
from typing import Any

from bench.contenders import UnsupportedProblemError
from bench.problem import Parameters, Problem
from bench.shapes import BETA_1, BETA_2, EPSILON, MOMENTUM, Shape

torch: Any = importlib.import_module("torch")
functional: Any = importlib.import_module("torch.nn.functional")

Step = Callable[[Any, Any], None]  # takes a step on a batch: x (b, inputs), targets
ACTIVATIONS = {"relu": functional.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid}


class TorchMlp:
    """A network on one problem; `make_step` decides how a step is taken."""

    def __init__(
        self,
        problem: Problem,
        threads: int | None,
        make_step: Callable[[list[Any], Shape], Step],
    ) -> None:
        if threads is not None:
            torch.set_num_threads(threads)
        shape = problem.shape
        # As in torch.nn.Linear: W (outputs, inputs), then b, layer by layer.
        self._parameters = [
            torch.from_numpy(array.T.copy()) for layer in problem.parameters for array in layer
        ]
        targets = problem.targets if shape.output != "softmax" else problem.labels
        self._batches = list(
            zip(
                torch.from_numpy(problem.x).split(shape.batch),
                torch.from_numpy(targets).split(shape.batch),
                strict=True,
            )
        )
        self._next = 0
        self._step = make_step(self._parameters, shape)

    def train(self, steps: int) -> None:
        """Take `steps` steps, in the order of the data set."""
        step, batches, place = self._step, self._batches, self._next
        for _ in range(steps):
            step(*batches[place])
            place = (place + 1) % len(batches)
        self._next = place

    def parameters(self) -> Parameters:
        """Return copies of (W, b) per layer, W (inputs, outputs)."""
        arrays = [parameter.detach().numpy().T.copy() for parameter in self._parameters]
        return list(zip(arrays[::2], arrays[1::2], strict=True))

    def close(self) -> None:
        """Release the network and its data."""
        self._parameters, self._batches = [], []


def _mixed_loss(parameters: list[Any], x: Any, targets: Any, shape: Shape) -> Any:
    """Return the same with bf16 products, as autocast chooses them."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return _loss(parameters, x, targets, shape)


def _loss(parameters: list[Any], x: Any, targets: Any, shape: Shape) -> Any:
    """Return the loss of a batch: a mean over its samples."""
    activate = ACTIVATIONS[shape.activation]
    for place in range(0, len(parameters) - 2, 2):
        x = activate(functional.linear(x, *parameters[place : place + 2]))
    z = functional.linear(x, *parameters[-2:])
    if shape.output == "softmax":
        return functional.cross_entropy(z, targets)
    y = torch.sigmoid(z) if shape.output == "sigmoid" else z
    return (y - targets).square().sum() * (0.5 / shape.batch)


def _mixed_step(parameters: list[Any], shape: Shape) -> Step:
    """Return the eager step under autocast."""
    return _eager_step(parameters, shape, _mixed_loss)


def _eager_step(parameters: list[Any], shape: Shape, loss: Callable[..., Any] = _loss) -> Step:
    """Return a step that runs as it is written."""
    for parameter in parameters:
        parameter.requires_grad_()
    if shape.optimizer == "sgd":
        rate = shape.learning_rate

        def descend(x: Any, targets: Any) -> None:
            gradients = torch.autograd.grad(loss(parameters, x, targets, shape), parameters)
            with torch.no_grad():
                torch._foreach_add_(parameters, gradients, alpha=-rate)

        return descend
    optimizer = _optimizer(parameters, shape)

    def step(x: Any, targets: Any) -> None:
        optimizer.zero_grad(set_to_none=True)
        loss(parameters, x, targets, shape).backward()
        optimizer.step()

    return step


def _optimizer(parameters: list[Any], shape: Shape) -> Any:
    """Return PyTorch's optimizer of a shape."""
    if shape.optimizer == "momentum":
        return torch.optim.SGD(parameters, lr=shape.learning_rate, momentum=MOMENTUM, fused=True)
    betas = (BETA_1, BETA_2)
    return torch.optim.Adam(
        parameters, lr=shape.learning_rate, betas=betas, eps=EPSILON, fused=True
    )


def _compiled_step(parameters: list[Any], shape: Shape) -> Step:
    """Return a whole step as one compiled graph, called through C++."""
    if not shutil.which(os.environ.get("CXX", "g++")):
        raise UnsupportedProblemError("torch.compile needs a C++ compiler: g++, or what CXX names")
    inductor: Any = importlib.import_module("torch._inductor.config")
    inductor.cpp_wrapper = True
    gradients_of = torch.func.grad(lambda values, x, t: _loss(values, x, t, shape))
    first = [torch.zeros_like(parameter) for parameter in parameters]
    second = [torch.zeros_like(parameter) for parameter in parameters]
    # An array of one: a number without axes would be read before the graph has changed it.
    steps = torch.zeros(1, dtype=torch.float64)

    def sgd(x: Any, targets: Any) -> None:
        for parameter, gradient in zip(
            parameters, gradients_of(parameters, x, targets), strict=True
        ):
            parameter.sub_(shape.learning_rate * gradient)

    def momentum(x: Any, targets: Any) -> None:
        gradients = gradients_of(parameters, x, targets)
        for parameter, velocity, gradient in zip(parameters, first, gradients, strict=True):
            velocity.mul_(MOMENTUM).add_(gradient)
            parameter.sub_(shape.learning_rate * velocity)

    def adam(x: Any, targets: Any) -> None:
        now = steps + 1
        steps.copy_(now)
        without_bias = [(1 - beta**now).float() for beta in (BETA_1, BETA_2)]
        gradients = gradients_of(parameters, x, targets)
        for parameter, m, v, gradient in zip(parameters, first, second, gradients, strict=True):
            m.mul_(BETA_1).add_((1 - BETA_1) * gradient)
            v.mul_(BETA_2).add_((1 - BETA_2) * gradient * gradient)
            root = torch.sqrt(v / without_bias[1]) + EPSILON
            parameter.sub_(shape.learning_rate * (m / without_bias[0]) / root)

    step = {"sgd": sgd, "momentum": momentum, "adam": adam}[shape.optimizer]
    compiled: Step = torch.compile(step, fullgraph=True, dynamic=False)
    return compiled


def build(problem: Problem, threads: int | None) -> TorchMlp:
    """Make the contender `torch` at the problem's initial weights."""
    return TorchMlp(problem, threads, _eager_step)


def build_compiled(problem: Problem, threads: int | None) -> TorchMlp:
    """Make the contender `torch_compile`; the first step compiles it."""
    return TorchMlp(problem, threads, _compiled_step)


def build_bf16(problem: Problem, threads: int | None) -> TorchMlp:
    """Make the contender `torch_bf16`."""
    return TorchMlp(problem, threads, _mixed_step)


def describe() -> dict[str, Any]:
    """Return the version of PyTorch and the instructions it chose."""
    capability = torch.backends.cpu.get_cpu_capability()
    return {"torch": str(torch.__version__), "instructions": capability}
