"""The blocked product: exact on integers for every shape, stride and instruction set; nothing
outside C is touched; one order of arithmetic.
"""

from __future__ import annotations

import hashlib
import json
import math

import numpy as np
import pytest
from conftest import FMA_ISAS, ISAS, integers, run_python

EDGES = [1, 2, 3, 5, 7, 8, 13, 14, 15, 16, 17, 29, 31, 32, 33, 63, 64, 65, 127, 129]
GUARD = 12345.0


def shapes(count=120):
    """Random shapes from the edges of tiles, vectors and blocks; k also beyond several blocks of
    256.
    """
    rng = np.random.default_rng(1)
    depths = [*EDGES, 255, 256, 257, 511, 513, 1021]
    for _ in range(count):
        yield int(rng.choice(EDGES)), int(rng.choice(EDGES)), int(rng.choice(depths))


def embedded(values, rng):
    """The values inside a larger guarded array: an offset and a leading dimension. Returns the view
    and the whole.
    """
    before, after, left, right = rng.integers(0, 5, 4)
    rows, columns = values.shape
    whole = np.full((rows + before + after, columns + left + right), GUARD, values.dtype)
    view = whole[before : before + rows, left : left + columns]
    view[...] = values
    return view, whole


def check_exact(dtype):
    """Every shape, A and B plain or transposed, on 1 to 3 threads, against == on integers, with
    intact guards.
    """
    from fastmlp import _core

    rng = np.random.default_rng(2)
    for number, (m, n, k) in enumerate(shapes()):
        a, b = integers((m, k), number, dtype), integers((k, n), number + 1000, dtype)
        expected = a.astype(np.int64) @ b.astype(np.int64)
        a_view = embedded(a, rng)[0] if number % 2 else embedded(a.T.copy(), rng)[0].T
        b_view = embedded(b, rng)[0] if number % 3 else embedded(b.T.copy(), rng)[0].T
        c_view, whole = embedded(np.zeros((m, n), dtype), rng)
        inside = np.zeros_like(whole, bool)
        c_view[...] = 7
        inside[whole == 7] = True
        _core.testing.force_team_size(1 + number % 3)
        _core.testing.gemm(a_view, b_view, c_view)
        assert np.array_equal(c_view, expected), (m, n, k)
        assert (whole[~inside] == GUARD).all(), (m, n, k)
    print("exact")


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_integers_are_exact_and_guards_intact(isa, dtype):
    assert (
        run_python(f"import test_gemm; test_gemm.check_exact({dtype!r})", FASTMLP_ISA=isa)
        == "exact\n"
    )


def test_each_element_is_one_chain_of_fma_in_ascending_order(team):
    """A plain loop of exactly rounded fma gives the same bits, across the blocks of k."""
    from fastmlp import _core

    if not _core.cpu_info()["fused_multiply_add"]:
        pytest.skip("this CPU has no fused multiply-add: the documented exception")
    rng = np.random.default_rng(3)
    m, n, k = 5, 3, 700
    a, b, c = rng.normal(size=(m, k)), rng.normal(size=(k, n)), np.zeros((m, n))
    _core.testing.gemm(a, b, c)
    for i in range(m):
        for j in range(n):
            chain = 0.0
            for p in range(k):
                chain = exact_fma(a[i, p], b[p, j], chain)
            assert c[i, j] == chain


def exact_fma(a, b, c):
    """a*b + c with one rounding, through exact integer fractions."""
    from fractions import Fraction

    return float(Fraction(a) * Fraction(b) + Fraction(c))


def bits(dtype):
    """One hash over products of random shapes."""
    from fastmlp import _core

    digest = hashlib.sha256()
    rng = np.random.default_rng(4)
    for m, n, k in shapes(60):
        c = np.zeros((m, n), dtype)
        _core.testing.gemm(
            rng.normal(size=(m, k)).astype(dtype), rng.normal(size=(k, n)).astype(dtype), c
        )
        digest.update(c.tobytes())
    return digest.hexdigest()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bits_do_not_depend_on_threads_or_instruction_set(dtype):
    code = (
        "import json, test_gemm; from fastmlp import _core\n"
        "out = []\n"
        "for threads in (1, 2, 3, 4, 7):\n"
        "    _core.testing.force_team_size(threads)\n"
        f"    out.append(test_gemm.bits({dtype!r}))\n"
        "print(json.dumps(out))"
    )
    hashes = {h for isa in FMA_ISAS for h in json.loads(run_python(code, FASTMLP_ISA=isa))}
    assert len(hashes) == 1


@pytest.mark.parametrize("isa", ISAS)
def test_error_against_float64(isa):
    """|C - exact| <= sqrt(k) eps sum|a||b| per element, several times what rounding makes."""
    code = "import test_gemm; print(test_gemm.relative_error())"
    assert 0 < float(run_python(code, FASTMLP_ISA=isa)) < 1


def relative_error():
    """The largest error in units of the bound."""
    from fastmlp import _core

    rng, worst = np.random.default_rng(6), 0.0
    for m, n, k in shapes(60):
        a, b = rng.normal(size=(m, k)).astype("f4"), rng.normal(size=(k, n)).astype("f4")
        c = np.zeros((m, n), "f4")
        _core.testing.gemm(a, b, c)
        a64, b64 = a.astype("f8"), b.astype("f8")
        bound = math.sqrt(k) * np.finfo("f4").eps * (abs(a64) @ abs(b64))
        worst = max(worst, (abs(c - a64 @ b64) / bound).max())
    return worst


def test_a_single_column_may_have_any_stride():
    from fastmlp import _core

    a, b, c = integers((6, 8), 1)[:, ::2][:, :1], integers((1, 5), 2), np.zeros((6, 5), "f4")
    _core.testing.gemm(a, b, c)
    assert np.array_equal(c, a @ b)


def test_wrong_shapes_are_refused():
    from fastmlp import _core

    a, b, c = np.zeros((2, 3), "f4"), np.zeros((4, 2), "f4"), np.zeros((2, 2), "f4")
    with pytest.raises(ValueError, match="do not match"):
        _core.testing.gemm(a, b, c)
