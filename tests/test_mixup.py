"""Mixup: shares of the Beta distribution, and steps that are those of rows mixed beforehand."""

from __future__ import annotations

import hashlib

import fastmlp
import mpmath
import numpy as np
import pytest
import reference
from fastmlp import ConfigError, _core
from test_gradients import defaults_of, full_batch_step, largest_relative_error

PURPOSE = 12


def mixing(alpha, seed, step, place, first, count):
    return _core.testing.mixing(alpha, seed, step, place, first, count)


def words(seed, layer, step, place):
    a, b, c, d = _core.testing.philox(seed, PURPOSE, layer, step, 0, place)
    return b << 32 | a, d << 32 | c


def expected_mixing(alpha, seed, step, place, first, count):
    """From single calls of the generator, by the articles' formulas in NumPy."""
    partner = first + (words(seed, 0, step, place)[0] * count >> 64)
    attempt = 1
    while True:
        u, v = (((bits >> 12) + 0.5) * 2.0**-52 for bits in words(seed, attempt, step, place))
        if alpha > 0.75:
            radius = np.sqrt(1 - u ** (2 / (2 * alpha - 1)))
            return partner, (1 + radius * np.cos(2 * np.pi * v)) / 2
        x, y = np.log(u) / alpha, np.log(v) / alpha
        if np.exp(x) + np.exp(y) <= 1:
            return partner, 1 / (1 + np.exp(y - x))
        attempt += 1


ALPHAS = [0.05, 0.2, 0.5, 0.75, 0.7500001, 1.0, 2.0, 8.0, 300.0]


