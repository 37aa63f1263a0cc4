"""The perceptron's rule against the lectures (A2, P1) and a plain reference; where no plane
separates the classes, the proof is checked with exact fractions.
"""

from __future__ import annotations

import warnings
from fractions import Fraction

import fastmlp
import numpy as np
import pytest
from fastmlp import ConfigError, DataError, NotSeparableWarning, _core

CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], float)
PURPOSE = 11


def fitted(x, y, **options):
    """A unit, whether it converges or not."""
    with warnings.catch_warnings(action="ignore"):
        return fastmlp.Perceptron(**options).fit(x, y)


def by_the_rule(x, sides, rate, seed, updates):
    """All states, mistakes and picks, from the lecture's rule and single calls of the generator."""
    w, b = np.zeros(x.shape[1]), 0.0
    states, mistakes, picked = [], [], []
    while True:
        z = np.zeros(len(x))
        for weight, column in zip(w, x.T, strict=True):
            z = z + weight * column
        wrong = np.flatnonzero(np.where(z + b >= 0, 1, -1) != sides)
        states.append([*w, b])
        mistakes.append(len(wrong))
        if len(wrong) == 0 or len(picked) == updates:
            return np.array(states), mistakes, picked
        words = _core.testing.philox(seed, PURPOSE, 0, 0, 0, len(picked))
        at = wrong[((words[1] << 32 | words[0]) * len(wrong)) >> 64]
        picked.append(int(at))
        w, b = w + rate * sides[at] * x[at], b + rate * sides[at]


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (CORNERS, [0, 0, 0, 1]),  # AND
        (CORNERS, [0, 1, 1, 1]),  # OR
        (np.array([[0.0], [1.0]]), [1, 0]),  # NOT
    ],
    ids=["and", "or", "not"],
)
@pytest.mark.parametrize("rate", [1.0, 0.1, 7.0])
def test_p1_logic_is_learned(x, y, rate):
    for seed in range(20):
        unit = fastmlp.Perceptron(learning_rate=rate, seed=seed).fit(x, y)
        assert unit.predict(x).tolist() == y
        assert (unit.converged_, unit.separable_, unit.mistakes_) == (True, True, 0)
        assert unit.proof_ is None
        assert unit.score(x, y) == 1.0


@pytest.mark.parametrize("seed", range(10))
def test_p1_xor_oscillates_and_that_is_said(seed):
    unit = fastmlp.Perceptron(seed=seed, keep_history=True, max_updates=500)
    with pytest.warns(NotSeparableWarning, match="no plane separates .* The weights oscillate"):
        unit.fit(CORNERS, [0, 1, 1, 0])
    assert (unit.converged_, unit.separable_, unit.n_iter_) == (False, False, 500)
    begin, end = unit.repeated_
    np.testing.assert_array_equal(unit.history_.weights[begin], unit.history_.weights[end])
    assert unit.history_.biases[begin] == unit.history_.biases[end]
    assert unit.history_.mistakes.min() > 0
    assert len(np.unique(unit.history_.weights, axis=0)) < 50
    assert unit.mistakes_ == 1  # the best that a plane can do
    assert (unit.predict(CORNERS) != [0, 1, 1, 0]).sum() == 1


def is_proof(x, sides, counts):
    """sum(c_i y_i (x_i, 1)) = 0 in exact arithmetic."""
    assert counts.min() >= 0
    assert counts.sum() > 0
    for column in [*x.T, np.ones(len(x))]:
        terms = zip(counts.tolist(), sides, column.tolist(), strict=True)
        if sum(Fraction(c * int(side)) * Fraction(value) for c, side, value in terms) != 0:
            return False
    return True


@pytest.mark.parametrize("scale", [1.0, 0.1, 1 / 3, 2.0**-1074, 1e150])
def test_proofs_are_exact(scale):
    """Whatever is rounded on the way: the sum is made anew without rounding."""
    generator = np.random.default_rng(5)
    x = generator.integers(-2, 3, (12, 2)) * scale
    sides = np.where(np.arange(12) % 2, 1, -1)
    found = 0
    for seed in range(8):
        unit = fitted(x, sides, seed=seed, learning_rate=0.1, max_updates=3000)
        if unit.proof_ is not None:
            found += 1
            assert is_proof(x, sides, unit.proof_)
            assert unit.proof_.sum() == unit.repeated_[1] - unit.repeated_[0]
    assert found >= 4


