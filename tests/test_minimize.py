"""minimize(): the lectures' worked example to its digits, directions and steps against the formulas
of the books, and what is refused.
"""

from __future__ import annotations

import re

import fastmlp
import numpy as np
import pytest
from descent_reference import CURVATURE, DECREASE, inverse_hessian, lbfgs
from fastmlp import ConfigError, DataError, minimize

METHODS = ("lbfgs", "steepest_descent")
SEARCHES = ("wolfe", "exact")


def bowl(x):
    """f = x^2 + 2 y^2 of the lectures."""
    return x[0] ** 2 + 2 * x[1] ** 2, np.array([2 * x[0], 4 * x[1]])


def rosenbrock(x):
    a, b = x[:-1], x[1:]
    value = (100 * (b - a**2) ** 2 + (1 - a) ** 2).sum()
    gradient = np.zeros(len(x))
    gradient[:-1] = -400 * a * (b - a**2) - 2 * (1 - a)
    gradient[1:] += 200 * (b - a**2)
    return value, gradient


def quadratic(size, seed=0):
    rng = np.random.default_rng(seed)
    q, _ = np.linalg.qr(rng.normal(size=(size, size)))
    a = q @ np.diag(np.linspace(1, 30, size)) @ q.T
    b = rng.normal(size=size)
    return (lambda x: (x @ a @ x / 2 - b @ x, a @ x - b)), np.linalg.solve(a, b)


START = np.array([-1.2, 1.0, -0.5, 0.8])


def test_the_lectures_example_to_its_digits():
    """G3: steepest descent with the unit direction and an exact search, from (9, 9). The values
    along the line are printed there for a direction of three digits, but that at 5.
    """
    path = minimize(bowl, [9, 9], method="steepest_descent", line_search="exact", max_iterations=1)
    assert path.values[0] == 243
    assert path.gradients[0].tolist() == [18, 36]
    s = path.directions[0]
    assert s.round(3).tolist() == [-0.447, -0.894]
    phi = {a: bowl(np.array([9, 9]) + a * s.round(3))[0] for a in (1, 10, 12)}
    assert {a: round(value, 2) for a, value in phi.items()} == {1: 204.57, 10: 20.53, 12: 19.19}
    assert round(bowl(np.array([9, 9]) + 5 * s)[0], 3) == 86.754
    np.testing.assert_allclose(path.step_lengths, [5 * np.sqrt(5)], rtol=1e-12)
    np.testing.assert_allclose(path.x, [4, -1], rtol=1e-12)
    assert path.value == pytest.approx(18, rel=1e-12)
    assert path.stop_reason is None


@pytest.mark.parametrize("line_search", SEARCHES)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("function", [rosenbrock, quadratic(4)[0]], ids=["rosenbrock", "quadratic"])
def test_every_step_fulfils_its_conditions(function, method, line_search):
    path = minimize(
        function, START, method=method, line_search=line_search, max_iterations=40,
        gradient_tolerance=1e-4, max_evaluations=100,
    )  # fmt: skip
    assert path.iterations > 3
    curvature = 1e-6 if line_search == "exact" else CURVATURE[method]
    for k, (step, p) in enumerate(zip(path.step_lengths, path.directions, strict=True)):
        x, value, slope = path.points[k], path.values[k], path.gradients[k] @ p
        np.testing.assert_allclose(path.points[k + 1], x + step * p, rtol=1e-12, atol=1e-15)
        assert path.values[k + 1] == function(path.points[k + 1])[0]
        assert path.values[k + 1] <= value + DECREASE * step * slope
        wide = np.sqrt(np.finfo(float).eps) * step  # what an exact search may miss the minimum by
        bend = np.abs(path.gradients[k + 1] @ p)
        if bend > curvature * -slope:
            assert line_search == "exact"
            ends = [function(x + (step + way) * p)[1] @ p for way in (-wide, wide)]
            assert ends[0] < 0 < ends[1]


@pytest.mark.parametrize("history", [1, 3, 10])
@pytest.mark.parametrize("line_search", SEARCHES)
def test_every_direction_is_that_of_the_inverse_hessian(history, line_search):
    path = minimize(
        rosenbrock, START, history=history, line_search=line_search, gradient_tolerance=1e-3
    )
    assert path.iterations > 15
    s, y = np.diff(path.points, axis=0), np.diff(path.gradients, axis=0)
    pairs = list(zip(s, y, strict=True))
    for k, p in enumerate(path.directions):
        expected = -inverse_hessian(pairs[max(0, k - history) : k], 4) @ path.gradients[k]
        np.testing.assert_allclose(p, expected, rtol=1e-7, atol=1e-9 * np.abs(expected).max())


