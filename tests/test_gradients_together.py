"""The engine's gradient against central differences of a float64 reference: every activation with
every loss, beside what else has a part in a gradient, each by itself and all together.
"""

from __future__ import annotations

import numpy as np
import pytest
import reference
import structured_reference
from conftest import CATALOG
from fastmlp import _core
from formulas import TRAINABLE
from structured_networks import as_dicts, step, structure_of
from test_dropout import mask
from test_gradients import defaults_of, targets_for

HIDDEN = [v.text for v in TRAINABLE if v.text == v.name] + ["maxout(pieces=2)"]
OUTPUTS = {row["name"]: row["outputs"][0] for row in CATALOG["losses"]}
SIZES, ROWS, SEED = [4, 4, 4, 2], 7, 11
RATES = [0.25, 0.5, 0.4]
WEIGHTS = np.array([0.5, 2.0, 0.0, 1.0, 3.0, 0.25, 1.5])
SKIPS = [[0, 2], [1, 3]]  # as they are; by a matrix
NORMALIZATIONS = [row["name"] for row in CATALOG["normalizations"] if row["name"] != "none"]
PARTS = {
    "bias": {},
    "l2": {"l2": 0.1},
    "dropout": {"dropout": RATES},
    "weights": {"sample_weight": WEIGHTS},
    "skips": {"skips": SKIPS},
    **{name: {"normalization": [name, name]} for name in NORMALIZATIONS},
}
TOGETHER = {
    "l2": 0.1,
    "dropout": RATES,
    "sample_weight": WEIGHTS,
    "skips": SKIPS,
    "normalization": ["layer", "batch"],
}


def bends(us, ys_of, distance=1e-3):
    """Whether some unit is nearer to a kink than the differences reach."""
    for u, y_of in zip(us, ys_of, strict=True):
        around = y_of(u + distance) + y_of(u - distance)
        if np.abs(around - 2 * y_of(u)).max() > 0.01 * distance:
            return True
    return False


def near_a_choice(u, text):
    if not text.startswith("maxout"):
        return False
    pieces = np.sort(u.reshape(len(u), 2, -1), axis=1)
    return np.diff(pieces, axis=1).min() < 1e-3


def case(hidden, loss, seed, structure, known):
    """A network and data, and whether no unit and no output stands at a kink."""
    output = OUTPUTS[loss]
    network = _core.Network(SIZES, [hidden, hidden, output], "float64", structure)
    network.initialize("normal", seed, 0.7, "normal")
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(ROWS, SIZES[0]))
    t = targets_for(loss, output, ROWS, SIZES[-1], rng)
    values = reference.one_hot(t, SIZES[-1]) if t.ndim == 1 else t
    layers = as_dicts(network)
    us, ys, _ = structured_reference.forward(layers, network.activations, x, **known)
    hidden_layers = layers[:-1]
    curves = [
        lambda u, layer=layer: structured_reference.activate(hidden, u, layer)
        for layer in hidden_layers
    ]
    smooth = not any(near_a_choice(u, hidden) for u in us[:-1])
    if smooth and not hidden.startswith("maxout"):
        smooth = not bends(us[:-1], curves)
    distance = reference.KINKS.get(loss)
    if distance is not None:
        far = np.abs(distance(ys[-1], values, **defaults_of(loss))).min() > 1e-3
        smooth = smooth and far
    return network, x, t, values, smooth


def relative_error(hidden, loss, parts):
    structure = {key: parts[key] for key in ("normalization", "skips") if key in parts}
    options = {key: value for key, value in parts.items() if key not in structure}
    known = structure_of(_core.Network(SIZES, ["tanh", "tanh", "identity"], "float64", structure))
    if "dropout" in parts:
        widths = zip(RATES, SIZES, strict=False)
        known["masks"] = [
            mask(rate, SEED, layer, 0, 0, ROWS, width) for layer, (rate, width) in enumerate(widths)
        ]
    for seed in range(2000):
        network, x, t, values, smooth = case(hidden, loss, seed, structure, known)
        if smooth:
            break
    else:
        raise AssertionError("no network without a kink was found")
    expected = structured_reference.numerical_gradient(
        as_dicts(network),
        network.activations,
        loss,
        x,
        values,
        l2=options.get("l2", 0.0),
        constants=defaults_of(loss),
        weights=options.get("sample_weight", 1.0),
        **known,
    )
    _, found = step(network, x, t, loss, seed=SEED, loss_constants=defaults_of(loss), **options)
    errors = []
    for own, others in zip(found, expected, strict=True):
        largest = max(np.abs(gradient).max() for gradient in others.values())
        for name, gradient in others.items():
            # Before a batch's mean is taken away, what is added to all of it has no gradient.
            scale = np.abs(gradient).max()
            scale = scale if scale > 1e-8 * largest else max(largest, 1e-8)
            errors.append(np.abs(own[name] - gradient).max() / scale)
    return max(errors)


@pytest.mark.parametrize("loss", OUTPUTS)
@pytest.mark.parametrize("hidden", HIDDEN)
def test_gradients_are_right_with_everything_on(hidden, loss):
    assert relative_error(hidden, loss, TOGETHER) <= 1e-6


@pytest.mark.parametrize("parts", PARTS.values(), ids=PARTS)
@pytest.mark.parametrize("loss", OUTPUTS)
@pytest.mark.parametrize("hidden", HIDDEN)
def test_gradients_are_right_with_each_part(hidden, loss, parts):
    assert relative_error(hidden, loss, parts) <= 1e-6


def test_a_forgotten_weight_would_be_found():
    """The bound can fail: without the sample weights the gradient is another."""
    structure = {"skips": SKIPS, "normalization": ["layer", "batch"]}
    known = structure_of(_core.Network(SIZES, ["tanh", "tanh", "identity"], "float64", structure))
    network, x, t, values, _ = case("tanh", "huber", 0, structure, known)
    _, found = step(network, x, t, "huber", loss_constants=defaults_of("huber"), l2=0.1)
    expected = structured_reference.numerical_gradient(
        as_dicts(network), network.activations, "huber", x, values, l2=0.1,
        constants=defaults_of("huber"), weights=WEIGHTS, **known,
    )  # fmt: skip
    assert np.abs(found[0]["weight"] - expected[0]["weight"]).max() > 1e-2
