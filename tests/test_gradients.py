"""The engine's gradient against central differences of a float64 reference: every activation with
every loss and output unit.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import reference
from conftest import CATALOG
from fastmlp import _core
from formulas import OUTPUT_NAMES, TRAINABLE

PLAIN = ["identity", "sigmoid", "tanh", "relu"]  # below every loss and output unit
HIDDEN = [variant.text for variant in TRAINABLE]
OUTPUTS = {row["name"]: row["outputs"] for row in CATALOG["losses"]}
PAIRS = [
    (loss, output)
    for loss, outputs in OUTPUTS.items()
    for output in outputs
    if output in OUTPUT_NAMES or output == "softmax"
]
LOSSES = {row["name"]: row for row in CATALOG["losses"]}


def targets_for(loss, output, rows, outputs, rng):
    """Targets that the pair allows: classes, probabilities, counts or real values."""
    kind = LOSSES[loss]["targets"]
    if kind == "distribution" or LOSSES[loss]["is_margin"]:
        return rng.integers(0, outputs, rows)
    if kind == "unit interval":
        return rng.uniform(size=(rows, outputs))
    if kind == "not negative":
        return rng.integers(0, 5, (rows, outputs)).astype("f8")
    if output == "softmax":  # where all outputs err to one side, a slope of signs passes nothing on
        return rng.dirichlet(np.ones(outputs), rows)
    return rng.normal(size=(rows, outputs)) * (1 if output == "identity" else 0.3)


def defaults_of(loss):
    return {one["name"]: one["default"] for one in LOSSES[loss]["constants"]}


def full_batch_step(network, x, t, loss, dtype="float64", l2=0.0, **options):
    """The gradient, as the change that one step with learning rate 1 makes."""
    before = network.parameters()
    full = {"batch_size": len(x), "shuffle": False, **options}
    trainer = _core.Trainer(network, x, t, loss=loss, learning_rate=1.0, l2=l2, **full)
    result = trainer.run_epoch(0)
    trainer.close()
    return result.loss, [
        b - a
        for old, new in zip(before, network.parameters(), strict=True)
        for b, a in zip(old, new, strict=True)
    ]


def away_from_kinks(parameters, activations, x):
    """Whether every z is farther from a kink than the differences reach."""
    y = x
    for (w, b, *learned), name in zip(parameters, activations, strict=True):
        z = y @ w + b
        y, step = reference.activate(name, z, *learned), 1e-3
        if name != "softmax":
            around = sum(reference.activate(name, z + side, *learned) for side in (step, -step))
            if np.abs(around - 2 * y).max() > 0.01 * step:  # slopes differ: no curve is so bent
                return False
    return True


def make(activations, sizes, seed, rows, std=0.6):
    """A float64 network and inputs for which no unit stands at a kink."""
    for attempt in range(seed, seed + 1000):
        rng = np.random.default_rng(attempt)
        network = _core.Network(sizes, activations, "float64")
        network.initialize("normal", attempt, std, "normal")
        x = rng.normal(size=(rows, sizes[0]))
        if away_from_kinks(network.parameters(), activations, x):
            return network, x, rng
    raise AssertionError("no network without a kink was found")


def largest_relative_error(found, expected):
    """The largest difference, relative to the largest gradient of its array."""
    return max(np.abs(f - e).max() / np.abs(e).max() for f, e in zip(found, expected, strict=True))


def make_with_targets(activations, sizes, loss, constants, rows=7):
    """The same with targets (labels or values, and as values) away from the kinks of the loss. Rows
    are odd in number, so that slopes of +1 and -1 do not cancel.
    """
    distance = reference.KINKS.get(loss, lambda y, t, **constants: np.ones(1))
    for seed in range(7, 100_007, 1000):
        network, x, rng = make(activations, sizes, seed, rows)
        t = targets_for(loss, activations[-1], rows, sizes[-1], rng)
        values = reference.one_hot(t, sizes[-1]) if t.ndim == 1 else t
        _, y = reference.forward(network.parameters(), activations, x)
        if np.abs(distance(y, values, **constants)).min() > 1e-3:
            return network, x, t, values
    raise AssertionError("no targets away from a kink were found")


def relative_error(hidden, loss, output, l2, constants=None, weights=None):
    """The engine's gradient of one network against central differences."""
    sizes = [3, 5, 4, 2]
    activations = [hidden, hidden, output]
    constants = defaults_of(loss) if constants is None else constants
    network, x, t, values = make_with_targets(activations, sizes, loss, constants)
    w = 1.0 if weights is None else weights
    parameters = network.parameters()
    options = {"constants": constants, "weights": w}
    expected_loss = reference.loss(parameters, activations, loss, x, values, **options)
    expected = reference.numerical_gradient(parameters, activations, loss, x, values, l2, **options)
    given = {"loss_constants": constants, "sample_weight": weights}
    loss_value, found = full_batch_step(network, x, t, loss, l2=l2, **given)
    assert loss_value == pytest.approx(expected_loss, rel=1e-12)
    return largest_relative_error(found, expected)


