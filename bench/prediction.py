"""What the question `predict` asks of everyone: networks, rows, and the float64 answer with bounds.

All of it follows from the seed, so every process draws the same bits; `Task.checksum` shows it.
"""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.agreement import DisagreementError
from bench.problem import Parameters, make_problem
from bench.reference import (
    LIMIT,
    Estimate,
    U,
    affine,
    exact,
    minus,
    relu,
    rounded,
    sigmoid,
    softmax,
)
from bench.shapes import load_shapes

PIXEL_MAX = 255
DIFFERENT_ROWS = 256  # for one row at a time: no branch predictor learns them by heart
MANY_ROWS = 10_000
PART_ROWS = 250
BIAS_DEVIATION = 0.1  # not 0: a bias that is left out must show


@dataclasses.dataclass(frozen=True)
class Net:
    """A network that predicts.

    Attributes
    ----------
    name : its word in titles
    sizes : units of each layer, inputs first
    activation : of the hidden layers, "relu" or "sigmoid"
    output : "softmax" or "sigmoid"
    """

    name: str
    sizes: tuple[int, ...]
    activation: str = "relu"
    output: str = "softmax"

    @property
    def title(self) -> str:
        """The network in words."""
        return f"{self.name} {'-'.join(map(str, self.sizes))}"

    @property
    def flops_per_row(self) -> int:
        """Floating-point operations of the dense products for one row."""
        return 2 * sum(a * b for a, b in zip(self.sizes, self.sizes[1:], strict=False))


MINI = Net("mini", (2, 16, 1), output="sigmoid")
NIELSEN = Net("nielsen", (784, 30, 10), "sigmoid", "sigmoid")
SMALL = Net("small", (784, 128, 10))
MEDIUM = Net("medium", (784, 512, 512, 10))


@dataclasses.dataclass(frozen=True)
class Case:
    """One network, asked in one way.

    Attributes
    ----------
    net : Net
    many : all rows at once, or one at a time
    inputs : "images" (0..255, 19 % non-zero, as in MNIST) or "normal" (no zeros)
    dtype : "float32" (images divided by 255) or "uint8" (images only)
    rows : how many there are
    """

    net: Net
    many: bool = False
    inputs: str = "images"
    dtype: str = "float32"
    rows: int = DIFFERENT_ROWS

    @property
    def title(self) -> str:
        """The case in words, as in ``one row, small 784-128-10, MNIST-like uint8``."""
        rows = f"{self.rows:,} rows" if self.many else "one row"
        kind = "MNIST-like" if self.inputs == "images" else "no zeros,"
        return f"{rows}, {self.net.title}, {kind} {self.dtype}"


def case_from_mapping(row: dict[str, Any]) -> Case:
    """Build a case from a JSON object."""
    net = {**row["net"], "sizes": tuple(row["net"]["sizes"])}
    return Case(**{**row, "net": Net(**net)})


@dataclasses.dataclass(frozen=True)
class Task:
    """What a contender is given.

    Attributes
    ----------
    case : Case
    x : float32 or uint8 array (rows, inputs), C-contiguous
    parameters : one (W, b) per layer, float32, W (inputs, outputs), for inputs from 0 to 1
    """

    case: Case
    x: npt.NDArray[Any]
    parameters: Parameters

    @property
    def folded(self) -> Parameters:
        """The parameters for `x` as it is: for uint8 the first W is divided by 255."""
        if self.case.dtype != "uint8":
            return self.parameters
        (weights, biases), *rest = self.parameters
        return [(weights / np.float32(PIXEL_MAX), biases), *rest]

    def checksum(self) -> int:
        """Return a CRC-32 over rows and weights: equal in all processes of a run."""
        crc = zlib.crc32(self.x.data)
        for weights, biases in self.parameters:
            crc = zlib.crc32(biases.data, zlib.crc32(weights.data, crc))
        return crc