@pytest.mark.parametrize("line_search", SEARCHES)
def test_the_steepest_direction_has_length_1(line_search):
    path = minimize(
        rosenbrock, START, method="steepest_descent", line_search=line_search, max_iterations=20
    )
    lengths = np.linalg.norm(path.gradients[:-1], axis=1)
    np.testing.assert_allclose(path.directions, -path.gradients[:-1] / lengths[:, None], rtol=1e-14)


def test_the_path_is_the_references():
    path = minimize(rosenbrock, START, max_iterations=20)
    expected = lbfgs(rosenbrock, START, 20)
    np.testing.assert_allclose(path.points, expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("size", [2, 5, 8])
def test_exact_searches_end_on_a_quadratic_after_as_many_steps_as_it_has_dimensions(size):
    """There L-BFGS goes along conjugate directions (Nocedal, 1980)."""
    function, minimum = quadratic(size)
    path = minimize(
        function, np.zeros(size), line_search="exact", gradient_tolerance=1e-7, history=size
    )
    assert path.iterations == size
    assert (
        path.stop_reason == "no element of the gradient is larger than gradient_tolerance = 1e-07"
    )
    np.testing.assert_allclose(path.x, minimum, atol=1e-7)


@pytest.mark.parametrize("line_search", SEARCHES)
def test_rosenbrocks_valley_is_followed_to_its_end(line_search):
    path = minimize(rosenbrock, [-1.2, 1.0], line_search=line_search, gradient_tolerance=1e-8)
    np.testing.assert_allclose(path.x, [1, 1], rtol=1e-7)
    assert path.iterations < 50
    assert (np.diff(path.values) < 0).all()


def test_scipys_minimum_is_ours():
    optimize = pytest.importorskip("scipy.optimize")
    start = np.full(12, -1.0)
    ours = minimize(rosenbrock, start, gradient_tolerance=1e-8, max_iterations=500)
    theirs = optimize.minimize(
        rosenbrock, start, jac=True, method="L-BFGS-B", options={"gtol": 1e-8, "ftol": 0}
    )
    np.testing.assert_allclose(ours.x, theirs.x, rtol=1e-6)
    assert ours.evaluations.sum() < 2 * theirs.nfev


@pytest.mark.parametrize("line_search", SEARCHES)
@pytest.mark.parametrize("method", METHODS)
def test_what_is_not_finite_counts_as_infinitely_high(method, line_search):
    """f = x - log x, whose minimum is 1, and which is infinite or NaN from 0 on down."""

    def function(x):
        if x[0] <= 0:
            return (np.nan if x[0] < -1 else np.inf), np.array([np.nan])
        return x[0] - np.log(x[0]), 1 - 1 / x

    path = minimize(function, [8.0], method=method, line_search=line_search)
    np.testing.assert_allclose(path.x, [1], atol=1e-4)


def test_a_gradient_that_lies_ends_the_descent():
    path = minimize(lambda x: (x @ x, -2 * x), [1.0, 2.0], max_evaluations=7)
    assert path.iterations == 0
    assert path.stop_reason.startswith("the line search found no lower loss within max_evaluations")
    assert path.x.tolist() == [1, 2]


def test_a_start_that_is_not_finite_is_told():
    path = minimize(lambda x: (np.inf, x), [1.0])
    assert path.stop_reason == "the function or its gradient is not finite at start"


def test_errors_of_the_function_pass_through():
    def function(x):
        if len(seen) == 3:
            raise RuntimeError("enough")
        seen.append(x)
        return rosenbrock(x)

    seen = []
    with pytest.raises(RuntimeError, match="enough"):
        minimize(function, START)


REFUSED = [
    (dict(method="newton"), ConfigError, "method must be one of steepest_descent, lbfgs"),
    (dict(line_search="armijo"), ConfigError, "line_search must be one of wolfe, exact"),
    (dict(max_iterations=-1), ConfigError, "max_iterations must be a whole number, at least 0"),
    (dict(history=0), ConfigError, "history must be a whole number, at least 1; got 0"),
    (dict(method="steepest_descent", history=3), ConfigError, "has no 'history'; it has gradient"),
    (dict(l2=0.1), ConfigError, "method 'lbfgs' has no 'l2'"),
    (dict(gradient_tolerance=-1), ConfigError, "gradient_tolerance must be a number at least 0"),
    (dict(start=[[1.0]]), DataError, "start must be a vector of finite numbers"),
    (dict(start=[np.nan]), DataError, "start must be a vector of finite numbers"),
    (dict(function=lambda x: 3.0), TypeError, "must return a pair (value, gradient); got float"),
    (dict(function=lambda x: (3.0, [1.0, 2.0])), ValueError, "gradient has shape (2,)"),
]


@pytest.mark.parametrize(("given", "error", "message"), REFUSED)
def test_what_does_not_fit_is_refused(given, error, message):
    arguments = {"function": lambda x: (x @ x, 2 * x), "start": [1.0]} | given
    with pytest.raises(error, match=re.escape(message)):
        fastmlp.minimize(**arguments)
