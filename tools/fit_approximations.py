"""Derive the polynomial coefficients of csrc/simd/approx.h (a maintainer's script; needs mpmath).

Each polynomial interpolates its function in the Chebyshev nodes of the reduced range, in 60-digit
arithmetic; the coefficients are then rounded to the target type. The remaining error is printed.
The whole-function error in ULP is what tests/test_approx.py measures.
"""

from __future__ import annotations

import mpmath as mp

mp.mp.dps = 60


def fit(function, low, high, degree):
    """Return the coefficients, ascending, of the Chebyshev interpolant on [low, high]."""
    n = degree + 1
    nodes = [
        (low + high) / 2 + (high - low) / 2 * mp.cos(mp.pi * (2 * i + 1) / (2 * n))
        for i in range(n)
    ]
    vandermonde = mp.matrix(n, n)
    for i, x in enumerate(nodes):
        for j in range(n):
            vandermonde[i, j] = x**j
    return list(mp.lu_solve(vandermonde, mp.matrix([function(x) for x in nodes])))


def exp_tail(r):
    """(e^r - 1 - r) / r^2, the part of e^r that the polynomial carries."""
    return (
        mp.nsum(lambda k: r ** int(k) / mp.factorial(int(k) + 2), [0, 40]) if r else mp.mpf(1) / 2
    )


def log_tail(z):
    """(log((1+s)/(1-s)) - 2s) / s^3 with z = s^2."""
    return mp.nsum(lambda k: 2 * z ** int(k) / (2 * int(k) + 3), [0, 60])


def normal_tail(q):
    """Return (a + 4) e^(a^2 / 2) P(x > a), x being normal, for q = (a - 4) / (a + 4)."""
    a = 4 * (1 + q) / (1 - q)
    return (a + 4) * mp.exp(a * a / 2) * mp.erfc(a / mp.sqrt(2)) / 2


def report(name, function, low, high, degree, weight):
    """Print one coefficient table and the largest weighted error on a fine grid."""
    coefficients = fit(function, low, high, degree)
    worst = mp.mpf(0)
    for i in range(401):
        x = low + (high - low) * i / 400
        value = mp.polyval(coefficients[::-1], x)
        worst = max(worst, abs((value - function(x)) * weight(x)))
    print(f"{name}: degree {degree}, largest relative error 2^{float(mp.log(worst, 2)):.1f}")
    for c in coefficients:
        print(f"    {mp.nstr(c, 20)},")


half_ln2 = mp.log(2) / 2
root = (mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)
rows = (("float", 5, 2, 10, "14.5"), ("double", 10, 6, 24, "38.7"))
for kind, exp_degree, log_degree, tail_degree, tail_end in rows:
    report(f"exp {kind}", exp_tail, -half_ln2, half_ln2, exp_degree, lambda r: r)
    report(f"log {kind}", log_tail, mp.mpf(0), root**2, log_degree, lambda z: z / 2)
    end = mp.mpf(tail_end)
    report(
        f"normal tail {kind}", normal_tail, mp.mpf(-1), (end - 4) / (end + 4), tail_degree,
        lambda q: 1 / normal_tail(q),
    )  # fmt: skip
for bits, name in ((13, "float"), (32, "double")):
    high = mp.floor(mp.log(2) * 2**bits) / 2**bits
    print(f"ln2 {name}: high {mp.nstr(high, 25)} low {mp.nstr(mp.log(2) - high, 25)}")
