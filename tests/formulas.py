"""What the catalog's formulas of activations say, by SymPy: each with its default constants, and
with others.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import sympy
from conftest import CATALOG


class Variant(NamedTuple):
    """An elementwise activation with constants."""

    row: dict[str, Any]
    text: str  # as it is written
    constants: dict[str, float]

    @property
    def name(self):
        return self.row["name"]

    def formula(self):
        """The symbol z and the formula in it."""
        z = sympy.Symbol("z", real=True)
        values = {name: sympy.Float(value, 40) for name, value in self.constants.items()}
        return z, sympy.sympify(self.row["formula"], {"z": z, **values})

    def functions(self, modules="mpmath"):
        """The formula and its derivative, as functions of a number."""
        z, formula = self.formula()
        return tuple(sympy.lambdify(z, f, modules) for f in (formula, sympy.diff(formula, z)))


def variants_of(row):
    """The default constants, not written, and larger ones."""
    found = [Variant(row, row["name"], {one["name"]: one["default"] for one in row["constants"]})]
    if row["constants"]:
        larger = {one["name"]: one["default"] * 1.75 for one in row["constants"]}
        written = ", ".join(f"{name}={value!r}" for name, value in larger.items())
        found.append(Variant(row, f"{row['name']}({written})", larger))
    return found


ROWS = [row for row in CATALOG["activations"] if not row["rowwise"]]
VARIANTS = [variant for row in ROWS for variant in variants_of(row)]
TRAINABLE = [variant for variant in VARIANTS if variant.row["trainable"]]
OUTPUT_NAMES = [row["name"] for row in ROWS if row["trainable"] and not row["learned"]]


def values(text, z, dtype="float64"):
    """f(z) of the engine, for z (n,) that a unit each has before its activation."""
    return units(text, z, hidden=is_learned(text), dtype=dtype).predict(np.ones((1, 1), dtype))[0]


def is_learned(text):
    return next(row["learned"] for row in ROWS if row["name"] == text.partition("(")[0])


def units(text, z, *, hidden, dtype):
    """A network of one layer, or of one below an identity of the same width, whose units are at z
    where the input is 1.
    """
    from fastmlp import _core

    n = len(z)
    layers = [text, "identity"] if hidden else [text]
    network = _core.Network([1, *[n] * len(layers)], layers, dtype)
    given = [(np.asarray(z, dtype)[None], np.zeros(n)), (np.eye(n), np.zeros(n))]
    network.set_parameters(
        [
            own + tensors[2:]
            for own, tensors in zip(given[: len(layers)], network.parameters(), strict=True)
        ]
    )
    return network


def slopes(text, z, *, hidden=False, dtype="float64", **options):
    """f'(z) of the engine: half a squared error with y - t = 1 makes it the gradient of a bias.

    Of an output unit, or of a hidden layer below an identity of the same width.
    """
    from fastmlp import _core

    network = units(text, z, hidden=hidden or is_learned(text), dtype=dtype)
    x = np.ones((1, 1), dtype)
    target = network.predict(x) - np.ones((), dtype)
    options = {"loss": "half_squared_error", "learning_rate": 1.0, "batch_size": 1, **options}
    trainer = _core.Trainer(network, x, target, **options)
    trainer.run_epoch(0)
    trainer.close()
    return -network.parameters()[0][1]
