"""exp, log, the normal distribution, ... of the kernels: the error bounds that csrc/simd/approx.h
states, in ULP, and special values.
"""

from __future__ import annotations

import math
import re

import mpmath
import numpy as np
import pytest
from conftest import ISAS, ROOT, run_python


def stated_bounds(kind):
    """The row `kind` of the table that csrc/simd/approx.h opens with: the bounds are written there
    alone.
    """
    text = (ROOT / "csrc" / "simd" / "approx.h").read_text()
    names = re.search(r"largest error in ULP: +(.*?) +\(", text).group(1).split()
    values = re.search(rf"^// +{kind} +([\d. ]+)$", text, re.MULTILINE).group(1).split()
    return dict(zip(names, map(float, values), strict=True))


BOUNDS = stated_bounds("float")
BOUNDS64 = stated_bounds("double")

EXACT64 = {
    "exp": np.exp,
    "log": np.log,
    "log1p": np.log1p,
    "sigmoid": lambda x: np.where(x < 0, np.exp(-np.abs(x)), 1.0) / (1 + np.exp(-np.abs(x))),
    "tanh": np.tanh,
    "expm1_of_negative": np.expm1,
    "normal_cdf": lambda x: np.vectorize(math.erfc)(-x / math.sqrt(2)) / 2,
}
EXACT = {
    "exp": mpmath.exp,
    "log": mpmath.log,
    "log1p": mpmath.log1p,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "tanh": mpmath.tanh,
    "expm1_of_negative": mpmath.expm1,
    "normal_cdf": lambda x: mpmath.ncdf(max(-60, min(60, x))),  # 0 and 1 beyond
}


def every_float(low, high, count):
    """`count` floats spread evenly over the bit patterns from low to high: dense everywhere,
    extremes included.
    """
    ends = np.array([low, high], np.float32).view(np.int32)
    return np.linspace(ends[0], ends[1], count).astype(np.int32).view(np.float32)


def arguments32(name):
    """A dense sweep of the function's domain in float32."""
    tiny, huge = np.float32(1e-45), np.finfo(np.float32).max
    if name == "log":
        return np.concatenate(
            [
                every_float(np.finfo(np.float32).tiny, huge, 2_000_000),
                every_float(0.4, 2.5, 500_000),
            ]
        )
    positive = np.concatenate(
        [every_float(tiny, huge, 1_000_000), every_float(1e-3, 110, 1_000_000)]
    )
    return with_signs(name, positive)


def with_signs(name, positive):
    """The arguments that the function is defined for."""
    if name == "log1p":
        return positive
    return -positive if name == "expm1_of_negative" else np.concatenate([positive, -positive])


def errors32(name):
    """The error of the float32 kernel in ULP of the exact value, which float64 gives to about 1e-8
    ULP.
    """
    from fastmlp import _core

    x = arguments32(name)
    y = _core.testing.function(name, x)
    with np.errstate(all="ignore"):
        exact = EXACT64[name](x.astype(np.float64))
        rounded = exact.astype(np.float32)
    overflows = ~np.isfinite(rounded)
    assert np.array_equal(y[overflows], rounded[overflows])
    ulp = np.maximum(np.spacing(np.abs(rounded[~overflows])), np.float32(1e-45)).astype(np.float64)
    return np.abs(y[~overflows].astype(np.float64) - exact[~overflows]) / ulp


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("name", BOUNDS)
def test_float32_error_is_within_the_bound(name, isa):
    worst = float(
        run_python(
            f"import test_approx; print(test_approx.errors32({name!r}).max())", FASTMLP_ISA=isa
        )
    )
    assert 0.4 < worst <= BOUNDS[name]


def arguments64(name):
    rng = np.random.default_rng(5)
    spread = 10 ** rng.uniform(-300, 300, 400)
    near = rng.uniform(0, 40, 2000)
    wide = rng.uniform(0, 745, 1000)
    if name == "log":
        return np.concatenate([spread, near, np.linspace(0.5, 2, 1501)])
    positive = np.concatenate([spread, near, wide, np.linspace(0, 1, 1001)])
    return with_signs(name, positive)