@pytest.mark.parametrize("alpha", ALPHAS)
def test_shares_and_partners_are_those_of_the_formulas(alpha):
    for place in range(300):
        at = (alpha, 2**40 + 3, 17, place, 200, 100)
        partner, share = mixing(*at)
        other, exact = expected_mixing(*at)
        assert partner == other
        assert share == pytest.approx(exact, rel=1e-9, abs=1e-13)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_shares_follow_the_beta_distribution(alpha):
    n = 4000
    shares = np.sort([mixing(alpha, 5, i // 50, i, 0, 50)[1] for i in range(n)])
    at = np.arange(0, n, 37)
    at = at[shares[at] < 0.5]  # near 1 there are too few numbers for the smallest alphas
    exact = [float(mpmath.betainc(alpha, alpha, 0, shares[i], regularized=True)) for i in at]
    assert np.abs(np.array(exact) - (at + 0.5) / n).max() < 1.95 / np.sqrt(n)  # 1 in 1,000
    assert abs((shares < 0.5).mean() - 0.5) < 4 / np.sqrt(4 * n)
    assert abs(shares.mean() - 0.5) < 4 / np.sqrt(4 * n * (2 * alpha + 1))


@pytest.mark.parametrize("alpha", [1e-300, 1e-12, 1e5])
def test_extreme_numbers_give_shares_too(alpha):
    shares = np.array([mixing(alpha, 1, 0, place, 0, 9)[1] for place in range(500)])
    assert ((shares >= 0) & (shares <= 1)).all()
    ends = (shares < 1e-3) | (shares > 1 - 1e-3)
    assert ends.all() if alpha < 1 else (np.abs(shares - 0.5) < 0.02).all()
    assert 150 < (shares > 0.5).sum() < 350


def test_partners_are_even_and_steps_differ():
    partners = [mixing(0.2, 1, step, place, 30, 10)[0] for step in range(400) for place in range(9)]
    counts = np.bincount(np.array(partners) - 30, minlength=10)
    assert ((counts - 360) ** 2 / 360).sum() < 27.9  # chi squared, 9 degrees: 1 in 1,000
    assert len({mixing(0.2, 1, step, 3, 0, 10)[1] for step in range(50)}) == 50


def mixed(alpha, seed, values, order, batch, step):
    """Rows of one batch of the order, mixed as the formulas say."""
    found = []
    first = step * batch
    count = min(batch, len(order) - first)
    for place in range(first, first + count):
        partner, share = expected_mixing(alpha, seed, step, place, first, count)
        found.append(share * values[order[place]] + (1 - share) * values[order[partner]])
    return np.array(found)


CASES = [
    ("categorical_cross_entropy", "softmax", "labels"),
    ("binary_cross_entropy", "sigmoid", "labels"),
    ("binary_cross_entropy", "sigmoid", "one"),
    ("mean_squared_error", "identity", "values"),
    ("huber", "tanh", "values"),
    ("hinge", "identity", "labels"),
    ("categorical_focal_cross_entropy", "softmax", "labels"),
]


@pytest.mark.parametrize(("loss", "output", "kind"), CASES)
@pytest.mark.parametrize("weighted", [False, True])
def test_gradients_are_those_of_the_mixed_rows(loss, output, kind, weighted):
    rng = np.random.default_rng(8)
    rows, outputs, alpha, seed = 9, 1 if kind == "one" else 3, 0.4, 2**33 + 1
    x = rng.normal(size=(rows, 4))
    labels = rng.integers(0, 2 if kind == "one" else 3, rows)
    values = {
        "values": rng.normal(size=(rows, 3)),
        "labels": np.eye(3)[labels],
        "one": labels[:, None] * 1.0,
    }[kind]
    weights = rng.random(rows) if weighted else np.ones(rows)
    network = _core.Network([4, 5, outputs], ["tanh", output], "float64")
    network.initialize("normal", 1, 0.6, "normal")
    parameters = network.parameters()
    order, seeds = np.arange(rows), (alpha, seed)
    t, w = (mixed(*seeds, v, order, rows, 0) for v in (values, weights))
    constants = defaults_of(loss)
    expected = reference.numerical_gradient(
        parameters, ["tanh", output], loss, mixed(*seeds, x, order, rows, 0), t,
        constants=constants, weights=w,
    )  # fmt: skip
    options = {"mixup": alpha, "seed": seed, "sample_weight": weights if weighted else None}
    _, found = full_batch_step(network, x, values if kind == "values" else labels, loss, **options)
    assert largest_relative_error(found, expected) <= 1e-6


@pytest.mark.parametrize(("batch", "rows"), [(1, 5), (7, 30), (40, 90), (2600, 5300)])
@pytest.mark.parametrize("threads", [1, 3])
def test_a_training_is_that_of_rows_mixed_beforehand(team, batch, rows, threads):
    """Also in an order that is drawn, and where a batch goes through in chunks."""
    team(threads)
    rng = np.random.default_rng(1)
    x, labels = rng.normal(size=(rows, 6)), rng.integers(0, 3, rows)
    seed, alpha, options = 9, 0.3, {"loss": "categorical_cross_entropy", "learning_rate": 0.1}
    networks = [_core.Network([6, 20, 3], ["tanh", "softmax"], "float64") for _ in range(2)]
    for network in networks:
        network.initialize("glorot_uniform", 2)
    trainer = _core.Trainer(
        networks[0], x, labels, batch_size=batch, seed=seed, mixup=alpha, **options
    )
    report = trainer.run_epoch(0)
    trainer.close()
    order, right, total = _core.permutation(rows, seed, 0), 0, 0.0
    for step in range(-(-rows // batch)):
        own = (alpha, seed, order, batch, step)
        x_step, t_step = (
            mixed(*own[:2], v, *own[2:]) for v in (x, reference.one_hot(labels, 3))
        )  # the engine takes rows of probabilities too
        trainer = _core.Trainer(
            networks[1], x_step, t_step, batch_size=len(x_step), shuffle=False, **options
        )
        one = trainer.run_epoch(0)
        trainer.close()
        right, total = right + one.correct, total + one.loss * one.samples
    assert report.correct == right
    assert report.loss == pytest.approx(total / rows, rel=1e-10)
    for pair, other in zip(networks[0].parameters(), networks[1].parameters(), strict=True):
        for a, b in zip(pair, other, strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-11)


def rows_seen(x, **options):
    """The inputs of the first step: a linear unit that starts at zero has them in its gradient."""
    rows, features = x.shape
    found = []
    for place in range(rows):
        network = _core.Network([features, 1], ["identity"], "float64")
        targets = np.zeros((rows, 1))
        targets[place] = -1
        network.set_parameters([(np.zeros((features, 1)), np.zeros(1))])
        own = {"learning_rate": float(rows), "batch_size": rows, "shuffle": False}
        trainer = _core.Trainer(
            network, x, targets, loss="half_squared_error", seed=4, **own, **options
        )
        trainer.run_epoch(0)
        trainer.close()
        found.append(-network.parameters()[0][0][:, 0])
    return np.array(found)


def test_pictures_are_changed_first_and_mixed_then():
    """sum_i share_i(place) x_i, where the rows of targets are mixed as well."""
    x = np.random.default_rng(6).random((7, 16))
    changes = {"height": 4, "width": 4, "shift": 1.0, "rotation": 20.0}
    changed = rows_seen(x, augmentation=changes)
    drawn = [mixing(0.5, 4, 0, place, 0, 7) for place in range(7)]
    shares = np.zeros((7, 7))  # of each row's target in the sample at each place
    for place, (partner, share) in enumerate(drawn):
        shares[place, place] += share
        shares[place, partner] += 1 - share
    expected = shares.T @ (shares @ changed)
    np.testing.assert_allclose(
        rows_seen(x, augmentation=changes, mixup=0.5), expected, rtol=1e-9, atol=1e-6
    )


def weights_after(sizes, batch, x, **options):
    network = _core.Network(sizes, [*["relu"] * (len(sizes) - 2), "softmax"])
    network.initialize("he_normal", 3)
    options = {"loss": "categorical_cross_entropy", "learning_rate": 0.1, **options}
    labels = np.arange(len(x)) % sizes[-1]
    trainer = _core.Trainer(network, x, labels, batch_size=batch, mixup=0.2, seed=5, **options)
    reports = [trainer.run_epoch(epoch) for epoch in range(2)]
    trainer.close()
    found = b"".join(w.tobytes() + b.tobytes() for w, b in network.parameters())
    return found + np.array([report.loss for report in reports]).tobytes()


def sparse(rows, features):
    rng = np.random.default_rng(0)
    return rng.random((rows, features), "float32") * (rng.random((rows, features)) > 0.9)


RUNS = [
    ([100, 300, 10], 40, {}),
    ([100, 30, 10], 10, {}),
    ([33, 8, 5], 20, {}),
    ([33, 20, 5], 3, {"optimizer": "adam"}),
    ([33, 70, 5], 16, {"precision": "bf16"}),
    ([33, 70, 5], 32, {"dropout": [0.2, 0.3], "noise": 0.1, "sample_weight": np.arange(90) / 90}),
]


def digest():
    """The bits of all runs in short, for comparisons between processes."""
    sha = hashlib.sha256()
    for sizes, batch, options in RUNS:
        sha.update(weights_after(sizes, batch, sparse(90, sizes[0]), **options))
    return sha.hexdigest()


@pytest.mark.parametrize(("sizes", "batch", "options"), RUNS)
def test_fast_ways_change_no_bit(sizes, batch, options):
    x = sparse(90, sizes[0])
    found = weights_after(sizes, batch, x, **options)
    try:
        _core.testing.allow(
            skipping=False, compacting=False, few=False, narrow=False, updating=False, packing=False
        )
        assert weights_after(sizes, batch, x, **options) == found
    finally:
        _core.testing.allow()


def test_training_with_mixup_from_python():
    digits = fastmlp.load_data("digits")
    options = {"hidden": [64], "epochs": 15, "batch_size": 32, "momentum": 0.9}
    model = fastmlp.train(digits, mixup=0.2, **options)
    assert model.history["val_accuracy"][-1] > 0.93
    assert model.history["val_accuracy"][-1] > model.history["accuracy"][-1] - 0.05
    plain = fastmlp.train(digits, **options)
    assert plain.history["loss"][-1] < model.history["loss"][-1]  # what is mixed is harder
    values = fastmlp.train(digits.x, digits.y * 1.0, mixup=0.2, hidden=[8], epochs=2)
    assert values.config.training.mixup == 0.2


def test_what_cannot_be_mixed_is_refused():
    x, y = np.zeros((4, 2)), [0, 1, 0, 1]
    with pytest.raises(ConfigError, match="mixup must be a number at least 0"):
        fastmlp.train(x, y, mixup=-0.1)
    with pytest.raises(ConfigError, match="mixup mixes the targets of a loss of the engine"):
        fastmlp.train(x, y, mixup=0.1, loss=lambda y, t: (y, t))
    network = _core.Network([2, 2], ["softmax"])
    with pytest.raises(ValueError, match="mixup = nan is not between 0"):
        _core.Trainer(network, x, np.array(y), loss="mean_squared_error", mixup=np.nan)
    with pytest.raises(ValueError, match="mixup needs a loss of the engine"):
        _core.Trainer(network, x, np.array(y), loss=lambda y, t: (y, t), mixup=0.5)
