"""Several heads on one trunk, in the engine: gradients, what a head alone does, the same bits."""

from __future__ import annotations

import hashlib
import itertools

import numpy as np
import pytest
import reference
from fastmlp import _core

ROWS, INPUTS = 12, 5
# Units, output unit, loss, constants: of heads that are put together.
HEADS = {
    "classes": (4, "softmax", "categorical_cross_entropy", {"label_smoothing": 0.1}),
    "labels": (3, "sigmoid", "binary_cross_entropy", {"label_smoothing": 0.0}),
    "focal": (1, "sigmoid", "binary_focal_cross_entropy", {"gamma": 1.5, "alpha": 0.3}),
    "values": (2, "identity", "mean_squared_error", {}),
    "rates": (1, "identity", "poisson", {}),
    "quantiles": (3, "identity", "quantile", {"quantile": [0.1, 0.5, 0.9]}),
    "bounded": (2, "gelu", "log_cosh", {}),
    "shares": (3, "softmax", "half_squared_error", {}),
}
SETS = [
    ("classes",),
    ("classes", "values"),
    ("focal", "rates", "labels"),
    ("quantiles", "bounded"),
    ("shares", "classes", "focal"),
]


def network_of(names, hidden=(6,), dtype="float64", seed=3, inputs=INPUTS):
    outputs = [[HEADS[name][0], HEADS[name][1]] for name in names]
    sizes = (inputs, *hidden, sum(units for units, _ in outputs))
    activations = (*["tanh"] * len(hidden), "identity")
    network = _core.Network(sizes, activations, dtype, {"heads": outputs})
    network.initialize("glorot_normal", seed, 0.3, "normal")
    return network


def target_of(name, rows, rng):
    """What the engine is told, and the same as a matrix."""
    units, _, loss, _ = HEADS[name]
    if name == "classes":
        labels = rng.integers(0, units, rows)
        return labels, np.eye(units)[labels]
    if name == "focal":
        labels = rng.integers(0, 2, rows)
        return labels, labels[:, None].astype(float)
    if loss == "binary_cross_entropy":
        t = rng.integers(0, 2, (rows, units)).astype(float)
    elif loss == "poisson":
        t = rng.integers(0, 5, (rows, units)).astype(float)
    else:
        t = rng.normal(size=(rows, units)) * 0.4
    return t, t


def tasks_of(names, targets, weights, sample_weight=None):
    return [
        _core.Task(
            targets[name][0],
            HEADS[name][2],
            loss_constants=HEADS[name][3],
            weight=weight,
            sample_weight=sample_weight,
        )
        for name, weight in zip(names, weights, strict=True)
    ]


def losses_of(names, parameters, x, targets, sample_weight=1.0):
    """The mean loss of each head in float64, with code of its own: the trunk once, then ranges."""
    y = x
    for w, b in parameters[:-1]:
        y = np.tanh(y @ w + b)
    z = y @ parameters[-1][0] + parameters[-1][1]
    losses, first = [], 0
    for name in names:
        units, unit, loss, constants = HEADS[name]
        own = z[:, first : first + units]
        first += units
        each = reference.LOSSES[loss](
            own, reference.activate(unit, own), targets[name][1], **constants
        )
        losses.append((sample_weight * each).mean())
    return np.array(losses)


def full_batch_gradient(network, x, tasks, **options):
    """The gradient, as the change that one step with learning rate 1 makes."""
    before = network.parameters()
    chosen = {"batch_size": len(x), "shuffle": False, "learning_rate": 1.0, **options}
    trainer = _core.Trainer(network, x, tasks, **chosen)
    result = trainer.run_epoch(0)
    trainer.close()
    pairs = zip(before, network.parameters(), strict=True)
    return result, [a - b for old, new in pairs for a, b in zip(old, new, strict=True)]