def errors64(name):
    """The error of the float64 kernel in ULP, against 40 digits."""
    from fastmlp import _core

    x = arguments64(name)
    y = _core.testing.function(name, x)
    worst = 0.0
    with mpmath.workdps(40):
        for argument, value in zip(x, y, strict=True):
            exact = EXACT[name](mpmath.mpf(float(argument)))
            if abs(exact) > mpmath.mpf(np.finfo(np.float64).max):
                assert value == np.inf
                continue
            ulp = max(np.spacing(abs(float(exact))), 5e-324)
            worst = max(worst, float(abs(mpmath.mpf(float(value)) - exact) / mpmath.mpf(ulp)))
    return worst


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("name", BOUNDS)
def test_float64_error_is_within_the_bound(name, isa):
    worst = float(
        run_python(f"import test_approx; print(test_approx.errors64({name!r}))", FASTMLP_ISA=isa)
    )
    assert 0.4 < worst <= BOUNDS64[name]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("name", "argument", "value"),
    [
        ("exp", -np.inf, 0.0),
        ("exp", np.inf, np.inf),
        ("exp", 0.0, 1.0),
        ("exp", 1e30, np.inf),
        ("exp", -1e30, 0.0),
        ("log", 0.0, -np.inf),
        ("log", np.inf, np.inf),
        ("log", 1.0, 0.0),
        ("log", -1.0, np.nan),
        ("log1p", 0.0, 0.0),
        ("log1p", np.inf, np.inf),
        ("sigmoid", -np.inf, 0.0),
        ("sigmoid", np.inf, 1.0),
        ("sigmoid", 0.0, 0.5),
        ("tanh", -np.inf, -1.0),
        ("tanh", np.inf, 1.0),
        ("tanh", 0.0, 0.0),
        ("tanh", 30.0, 1.0),
        ("expm1_of_negative", -np.inf, -1.0),
        ("expm1_of_negative", -1e30, -1.0),
        ("expm1_of_negative", 0.0, 0.0),
        ("normal_cdf", -np.inf, 0.0),
        ("normal_cdf", -1e30, 0.0),
        ("normal_cdf", 0.0, 0.5),
        ("normal_cdf", 1e30, 1.0),
        ("normal_cdf", np.inf, 1.0),
        *[(name, np.nan, np.nan) for name in BOUNDS],
    ],
)
def test_special_values(name, argument, value, dtype):
    from fastmlp import _core

    result = _core.testing.function(name, np.full(7, argument, dtype))
    assert np.array_equal(result, np.full(7, value, dtype), equal_nan=True)


def wrong_roots():
    """How many square roots differ from NumPy's, which are IEEE's: correctly rounded."""
    from fastmlp import _core

    found = 0
    for x in (arguments32("log1p"), arguments64("log1p"), np.float32([0.0, -0.0, np.inf, np.nan])):
        y = _core.testing.function("sqrt", x)
        found += int((y.view(f"i{x.itemsize}") != np.sqrt(x).view(f"i{x.itemsize}")).sum())
    return found


@pytest.mark.parametrize("isa", ISAS)
def test_square_roots_are_correctly_rounded(isa):
    out = run_python("import test_approx; print(test_approx.wrong_roots())", FASTMLP_ISA=isa)
    assert out == "0\n"


def test_tanh_keeps_the_sign_of_zero():
    from fastmlp import _core

    assert np.signbit(_core.testing.function("tanh", np.float32([-0.0]))[0])


def test_an_unknown_function_is_refused():
    from fastmlp import _core

    with pytest.raises(ValueError, match="function 'sine' is unknown; choose from: exp, log"):
        _core.testing.function("sine", np.zeros(3, np.float32))