def test_weights_that_are_back_by_rounding_alone_prove_nothing():
    """Rows separable by a hair: w + x - x is w again where x is small beside w."""
    x = np.array([[1.0], [np.nextafter(1.0, 2)], [1e20], [-1e20]])
    y = [0, 1, 1, 0]
    for seed in range(20):
        unit = fitted(x, y, seed=seed, max_updates=5000)
        assert unit.separable_ is not False  # a plane between the first two rows does it


def test_separable_data_are_never_called_inseparable():
    generator = np.random.default_rng(1)
    for trial in range(30):
        x = generator.integers(-5, 6, (40, 3)).astype(float)
        plane = generator.integers(-4, 5, 3) + 0.25
        unit = fastmlp.Perceptron(seed=trial, max_updates=100_000).fit(x, x @ plane + 0.1 > 0)
        assert unit.converged_
        assert unit.proof_ is None


@pytest.mark.parametrize("features", [1, 2, 7, 30])
@pytest.mark.parametrize("rows", [2, 7, 8, 9, 50])
def test_the_way_is_that_of_the_rule(rows, features):
    generator = np.random.default_rng(rows * 100 + features)
    x = generator.normal(size=(rows, features))
    sides = generator.choice([-1, 1], rows)
    sides[:2] = [-1, 1]
    seed = 2**40 + rows
    states, mistakes, picked = by_the_rule(x, sides, 0.3, seed, 60)
    unit = fitted(x, sides, learning_rate=0.3, seed=seed, max_updates=60, keep_history=True)
    history = unit.history_
    np.testing.assert_array_equal(np.column_stack([history.weights, history.biases]), states)
    assert history.mistakes.tolist() == mistakes
    assert history.picked.tolist() == picked
    best = int(np.argmin(mistakes))
    np.testing.assert_array_equal(unit.coef_[0], states[best, :-1])
    np.testing.assert_array_equal(unit.last_coef_[0], states[-1, :-1])
    assert unit.mistakes_ == mistakes[best] == (unit.predict(x) != sides).sum()


def test_picks_are_even():
    """Of 5 rows on the wrong side at the start, each is the first pick as often."""
    x = np.vstack([np.eye(5), -np.ones((1, 5))])
    counts = np.zeros(5)
    for seed in range(2000):
        unit = fitted(x, [0] * 5 + [1], seed=seed, max_updates=1, keep_history=True)
        counts[unit.history_.picked[0]] += 1
    assert ((counts - 400) ** 2 / 400).sum() < 18.5  # chi squared, 4 degrees: 1 in 1,000


def digest():
    """Some numbers, for comparisons between processes."""
    unit = fitted(
        np.random.default_rng(0).normal(size=(200, 9)), np.arange(200) % 2, max_updates=300
    )
    return [*unit.coef_[0].tolist(), *unit.last_coef_[0].tolist(), unit.mistakes_]


def test_labels_and_types_are_the_callers():
    unit = fastmlp.Perceptron().fit(np.array([[3], [200]], np.uint8), ["low", "high"])
    assert unit.classes_.tolist() == ["high", "low"]
    assert unit.predict([[0], [255]]).tolist() == ["low", "high"]


def test_what_cannot_be_is_refused():
    with pytest.raises(DataError, match="two classes; y holds 3: use SoftmaxRegression"):
        fastmlp.Perceptron().fit([[0.0], [1.0], [2.0]], [0, 1, 2])
    with pytest.raises(DataError, match="one class only"):
        fastmlp.Perceptron().fit([[0.0], [1.0]], [1, 1])
    with pytest.raises(ConfigError, match="learning_rate must be a number greater than 0"):
        fastmlp.Perceptron(learning_rate=0).fit(CORNERS, [0, 0, 0, 1])
    with pytest.raises(ConfigError, match="max_updates must be a whole number, at least 1"):
        fastmlp.Perceptron(max_updates=0).fit(CORNERS, [0, 0, 0, 1])
    with pytest.raises(fastmlp.NotFittedError, match="this Perceptron has not been fitted"):
        fastmlp.Perceptron().predict(CORNERS)
    with pytest.raises(DataError, match="x has 3 features, expected 2"):
        fitted(CORNERS, [0, 0, 0, 1]).predict([[1.0, 2.0, 3.0]])
    with pytest.raises(fastmlp.DivergedError, match="would have become infinite"):
        fitted(np.array([[1e308], [1.5e308]]), [1, 0], learning_rate=1e10)
    with pytest.raises(ValueError, match=r"sides\[1\] = 0 is neither"):
        _core.train_perceptron(CORNERS[:2], np.array([1, 0], np.int8), learning_rate=1.0, seed=0,
                         max_updates=1)  # fmt: skip