def worst():
    """The largest error of all combinations, for PROMISES.md."""
    cases = [
        *itertools.product(PLAIN, PAIRS, (0.0, 0.1)),
        *itertools.product(HIDDEN, [("categorical_cross_entropy", "softmax")], (0.0,)),
    ]
    return max(relative_error(hidden, *pair, l2) for hidden, pair, l2 in cases)


@pytest.mark.parametrize("l2", [0.0, 0.1])
@pytest.mark.parametrize(("loss", "output"), PAIRS)
@pytest.mark.parametrize("hidden", PLAIN)
def test_gradient_equals_central_differences(hidden, loss, output, l2, team):
    team(2)
    assert relative_error(hidden, loss, output, l2) <= 1e-6


@pytest.mark.parametrize("hidden", HIDDEN)
def test_every_activation_goes_back_through_hidden_layers(hidden, team):
    team(2)
    assert relative_error(hidden, "categorical_cross_entropy", "softmax", 0.0) <= 1e-6


@pytest.mark.parametrize("loss", [loss for loss, outputs in OUTPUTS.items() if len(outputs) > 1])
@pytest.mark.parametrize(
    "output", [v.text for v in TRAINABLE if v.constants and v.name in OUTPUT_NAMES]
)
def test_an_output_unit_has_constants(output, loss):
    assert relative_error("tanh", loss, output, 0.0) <= 1e-6


def test_a_wrong_slope_would_be_found():
    """The bound can fail: the gradient of a network is not that of another activation."""
    network, x, rng = make(["tanh", "identity"], [3, 5, 2], 1, rows=6)
    t = rng.normal(size=(6, 2))
    expected = reference.numerical_gradient(
        network.parameters(), ["sigmoid", "identity"], "half_squared_error", x, t
    )
    _, found = full_batch_step(network, x, t, "half_squared_error")
    assert largest_relative_error(found, expected) > 1e-2


def test_labels_equal_one_hot_values():
    t = np.array([0, 2, 1, 2, 0])
    results = []
    for targets in (t, reference.one_hot(t, 3)):
        network, x, _ = make(["sigmoid", "softmax"], [4, 6, 3], 3, rows=5)
        results.append(full_batch_step(network, x, targets, "categorical_cross_entropy"))
    assert results[0][0] == results[1][0]
    for a, b in zip(results[0][1], results[1][1], strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize("hidden", HIDDEN)
def test_float32_follows_float64(hidden):
    """Ten steps in both precisions from the same weights: float32 stays within sqrt(steps K) eps of
    the weights' scale.
    """
    rng = np.random.default_rng(11)
    x, t = rng.normal(size=(40, 9)).astype("f4"), rng.integers(0, 4, 40)
    first = _core.Network([9, 21, 4], [hidden, "softmax"])
    first.initialize("glorot_uniform", 2)
    ends = []
    for dtype in ("float32", "float64"):
        network = _core.Network([9, 21, 4], [hidden, "softmax"], dtype)
        network.set_parameters(first.parameters())
        options = {"learning_rate": 0.2, "momentum": 0.5, "batch_size": 8}
        trainer = _core.Trainer(network, x, t, loss="categorical_cross_entropy", **options)
        for epoch in range(2):
            trainer.run_epoch(epoch)
        ends.append(network.parameters())
    eps = np.finfo("f4").eps
    for layers in zip(*ends, strict=True):
        for a, b in zip(*layers, strict=True):
            assert 0 < np.abs(a - b).max() < 4 * np.sqrt(10 * 21) * eps * max(1, np.abs(b).max())


@pytest.mark.parametrize(
    ("loss", "output"),
    [("categorical_cross_entropy", "softmax"), ("binary_cross_entropy", "sigmoid")],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [50.0, 1e4, 1e30])
def test_fused_losses_are_exact_for_extreme_logits(loss, output, dtype, size):
    network = _core.Network([1, 2], [output], dtype)
    network.set_parameters([(np.array([[size, -size]]), np.zeros(2))])
    x = np.array([[1.0], [-1.0]])
    right, wrong = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[0.0, 1.0], [1.0, 0.0]])
    units = 2 if loss == "binary_cross_entropy" else 1
    gap = size if loss == "binary_cross_entropy" else 2 * size
    assert network.evaluate(x, right, loss)[0] == pytest.approx(0, abs=1e-20)
    assert network.evaluate(x, wrong, loss)[0] == pytest.approx(units * gap, rel=1e-6)
