"""L-BFGS and line searches in float64 NumPy, from the books' formulas: what the engine is checked
against. Imports nothing of fastmlp.

The inverse Hessian is a matrix, updated pair by pair (Nocedal and Wright, 2006, equation 7.16), not
the two-loop recursion; the line search (algorithms 3.5 and 3.6) is one recursive function.
"""

from __future__ import annotations

import numpy as np

DECREASE = 1e-4
CURVATURE = {"lbfgs": 0.9, "steepest_descent": 0.1}


def inverse_hessian(pairs, size):
    """H from pairs (s, y), oldest first; equations 7.16 and 7.20."""
    if not pairs:
        return np.eye(size)
    s, y = pairs[-1]
    h = np.eye(size) * (s @ y) / (y @ y)
    for s, y in pairs:
        v = np.eye(size) - np.outer(y, s) / (y @ s)
        h = v.T @ h @ v + np.outer(s, s) / (y @ s)
    return h


def cubic(a, b):
    """The minimizer of the cubic through (step, value, slope) at a and b; equation 3.59."""
    d1 = a[2] + b[2] - 3 * (a[1] - b[1]) / (a[0] - b[0])
    with np.errstate(invalid="ignore"):
        d2 = np.sign(b[0] - a[0]) * np.sqrt(d1 * d1 - a[2] * b[2])
        return b[0] - (b[0] - a[0]) * (b[2] + d2 - d1) / (b[2] - a[2] + 2 * d2)


def strong_wolfe(phi, first, curvature, most=100):
    """A step at which the strong Wolfe conditions hold; phi(a) returns (value, slope).

    Steps grow 1.1 to 4 times; inside the interval trials keep a tenth from its ends, and halve it
    once it has shrunk by less than a third.
    """
    _, value, slope = start = (0.0, *phi(0.0))

    def falls(at):
        return at[1] <= value + DECREASE * at[0] * slope

    def flat(at):
        return abs(at[2]) <= curvature * abs(slope)

    def zoom(low, high, kept):
        nonlocal most
        most -= 1
        assert most > 0
        left, right = sorted((low[0], high[0]))
        step = cubic(low, high)
        if kept > 2 / 3 or not np.isfinite(step):
            step = (left + right) / 2
        step = np.clip(step, left + 0.1 * (right - left), right - 0.1 * (right - left))
        at = (step, *phi(step))
        if falls(at) and at[1] < low[1]:
            if flat(at):
                return step
            ends = (at, low if at[2] * (high[0] - low[0]) >= 0 else high)
        else:
            ends = (low, at)
        return zoom(*ends, abs(ends[1][0] - ends[0][0]) / (right - left))

    before, step = start, first
    while True:
        at = (step, *phi(step))
        if not falls(at) or (at[1] >= before[1] and before[0] > 0):
            return zoom(before, at, 0)
        if flat(at):
            return step
        if at[2] >= 0:
            return zoom(at, before, 0)
        ahead = cubic(before, at)
        ahead = np.clip(ahead, 1.1 * step, 4 * step) if ahead > 0 else 4 * step
        before, step = at, ahead


def lbfgs(function, x, iterations, history=10):
    """The points of L-BFGS with that line search, the first with a step of length 1 at most."""
    points, pairs = [x], []
    _, g = function(x)
    for _ in range(iterations):
        p = -inverse_hessian(pairs[-history:], len(x)) @ g

        def phi(a, x=x, p=p):
            value, gradient = function(x + a * p)
            return value, gradient @ p

        first = 1.0 if pairs else min(1.0, 1 / np.linalg.norm(g))
        new = x + strong_wolfe(phi, first, CURVATURE["lbfgs"]) * p
        _, g_new = function(new)
        pairs.append((new - x, g_new - g))
        x, g = new, g_new
        points.append(x)
    return np.array(points)
