"""Schedules: every one of the catalog against its own formula at every step and written out once
more, the warm-up, and a training whose rates are those of the formula.
"""

from __future__ import annotations

import math

import fastmlp
import numpy as np
import pytest
from conftest import CATALOG, FMA_ISAS, run_python
from fastmlp import ConfigError, _core
from test_trainer import T, X, gradients_of, network, trainer, weights

SCHEDULES = {row["name"]: row for row in CATALOG["schedules"]}
SAMPLES, BATCH, EPOCHS = 230, 16, 12
STEPS = 15  # of an epoch: the last one is shorter
TOTAL = STEPS * EPOCHS


def defaults(name, **others):
    own = {one["name"]: one["default"] for one in SCHEDULES[name]["hyperparameters"]}
    return own | others


def settings(name):
    """The defaults, and every number away from its own."""
    rows = SCHEDULES[name]["hyperparameters"]
    drawn = {"cycle_growth": 1.7, "cycles": 3.0, "plateau_epochs": 2.0, "power": 1.5}
    drawn |= {"step_epochs": 2.3, "cycle_epochs": 1.37, "warmup_epochs": 0.0}
    drawn |= {one["name"]: 0.37 for one in rows if one["below"] == 1.0}
    moved = {one["name"]: drawn[one["name"]] for one in rows}
    return [defaults(name), moved, moved | {"warmup_epochs": 1.4}]


CASES = [(name, values) for name in SCHEDULES for values in settings(name)]


def cycle(epochs, first, growth):
    """Which cycle of lengths first, first * growth, ... it is, and which share of it is over."""
    number, length = 0, first
    while epochs >= length - 1e-9:
        number, epochs, length = number + 1, epochs - length, length * growth
    return number, max(0.0, epochs) / length


def by_the_formula(name, values, taken, reductions=0, total=TOTAL):
    warmup = values["warmup_epochs"] * STEPS
    scope = values | {name: getattr(math, name) for name in ("floor", "cos", "pi", "log2")}
    scope |= {"max": max, "cycle": cycle, "steps": STEPS, "samples": SAMPLES}
    scope |= {"reductions": reductions, "total": max(1, total - warmup)}
    scope["t"] = min(scope["total"], max(0, taken - warmup))
    *first, last = SCHEDULES[name]["formula"].replace("^", "**").split("; ")
    for part in first:
        exec(part, scope)
    factor = eval(last, scope)
    return factor * (taken + 1) / (warmup + 1) if taken < warmup else factor


def factors(name, values, steps, reductions=0, epochs=EPOCHS):
    return _core.testing.schedule_factors(name, values, SAMPLES, BATCH, epochs, steps, reductions)


@pytest.mark.parametrize(("name", "values"), CASES)
def test_every_schedule_follows_its_formula_at_every_step(name, values):
    """Powers of shares are off by some roundings of their logarithm; these are above 2^-60."""
    found = factors(name, values, TOTAL + 20)
    expected = [by_the_formula(name, values, taken) for taken in range(TOTAL + 20)]
    np.testing.assert_allclose(found, expected, rtol=60 * 4e-16, atol=2e-15)
    assert min(found) >= 0
    assert max(found) <= 1


@pytest.mark.parametrize("decay_factor", [0.0, 0.1, 0.5, 1 - 2.0**-53])
@pytest.mark.parametrize("reductions", [0, 1, 5, 5000])
def test_a_plateau_falls_by_its_factor_to_its_floor(decay_factor, reductions):
    found = factors("plateau", defaults("plateau", decay_factor=decay_factor), 1, reductions)[0]
    np.testing.assert_allclose(found, decay_factor**reductions, rtol=1e-13, atol=1e-300)
    floored = factors(
        "plateau", defaults("plateau", decay_factor=decay_factor, final_factor=0.3), 1, reductions
    )
    assert floored == [max(found, 0.3)]


