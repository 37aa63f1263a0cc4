"""Optimizers: every one of the catalog against its own formula in float64, Adam against bounds that
are derived step by step, PyTorch where it is installed, and NumPy over a whole network. Limits of
the gradient and multiples of the learning rate are test_update_options.py's.
"""

from __future__ import annotations

import hashlib
import json
import re

import numpy as np
import pytest
from conftest import CATALOG, FMA_ISAS, run_python
from fastmlp import _core
from test_trainer import T, X, gradients_of, network, trainer, weights

OPTIMIZERS = {row["name"]: row for row in CATALOG["optimizers"]}
SGD, ADAM = "sgd", "adam"
UNIT = {"float32": 2.0**-24, "float64": 2.0**-53}  # half the distance from 1 to the next number
WIDE = np.longdouble  # what the oracles compute in, so that they check float64 too
STEPS = 100


def defaults(name, **others):
    own = {one["name"]: one["default"] for one in OPTIMIZERS[name]["hyperparameters"]}
    return own | others


def settings(name):
    """Without penalties, and every other hyperparameter away from its own, flags last."""
    rows = OPTIMIZERS[name]["hyperparameters"]
    free = {one["name"]: 0.0 for one in rows if one["on_weights_only"]}
    penalties = dict.fromkeys(free, 0.01)
    shares = {one["name"]: 0.7 for one in rows if one["below"] == 1.0}
    flags = {one["name"]: 1.0 for one in rows if one["takes"] == "flag"}
    found = [defaults(name, **free), defaults(name, **penalties)]
    found += [defaults(name, **shares, **others) for others in (free, penalties)]
    if flags:
        found += [defaults(name, **flags, **free), defaults(name, **flags, **shares, **penalties)]
    return found


CASES = [(name, values) for name in OPTIMIZERS for values in settings(name)]


def by_the_formula(name, values, w, gradients):
    """The parameters after every step, by the text of the catalog."""
    text = OPTIMIZERS[name]["formula"].replace("^", "**")
    scope = dict.fromkeys(re.findall(r"(\w+) = ", text), np.zeros(len(w)))
    scope |= {key: WIDE(value) for key, value in values.items()}
    scope |= {"w": w.astype(WIDE), "sqrt": np.sqrt, "sign": np.sign}
    after = []
    for t, g in enumerate(gradients.astype(WIDE), 1):
        scope |= {"g": g, "t": t}
        exec(text, {}, scope)
        after.append(scope["w"])
    return np.array(after)


def optimize(name, values, w, gradients, **options):
    return _core.testing.optimize(name, values, w, gradients, **options)


# ---- every optimizer -----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "values"), CASES)
def test_every_optimizer_follows_its_formula(name, values, dtype):
    """Weights and gradients are positive, so nothing cancels and relative errors add up.

    With u a unit of rounding, an average of t terms is off by 3 t u at most (each step rounds a
    difference, a sum and the share), a root by half of that. So a step is off by (3 + 3/2) t u, and
    8 u for the gradient with its penalty, the scalars, root, sum, quotient and product; the weight
    that it is taken from is rounded once, and once more where it decays. A learning rate that is
    too small for that to be told is not the default one.
    """
    values = values | {"learning_rate": max(0.005, values["learning_rate"])}
    rng = np.random.default_rng(1)
    w = rng.uniform(20, 30, 53).astype(dtype)
    gradients = 10 ** rng.uniform(-3, 0, (STEPS, 53)).astype(dtype)
    expected = by_the_formula(name, values, w, gradients)
    found, _ = optimize(name, values, w, gradients)
    assert expected.min() > 0
    u = UNIT[dtype]
    step = np.abs(np.diff(expected, axis=0, prepend=w[None].astype(WIDE)))
    t = np.arange(1, STEPS + 1)[:, None]
    roundings = 2 if "weight_decay" in values else 1
    bound = np.cumsum(u * ((4.5 * t + 8) * step + roundings * expected), axis=0) * 1.01
    assert (np.abs(found - expected) <= bound).all()
    assert (np.abs(found - expected) > 0).any()
    assert (bound[-1] < 0.01 * np.abs(expected[-1] - w)).all()  # a wrong step is told


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_no_penalty_pulls_biases(name):
    rng = np.random.default_rng(2)
    w, gradients = rng.normal(size=20), rng.normal(size=(5, 20))
    with_penalty, without = settings(name)[1], settings(name)[0]
    plain = optimize(name, without, w, gradients)[0]
    assert np.array_equal(optimize(name, with_penalty, w, gradients, biases=True)[0], plain)
    assert with_penalty == without or not np.array_equal(
        optimize(name, with_penalty, w, gradients)[0], plain
    )


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_gradient_is_the_mean_over_the_batch(name):
    rng = np.random.default_rng(3)
    w, gradients = rng.normal(size=20), rng.normal(size=(5, 20))
    of_sums = optimize(name, defaults(name), w, gradients * 8, batch=8)[0]
    assert np.array_equal(of_sums, optimize(name, defaults(name), w, gradients)[0])


