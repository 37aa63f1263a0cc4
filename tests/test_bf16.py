"""Products of bf16 factors: rounding, pairing, one chain of fma over k, and the same bits on every
instruction set, whether the processor multiplies pairs by itself or not.
"""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from conftest import run_python
from fastmlp import _core
from formulas import VARIANTS

TESTING = _core.testing
FIXED = [variant for variant in VARIANTS if not variant.row["learned"]]
INFO = _core.cpu_info()
ISAS = INFO["isa_pairs_found"]
FMA_ISAS = [isa for isa in ISAS if isa != "portable" or INFO["architecture"] != "x86_64"]
SMALLEST = 0x2380  # 2^-56, the smallest factor
GUARD = 0x12345678
SIZES = [1, 2, 3, 4, 5, 7, 8, 13, 14, 15, 16, 17, 27, 28, 29, 31, 32, 33, 63, 64, 65, 129]


# ---- the reference ------------------------------------------------------------------------------


def rounded(x):
    """The 16 bits of each float: to nearest, ties to even; NaN stays NaN; small becomes zero."""
    bits = x.view(np.uint32)
    high = ((bits.astype(np.uint64) + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint32)
    high = np.where(np.isnan(x), bits >> 16 | 0x40, high)
    return np.where(high & 0x7FFF < SMALLEST, np.uint32(0), high)


def widened(halves):
    return (halves << np.uint32(16)).view(np.float32)


def along(halves):
    """Neighbours in a row as pairs, the first in the high half; an odd end is paired with zero."""
    padded = np.pad(halves, ((0, 0), (0, halves.shape[1] % 2)))
    return padded[:, ::2] << np.uint32(16) | padded[:, 1::2]


def down(halves):
    return np.ascontiguousarray(along(halves.T).T)


def fma32(a, b, c):
    """a*b + c with one rounding to float32, for factors of 8 bits: float64 holds the product, and
    rounding the sum to odd leaves no tie for the second rounding to meet.
    """
    product = a.astype(np.float64) * b.astype(np.float64)
    c = c.astype(np.float64)
    total = product + c
    part = total - c
    rest = (c - (total - part)) + (product - part)
    odd = total.view(np.int64) & 1 != 0
    toward = np.where((rest > 0) == (total > 0), 1, -1)
    nudged = (total.view(np.int64) + toward).view(np.float64)
    exact = ~np.isfinite(total) | (rest == 0) | odd
    return np.where(exact, total, nudged).astype(np.float32)


def chain(a, b):
    """C = A B for halves (m, k) and (k, n), each element one chain over k; also the smallest
    magnitude but zero of any partial sum.
    """
    c, least = np.zeros((a.shape[0], b.shape[1]), np.float32), np.inf
    a, b = widened(a), widened(b)
    with np.errstate(all="ignore"):
        for p in range(a.shape[1]):
            c = fma32(a[:, p, None], b[None, p], c)
            least = min(least, np.abs(c[c != 0]).min(initial=np.inf))
    return c, least


def same_bits(x, y):
    """The bits of a NaN are the processor's choice."""
    return ((x.view(np.uint32) == y.view(np.uint32)) | (np.isnan(x) & np.isnan(y))).all()


def halves(shape, rng, low=SMALLEST, high=0x7F7F):
    """Random factors of either sign, evenly spread over the bit patterns from low to high."""
    return (rng.integers(low, high + 1, shape) | rng.integers(0, 2, shape) << 15).astype(np.uint32)


def product(a, b, isa="", walk="rows", threads=1):
    """The engine's product of halves."""
    words = along(a) if walk == "rows" else down(np.ascontiguousarray(a.T)).T
    c = np.full((a.shape[0], b.shape[1]), 7, np.float32)
    TESTING.pair_gemm(words, down(b), c, isa, threads)
    return c


# ---- rounding -----------------------------------------------------------------------------------


def check_rounding(bits):
    x = bits.astype(np.uint32).view(np.float32).reshape(-1, 4096)
    expected = rounded(x)
    for isa in ISAS:
        words = np.zeros((len(x), x.shape[1] // 2), np.uint32)
        TESTING.round_to_pairs(x, words, None, isa)
        assert np.array_equal(words, along(expected)), isa


def test_every_half_is_rounded_right_from_every_side():
    """All 65,536 high halves with low halves below, at and above the tie."""
    lows = np.array([0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF], np.uint64)
    check_rounding((np.arange(1 << 16, dtype=np.uint64)[:, None] << 16 | lows).ravel())


@pytest.mark.long
def test_every_float_is_rounded_right():
    for start in range(0, 1 << 32, 1 << 24):
        check_rounding(np.arange(start, start + (1 << 24), dtype=np.uint64))


@pytest.mark.parametrize("isa", ISAS)
def test_pairs_stand_where_they_belong_and_nothing_else_is_written(isa):
    rng = np.random.default_rng(1)
    for rows in SIZES:
        columns = int(rng.choice(SIZES))
        x = rng.normal(size=(rows, columns + 3)).astype(np.float32)[:, 1 : columns + 1]
        expected = rounded(np.ascontiguousarray(x))
        wholes = [np.full((rows + 2, columns + 5), GUARD, np.uint32) for _ in range(2)]
        TESTING.round_to_pairs(x, wholes[0][1:, 2:], None, isa)
        TESTING.round_to_pairs(x, None, wholes[1][1:, 2:], isa)
        both = [whole.copy() for whole in wholes]
        TESTING.round_to_pairs(x, both[0][1:, 2:], both[1][1:, 2:], isa)
        for whole, words in zip(wholes, (along(expected), down(expected)), strict=True):
            inside = whole[1 : 1 + len(words), 2 : 2 + words.shape[1]]
            assert np.array_equal(inside, words), (rows, columns)
            inside[...] = GUARD
            assert (whole == GUARD).all(), (rows, columns)
        for whole, words in zip(both, (along(expected), down(expected)), strict=True):
            assert np.array_equal(whole[1 : 1 + len(words), 2 : 2 + words.shape[1]], words)


# ---- products -----------------------------------------------------------------------------------


def test_the_reference_rounds_once():
    from fractions import Fraction

    rng = np.random.default_rng(2)
    a, b = (widened(halves(3000, rng, 0x3000, 0x4F00)) for _ in range(2))
    c = widened(halves(3000, rng, 0x2000, 0x5F00)) * rng.normal(size=3000).astype(np.float32)
    for p, q, r, found in zip(*(v.tolist() for v in (a, b, c, fma32(a, b, c))), strict=True):
        error = abs(Fraction(p) * Fraction(q) + Fraction(r) - Fraction(found))
        near = np.float32(found)
        for other in (
            np.nextafter(near, np.float32(np.inf)),
            np.nextafter(near, -np.float32(np.inf)),
        ):
            assert error <= abs(Fraction(p) * Fraction(q) + Fraction(r) - Fraction(float(other)))


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("walk", ["rows", "columns"])
def test_each_element_is_one_chain_of_fma_in_ascending_order(isa, walk):
    """Every height and width of a tile, and k beyond the blocks of 256 pairs."""
    rng = np.random.default_rng(3)
    shapes = [(m, int(rng.choice(SIZES)), int(rng.choice(SIZES))) for m in range(1, 31)]
    for m, n, k in [*shapes, (3, 5, 511), (5, 3, 512), (2, 33, 513), (17, 2, 1531)]:
        a, b = (rounded(rng.normal(size=s).astype(np.float32)) for s in ((m, k), (k, n)))
        for threads in (1, 3):
            found = product(a, b, isa, walk, threads)
            assert same_bits(found, chain(a, b)[0]), (m, n, k, threads)


def check_all_isas(a, b, isas):
    expected, least = chain(a, b)
    for isa in isas:
        assert same_bits(product(a, b, isa), expected), isa
    return expected, least


def check_random_bits(seed, isas, high):
    """Factors of all magnitudes, every second column of B such that sums cancel."""
    rng = np.random.default_rng(seed)
    a, b = halves((256, 12), rng, high=high), halves((12, 256), rng, high=high)
    a[:, 1::3], b[1::3, ::2] = a[:, ::3], b[::3, ::2] ^ 0x8000
    a[rng.random(a.shape) < 0.03] = 0
    if high >= 0x7F80:
        b[rng.random(b.shape) < 0.03] = 0x7F80
    return check_all_isas(a, b, isas)


def test_random_factors_give_the_same_bits_everywhere():
    """Also those that overflow, infinite ones, and the NaN that these make."""
    for seed in range(6):
        found, _ = check_random_bits(seed, FMA_ISAS, 0x7F80)
        assert np.isnan(found).any()
        assert np.isfinite(found).any()


def test_without_fma_the_bits_are_the_same_while_no_product_overflows():
    """A product of two factors has 16 bits: rounding it changes nothing."""
    for seed in range(6):
        found, _ = check_random_bits(seed, ISAS, 0x5E7F)  # below 2^62
        assert np.isfinite(found).all()


def test_no_sum_is_subnormal():
    """Factors near the smallest, of which sums cancel: none is below 2^-126, so that it does not
    matter who takes subnormal numbers for zero.
    """
    smallest = np.inf
    for seed in range(6):
        rng = np.random.default_rng(seed)
        a, b = (halves(s, rng, SMALLEST, SMALLEST + 0xFF) for s in ((256, 12), (12, 256)))
        a[:, 1::3], b[1::3] = a[:, ::3], b[::3] ^ 0x8001
        smallest = min(smallest, check_all_isas(a, b, ISAS)[1])
    assert 2.0**-126 <= smallest < 2.0**-118


def test_the_least_sum_there_is():
    """(1 + e)^2 - (1 + 2e) = e^2 of the smallest factors, e = 2^-7, is 2^-126."""
    a = np.array([[SMALLEST + 1, SMALLEST]], np.uint32)
    b = np.array([[SMALLEST + 1], [SMALLEST + 2 | 0x8000]], np.uint32)
    for isa in ISAS:
        assert product(a, b, isa) == np.float32(2.0**-126), isa


@pytest.mark.long
def test_random_factors_give_the_same_bits_everywhere_over_100_million_links():
    for seed in range(100, 230):
        check_random_bits(seed, FMA_ISAS, 0x7FFF)  # NaN too


@pytest.mark.parametrize("isa", ISAS)
def test_bits_are_those_of_the_float_product_of_the_rounded_factors(isa):
    if not INFO["fused_multiply_add"]:
        pytest.skip("this CPU has no fused multiply-add: the documented exception")
    rng = np.random.default_rng(4)
    for m, n, k in [(130, 70, 600), (256, 257, 785), (33, 512, 1024)]:
        a, b = (rounded(rng.normal(size=s).astype(np.float32)) for s in ((m, k), (k, n)))
        expected = np.zeros((m, n), np.float32)
        TESTING.gemm(widened(a), widened(b), expected)
        assert same_bits(product(a, b, isa), expected)
        assert same_bits(product(a, b, isa, "columns", 2), expected)


# ---- the backward pass --------------------------------------------------------------------------


def backward(activation, tile, y, samples, isa, both=True):
    """delta and delta_t of the kernel as halves (samples, features), and what it returns."""
    features = len(tile)
    words = np.full(((samples + 1) // 2 + 1, features + 2), GUARD, np.uint32)
    words_t = np.full(((features + 1) // 2 + 1, samples + 1), GUARD, np.uint32)
    peak = TESTING.pair_backward(
        activation,
        samples,
        tile,
        down(y),
        words[:-1, 1:-1],
        words_t[:-1, :-1] if both else None,
        isa,
    )
    assert (words[-1] == GUARD).all()
    assert (words[:, [0, -1]] == GUARD).all()
    assert (words_t[-1] == GUARD).all()
    assert (words_t[:, -1] == GUARD).all()
    return words[:-1, 1:-1], words_t[:-1, :-1], peak


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("activation", ["identity", "relu"])
def test_backward_makes_both_layouts_of_the_rounded_delta(activation, isa):
    rng = np.random.default_rng(5)
    for features in [1, 2, 3, 4, 5, 7, 8, 9, 13, 14, 16, 17, 29]:
        samples = int(rng.choice([1, 2, 5, 8, 15, 16, 17, 31, 32, 33, 40]))
        tile = rng.normal(size=(features, samples + 64)).astype(np.float32)
        tile[:, samples:] = np.nan  # what stands beyond must not matter
        y = rounded(np.maximum(rng.normal(size=(samples, features)), 0).astype(np.float32))
        delta = tile[:, :samples].T * (1 if activation == "identity" else widened(y) > 0)
        words, words_t, peak = backward(activation, tile, y, samples, isa)
        assert np.array_equal(words, down(rounded(delta)))
        assert np.array_equal(words_t, down(rounded(np.ascontiguousarray(delta.T))))
        assert peak == np.abs(delta).max()
        alone, untouched, _ = backward(activation, tile, y, samples, isa, both=False)
        assert np.array_equal(alone, words)
        assert (untouched == GUARD).all()


@pytest.mark.parametrize(
    "variant", [v for v in VARIANTS if not v.row["learned"]], ids=lambda variant: variant.text
)
def test_backward_multiplies_by_the_slope(variant):
    """The derivative of the formula, to what rounding y (which moves the slope at most twice as
    far), or the slope that is kept, and the result can change; the same bits on every instruction
    set.
    """
    at = np.linspace(-4, 4, 32) + 1e-3
    with mpmath.workdps(60):
        y, slope = (np.array([float(f(z)) for z in at]) for f in variant.functions())
    kept = slope if variant.row["keeps_slope"] else y
    halves = rounded(kept.astype(np.float32)[:, None])
    found = [backward(variant.name, np.ones((1, 64), "f4"), halves, 32, isa) for isa in ISAS]
    assert all(np.array_equal(words, found[0][0]) for words, _, _ in found)
    words = found[0][0][:, 0]
    delta = widened(np.stack([words >> np.uint32(16), words & np.uint32(0xFFFF)], 1)).ravel()
    assert (np.abs(delta - slope) <= 2 * 2.0**-9 * np.abs(kept) + 2.0**-9 * np.abs(slope)).all()


@pytest.mark.parametrize("isa", ISAS)
def test_a_nan_or_infinity_is_told(isa):
    tile, y = np.ones((3, 64), np.float32), rounded(np.ones((20, 3), np.float32))
    assert backward("relu", tile, y, 20, isa)[2] == 1
    tile[1, 19] = np.nan
    assert backward("relu", tile, y, 20, isa)[2] == np.inf


@pytest.mark.parametrize("isa", ISAS)
def test_column_sums_are_one_chain(isa):
    x = rounded(np.random.default_rng(6).normal(size=(37, 48)).astype(np.float32))
    sums = np.linspace(-1, 1, 48).astype(np.float32)
    expected = sums.copy()
    for row in widened(x):
        expected += row
    TESTING.pair_column_sums(37, down(x), sums, isa)
    assert same_bits(sums, expected)


# ---- dispatch -----------------------------------------------------------------------------------

CHOSEN = "from fastmlp import _core; print(_core.cpu_info()['isa_pairs_chosen'])"


def test_an_instruction_set_that_is_named_brings_its_own_pairs():
    assert run_python(CHOSEN, FASTMLP_ISA="").strip() in {ISAS[0], INFO["isa_chosen"]}
    for isa in INFO["isa_found"]:
        assert run_python(CHOSEN, FASTMLP_ISA=isa).strip() == isa


@pytest.mark.parametrize("isa", ISAS)
def test_a_trial_refuses_other_bits_however_fast(isa):
    assert not TESTING.pairs_pay("idle", isa)


def test_a_wrong_name_is_loud_and_lists_the_choices():
    with pytest.raises(ValueError, match=f"'avx1024' is not .*; choose from: {', '.join(ISAS)}"):
        product(np.zeros((2, 2), np.uint32), np.zeros((2, 2), np.uint32), "avx1024")