def make_task(case: Case) -> Task:
    """Draw rows and weights of a case.

    Examples
    --------
    >>> task = make_task(Case(SMALL, dtype="uint8", rows=20))
    >>> task.x.shape, task.x.dtype, bool(0.15 < (task.x > 0).mean() < 0.23)
    ((20, 784), dtype('uint8'), True)
    """
    net = case.net
    shape = dataclasses.replace(
        load_shapes(["small"])[0],
        name=net.name,
        sizes=net.sizes,
        batch=case.rows,
        steps=1,
        check_steps=1,
        inputs=case.inputs,
    )
    problem = make_problem(shape)
    rng = np.random.default_rng(shape.seed)
    parameters = []
    for weights, biases in problem.parameters:
        drawn = rng.standard_normal(len(biases), dtype=np.float32)
        parameters.append((weights, drawn * np.float32(BIAS_DEVIATION)))
    x: npt.NDArray[Any] = problem.x
    if case.dtype == "uint8":
        x = np.rint(x * PIXEL_MAX).astype(np.uint8)
    return Task(case, x, parameters)


def expected_outputs(task: Task, answers: str) -> Estimate:
    """Return the float64 outputs (rows, outputs), and how far float32 may be from them.

    Parameters
    ----------
    task : Task
    answers : str
        "outputs" of the last layer as they are, or "probabilities" of classes: one sigmoid unit p
        as (1 - p, p), several divided by their sum.
    """
    y = exact(task.x) if task.case.dtype == "float32" else _pixels(task.x)
    *hidden, (last_weights, last_biases) = task.parameters
    for weights, biases in hidden:
        z = affine(y, exact(weights), exact(biases.reshape(1, -1)))
        y = (relu if task.case.net.activation == "relu" else sigmoid)(z)[0]
    z = affine(y, exact(last_weights), exact(last_biases.reshape(1, -1)))
    if task.case.net.output == "softmax":
        return softmax(z)
    outputs = sigmoid(z)[0]
    return _probabilities(outputs) if answers == "probabilities" else outputs


def _pixels(x: npt.NDArray[Any]) -> Estimate:
    """Divide by 255: the factor and the product are rounded, or the weights are."""
    value = x.astype(np.float64) / PIXEL_MAX
    return rounded(value, U * value)


def _probabilities(p: Estimate) -> Estimate:
    """Return (1 - p, p) for one unit, p / sum(p) for several; rounding of the sum included."""
    if p.value.shape[1] == 1:
        other = minus(Estimate(np.ones_like(p.value), np.zeros_like(p.value)), p)
        return Estimate(np.hstack([other.value, p.value]), np.hstack([other.sigma, p.sigma]))
    total = p.value.sum(axis=1, keepdims=True)
    value = p.value / total
    of_sum = np.sqrt((p.sigma**2).sum(axis=1, keepdims=True))
    inherited = np.hypot(p.sigma, value * of_sum) / total
    return rounded(value, inherited, p.value.shape[1] + 1)


def check_outputs(name: str, title: str, found: npt.NDArray[Any], expected: Estimate) -> float:
    """Hold outputs against the reference; return the largest deviation in units of the bound.

    Raises
    ------
    DisagreementError
        Naming contender, case and element of the worst output outside the bound.
    """
    if found.shape != expected.value.shape:
        raise DisagreementError(
            f"{name}: {title}: outputs of shape {found.shape}, not {expected.value.shape}"
        )
    share = np.abs(found - expected.value) / (LIMIT * expected.sigma)
    worst = np.unravel_index(int(np.argmax(np.where(np.isnan(share), np.inf, share))), share.shape)
    if not share[worst] <= 1:
        row, column = (int(i) for i in worst)
        raise DisagreementError(
            f"{name}: {title}: output [{row}, {column}] is {found[worst]:.9g}, float64 gives "
            f"{expected.value[worst]:.9g}, and float32 rounding explains at most "
            f"{LIMIT * expected.sigma[worst]:.2g}. "
            "This is not the same network, so nothing was timed."
        )
    return float(share[worst])


def rows_at_once(case: Case) -> Sequence[int]:
    """Return the numbers of rows a call may take; each contender keeps what is fastest for it.

    Rows that fit into the cache through all layers cost some libraries a third less than all at
    once.

    Examples
    --------
    >>> rows_at_once(Case(SMALL)), rows_at_once(Case(SMALL, many=True, rows=MANY_ROWS))
    ([1], [250, 10000])
    """
    if not case.many:
        return [1]
    return [PART_ROWS, case.rows] if case.rows % PART_ROWS == 0 else [case.rows]