@pytest.mark.parametrize(("name", "values"), CASES)
def test_zeros_stay_zeros_without_a_sign(name, values):
    """Padding is such a parameter, and its gradient may be a negative zero."""
    after, states = optimize(name, values, np.zeros(9), np.full((3, 9), -0.0))
    for array in (after, *states):
        assert not array.any()
        assert not np.signbit(array).any()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_no_number_exceeds_the_bound_of_its_step(name, dtype):
    """The proof by which a step is committed or refused, for hyperparameters, weights and gradients
    over all magnitudes.
    """
    rng = np.random.default_rng(4)
    limit = float(np.finfo(dtype).max) / 16
    committed = 0
    for _ in range(3000):
        values = {one["name"]: draw(one, rng) for one in OPTIMIZERS[name]["hyperparameters"]}
        size = 10.0 ** rng.uniform(-0.9 * np.log10(limit), np.log10(limit), 2)
        w = rng.uniform(-1, 1, 8).astype(dtype) * size[0].astype(dtype)
        gradients = rng.uniform(-1, 1, (3, 8)).astype(dtype) * size[1].astype(dtype)
        bound = float(np.abs(w).max())
        with np.errstate(over="ignore"):
            after, _ = optimize(name, values, w, gradients)
        for step in range(3):
            gradient = float(np.abs(gradients[step]).max())
            bound = _core.testing.update_bound(name, values, gradient, bound)
            if not bound < limit:
                break
            committed += 1
            assert np.abs(after[step]).max() <= bound * (1 + 1e-6), (name, values)
    assert committed > 1000


def draw(one, rng):
    """A value of a hyperparameter near either end of its range or between."""
    if one["takes"] == "flag":
        return float(rng.integers(2))
    if one["below"] == 1.0:
        return float(rng.choice([0.0, 1e-9, 0.5, 0.9, 0.999, 1 - 1e-9, 1 - 2.0**-53]))
    low = max(one["least"], 1e-25)
    return float(rng.choice([one["least"], 10 ** rng.uniform(np.log10(low), 10)]))


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_gradient_that_is_not_finite_has_no_finite_bound(name, bad):
    assert not np.isfinite(_core.testing.update_bound(name, defaults(name), abs(bad), 1.0))
    assert not np.isfinite(_core.testing.update_bound(name, defaults(name), 1.0, abs(bad)))


def digests():
    """Of every optimizer, over numbers of all magnitudes: subnormal, zero, large."""
    rng = np.random.default_rng(5)
    found = {}
    for name, values in CASES:
        for dtype, smallest in (("float32", -44), ("float64", -320)):
            w = (rng.normal(size=333) * 10 ** rng.uniform(-10, 3, 333)).astype(dtype)
            sizes = 10 ** rng.uniform(smallest, 4, (40, 333))
            gradients = (rng.normal(size=(40, 333)) * sizes).astype(dtype)
            gradients[rng.random((40, 333)) < 0.2] = 0
            after, states = optimize(name, values, w, gradients)
            sha = hashlib.sha256(after.tobytes())
            for state in states:
                sha.update(state.tobytes())
            found[f"{name} {values} {dtype}"] = sha.hexdigest()
    return found


