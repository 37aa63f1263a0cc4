"""Reads the named shapes of the benchmark: network, batch and how much of it makes an epoch.

What data and which initial weights belong to a shape is problem.py's business.
"""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

SHAPES_FILE = Path(__file__).with_name("shapes.toml")
CHOICES = {
    "activation": ("relu", "tanh", "sigmoid"),
    "output": ("softmax", "sigmoid", "identity"),
    "loss": ("categorical_cross_entropy", "half_squared_error"),
    "init": ("he_normal", "normal"),
    "inputs": ("images", "normal", "matrices"),
    "optimizer": ("sgd", "momentum", "adam"),
}
# output, loss, and whether the targets are classes
PAIRS = {
    ("softmax", "categorical_cross_entropy"): True,
    ("sigmoid", "half_squared_error"): True,
    ("identity", "half_squared_error"): False,
}
IMAGE_SIDE = 28
MATRIX_SIDE = 2
MOMENTUM = 0.9  # of the optimizer "momentum"
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8  # of "adam"


@dataclasses.dataclass(frozen=True)
class Shape:
    """One row of shapes.toml; the keys are explained there."""

    name: str
    sizes: tuple[int, ...]
    batch: int
    steps: int
    check_steps: int
    activation: str
    output: str
    loss: str
    learning_rate: float
    init: str
    inputs: str
    optimizer: str
    seed: int

    def __post_init__(self) -> None:
        """Refuse what no contender could train, naming the value.

        Raises
        ------
        ValueError
            For an unknown word, a count below 1, or an output unit with another's loss.
        """
        for key, words in CHOICES.items():
            if getattr(self, key) not in words:
                known = ", ".join(words)
                raise ValueError(f"{self.name}: {key} {getattr(self, key)!r} is not one of {known}")
        if (self.output, self.loss) not in PAIRS:
            raise ValueError(f"{self.name}: no contender trains {self.output} with {self.loss}")
        if len(self.sizes) < 2 or min(*self.sizes, self.batch, self.check_steps) < 1:
            raise ValueError(f"{self.name}: sizes, batch and check_steps must be at least 1")
        if not self.check_steps <= self.steps:
            raise ValueError(
                f"{self.name}: check_steps {self.check_steps} exceeds {self.steps} steps"
            )
        inputs = {"images": IMAGE_SIDE**2, "matrices": MATRIX_SIDE**2}.get(self.inputs)
        if inputs not in (None, self.sizes[0]):
            raise ValueError(
                f"{self.name}: {self.inputs} have {inputs} inputs, not {self.sizes[0]}"
            )
        if (self.inputs == "matrices") == self.classes or (
            not self.classes and self.sizes[-1] != 4
        ):
            raise ValueError(f"{self.name}: matrices, and only they, go with 4 identity outputs")

    @property
    def rows(self) -> int:
        """Rows of the data set."""
        return self.steps * self.batch

    @property
    def classes(self) -> bool:
        """Whether the targets are classes, one output each; else values."""
        return PAIRS[self.output, self.loss]

    @property
    def title(self) -> str:
        """The shape in words, as in ``nielsen 784-30-10, batch 10``."""
        optimizer = "" if self.optimizer == "sgd" else f", {self.optimizer}"
        return f"{self.name} {'-'.join(map(str, self.sizes))}, batch {self.batch}{optimizer}"

    @property
    def flops_per_step(self) -> int:
        """Floating-point operations of the dense products of one step.

        A layer costs 6 * batch * inputs * outputs (forward, dW, dX), the first 4: no dX.
        """
        products = [a * b for a, b in zip(self.sizes, self.sizes[1:], strict=False)]
        return self.batch * (6 * sum(products) - 2 * products[0])


def shape_from_mapping(name: str, row: Mapping[str, Any]) -> Shape:
    """Build a shape from a table of TOML or JSON, naming keys that are missing or unknown.

    Raises
    ------
    ValueError
        For a missing or unknown key, or a value that `Shape` refuses.
    """
    keys = {field.name for field in dataclasses.fields(Shape)} - {"name"}
    if wrong := sorted(keys.symmetric_difference(row)):
        raise ValueError(f"shape {name}: missing or unknown keys: {', '.join(wrong)}")
    return Shape(name=name, **{**row, "sizes": tuple(row["sizes"])})


def load_shapes(names: Sequence[str] = (), path: Path = SHAPES_FILE) -> list[Shape]:
    """Return the named shapes in the order asked for; all of them, in file order, if none is named.

    Raises
    ------
    ValueError
        For a name that is not in the file; the message suggests the nearest one.

    Examples
    --------
    >>> [shape.name for shape in load_shapes(["small", "tiny"])]
    ['small', 'tiny']
    """
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    table: dict[str, dict[str, Any]] = content["shapes"]
    for name in names:
        if name not in table:
            near = difflib.get_close_matches(name, table, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"no shape {name!r}; the shapes are {', '.join(table)}{hint}")
    return [shape_from_mapping(n, {**content["defaults"], **table[n]}) for n in names or table]
