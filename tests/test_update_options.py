"""Limits of the gradient and multiples of the learning rate: against NumPy, over every way that a
step can go, and the same bits by all of them.
"""

from __future__ import annotations

import fastmlp
import numpy as np
import pytest
from conftest import CATALOG, FMA_ISAS, run_python
from fastmlp import ConfigError, _core
from test_optimizers import CASES, optimize
from test_trainer import T, X, gradients_of, network, run_epochs, trainer, weights

OPTIMIZERS = [row["name"] for row in CATALOG["optimizers"]]


@pytest.fixture
def allow():
    yield _core.testing.allow
    _core.testing.allow()


# ---- limits --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "values"), CASES)
def test_a_limit_of_values_clips_the_gradient_before_all_else(name, values, dtype):
    """To the bit: as the same kernel with a gradient that was clipped before."""
    rng = np.random.default_rng(1)
    w = rng.normal(size=53).astype(dtype)
    gradients = rng.normal(size=(20, 53)).astype(dtype)
    clipped, _ = optimize(name, values, w, gradients, clip_value=0.5)
    expected, _ = optimize(name, values, w, np.clip(gradients, -0.5, 0.5))
    assert np.array_equal(clipped, expected)
    wide, _ = optimize(name, values, w, gradients, clip_value=1e3)
    assert np.array_equal(wide, optimize(name, values, w, gradients)[0])
    assert not np.array_equal(clipped, wide) or name == "lion"


def numpy_steps(options, seed=5, rate=0.5):
    """Two epochs of SGD in float64 NumPy with the limits and multiples of `options`."""
    parameters = [[w, b] for w, b in network("float64").parameters()]
    for epoch in range(2):
        order = _core.permutation(60, seed, epoch)
        for first in range(0, 60, 8):
            g = gradients_of(parameters, order[first : first + 8])
            limit = options.get("clip_value", 0)
            if limit:
                g = [[np.clip(one, -limit, limit) for one in pair] for pair in g]
            limit = options.get("clip_norm", 0)
            norm = np.sqrt(sum((one**2).sum() for pair in g for one in pair))
            if limit and norm > limit:
                g = [[one * limit / norm for one in pair] for pair in g]
            for layer, multiple in enumerate(options.get("layer_rates", (1, 1))):
                for i, of_kind in enumerate((1, options.get("bias_rate", 1))):
                    step = rate * multiple * of_kind * g[layer][i]
                    parameters[layer][i] = parameters[layer][i] - step
    return parameters


