"""The engine's training state: what a trainer hands out, another goes on from, to the same bits;
and the average of the weights.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest
from conftest import CATALOG, FMA_ISAS, run_python
from fastmlp import _core

X = np.random.default_rng(0).normal(size=(60, 4)).astype("f4")
T = np.random.default_rng(1).integers(0, 3, 60)
OPTIMIZERS: dict[str, dict[str, Any]] = {
    row["name"]: {"optimizer": row["name"]} for row in CATALOG["optimizers"]
} | {"momentum": {"momentum": 0.9, "l2": 0.01}}
ADAM = {"optimizer": "adam", "learning_rate": 0.01}
# Sizes, rows, batch, dtype and options: each takes another way through a step.
WAYS: dict[str, tuple[list[int], int, int, str, dict[str, Any]]] = {
    "narrow": ([4, 8, 3], 60, 16, "float32", {}),
    "wide": ([4, 90, 3], 60, 16, "float32", {"momentum": 0.9}),
    "wide, float64": ([4, 90, 3], 60, 16, "float64", ADAM),
    "few": ([4, 90, 3], 9, 1, "float32", {}),
    "stored": ([4, 20, 3], 2500, 2300, "float32", ADAM),
    "bf16": ([4, 90, 3], 60, 16, "float32", {"precision": "bf16", "momentum": 0.9}),
}


def network(sizes=(4, 8, 3), dtype="float32"):
    made = _core.Network(list(sizes), ["tanh"] * (len(sizes) - 2) + ["softmax"], dtype)
    made.initialize("glorot_uniform", 0)
    return made


def trainer(net, x=X, t=T, **options):
    return _core.Trainer(
        net, x, t, **{"loss": "categorical_cross_entropy", "batch_size": 8, **options}
    )


def flat(layers):
    return b"".join(w.tobytes() + b.tobytes() for w, b in layers or ())


def digest(net, tr):
    """Everything that a later step could read."""
    state = tr.state()
    parts = [net.parameters(), *state["states"], state["average"]]
    return state["steps"], hashlib.sha256(b"|".join(map(flat, parts))).hexdigest()


def way(name, **more):
    """A network and a trainer that take this way through a step."""
    sizes, rows, batch, dtype, options = WAYS[name]
    rng = np.random.default_rng(7)
    net = network(sizes, dtype)
    x, t = rng.normal(size=(rows, 4)).astype("f4"), rng.integers(0, 3, rows)
    return net, trainer(net, x, t, batch_size=batch, **(options | more))


def gone_on(name, net, tr, **more):
    """The same, made new, and set to where that one stands."""
    other, to = way(name, **more)
    to.close()
    other.set_parameters(net.parameters())
    to = way_on(name, other, **more)
    to.set_state(**tr.state())
    return other, to


def way_on(name, net, **more):
    _, rows, batch, _, options = WAYS[name]
    rng = np.random.default_rng(7)
    x, t = rng.normal(size=(rows, 4)).astype("f4"), rng.integers(0, 3, rows)
    return trainer(net, x, t, batch_size=batch, **(options | more))


@pytest.mark.parametrize("decay", [None, 0.9])
@pytest.mark.parametrize("name", WAYS)
def test_another_trainer_goes_on_with_the_same_bits(name, decay, team):
    expected = []
    for threads in (1, 2, 3):
        team(threads)
        net, tr = way(name, ema_decay=decay)
        tr.run_epoch(0)
        team(4 - threads)
        other, to = gone_on(name, net, tr, ema_decay=decay)
        assert digest(other, to) == digest(net, tr)
        tr.run_epoch(1)
        to.run_epoch(1)
        assert digest(other, to) == digest(net, tr)
        expected.append(digest(net, tr))
    assert len(set(expected)) == 1


@pytest.mark.parametrize("options", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_optimizer_goes_on_with_the_same_bits(options, dtype):
    net = network(dtype=dtype)
    tr = trainer(net, **options)
    tr.run_epoch(0)
    other = network(dtype=dtype)
    other.set_parameters(net.parameters())
    to = trainer(other, **options)
    to.set_state(**tr.state())
    for epoch in (1, 2):
        assert tr.run_epoch(epoch).loss_sum == to.run_epoch(epoch).loss_sum
    assert digest(net, tr) == digest(other, to)
    assert tr.state()["steps"] == 24


def test_the_state_makes_a_difference():
    """Without it, the averages and the count of steps would begin anew."""
    net = network()
    tr = trainer(net, **ADAM)
    tr.run_epoch(0)
    other = network()
    other.set_parameters(net.parameters())
    to = trainer(other, **ADAM)
    tr.run_epoch(1)
    to.run_epoch(1)
    assert digest(net, tr) != digest(other, to)


class EnoughError(Exception):
    pass


@pytest.mark.parametrize(("batch", "batches"), [(64, 400), (1024, 25), (8192, 3)])
def test_an_epoch_goes_on_inside(batch, batches):
    """After any step; the figures of the epoch are those of all its steps."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(batch * batches - 5, 256)).astype("f4")
    t = rng.integers(0, 10, len(x))

    def begin():
        net = network([256, 1024, 1024, 10])
        return net, trainer(net, x, t, batch_size=batch, momentum=0.5, seed=4)

    net, tr = begin()
    whole = tr.run_epoch(0)
    other, to = begin()

    def stop(samples):
        if samples >= seen + batch:
            raise EnoughError

    so_far, pieces = None, 0
    while True:
        seen = 0 if so_far is None else so_far.samples
        try:
            result = to.run_epoch(0, stop, so_far)
            break
        except EnoughError:
            so_far, pieces = to.last_epoch, pieces + 1
        parameters, state = other.parameters(), to.state()
        to.close()
        other, to = begin()
        to.close()
        other.set_parameters(parameters)
        to = trainer(other, x, t, batch_size=batch, momentum=0.5, seed=4)
        to.set_state(**state)
        so_far = _core.EpochResult(
            epoch=0,
            loss_sum=so_far.loss_sum,
            correct=so_far.correct,
            samples=so_far.samples,
            steps=so_far.steps,
            learning_rate=so_far.learning_rate,
        )
    for key in ("epoch", "loss_sum", "correct", "samples", "steps", "learning_rate"):
        assert getattr(result, key) == getattr(whole, key)
    assert digest(other, to) == digest(net, tr)
    assert pieces >= 1


