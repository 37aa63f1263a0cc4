"""Every activation of the catalog against its own formula: the text is evaluated for values and
differentiated for slopes.
"""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from conftest import CATALOG
from fastmlp import _core

ELEMENTWISE = {row["name"]: row["formula"] for row in CATALOG["activations"] if not row["rowwise"]}
Z = (
    np.concatenate([np.linspace(-6, 6, 97), np.linspace(-80, 80, 33)]) + 1e-3
)  # no z stands at a kink


@pytest.mark.parametrize(("name", "formula"), ELEMENTWISE.items())
def test_value_is_the_formula(name, formula):
    z = sympy.Symbol("z")
    exact = np.array(
        [float(sympy.sympify(formula, {"z": z}).subs(z, sympy.Float(v, 30))) for v in Z]
    )
    network = _core.Network([1, 1], [name], "float64")
    network.set_parameters([(np.ones((1, 1)), np.zeros(1))])
    assert np.allclose(
        network.predict(Z[:, None])[:, 0], exact, rtol=4 * np.finfo("f8").eps, atol=0
    )


@pytest.mark.parametrize(("name", "formula"), ELEMENTWISE.items())
def test_slope_is_the_derivative_of_the_formula(name, formula):
    """One sample, W = 1, b = 0, loss (y - t)^2 / 2 with t = y - 1: the bias gradient is the slope
    itself.
    """
    z = sympy.Symbol("z", real=True)
    derivative = sympy.diff(sympy.sympify(formula, {"z": z}), z)
    for v in Z[np.abs(Z) < 15]:
        network = _core.Network([1, 1], [name], "float64")
        network.set_parameters([(np.ones((1, 1)), np.zeros(1))])
        y = network.predict(np.array([[v]]))
        trainer = _core.Trainer(
            network,
            np.array([[v]]),
            y - 1,
            loss="half_squared_error",
            learning_rate=1.0,
            batch_size=1,
        )
        trainer.run_epoch(0)
        exact = float(derivative.subs(z, sympy.Float(v, 30)))
        # y carries a rounding error that 1 - y enlarges where the unit saturates
        assert -network.parameters()[0][1][0] == pytest.approx(exact, rel=1e-12, abs=1e-15)


def test_softmax_is_its_formula():
    rows = np.random.default_rng(0).normal(size=(37, 11)) * 20
    network = _core.Network([11, 11], ["softmax"], "float64")
    network.set_parameters([(np.eye(11), np.zeros(11))])
    e = np.exp(rows - rows.max(axis=1, keepdims=True))
    assert np.allclose(network.predict(rows), e / e.sum(axis=1, keepdims=True), rtol=1e-14, atol=0)


def test_relu_passes_nan_on_so_that_it_is_seen():
    network = _core.Network([1, 1, 1], ["relu", "identity"])
    with pytest.raises(ValueError, match=r"x\[0, 0\] is NaN or infinite"):
        network.predict(np.array([[np.nan]], "f4"))


def test_the_catalog_names_what_the_network_accepts():
    for row in CATALOG["activations"]:
        assert _core.Network([2, 3], [row["name"]]).activations == [row["name"]]
    with pytest.raises(
        ValueError,
        match="activation 'rely' is unknown; choose from: identity, sigmoid, tanh, relu, softmax",
    ):
        _core.Network([2, 3], ["rely"])
    with pytest.raises(ValueError, match="activation 'softmax' of layer 0 is an output unit"):
        _core.Network([2, 3, 2], ["softmax", "softmax"])