def differences(total, parameters, h=1e-5):
    """Central differences of total(), one number of the parameters at a time."""
    gradients = []
    for tensor in (one for layer in parameters for one in layer):
        gradient = np.empty(tensor.size)
        for at in range(tensor.size):
            kept = tensor.flat[at]
            tensor.flat[at] = kept + h
            above = total()
            tensor.flat[at] = kept - h
            below = total()
            tensor.flat[at] = kept
            gradient[at] = (above - below) / (2 * h)
        gradients.append(gradient.reshape(tensor.shape))
    return gradients


@pytest.mark.parametrize("sample_weights", [False, True])
@pytest.mark.parametrize("names", SETS, ids="+".join)
def test_gradients_are_those_of_the_weighted_sum(names, sample_weights):
    rng = np.random.default_rng(7)
    x = rng.normal(size=(ROWS, INPUTS))
    targets = {name: target_of(name, ROWS, rng) for name in names}
    weights = [1.0, 0.3, 2.5][: len(names)]
    each = rng.uniform(0, 2, ROWS) if sample_weights else None
    network = network_of(names)
    parameters = [tuple(one.copy() for one in layer) for layer in network.parameters()]
    factor = 1.0 if each is None else each

    def total():
        return float(weights @ losses_of(names, parameters, x, targets, factor))

    expected = differences(total, parameters)
    by_head = losses_of(names, parameters, x, targets, factor)
    tasks = tasks_of(names, targets, weights, each)
    measured, measured_by_head = network.evaluate_tasks(x, tasks)
    result, found = full_batch_gradient(network, x, tasks)
    assert result.loss == pytest.approx(weights @ by_head, rel=1e-12)
    assert [total / ROWS for total, _ in result.heads] == pytest.approx(by_head, rel=1e-12)
    assert measured == pytest.approx(result.loss, rel=1e-13)
    assert [one for one, _ in measured_by_head] == pytest.approx(by_head, rel=1e-12)
    for got, want in zip(found, expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-6 * np.abs(want).max())


def train(network, x, targets, epochs=3, **options):
    chosen = {"batch_size": 7, "learning_rate": 0.1, "seed": 5, **options}
    trainer = _core.Trainer(network, x, targets, **chosen)
    results = [trainer.run_epoch(epoch) for epoch in range(epochs)]
    trainer.close()
    return [result.loss for result in results], results[-1]


def bits(network):
    return [one.tobytes() for layer in network.parameters() for one in layer]


# Shapes that take different ways through a step: samples in the lanes, few samples, plain.
WAYS = {"narrow": (9, (6,), 40), "few": (70, (66,), 3), "plain": (70, (80, 66), 40)}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", HEADS)
def test_one_head_is_the_plain_network(name, way, dtype):
    inputs, hidden, batch = WAYS[way]
    rng = np.random.default_rng(1)
    x = rng.normal(size=(100, inputs)).astype(dtype)
    units, unit, loss, constants = HEADS[name]
    target = target_of(name, 100, rng)
    headed = network_of((name,), hidden, dtype, inputs=inputs)
    plain = _core.Network((inputs, *hidden, units), (*["tanh"] * len(hidden), unit), dtype)
    plain.set_parameters(headed.parameters())
    tasks = tasks_of((name,), {name: target}, [1.0])
    options = {"batch_size": batch, "learning_rate": 0.01}
    expected = train(plain, x, target[0], loss=loss, loss_constants=constants, **options)
    found = train(headed, x, tasks, **options)
    assert found[0] == expected[0]
    assert found[1].heads == [(expected[1].loss_sum, expected[1].correct)]
    assert bits(headed) == bits(plain)
    for rows in (1, 3, 100):
        np.testing.assert_array_equal(headed.predict(x[:rows]), plain.predict(x[:rows]))
    measured = plain.evaluate(x, target[0], loss, loss_constants=constants)
    assert headed.evaluate_tasks(x, tasks) == (measured[0], [measured])