def test_an_epoch_that_is_over_is_told_again():
    net = network()
    tr = trainer(net)
    whole = tr.run_epoch(0)
    before = digest(net, tr)
    again = tr.run_epoch(0, None, whole)
    assert (again.loss_sum, again.steps) == (whole.loss_sum, whole.steps)
    assert digest(net, tr) == before


def begun(**changes):
    said = {"epoch": 0, "loss_sum": 0.0, "correct": 0, "samples": 8, "steps": 1}
    said["learning_rate"] = 0.1
    return _core.EpochResult(**(said | changes))


@pytest.mark.parametrize(
    "changes",
    [{"epoch": 1}, {"samples": 9}, {"steps": 2}, {"steps": -1}, {"samples": 72, "steps": 9}],
)
def test_a_beginning_that_cannot_be_is_refused(changes):
    net = network()
    tr = trainer(net)
    before = digest(net, tr)
    with pytest.raises(ValueError, match=r"so_far says epoch .* epoch 0 has steps of 8 of 60"):
        tr.run_epoch(0, None, begun(**changes))
    assert digest(net, tr) == before
    tr.run_epoch(0, None, begun())


def test_the_proof_before_a_step_knows_the_state():
    """A velocity near the largest float: the step is refused, as in the training it came from."""
    net = network()
    tr = trainer(net, momentum=0.9)
    state = tr.state()
    state["states"][0][1][0][0, 0] = 1e38
    tr.set_state(**state)
    before = flat(net.parameters())
    with pytest.raises(FloatingPointError):
        tr.run_epoch(0)
    assert tr.last_epoch.steps == 0
    assert flat(net.parameters()) == before


W, B = np.zeros((4, 3)), np.zeros(3)
REFUSED = {
    "steps": ({"steps": -1}, "steps = -1 must not be negative"),
    "none": ({"states": []}, "states has 0 entries; the optimizer 'adam' keeps 2"),
    "layers": ({"states": [[], []]}, r"states\[0\] has 0 entries; the network has 1 layers"),
    "shape": (
        {"states": [[(W, B)], [(W.T, B)]]},
        r"states\[1\]\[0\]\[0\] \(W\) has shape \(3, 4\); it must be \(4, 3\)",
    ),
    "nan": ({"states": [[(W, B)], [(W, B * np.nan)]]}, r"states\[1\]\[0\]\[1\] \(b\) holds"),
    "pair": ({"states": [[(W, B)], [(W,)]]}, r"states\[1\]\[0\] must be a pair"),
    "no average": ({"average": None}, "average is None; this trainer keeps one"),
    "average": ({"average": [(W, B[1:])]}, r"average\[0\]\[1\] \(b\) has shape \(2,\)"),
}


