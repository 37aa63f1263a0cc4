"""Worked numbers of the lectures, to the digits they print."""

from __future__ import annotations

import fastmlp
import numpy as np
from fastmlp import _core

# A4: sizes 3-3-2, sigmoid everywhere, learning rate 1, L = 1/2 sum (y - t)^2; rows of W are inputs.
X = np.array([[0.02, 0.04, 0.01]])
T = np.array([[0.9, 0.5]])
W1 = np.array([[0.25, 0.15, 0.30], [0.25, 0.20, 0.35], [0.10, 0.25, 0.15]])
W2 = np.array([[0.40, 0.25], [0.35, 0.30], [0.01, 0.35]])
B1, B2 = np.full(3, 0.4), np.full(2, 0.7)


def printed(values):
    return [f"{v:.4f}" for v in np.ravel(values)]


def layers_of_a4(*names):
    """Outputs of the first len(names) layers."""
    parameters = [(W1, B1), (W2, B2)][: len(names)]
    network = _core.Network([3, 3, 2][: len(names) + 1], list(names), "float64")
    network.set_parameters(parameters)
    return network.predict(X)[0]


def test_a4_forward():
    assert printed(layers_of_a4("identity")) == ["0.4160", "0.4135", "0.4215"]
    assert printed(layers_of_a4("sigmoid")) == ["0.6025", "0.6019", "0.6038"]
    assert printed(layers_of_a4("sigmoid", "sigmoid")) == ["0.7609", "0.7760"]
    # The deck goes on from h as printed: z_2 is 1.24255 from the exact h, 1.24253 from the rounded
    # one.
    output = _core.Network([3, 2], ["identity"], "float64")
    output.set_parameters([(W2, B2)])
    assert printed(output.predict(np.array([[0.6025, 0.6019, 0.6038]]))) == ["1.1577", "1.2425"]
    assert np.abs(layers_of_a4("sigmoid", "identity") - [1.1577, 1.2425]).max() < 1e-4


def test_a4_one_step_through_the_public_call():
    model = fastmlp.train(
        X,
        T,
        hidden=[3],
        activation="sigmoid",
        output_activation="sigmoid",
        loss="half_squared_error",
        init=[(W1, B1), (W2, B2)],
        learning_rate=1.0,
        batch_size=1,
        epochs=1,
        dtype="float64",
    )
    assert printed(model.history["loss"]) == ["0.0478"]
    new = model.parameters[1][0][1, 0]
    assert printed([W2[1, 0] - new, new]) == ["-0.0152", "0.3652"]


def test_a3_parameter_count():
    assert _core.Network([3, 3, 2, 3], ["relu", "relu", "softmax"]).parameter_count == 29


def test_f1_relu_network_solves_xor_exactly():
    corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    network = _core.Network([2, 2, 1], ["relu", "identity"])
    network.set_parameters(
        [(np.ones((2, 2)), np.array([0.0, -1.0])), (np.array([[1.0], [-2.0]]), np.zeros(1))]
    )
    assert network.predict(corners).ravel().tolist() == [0, 1, 1, 0]
    hidden = _core.Network([2, 2], ["relu"])
    hidden.set_parameters([(np.ones((2, 2)), np.array([0.0, -1.0]))])
    assert hidden.predict(corners).tolist() == [[0, 0], [1, 0], [1, 0], [2, 1]]
