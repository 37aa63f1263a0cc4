"""The door of the engine: a wrong call names the value and the choices, and changes nothing."""

from __future__ import annotations

import numpy as np
import pytest
from fastmlp import _core
from test_trainer import T, X, network, trainer, weights

SQUARED = {"loss": "mean_squared_error"}
BINARY = {"loss": "binary_cross_entropy"}
ADAM = {"optimizer": "adam"}
NANS = np.full((60, 3), np.nan, "f4")


@pytest.mark.parametrize(
    ("x", "t", "options", "error", "message"),
    [
        ([[1.0]], T, {}, TypeError, "x must be a NumPy array; got list"),
        (X.astype(">f4"), T, {}, TypeError, r"x has dtype >f4; .* float64 \(native byte order\)"),
        (X.astype("i4"), T, {}, TypeError, "x has dtype int32; choose from"),
        (X.astype("c8"), T, {}, TypeError, "x has dtype complex64"),
        (X[0], T, {}, ValueError, r"x must have 2 dimensions .*; got shape \(4,\)"),
        (X[:, :3], T, {}, ValueError, r"x has 3 features \(shape \(60, 3\)\); the network takes 4"),
        (X[:0], T[:0], {}, ValueError, r"x has no rows \(shape \(0, 4\)\)"),
        (np.where(X[7, 2] == X, np.nan, X), T, {}, ValueError, r"x\[7, 2\] is NaN or infinite"),
        (np.where(X[59, 3] == X, -np.inf, X), T, {}, ValueError, r"x\[59, 3\] is NaN or infinite"),
        (X, T[:-1], {}, ValueError, r"targets has shape \(59,\); x has 60 rows"),
        (X, np.where(T == 2, 3, T), {}, ValueError, r"= 3 is not a class index from 0 to 2"),
        (X, -T, {}, ValueError, r"= -\d is not a class index from 0 to 2"),
        (X, T[:, None], {}, ValueError, "targets of integers .* must have 1 dimension"),
        (X, T.astype(str), {}, TypeError, "targets has dtype <U21; choose from: integers"),
        (X, X, {}, ValueError, r"has shape \(60, 4\); .* it must be \(60, 3\)"),
        (X, X[:, :3].copy(), {}, ValueError, r"targets\[0\] is not a probability distribution"),
        (X, NANS, SQUARED, ValueError, r"targets\[0, 0\] is NaN, infinite or too large"),
        (X, np.full((60, 3), 1e300), SQUARED, ValueError, "too large for float32"),
        (X, T, BINARY, ValueError, "does not fit the output unit 'softmax'; it needs: sigmoid"),
        (X, T, {"loss": "huberr"}, ValueError, "loss 'hinge' is unknown; choose from: half_"),
        (X, T, {"optimizer": "adm"}, ValueError, "optimizer 'adm' is unknown; choose from: sgd, "),
        (X, T, {"beta_1": 0.9}, ValueError, "optimizer 'sgd' has no 'beta_1'; it has: learn"),
        (X, T, {**ADAM, "momentum": 0.9}, ValueError, "'adam' has no 'momentum'; it has: learn"),
        (X, T, {**ADAM, "beta_1": 1.5}, ValueError, "beta_1 = 1.5 is not between 0"),
        (X, T, {**ADAM, "beta_2": 1.0}, ValueError, r"0 \(included\) and 1 \(excluded\)"),
        (X, T, {**ADAM, "epsilon": 0.0}, ValueError, "epsilon = 0 is not between 1e-20"),
        (X, T, {**ADAM, "epsilon": -1e-8}, ValueError, "epsilon = -1e-08 is not between"),
        (X, T, {"learning_rate": "0.1"}, TypeError, "learning_rate = '0.1' is not a number"),
        (X, T, {"batch_size": 0}, ValueError, "batch_size = 0 must be at least 1"),
        (X, T, {"learning_rate": np.nan}, ValueError, "learning_rate = nan is not between"),
        (X, T, {"learning_rate": -1.0}, ValueError, "learning_rate = -1"),
        (X, T, {"momentum": 1.5}, ValueError, "momentum = 1.5"),
        (X, T, {"l2": np.inf}, ValueError, "l2 = inf"),
        (X, T, {"threads": -1}, ValueError, "threads = -1"),
    ],
)  # fmt: skip
def test_wrong_calls_name_the_value_and_the_choices(x, t, options, error, message):
    net = network()
    before = weights(net)
    with pytest.raises(error, match=message):
        trainer(net, x, t, **options)
    assert weights(net) == before
    trainer(net)  # the failed call holds nothing


def test_threads_of_predict_and_evaluate_are_checked():
    with pytest.raises(ValueError, match="threads = -3 must be 0"):
        network().predict(X, threads=-3)
    with pytest.raises(ValueError, match="threads = -3 must be 0"):
        network().evaluate(X, T, "categorical_cross_entropy", threads=-3)


@pytest.mark.parametrize(
    ("sizes", "activations", "message"),
    [
        ([3], [], "sizes needs at least two widths, the inputs and the outputs; got 1"),
        ([3, 0, 2], ["relu", "softmax"], r"sizes\[1\] = 0 is not between 1 and"),
        ([3, 2], ["relu", "softmax"], "2 sizes make 1 layers, but 2 activations were given"),
        ([2**31 - 1] * 6, ["relu"] * 5, "bytes|64 bits|memory"),
    ],
)
def test_impossible_networks_are_refused(sizes, activations, message):
    with pytest.raises((ValueError, MemoryError), match=message if sizes[0] < 4 else None):
        _core.Network(sizes, activations)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ([], "parameters has 0 entries; the network has 2 layers"),
        (
            [(np.zeros((4, 8)), np.zeros(8)), (np.zeros((8, 4)), np.zeros(3))],
            r"parameters\[1\]\[0\] \(W\) has shape \(8, 4\); it must be \(8, 3\)",
        ),
        (
            [(np.zeros((4, 8)), np.zeros(8)), (np.zeros((8, 3)), np.full(3, np.inf))],
            r"parameters\[1\]\[1\] \(b\) holds a value that is NaN",
        ),
        ([(np.zeros((4, 8)),), (np.zeros((8, 3)), np.zeros(3))], r"parameters\[0\] must be a pair"),
    ],
)
def test_wrong_parameters_are_refused_whole(parameters, message):
    net = network()
    before = weights(net)
    with pytest.raises(ValueError, match=message):
        net.set_parameters(parameters)
    assert weights(net) == before


def test_scaling_is_applied_on_the_way_in():
    net, plain = network("float64"), network("float64")
    shift, scale = np.array([1.0, -2, 3, 0.5]), np.array([2.0, 0.1, 1, 4])
    net.set_input_scaling(shift, scale)
    assert np.array_equal(
        net.predict(X.astype("f8")), plain.predict((X.astype("f8") - shift) * scale)
    )
    net.set_input_scaling(None, None)
    assert np.array_equal(net.predict(X), plain.predict(X))
    with pytest.raises(ValueError, match=r"shift has shape \(3,\); it must be \(4,\)"):
        net.set_input_scaling(np.zeros(3), np.zeros(3))
    with pytest.raises(ValueError, match="exceeds the range of float32"):
        network().predict(np.full((1, 4), 1e300))