OPTIONS = [
    {"clip_value": 0.02},
    {"clip_norm": 0.1},
    {"clip_norm": 1e6},
    {"layer_rates": (0.25, 2.0)},
    {"bias_rate": 3.0},
    {"layer_rates": (0.0, 2.0), "bias_rate": 0.5, "clip_norm": 0.2},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_training_is_that_of_numpy(options):
    net = network("float64")
    run_epochs(trainer(net, seed=5, learning_rate=0.5, **options), 2)
    found, expected, plain = net.parameters(), numpy_steps(options), numpy_steps({})
    for a_pair, b_pair in zip(found, expected, strict=True):
        for a, b in zip(a_pair, b_pair, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)
    moved = max(
        np.abs(a - b).max()
        for p, q in zip(found, plain, strict=True)
        for a, b in zip(p, q, strict=True)
    )
    assert moved > 1e-3 or options == {"clip_norm": 1e6}


def test_multiples_of_one_change_no_bit():
    found = []
    for options in ({}, {"layer_rates": (1.0, 1.0), "bias_rate": 1.0}, {"clip_norm": 1e9}):
        net = network()
        run_epochs(trainer(net, **options), 2)
        found.append(weights(net))
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_layer_with_rate_0_stays_as_it_is(name):
    net = network()
    before = net.parameters()
    run_epochs(trainer(net, optimizer=name, layer_rates=(0.0, 1.0)), 3)
    after = net.parameters()
    assert all(np.array_equal(a, b) for a, b in zip(before[0], after[0], strict=True))
    assert not np.array_equal(before[1][0], after[1][0])
    net = network()
    run_epochs(trainer(net, optimizer=name, bias_rate=0.0), 3)
    assert all(not b.any() for _, b in net.parameters())


# ---- the same bits -------------------------------------------------------------------------------


LAYOUTS = {
    "narrow": {"sizes": (4, 8, 3), "batch": 16},
    "plain": {"sizes": (70, 90, 33, 5), "batch": 24},
    "few": {"sizes": (70, 90, 5), "batch": 2},
    "zeros": {"sizes": (300, 140, 5), "batch": 40, "zeros": 0.9},
    "chunks": {"sizes": (70, 9, 5), "batch": 1200},
}
UPDATES = [
    {"clip_value": 0.01},
    {"clip_norm": 0.05, "momentum": 0.9, "nesterov": True},
    {"l1": 1e-3, "layer_rates": (0.5, 2.0, 1.0), "bias_rate": 2.0, "schedule": "cosine"},
    {"optimizer": "rmsprop", "clip_value": 0.01, "centered": True, "momentum": 0.5},
    {"optimizer": "lion", "clip_norm": 0.05},
    {"optimizer": "nadam", "l1": 1e-3},
]


def trained(layout, update, dtype="float32", threads=0, **others):
    sizes, rows = layout["sizes"], 3 * layout["batch"]
    rng = np.random.default_rng(2)
    x = rng.normal(size=(rows, sizes[0])).astype(dtype)
    x[rng.random(x.shape) < layout.get("zeros", 0)] = 0
    net = network(dtype, sizes, ("relu",) * (len(sizes) - 2) + ("softmax",))
    update = dict(update)
    if "layer_rates" in update:
        update["layer_rates"] = update["layer_rates"][: len(sizes) - 1]
    tr = trainer(net, x, rng.integers(0, sizes[-1], rows), batch_size=layout["batch"],
                 threads=threads, epochs=2, **update, **others)  # fmt: skip
    run_epochs(tr, 2)
    return weights(net), tr.fast_ways


@pytest.mark.parametrize("update", UPDATES, ids=str)
@pytest.mark.parametrize("kind", LAYOUTS)
def test_ways_and_threads_change_no_bit(kind, update, allow, team):
    allow()
    expected, _ = trained(LAYOUTS[kind], update)
    for threads in (1, 2, 3):
        team(threads)
        assert trained(LAYOUTS[kind], update, threads=threads)[0] == expected
    team(0)
    allow(skipping=False, compacting=False, few=False, narrow=False, updating=False, packing=False)
    found, ways = trained(LAYOUTS[kind], update)
    assert found == expected
    assert not ways


def digests():
    return [
        trained(layout, update, dtype)[0].hex()
        for layout in (LAYOUTS["narrow"], LAYOUTS["plain"])
        for update in UPDATES
        for dtype in ("float32", "float64")
    ]


@pytest.mark.parametrize("isa", FMA_ISAS)
def test_instruction_sets_change_no_bit(isa):
    code = "import test_update_options as t; print(*t.digests())"
    assert run_python(code, FASTMLP_ISA=isa).split() == digests()


def test_mixed_precision_takes_every_option(team):
    found = []
    for threads in (1, 2):
        team(threads)
        for update in ({"clip_norm": 0.05}, {"clip_value": 0.01}):
            found.append(trained(LAYOUTS["plain"], update, precision="bf16", threads=threads)[0])
    assert found[:2] == found[2:]
    assert found[0] != found[1]


# ---- what is refused -----------------------------------------------------------------------------


def test_a_limit_makes_steps_possible_that_would_overflow():
    """Adam squares the gradient; clipped, its square is small. What is not finite is refused."""
    x = np.full((8, 4), 1e25, "f4")
    for options in ({"clip_value": 1.0}, {"clip_norm": 1.0}):
        net = network(sizes=(4, 3), activations=("identity",))
        net.set_parameters([(np.zeros((4, 3)), np.zeros(3))])
        tr = trainer(net, x, np.ones((8, 3), "f4"), loss="half_squared_error", optimizer="adam",
                     learning_rate=1e-30, **options)  # fmt: skip
        tr.run_epoch(0)
        assert all(np.isfinite(w).all() and w.any() for w, _ in net.parameters())
        overflow = trainer_of(np.full((8, 4), 3e38, "f4"), options)
        with pytest.raises(FloatingPointError, match="step 0"):
            overflow.run_epoch(0)


def trainer_of(x, options):
    net = network(str(x.dtype), sizes=(4, 3), activations=("identity",))
    t = np.full((len(x), 3), 1e10, x.dtype)
    return trainer(net, x, t, loss="half_squared_error", optimizer="adam", **options)


def test_a_norm_that_cannot_be_computed_is_refused():
    """In float64 the square of 1e160 is infinite, and a step of 0 would be told as one."""
    with pytest.raises(FloatingPointError, match="step 0"):
        trainer_of(np.full((8, 4), 1e160), {"clip_norm": 1.0}).run_epoch(0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"clip_value": -1.0}, "clip_value = -1 is not between 0"),
        ({"clip_norm": float("nan")}, "clip_norm = nan is not between 0"),
        ({"clip_value": 1.0, "clip_norm": 1.0}, "clip_value and clip_norm are both given"),
        ({"bias_rate": 1e3}, "bias_rate = 1000 is not between 0"),
        ({"layer_rates": (1.0, -1.0)}, r"layer_rates\[1\] = -1 is not between 0"),
        ({"layer_rates": (1.0,)}, "layer_rates has 1 entries; the network has 2 layers"),
        ({"epochs": 0}, "epochs = 0 must be at least 1"),
    ],
)
def test_what_cannot_be_is_refused_by_the_engine(options, message):
    net = network()
    with pytest.raises(ValueError, match=message):
        trainer(net, **options)
    trainer(net).run_epoch(0)  # the refused trainer has let go of the network


def test_train_hands_the_options_on():
    options = {"clip_norm": 0.05, "layer_rates": [0.5, 2.0], "bias_rate": 0.0}
    model = fastmlp.train(X, T, hidden=[8], epochs=2, **options)
    assert not any(b.any() for _, b in model.parameters)
    assert model.config.training.layer_rates == (0.5, 2.0)
    with pytest.raises(ConfigError, match="layer_rates has 2 numbers; the network has 3 layers"):
        fastmlp.train(X, T, hidden=[8, 8], layer_rates=[1, 2])