@pytest.mark.parametrize("precision", ["full", "bf16"])
def test_a_head_of_weight_0_changes_nothing(precision):
    """Weights (1, 0): trunk and first head are those of the first head alone, the second stays."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(90, 20)).astype("f4")
    targets = {name: target_of(name, 90, rng) for name in ("classes", "values")}
    both = network_of(("classes", "values"), (16, 16), "float32", inputs=20)
    layers = both.parameters()
    alone = network_of(("classes",), (16, 16), "float32", inputs=20)
    last = tuple(one[..., :4].copy() for one in layers[-1])
    alone.set_parameters([*layers[:-1], last])
    train(both, x, tasks_of(("classes", "values"), targets, [1.0, 0.0]), precision=precision)
    train(alone, x, tasks_of(("classes",), targets, [1.0]), precision=precision)
    *trunk, (w, b) = both.parameters()
    *trunk_alone, (w_alone, b_alone) = alone.parameters()
    for layer, layer_alone in zip(trunk, trunk_alone, strict=True):
        for one, one_alone in zip(layer, layer_alone, strict=True):
            np.testing.assert_array_equal(one, one_alone)
    np.testing.assert_array_equal(w[:, :4], w_alone)
    np.testing.assert_array_equal(b[:4], b_alone)
    np.testing.assert_array_equal(w[:, 4:], layers[-1][0][:, 4:])
    np.testing.assert_array_equal(b[4:], layers[-1][1][4:])


def test_predictions_are_those_of_each_head_by_itself():
    names = ("classes", "focal", "bounded", "values")
    network = network_of(names)
    x = np.random.default_rng(3).normal(size=(300, INPUTS))
    outputs = network.predict(x)
    first = 0
    layers = network.parameters()
    for name in names:
        units, unit, *_ = HEADS[name]
        own = slice(first, first + units)
        first += units
        alone = _core.Network((INPUTS, 6, units), ("tanh", unit), "float64")
        alone.set_parameters([*layers[:-1], tuple(one[..., own].copy() for one in layers[-1])])
        for rows in (1, 4, 300):
            np.testing.assert_array_equal(
                network.predict(x[:rows])[:, own], alone.predict(x[:rows])
            )
    out = np.empty_like(outputs)
    assert network.predict(x, out=out) is out
    np.testing.assert_array_equal(out, outputs)


def test_a_batch_in_chunks_counts_every_sample_of_every_head():
    names = ("classes", "focal")
    rng = np.random.default_rng(4)
    x = rng.normal(size=(3000, INPUTS))
    targets = {name: target_of(name, 3000, rng) for name in names}
    network = network_of(names)
    tasks = tasks_of(names, targets, [1.0, 0.5])
    outputs, (loss, by_head) = network.predict(x), network.evaluate_tasks(x, tasks)
    _, last = train(network, x, tasks, epochs=1, batch_size=3000, shuffle=False)
    assert last.loss == pytest.approx(loss, rel=1e-12)
    right = [(outputs[:, :4].argmax(1) == targets["classes"][0]).sum()]
    right += [((outputs[:, 4] > 0.5) == targets["focal"][0]).sum()]
    assert [correct for _, correct in last.heads] == [correct for _, correct in by_head] == right


def digest():
    """What some steps with three heads come to, over the ways of a step."""
    digests = {}
    names = ("classes", "focal", "bounded")
    for way, dtype in itertools.product(WAYS, ("float32", "float64")):
        inputs, hidden, batch = WAYS[way]
        rng = np.random.default_rng(6)
        x = rng.normal(size=(100, inputs)).astype(dtype)
        targets = {name: target_of(name, 100, rng) for name in names}
        network = network_of(names, hidden, dtype, inputs=inputs)
        tasks = tasks_of(names, targets, [1.0, 0.3, 0.7], rng.uniform(0.5, 2, 100))
        losses, last = train(network, x, tasks, batch_size=batch, momentum=0.9)
        loss, by_head = network.evaluate_tasks(x, tasks)
        content = b"".join(bits(network)) + network.predict(x).tobytes()
        figures = repr((losses, last.heads, loss, by_head)).encode()
        digests[f"{way} {dtype}"] = hashlib.sha256(content + figures).hexdigest()
    return digests


def test_an_epoch_goes_on_with_the_figures_of_its_heads():
    names = ("classes", "values")
    rng = np.random.default_rng(8)
    x = rng.normal(size=(90, INPUTS))
    targets = {name: target_of(name, 90, rng) for name in names}
    whole, stopped = network_of(names), network_of(names)
    options = {"batch_size": 8, "learning_rate": 0.1, "shuffle": False}
    tasks = tasks_of(names, targets, [1.0, 0.5])
    expected = _core.Trainer(whole, x, tasks, **options).run_epoch(0)
    first = {name: (t[0][:40], t[1][:40]) for name, t in targets.items()}
    trainer = _core.Trainer(stopped, x[:40], tasks_of(names, first, [1.0, 0.5]), **options)
    part = trainer.run_epoch(0)
    trainer.close()
    figures = {"epoch": 0, "loss_sum": part.loss_sum, "correct": 0, "samples": 40, "steps": 5}
    so_far = _core.EpochResult(**figures, learning_rate=0.1, heads=part.heads)
    trainer = _core.Trainer(stopped, x, tasks, **options)
    found = trainer.run_epoch(0, None, so_far)
    assert (found.loss_sum, found.heads) == (expected.loss_sum, expected.heads)
    assert bits(stopped) == bits(whole)
    bare = _core.EpochResult(**figures, learning_rate=0.1)
    with pytest.raises(ValueError, match="so_far has 0 heads; the network has 2"):
        trainer.run_epoch(1, None, bare)


@pytest.mark.parametrize(
    ("structure", "message"),
    [
        ({"heads": [[3, "softmax"]]}, "the heads have 3 units; the last layer has 4"),
        ({"heads": [[0, "softmax"], [4, "softmax"]]}, "a head has 0 units; it needs at least 1"),
        ({"heads": [[4, "softmx"]]}, "activation 'softmx' is unknown; choose from"),
        ({"heads": [[4, "prelu"]]}, "learns its constants: only hidden layers"),
        ({"heads": [4]}, r"heads\[0\] must be \(units, activation\); got 4"),
        ({"heads": 4}, "heads must be a sequence"),
        ({"tails": []}, "structure has no 'tails'; it has: .*heads"),
    ],
)
def test_heads_that_are_none_are_refused(structure, message):
    with pytest.raises((TypeError, ValueError), match=message):
        _core.Network((2, 4), ("identity",), "float64", structure)


def test_wrong_calls_name_the_head_and_change_nothing():
    names = ("classes", "values")
    rng = np.random.default_rng(9)
    x = rng.normal(size=(20, INPUTS))
    targets = {name: target_of(name, 20, rng) for name in names}
    network = network_of(names)
    before = bits(network)
    good = tasks_of(names, targets, [1.0, 1.0])
    wrong = [
        (good[:1], {}, "a network of 2 heads needs a sequence of as many tasks"),
        ([good[0], 3], {}, "head 1: a Task is needed; got int"),
        ([good[0], good[0]], {}, "head 1: loss 'categorical_cross_entropy' does not fit"),
        ([good[0], _core.Task(x[:, :3], "huber")], {}, r"head 1: targets has shape \(20, 3\)"),
        (
            [good[0], _core.Task(x[:, :2], "huber", sample_weight=-x[:, 0])],
            {},
            r"head 1: sample_weight\[\d+\] = -",
        ),
        (
            good,
            {"loss": "huber"},
            "a network with heads has loss, loss_constants and sample_weight",
        ),
    ]
    for tasks, options, message in wrong:
        with pytest.raises((TypeError, ValueError), match=message):
            _core.Trainer(network, x, tasks, **options)
    with pytest.raises(ValueError, match="weight = -1 is not between 0"):
        _core.Task(x, "huber", weight=-1.0)
    with pytest.raises(ValueError, match="the network has heads: measure it with evaluate_tasks"):
        network.evaluate(x, x, "huber")
    plain = _core.Network((INPUTS, 2), ("identity",), "float64")
    with pytest.raises(ValueError, match="the network has no heads: measure it with evaluate"):
        plain.evaluate_tasks(x, good)
    assert bits(network) == before
    assert network.structure == {"heads": [(4, "softmax"), (2, "identity")]}