@pytest.mark.parametrize(("changes", "message"), REFUSED.values(), ids=REFUSED)
def test_a_state_that_does_not_fit_is_refused_whole(changes, message):
    net = network((4, 3))
    tr = trainer(net, ema_decay=0.5, **ADAM)
    tr.run_epoch(0)
    before = digest(net, tr)
    with pytest.raises(ValueError, match=message):
        tr.set_state(**(tr.state() | changes))
    assert digest(net, tr) == before


def test_an_average_that_nobody_keeps_is_refused():
    tr = trainer(network((4, 3)))
    with pytest.raises(ValueError, match="average is given; this trainer keeps none"):
        tr.set_state(**(tr.state() | {"average": [(W, B)]}))
    assert tr.average() is None
    tr.close()
    with pytest.raises(RuntimeError, match="the trainer is closed"):
        tr.state()


# ---- the average of the weights ------------------------------------------------------------------
# ------------------------------------


def step_by_step(name, decay, steps):
    """Train one step at a time; yield the network and its trainer after each."""
    sizes, rows, batch, dtype, options = WAYS[name]
    rng = np.random.default_rng(7)
    x, t = rng.normal(size=(rows, 4)).astype("f4"), rng.integers(0, 3, rows)
    net, state = network(sizes, dtype), None
    options = {"batch_size": batch, "shuffle": False, "ema_decay": decay, **options}
    for step in range(steps):
        first = step % (rows // batch) * batch
        tr = trainer(net, x[first : first + batch], t[first : first + batch], **options)
        if state is not None:
            tr.set_state(**state)
        tr.run_epoch(0)
        state = tr.state()
        yield net, tr
        tr.close()


@pytest.mark.parametrize("decay", [0.0, 0.75, 0.999])
@pytest.mark.parametrize("name", WAYS)
def test_the_average_is_the_formula(name, decay, team):
    """In float64 from the weights after every step. A step rounds the difference, the product with
    the rest and the decay, none of which exceeds 2 max|w|: 6 units of max|w| a step at most.
    """
    team(2)
    expected, largest, steps = None, 0.0, 12
    for net, tr in step_by_step(name, decay, steps):
        now = [a.astype("f8") for pair in net.parameters() for a in pair]
        old = expected or now
        expected = [decay * a + (1 - decay) * w for w, a in zip(now, old, strict=True)]
        largest = max(largest, *(abs(w).max() for w in now))
        found = [a for pair in tr.average() for a in pair]
    unit = np.finfo(found[0].dtype).eps / 2
    for a, e in zip(found, expected, strict=True):
        assert abs(a.astype("f8") - e).max() <= 6 * steps * unit * largest


@pytest.mark.parametrize("name", WAYS)
def test_averaging_does_not_change_the_training(name):
    plain, tr = way(name)
    averaged, to = way(name, ema_decay=0.9)
    tr.run_epoch(0)
    to.run_epoch(0)
    assert flat(plain.parameters()) == flat(averaged.parameters())


def averages():
    sha = hashlib.sha256()
    for name in WAYS:
        _, tr = way(name, ema_decay=0.9)
        tr.run_epoch(0)
        sha.update(flat(tr.average()))
    return sha.hexdigest()


@pytest.mark.parametrize("threads", [1, 2, 3, 5])
def test_threads_change_no_bit_of_the_average(threads, team):
    expected = averages()
    team(threads)
    assert averages() == expected


@pytest.mark.parametrize("isa", FMA_ISAS)
def test_instruction_sets_change_no_bit_of_the_average(isa):
    code = "import test_trainer_state as t; print(t.averages())"
    assert run_python(code, FASTMLP_ISA=isa).strip() == averages()


def test_the_average_is_that_of_pytorch():
    torch = pytest.importorskip("torch")
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

    layers = [torch.nn.Linear(m, n) for m, n in ((4, 90), (90, 3))]
    module = torch.nn.Sequential(*layers)
    average = AveragedModel(module, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    for net, tr in step_by_step("wide", 0.9, 9):
        for layer, (w, b) in zip(layers, net.parameters(), strict=True):
            layer.weight.data = torch.from_numpy(w.T.copy())
            layer.bias.data = torch.from_numpy(b.copy())
        average.update_parameters(module)
        found = tr.average()
    for layer, (w, b) in zip(average.module, found, strict=True):
        np.testing.assert_allclose(w.T, layer.weight.detach().numpy(), rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(b, layer.bias.detach().numpy(), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("decay", [1.0, -0.1, float("nan")])
def test_a_decay_out_of_range_is_refused(decay):
    with pytest.raises(ValueError, match=r"ema_decay = .* is not between 0 \(included\) and 1"):
        trainer(network(), ema_decay=decay)