@pytest.mark.parametrize("isa", FMA_ISAS)
def test_instruction_sets_change_no_bit(isa):
    code = "import json, test_optimizers as t; print(json.dumps(t.digests()))"
    assert json.loads(run_python(code, FASTMLP_ISA=isa)) == digests()


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_stored_gradient_gives_the_bits_of_a_fused_one(name, dtype):
    """A batch above 1,024 rows goes through in chunks, and its gradient is stored. Here the second
    chunk adds exact zeros, and half the targets halve every term; so the sums are halves.
    """
    found = []
    for rows, scale in ((1024, 1), (2048, 2)):
        x, t = np.zeros((rows, 5), dtype), np.zeros((rows, 3), dtype)
        rng = np.random.default_rng(6)
        x[:1024], t[:1024] = rng.normal(size=(1024, 5)), rng.normal(size=(1024, 3)) * scale
        net = _core.Network([5, 3], ["identity"], dtype)  # weights are zero, so delta = -t
        options = {"loss": "half_squared_error", "shuffle": False, "batch_size": rows}
        trainer(net, x, t, optimizer=name, **options).run_epoch(0)
        found.append(weights(net))
    assert found[0] == found[1]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_epoch_goes_on_where_the_last_one_ended(name):
    """Averages and the count of steps belong to the trainer, not to the epoch."""
    found = []
    for times in (1, 2):
        net = network()
        tr = trainer(net, np.tile(X, (times, 1)), np.tile(T, times), optimizer=name, batch_size=6,
                     shuffle=False)  # fmt: skip
        for epoch in range(2 // times):
            tr.run_epoch(epoch)
        found.append(weights(net))
    assert found[0] == found[1]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_interrupted_epoch_keeps_the_averages_of_its_whole_steps(name):
    """What follows goes on from them: as one epoch over the rows that were seen, then all again."""
    rng = np.random.default_rng(9)
    x, t = rng.normal(size=(200_000, 4)).astype("f4"), rng.integers(0, 3, 200_000)
    options = {"optimizer": name, "batch_size": 1, "shuffle": False, "threads": 1}
    net, again = network(), network()
    tr = trainer(net, x, t, **options)

    def stop(samples):
        raise StopIteration

    with pytest.raises(StopIteration):
        tr.run_epoch(0, stop)
    seen = tr.last_epoch.samples
    assert 0 < seen < len(x)
    tr.run_epoch(1)
    rows = np.concatenate([np.arange(seen), np.arange(len(x))])
    trainer(again, x[rows], t[rows], **options).run_epoch(0)
    assert weights(net) == weights(again)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_refused_step_changes_nothing(name, dtype):
    """Neither weights nor averages nor the count of steps: an epoch that ends before a row that is
    too large is worth an epoch without it.
    """
    huge = float(np.finfo(dtype).max) / 2
    x = X[:48].astype(dtype)
    found = []
    for rows in (48, 40):
        x[40:] = huge
        net = network(dtype, sizes=(4, 3), activations=("identity",))
        t = np.ones((rows, 3), dtype)
        tr = trainer(net, x[:rows], t, optimizer=name, loss="half_squared_error", shuffle=False)
        for epoch in range(3):
            if rows == 40:
                tr.run_epoch(epoch)
                continue
            with pytest.raises(FloatingPointError, match="step 5: the step would have made"):
                tr.run_epoch(epoch)
        found.append(weights(net))
    assert found[0] == found[1]


# ---- Adam ----------------------------------------------------------------------------------------


def adam_with_bounds(values, w, gradients, u, tiny):
    """Adam, and how far rounding can carry numbers of unit u from it: the parameters of each step,
    the averages at the end, and a bound on the error of each.

    Every line bounds the errors of one operation of the kernel: those of its operands, passed on,
    and u times what is rounded; of the scalars, the cast. `tiny` is what becomes zero. The factor
    at the end covers products of errors.
    """
    c_1, c_2 = 1 - WIDE(values["beta_1"]), 1 - WIDE(values["beta_2"])
    m, v, e_m, e_v, e_w = (np.zeros_like(w, WIDE) for _ in range(5))
    w = w.astype(WIDE)
    after, errors = [], []
    for t, g in enumerate(gradients.astype(WIDE), 1):
        root = np.sqrt(1 - (1 - c_2) ** t)
        rate = values["learning_rate"] * root / (1 - (1 - c_1) ** t)
        floor = values["epsilon"] * root
        e_m = (1 - c_1) * e_m + c_1 * 2 * u * (np.abs(g - m) + e_m)
        m = m + c_1 * (g - m)
        e_m += u * np.abs(m) + tiny
        e_v = (1 - c_2) * e_v + c_2 * 2 * u * (np.abs(g * g - v) + e_v)
        v = v + c_2 * (g * g - v)
        e_v += u * v + tiny
        s = np.sqrt(v)
        e_s = np.sqrt(v + e_v) - np.sqrt(np.maximum(v - e_v, 0)) + u * s
        e_d = e_s + u * floor + u * (s + floor)
        q = m / (s + floor)
        e_q = (e_m + np.abs(q) * e_d) / np.maximum(s + floor - e_d, floor / 2) + u * np.abs(q)
        w = w - rate * q
        e_w = e_w + rate * (e_q + u * np.abs(q)) + u * np.abs(w)
        after.append(w)
        errors.append(e_w)
    return np.array(after), 1.01 * np.array(errors), [(m, 1.01 * e_m), (v, 1.01 * e_v)]


def rough_gradients(rng, count):
    """Of all magnitudes, both signs, with dead stretches and single spikes."""
    sizes = 10 ** rng.uniform(-12, 6, count)
    gradients = rng.normal(size=(STEPS, count)) * sizes
    gradients[30:60, : count // 4] = 0
    gradients[:, count // 4 : count // 3] *= rng.random((STEPS, count // 3 - count // 4)) < 0.05
    return gradients


ADAM_VALUES = [
    {},
    {"epsilon": 1e-3, "learning_rate": 0.1},
    {"beta_1": 0.0},
    {"beta_1": 0.5, "beta_2": 0.0, "epsilon": 1e-6},
    {"beta_1": 0.99, "beta_2": 0.9999},
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("others", ADAM_VALUES)
def test_adam_stays_within_its_rounding_errors(others, dtype):
    rng = np.random.default_rng(7)
    w, gradients = rng.normal(size=240).astype(dtype), rough_gradients(rng, 240).astype(dtype)
    values = defaults(ADAM, **others)
    tiny = float(np.finfo(dtype).tiny)
    expected, bounds, averages = adam_with_bounds(values, w, gradients, UNIT[dtype], tiny)
    found, states = optimize(ADAM, values, w, gradients)
    assert (np.abs(found - expected) <= bounds).all()
    for state, (average, bound) in zip(states, averages, strict=True):
        assert (np.abs(state - average) <= bound).all()
    # The bound can fail: it tells a share of the new gradient that is wrong by a twentieth.
    values["beta_1"] = 1 - 0.95 * (1 - values["beta_1"])
    wrong, _ = optimize(ADAM, values, w, gradients)
    assert (np.abs(wrong - expected) > bounds).mean() > 0.5


def test_the_first_step_has_the_length_of_the_learning_rate():
    """What the corrections of both averages are for."""
    w, gradient = np.zeros(6), np.array([[1e-3, 1, 1e3, -1e-3, -1, -1e3]])
    found, _ = optimize(ADAM, defaults(ADAM, epsilon=1e-20), w, gradient)
    np.testing.assert_allclose(found[0], -0.001 * np.sign(gradient[0]), rtol=1e-14)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_averages_without_gradients_end_at_zero_and_are_never_subnormal(dtype):
    """Rounding would hold them for ever among the subnormal numbers, where processors are slow."""
    values = defaults(ADAM, beta_1=0.5, beta_2=0.5)
    gradients = np.zeros((3000, 40), dtype)
    gradients[0] = 10.0 ** np.linspace(-18, 3, 40)
    for steps in range(1, 200, 13):
        for state in optimize(ADAM, values, np.zeros(40, dtype), gradients[:steps])[1]:
            assert ((state == 0) | (np.abs(state) >= np.finfo(dtype).tiny)).all()
    after, states = optimize(ADAM, values, np.zeros(40, dtype), gradients)
    assert not any(state.any() for state in states)
    assert np.array_equal(after[-1], after[-100])


# By our name: the class, and its names of our hyperparameters.
TORCH = {
    SGD: ("SGD", {"momentum": "momentum", "nesterov": "nesterov", "l2": "weight_decay"}),
    ADAM: ("Adam", {"epsilon": "eps", "l2": "weight_decay"}),
    "adamw": ("AdamW", {"epsilon": "eps", "weight_decay": "weight_decay"}),
    "nadam": ("NAdam", {"epsilon": "eps", "l2": "weight_decay"}),
    "adagrad": ("Adagrad", {"epsilon": "eps", "l2": "weight_decay"}),
    "rmsprop": (
        "RMSprop",
        {"rho": "alpha", "momentum": "momentum", "centered": "centered"}
        | {"epsilon": "eps", "l2": "weight_decay"},
    ),
}
TORCH_CASES = [
    (name, others)
    for name, others in [
        (SGD, {}),
        (SGD, {"momentum": 0.9, "l2": 0.01}),
        (SGD, {"momentum": 0.9, "nesterov": True, "l2": 0.01}),
        (ADAM, {}),
        (ADAM, {"learning_rate": 0.01, "beta_1": 0.8, "epsilon": 1e-6, "l2": 0.01}),
        ("adamw", {}),
        ("adamw", {"learning_rate": 0.1, "weight_decay": 0.3, "beta_2": 0.99}),
        ("nadam", {}),
        ("nadam", {"learning_rate": 0.1, "beta_1": 0.5, "l2": 0.01}),
        ("adagrad", {}),
        ("adagrad", {"learning_rate": 1.0, "epsilon": 1e-3, "l2": 0.01}),
        ("rmsprop", {}),
        ("rmsprop", {"momentum": 0.9, "rho": 0.9, "l2": 0.01}),
        ("rmsprop", {"centered": True, "epsilon": 1e-3}),
        ("rmsprop", {"centered": True, "momentum": 0.5, "epsilon": 1e-3}),
    ]
]


@pytest.mark.parametrize(("name", "others"), TORCH_CASES)
def test_pytorch_agrees(name, others):
    """In float64, where 100 steps of some ten roundings each stay below 1e-12 of the step. PyTorch
    takes the variance of centered RMSprop as a difference, which loses up to six digits more, and
    holds NAdam's product in float32.
    """
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    values = defaults(name, **others)
    rng = np.random.default_rng(8)
    w, gradients = rng.normal(size=30), rng.normal(size=(STEPS, 30)) * 10 ** rng.uniform(-4, 2, 30)
    parameter = torch.nn.Parameter(torch.tensor(w))
    kind, names = TORCH[name]
    options = {theirs: values[ours] for ours, theirs in names.items()}
    options |= {key: bool(options[key]) for key in ("nesterov", "centered") if key in options}
    if "beta_1" in values:
        options["betas"] = (values["beta_1"], values["beta_2"])
    optimizer = getattr(torch.optim, kind)([parameter], lr=values["learning_rate"], **options)
    found, _ = optimize(name, values, w, gradients)
    tolerance = 1e-6 if others.get("centered") or name == "nadam" else 1e-12
    for gradient, after in zip(gradients, found, strict=True):
        parameter.grad = torch.tensor(gradient)
        optimizer.step()
        expected = parameter.detach().numpy()
        np.testing.assert_allclose(after, expected, rtol=tolerance, atol=tolerance)


# ---- the others ----------------------------------------------------------------------------------


def reference_step(name, h, w, g, kept, t):
    """One step as the articles write it, in float64, with a dict of what is kept."""
    if name == "lion":
        m = kept.get("m", 0)
        step = np.sign(h["beta_1"] * m + (1 - h["beta_1"]) * g) + h["weight_decay"] * w
        kept["m"] = h["beta_2"] * m + (1 - h["beta_2"]) * g
        return w - h["learning_rate"] * step
    g = g + h.get("l2", 0) * w + h.get("l1", 0) * np.sign(w)
    if name == "sgd":
        kept["v"] = h["momentum"] * kept.get("v", 0) + g
        if h["nesterov"]:
            return w - h["learning_rate"] * (g + h["momentum"] * kept["v"])
        return w - h["learning_rate"] * kept["v"]
    if name == "adagrad":
        kept["sum"] = kept.get("sum", 0) + g**2
        return w - h["learning_rate"] / (np.sqrt(kept["sum"]) + h["epsilon"]) * g
    if name == "rmsprop":
        kept["v"] = h["rho"] * kept.get("v", 0) + (1 - h["rho"]) * g**2
        kept["a"] = h["rho"] * kept.get("a", 0) + (1 - h["rho"]) * g
        below = np.sqrt(kept["v"] - h["centered"] * kept["a"] ** 2) + h["epsilon"]
        kept["b"] = h["momentum"] * kept.get("b", 0) + g / below
        return w - h["learning_rate"] * kept["b"]
    kept["m"] = h["beta_1"] * kept.get("m", 0) + (1 - h["beta_1"]) * g
    kept["v"] = h["beta_2"] * kept.get("v", 0) + (1 - h["beta_2"]) * g**2
    below = np.sqrt(kept["v"] / (1 - h["beta_2"] ** t)) + h["epsilon"]
    if name == "nadam":
        mu, ahead = (h["beta_1"] * (1 - 0.5 * 0.96 ** (s / 250)) for s in (t, t + 1))
        kept["product"] = kept.get("product", 1) * mu
        average = ahead * kept["m"] / (1 - kept["product"] * ahead)
        average = average + (1 - mu) * g / (1 - kept["product"])
    else:
        average = kept["m"] / (1 - h["beta_1"] ** t)
    w = w * (1 - h["learning_rate"] * h.get("weight_decay", 0))
    return w - h["learning_rate"] * average / below


@pytest.mark.parametrize(("name", "values"), CASES)
def test_every_optimizer_is_that_of_its_article(name, values):
    """Gradients of both signs, in float64: 100 steps of some ten roundings each. A variance taken
    as a difference may lose six digits, where the deviation is a thousandth of the mean.
    """
    rng = np.random.default_rng(10)
    w, gradients = rng.normal(size=30), rng.normal(size=(STEPS, 30)) * 10 ** rng.uniform(-3, 2, 30)
    found, _ = optimize(name, values, w, gradients)
    kept = {}
    tolerance = 1e-6 if values.get("centered") else 1e-11
    for t, (g, after) in enumerate(zip(gradients, found, strict=True), 1):
        w = reference_step(name, values, w, g, kept, t)
        np.testing.assert_allclose(after, w, rtol=tolerance, atol=tolerance)


def test_l1_is_a_constant_pull():
    """A7: w <- w - eta theta sign(w) - eta g."""
    w, g = np.array([2.0, -3.0, 0.0, -0.0]), np.array([[0.5, 0.25, 0.0, 1.0]])
    values = defaults(SGD, learning_rate=0.5, l1=0.125)
    expected = w - 0.5 * 0.125 * np.sign(w) - 0.5 * g[0]
    assert np.array_equal(optimize(SGD, values, w, g)[0][0], expected)
    without = optimize(SGD, values, w, g, biases=True)[0][0]
    assert np.array_equal(without, w - 0.5 * g[0])


def test_a_centered_variance_is_never_negative():
    """Where all gradients are equal, v - a^2 would be what rounding makes of it."""
    values = defaults("rmsprop", centered=1.0, rho=0.5)
    gradients = np.full((200, 8), 0.1, "f4") * np.arange(1, 9, dtype="f4")
    after, (variance, average) = optimize("rmsprop", values, np.ones(8, "f4"), gradients)
    assert np.isfinite(after).all()
    assert (variance >= 0).all()
    np.testing.assert_allclose(average, gradients[0], rtol=1e-6)


@pytest.mark.parametrize("l2", [0.0, 0.05])
def test_adam_over_a_network_and_epochs_is_the_formulas(l2):
    """With this epsilon a step moves at most learning_rate / epsilon = 10 times as much as its
    gradient, so float64 stays within 16 steps x 10 x the 1e-15 or so of a gradient.
    """
    values = defaults(ADAM, learning_rate=0.01, epsilon=1e-3, l2=l2)
    net = network("float64")
    parameters = [[w, b] for w, b in net.parameters()]
    m, v = ([[np.zeros_like(a) for a in pair] for pair in parameters] for _ in range(2))
    tr = trainer(net, optimizer=ADAM, seed=5, **values)
    t = 0
    for epoch in range(2):
        order = _core.permutation(60, 5, epoch)
        for first in range(0, 60, 8):
            t += 1
            for layer, pair in enumerate(gradients_of(parameters, order[first : first + 8])):
                for i, g in enumerate(pair):
                    w = parameters[layer][i]
                    g = g + (l2 * w if i == 0 else 0)
                    m[layer][i] = 0.9 * m[layer][i] + 0.1 * g
                    v[layer][i] = 0.999 * v[layer][i] + 0.001 * g**2
                    m_hat, v_hat = m[layer][i] / (1 - 0.9**t), v[layer][i] / (1 - 0.999**t)
                    parameters[layer][i] = w - 0.01 * m_hat / (np.sqrt(v_hat) + 1e-3)
        assert tr.run_epoch(epoch).steps == 8
    for found, expected in zip(net.parameters(), parameters, strict=True):
        for a, b in zip(found, expected, strict=True):
            assert np.abs(a - b).max() <= 16 * 10 * 1e-15


@pytest.mark.parametrize(("dtype", "huge"), [("float32", 1e25), ("float64", 1e170)])
def test_a_gradient_whose_square_overflows_is_refused(dtype, huge):
    """Adam squares it; to SGD the same step is still finite."""
    x = np.full((8, 4), huge, dtype)
    for name, refused in ((ADAM, True), (SGD, False)):
        net = network(dtype, sizes=(4, 3), activations=("identity",))
        net.set_parameters([(np.zeros((4, 3)), np.zeros(3))])
        options = {"loss": "half_squared_error", "optimizer": name}
        tr = trainer(net, x, np.ones((8, 3), dtype), **options)
        before = weights(net)
        if refused:
            with pytest.raises(FloatingPointError, match="diverged in epoch 0, step 0"):
                tr.run_epoch(0)
            assert weights(net) == before
        else:
            tr.run_epoch(0)
            assert all(np.isfinite(w).all() for w, _ in net.parameters())


def test_adam_learns_on_where_gradients_are_large():
    """The bound is no refusal of what is merely steep."""
    net = network(sizes=(4, 3), activations=("identity",))
    tr = trainer(net, X * np.float32(1e7), X[:, :3] * np.float32(1e7), optimizer=ADAM,
                 loss="half_squared_error")  # fmt: skip
    losses = [tr.run_epoch(epoch).loss for epoch in range(30)]
    assert losses[-1] < 0.8 * losses[0]