def test_cosines_are_precise_at_the_ends_and_between():
    found = factors("cosine", defaults("cosine"), 4001, epochs=4000 // STEPS + 1)
    total = STEPS * (4000 // STEPS + 1)
    exact = [(1 + np.cos(np.longdouble(np.pi) * t / total)) / 2 for t in range(4001)]
    assert np.abs(np.array(found) - np.array(exact)).max() < 4e-16
    assert factors("cosine", defaults("cosine"), TOTAL + 1)[0] == 1
    assert factors("cosine", defaults("cosine"), TOTAL + 1)[TOTAL] == 0


def test_the_articles_definitions():
    """Written out once more, from the articles and PyTorch's and scikit-learn's documentation."""
    t = np.arange(TOTAL)
    epoch = t // STEPS
    for name, values, expected in [
        ("step_decay", {"decay_factor": 0.5, "step_epochs": 3}, 0.5 ** (epoch // 3)),
        ("exponential", {"decay_factor": 0.9}, 0.9 ** (t / STEPS)),
        ("invscaling", {"power": 0.5}, 1 / np.sqrt(SAMPLES * epoch + 1)),
        ("polynomial", {"power": 2}, (1 - t / TOTAL) ** 2),
        ("cosine_restarts", {"cycle_epochs": 4}, (1 + np.cos(np.pi * (t % 60) / 60)) / 2),
        ("coslog", {}, (1 - np.cos(2 * np.pi * np.log2(1 + 15 * t / TOTAL))) / 2),
    ]:
        found = factors(name, defaults(name, **values), TOTAL)
        np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-14, err_msg=name)
    one_cycle = factors("one_cycle", defaults("one_cycle"), TOTAL + 1)
    assert np.argmax(one_cycle) == 0.3 * TOTAL
    np.testing.assert_allclose([one_cycle[0], max(one_cycle)], [1 / 25, 1], rtol=1e-15)
    np.testing.assert_allclose(one_cycle[-1], 1 / 25 / 1e4, rtol=1e-9)


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_warm_up_rises_in_equal_steps_to_where_the_schedule_begins(name):
    found = factors(name, defaults(name, warmup_epochs=2.0), TOTAL)
    start = factors(name, defaults(name), 1)[0]
    expected = start * (np.arange(2 * STEPS) + 1) / (2 * STEPS + 1)
    np.testing.assert_allclose(found[: 2 * STEPS], expected, rtol=1e-15)
    assert found[2 * STEPS] == start


def test_a_warm_up_may_be_longer_than_the_training():
    found = factors("cosine", defaults("cosine", warmup_epochs=100.0), TOTAL)
    assert found[-1] == TOTAL / (100 * STEPS + 1)


# ---- in a training -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_training_steps_by_the_rates_of_the_formula(name):
    """In float64 NumPy; 24 steps stay within their roundings."""
    values = settings(name)[2]
    net = network("float64")
    parameters = [[w, b] for w, b in net.parameters()]
    tr = trainer(net, seed=5, schedule=name, epochs=3, learning_rate=0.5, **values)
    rates = _core.testing.schedule_factors(name, values, 60, 8, 3, 24)
    for epoch in range(3):
        order = _core.permutation(60, 5, epoch)
        for step, first in enumerate(range(0, 60, 8)):
            for pair, g in zip(
                parameters, gradients_of(parameters, order[first : first + 8]), strict=True
            ):
                pair[0] = pair[0] - 0.5 * rates[8 * epoch + step] * g[0]
                pair[1] = pair[1] - 0.5 * rates[8 * epoch + step] * g[1]
        assert tr.run_epoch(epoch).learning_rate == 0.5 * rates[8 * epoch + 7]
    for found, expected in zip(net.parameters(), parameters, strict=True):
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


def test_a_constant_schedule_changes_no_bit():
    found = []
    for options in ({}, {"schedule": "constant", "epochs": 9, "warmup_epochs": 0.0}):
        net = network()
        trainer(net, **options).run_epoch(0)
        found.append(weights(net))
    assert found[0] == found[1]


def digests():
    found = []
    for name in SCHEDULES:
        net = network()
        tr = trainer(net, schedule=name, epochs=2, **settings(name)[2])
        for epoch in range(2):
            tr.run_epoch(epoch)
            tr.reductions = 1
        found.append(weights(net).hex())
    return found


@pytest.mark.parametrize("isa", FMA_ISAS)
def test_instruction_sets_change_no_bit(isa):
    code = "import test_schedules as t; print(*t.digests())"
    assert run_python(code, FASTMLP_ISA=isa).split() == digests()


def test_the_factors_are_those_of_every_processor():
    """Golden values: no library of the system computes them."""
    values = {"cosine": {}, "exponential": {"decay_factor": 0.37}, "polynomial": {"power": 1.3}}
    found = [
        factors(name, defaults(name, **others), 100)[97].hex() for name, others in values.items()
    ]
    assert found == GOLDEN


GOLDEN = ["0x1.c19a5767613a6p-2", "0x1.a6e81331813d6p-10", "0x1.7652d81408c6cp-2"]


def test_names_of_schedules_and_optimizers_are_told_apart():
    with pytest.raises(
        ValueError, match="schedule 'cosine' has no 'decay_factor'; it has: final_factor"
    ):
        trainer(network(), schedule="cosine", decay_factor=0.5)
    with pytest.raises(ValueError, match="optimizer 'sgd' has no 'beta_1'; it has: learning_rate"):
        trainer(network(), schedule="cosine", beta_1=0.5)
    with pytest.raises(ValueError, match=r"cycles = 2\.5 is not a whole number"):
        trainer(network(), schedule="coslog", cycles=2.5)
    with pytest.raises(ValueError, match=r"nesterov = 0\.5 is neither 0"):
        trainer(network(), nesterov=0.5)
    with pytest.raises(ValueError, match=r"'cosin'.*cosine_restarts"):
        trainer(network(), schedule="cosin")


def test_the_history_tells_the_rate_of_every_epochs_last_step():
    model = fastmlp.train(
        X, T, schedule="exponential", decay_factor=0.25, learning_rate=0.2, batch_size=6, epochs=4
    )
    expected = [0.2 * 0.25 ** ((10 * epoch + 9) / 10) for epoch in range(4)]
    np.testing.assert_allclose(model.history["learning_rate"], expected, rtol=1e-14)
    constant = fastmlp.train(X, T, learning_rate=0.2, epochs=2)
    assert constant.history["learning_rate"] == [0.2, 0.2]


def test_a_plateau_falls_when_the_validation_loss_has_stopped():
    """With a threshold of nearly all, no loss but the first is better."""
    model = fastmlp.train(
        X, T, validation=(X[:9], T[:9]), epochs=8, learning_rate=0.2,
        schedule="plateau", plateau_epochs=1, plateau_threshold=0.999, decay_factor=0.5,
    )  # fmt: skip
    # The first is the best; two that are no better make the rate fall, then again.
    expected = [0.2, 0.2, 0.2, 0.1, 0.1, 0.05, 0.05, 0.025]
    np.testing.assert_allclose(model.history["learning_rate"], expected, rtol=1e-14)
    with pytest.raises(ConfigError, match="schedule 'plateau' needs validation rows"):
        fastmlp.train(X, T, schedule="plateau")
