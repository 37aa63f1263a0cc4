"""Prediction: the path of a few rows and the front for plain arrays give the same bits and the same
errors as the path of blocks and the careful call, which are their oracles here.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from conftest import CATALOG, ISAS, run_python
from fastmlp import _core

HIDDEN = [row["name"] for row in CATALOG["activations"] if not row["rowwise"]]
OUTPUTS = [row["name"] for row in CATALOG["activations"] if not row["learned"]]
SOURCES = ["uint8", "float32", "float64"]
FEW = 4  # so many rows go through together (largest_few_rows in kernels/kernel_table.h)


def network(sizes, activations, dtype="float32", seed=0, std=None):
    made = _core.Network(sizes, activations, dtype)
    made.initialize("glorot_normal", seed, bias_initializer="normal")
    if std is not None:
        made.initialize("normal", seed, std=std)
    return made


def inputs(rng, shape, source):
    """Numbers of every magnitude; rows without zeros, with some, with nothing else."""
    if source == "uint8":
        x = rng.integers(0, 256, shape)
    else:
        smallest = np.finfo(source).smallest_subnormal
        tiny = np.array([smallest, -smallest, 1e-30, -1e-30, -0.0], source)
        x = np.where(rng.random(shape) < 0.2, rng.choice(tiny, shape), rng.normal(size=shape))
    share = rng.choice([0.0, 0.2, 0.8, 1.0], (shape[0], 1))
    return np.where(rng.random(shape) < share, 0, x).astype(source)


def bits(array):
    return array.view(f"u{array.itemsize}")


def check(rng, number):
    """One random network: rows alone, a few together, and all in blocks."""
    depth = int(rng.integers(1, 4))
    sizes = [int(rng.choice([1, 2, 3, 7, 15, 16, 17, 31, 33, 64, 100, 257])) for _ in range(depth)]
    sizes.append(int(rng.choice([2, 3, 10, 16, 17, 40, 300])))
    activations = [*rng.choice(HIDDEN, depth - 1), OUTPUTS[number % len(OUTPUTS)]]
    dtype, source = ["float32", "float64"][number % 2], SOURCES[number // 2 % 3]
    net = network(sizes, activations, dtype, number)
    if rng.random() < 0.5:
        scale = rng.normal(size=sizes[0]) * 10.0 ** rng.integers(-20, 3)
        net.set_input_scaling(rng.choice([0.0, 1.5], sizes[0]), scale)
    rows = int(rng.integers(FEW + 1, 40))
    x = inputs(rng, (rows, sizes[0]), source)
    together = net.predict(x)
    assert together.dtype == dtype
    assert together.shape == (rows, sizes[-1])
    where = (number, sizes, activations, dtype, source)
    for count in range(1, FEW + 1):
        for i in range(rows - count + 1):
            few = net.predict(x[i : i + count])
            assert np.array_equal(bits(few), bits(together[i : i + count])), (where, count, i)


def sweep(cases=400):
    """Counts its cases; run once under every instruction set."""
    rng = np.random.default_rng(1)
    for number in range(cases):
        check(rng, number)
    return cases


@pytest.mark.parametrize("isa", ISAS)
def test_a_few_rows_have_the_bits_of_the_batch(isa):
    """On the baseline without fused multiply-add too: its own batch is the oracle."""
    code = "import test_predict; print(test_predict.sweep())"
    assert run_python(code, FASTMLP_ISA=isa) == "400\n"


@pytest.mark.parametrize("width", [8, 200, 257, 300, 513])
def test_wide_layers_are_cut_into_columns(width):
    rng = np.random.default_rng(width)
    net = network([width, width, width], ["relu", "softmax"])
    x = inputs(rng, (5, width), "float32")
    together = net.predict(x)
    for count in range(1, FEW + 1):
        for i in range(6 - count):
            few = net.predict(x[i : i + count])
            assert np.array_equal(bits(few), bits(together[i : i + count])), (count, i)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_zero_has_one_sign_whether_terms_of_zero_are_left_out_or_not(dtype):
    """-tiny * tiny rounds to -0, which a term of +0 makes +0; a bias of -0 would show it."""
    tiny = np.finfo(dtype).tiny
    net = _core.Network([2, 3], ["identity"], dtype)
    weight = np.array([[-tiny] * 3, [1.0, -1.0, 0.0]])
    net.set_parameters([(weight, np.full(3, -0.0))])
    x = np.array([[tiny, 0.0], [tiny, -0.0], [0.0, 0.0], [-0.0, -0.0], [0.0, -0.0]], dtype)
    for rows in range(1, len(x) + 1):
        for i in range(len(x) - rows + 1):
            assert not bits(net.predict(x[i : i + rows])).any(), (i, rows)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("output", OUTPUTS)
def test_sums_that_overflow_give_the_same_answer_alone(dtype, output):
    """Infinite and NaN activations are no zeros: nothing of them is left out."""
    rng = np.random.default_rng(3)
    large = float(np.finfo(dtype).max) ** 0.5
    net = network([9, 20, 20, 12], ["identity", "relu", output], dtype, std=large)
    x = (inputs(rng, (24, 9), "float32") * np.float32(1e3)).astype(dtype)
    together = net.predict(x)
    assert not np.isfinite(together).all()
    for count in range(1, FEW + 1):
        parts = [net.predict(x[i : i + count]) for i in range(0, len(x), count)]
        few = np.concatenate(parts)
        assert np.array_equal(few, together, equal_nan=True)
        assert np.array_equal(np.signbit(few[few == 0]), np.signbit(together[together == 0]))


@pytest.mark.parametrize("activation", HIDDEN)
def test_one_activation_that_is_no_number_spoils_every_output(activation):
    """0 * inf in one of two units, 1 * inf in the other: as a zero, the first would be left out."""
    net = _core.Network([1, 1, 2, 3], ["identity", activation, "identity"])
    large = np.float32(2e19)  # its square is infinite
    weights = ([[large]], [[0.0, 1.0]], np.ones((2, 3)))
    given = zip(weights, net.parameters(), strict=True)
    net.set_parameters([(np.array(w), np.zeros(len(w[0])), *rest[2:]) for w, rest in given])
    for rows in range(1, FEW + 3):
        assert np.isnan(net.predict(np.full((rows, 1), large))).all()


@pytest.mark.parametrize("rows", [1, 3, FEW, FEW + 1, 200])
@pytest.mark.parametrize("source", SOURCES)
def test_the_layout_of_the_rows_does_not_matter(rows, source):
    rng = np.random.default_rng(5)
    net = network([11, 17, 4], ["relu", "softmax"])
    x = inputs(rng, (rows, 11), source)
    expected = net.predict(x)
    wide = np.zeros((2 * rows, 22), source)
    wide[::2, ::-2] = x
    raw = np.zeros(x.nbytes + 1, np.uint8)
    odd = raw[1:].view(source).reshape(x.shape)  # not aligned
    odd[...] = x
    tagged = x.astype(np.dtype(source, metadata={"unit": "m"}))
    for other in (wide[::2, ::-2], np.asfortranarray(x), odd, tagged, x.view(np.matrix)):
        found = net.predict(other)
        assert type(found) is np.ndarray
        assert np.array_equal(bits(found), bits(expected))
    frozen = x.copy()
    frozen.flags.writeable = False
    assert np.array_equal(net.predict(frozen), expected)
    for threads in (0, 1, 3, np.int64(2), True):
        assert np.array_equal(net.predict(x, threads), expected)
        assert np.array_equal(net.predict(x=x, threads=threads), expected)


@pytest.mark.parametrize("rows", [1, FEW + 1])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("source", SOURCES)
def test_scaling_is_done_in_the_wider_of_both_types(source, dtype, rows):
    """Its numbers are rounded to nearest even where the process rounds upward."""
    rng = np.random.default_rng(8)
    net = network([9, 5], ["identity"], dtype)
    x = inputs(rng, (rows, 9), source)
    shift, scale = rng.normal(size=9), rng.normal(size=9)
    wide = np.dtype("f8" if "float64" in (source, dtype) else "f4")
    scaled = (x.astype(wide) - shift.astype(wide)) * scale.astype(wide)
    expected = net.predict(scaled.astype(dtype))
    upward = 0x800 if _core.cpu_info()["architecture"] == "x86_64" else 0x400000
    libm = ctypes.CDLL("libm.so.6")
    libm.fesetround(upward)
    net.set_input_scaling(shift, scale)
    found = net.predict(x)
    libm.fesetround(0)
    assert np.array_equal(bits(found), bits(expected))


# ---- errors --------------------------------------------------------------------------------------
X = np.random.default_rng(0).normal(size=(6, 4)).astype("f4")


@pytest.mark.parametrize("rows", [1, 2, 6])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_values_that_are_not_finite_are_named(rows, bad, dtype):
    net = network([4, 3], ["relu"])
    x = X[:rows].astype(dtype)
    x[rows - 1, 2] = bad
    out = np.full((rows, 3), 7, "f4")
    with pytest.raises(ValueError, match=rf"^x\[{rows - 1}, 2\] is NaN or infinite$"):
        net.predict(x, out=out)
    if rows <= FEW:
        assert (out == 7).all()
    net.set_input_scaling(np.zeros(4), np.full(4, 1e300))
    with pytest.raises(ValueError, match=r"^x, scaled, exceeds the range of float32$"):
        net.predict(X[:rows])


def class_of(call):
    try:
        call()
    except Exception as error:
        return type(error), str(error)
    return None


class Child(_core.Network):
    """A subclass, whose calls take the careful way."""


CALLS: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    ((), {}),
    ((X, 0, 1), {}),
    ((X, "1"), {}),
    ((X, -1), {}),
    ((X, 2**40), {}),
    ((X, 0), {"threads": 0}),
    ((X,), {"thread": 0}),
    ((X,), {"x": X}),
    ((X,), {"threads": -2}),
    (([[0.0] * 4],), {}),
    ((None,), {}),
    ((X[0],), {}),
    ((X[:0],), {}),
    ((X[:, :3],), {}),
    ((X[None],), {}),
    ((X.astype(">f4"),), {}),
    ((X.astype("i4"),), {}),
    ((X,), {"out": [0.0]}),
    ((X,), {"out": np.zeros((6, 3))}),
    ((X,), {"out": np.zeros((6, 2), "f4")}),
    ((X,), {"out": np.zeros((5, 3), "f4")}),
    ((X,), {"out": np.zeros((3, 6), "f4").T}),
    ((X,), {"out": np.zeros(18, "f4")}),
]


@pytest.mark.parametrize(("positional", "named"), CALLS)
def test_a_wrong_call_raises_what_the_careful_method_raises(positional, named):
    nets = [kind([4, 3], ["relu"]) for kind in (_core.Network, Child)]
    found, expected = (class_of(lambda n=net: n.predict(*positional, **named)) for net in nets)
    assert found is not None
    assert found[0] is expected[0]
    assert found[1].split("Invoked with")[0] == expected[1].split("Invoked with")[0]


def test_another_object_is_no_network():
    with pytest.raises(TypeError, match="Network"):
        _core.Network.predict(3, X)


# ---- out -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rows", [1, 2, 6])
@pytest.mark.parametrize("kind", [_core.Network, Child])
def test_results_go_to_out(dtype, rows, kind):
    net = kind([4, 5, 3], ["relu", "softmax"], dtype)
    net.initialize("glorot_uniform", 0)
    expected = net.predict(X[:rows])
    room = np.full((rows + 2, 3), 9, dtype)
    out = room[1:-1]
    assert net.predict(X[:rows], out=out) is out
    assert np.array_equal(out, expected)
    assert (room[[0, -1]] == 9).all()
    out[...] = 0
    assert net.predict(X[:rows], 1, out=out) is out
    assert np.array_equal(out, expected)
    assert np.array_equal(net.predict(X[:rows], out=None), expected)


@pytest.mark.parametrize(
    ("out", "error", "message"),
    [
        ([0.0], TypeError, "^out must be a NumPy array; got list$"),
        (np.zeros((6, 3)), TypeError, "^out has dtype float64; it must be float32, as the netw"),
        (np.zeros((6, 3), ">f4"), TypeError, "^out has dtype >f4; it must be float32"),
        (np.zeros((6, 3), "i4"), TypeError, "^out has dtype int32; it must be float32"),
        (np.zeros((6, 2), "f4"), ValueError, r"^out has shape \(6, 2\); it must be \(6, 3\)$"),
        (np.zeros(18, "f4"), ValueError, r"^out has shape \(18,\); it must be \(6, 3\)$"),
        (np.zeros((3, 6), "f4").T, ValueError, "^out must be C-contiguous and aligned$"),
        (np.zeros((6, 6), "f4")[:, ::2], ValueError, "^out must be C-contiguous and aligned$"),
        (np.frombuffer(bytes(72), "f4").reshape(6, 3), ValueError, "^out is read-only$"),
    ],
)
def test_an_unfit_out_is_refused(out, error, message):
    net = network([4, 3], ["relu"])
    with pytest.raises(error, match=message):
        net.predict(X, out=out)
    odd = np.zeros(73, np.uint8)[1:].view("f4").reshape(6, 3)
    with pytest.raises(ValueError, match="aligned"):
        net.predict(X, out=odd)


@pytest.mark.parametrize("rows", [1, 2, 5, 300])
@pytest.mark.parametrize("shift", [-4, -1, 0, 1, 3])
def test_out_may_lie_over_the_inputs(rows, shift):
    """Square, so that rows of outputs cover rows that are still to be read."""
    net = network([4, 4], ["tanh"])
    room = np.random.default_rng(7).normal(size=(rows + 2) * 4).astype("f4")
    x = room[4 : 4 + rows * 4].reshape(rows, 4)
    expected = net.predict(x.copy())
    out = room[4 + shift : 4 + shift + rows * 4].reshape(rows, 4)
    assert net.predict(x, out=out) is out
    assert np.array_equal(out, expected)


# ---- many at once --------------------------------------------------------------------------------
@pytest.mark.parametrize("rows", [1, 30])
def test_calls_at_once_do_not_share_buffers(rows):
    """More threads than workspaces are kept; the GIL is handed over as often as it can be."""
    net = network([784, 300, 10], ["relu", "softmax"])
    x = np.random.default_rng(0).random((64, rows, 784), "f4")
    expected = [net.predict(one) for one in x]
    start = threading.Barrier(8)

    def work(first):
        start.wait()
        return all(
            np.array_equal(net.predict(x[i % 64]), expected[i % 64])
            for i in range(first, first + 200)
        )

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(work, range(8)))
    finally:
        sys.setswitchinterval(before)


def test_predictions_and_training_take_turns():
    """A prediction meets a network before or after an epoch, or is refused: never in the middle."""
    x = np.random.default_rng(0).normal(size=(50, 6)).astype("f4")
    net = network([6, 40, 3], ["tanh", "softmax"])
    trainer = _core.Trainer(
        net, x, np.arange(50) % 3, loss="categorical_cross_entropy", batch_size=50
    )
    allowed, seen, stop = {net.predict(x[:1]).tobytes()}, [], threading.Event()
    refused: list[str] = []

    def read():
        while not stop.is_set():
            try:
                seen.append(net.predict(x[:1]).tobytes())
            except RuntimeError as error:
                refused.append(str(error))

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for epoch in range(100):
        trainer.run_epoch(epoch)
        while True:
            try:
                allowed.add(net.predict(x[:1]).tobytes())
                break
            except RuntimeError:
                continue
    stop.set()
    for reader in readers:
        reader.join()
    assert set(seen) <= allowed
    assert all("being trained" in message for message in refused)


@pytest.mark.parametrize("rows", [5, 50, 112, 113, 224, 225, 500])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_blocks_cover_all_rows(rows, threads, team):
    net = network([5, 8, 3], ["relu", "softmax"])
    x = np.random.default_rng(rows).normal(size=(rows, 5)).astype("f4")
    team(1)
    expected = np.concatenate([net.predict(row[None]) for row in x])
    team(threads)
    for _ in range(2):  # the second call uses the buffers of the first
        assert np.array_equal(net.predict(x), expected)
        assert np.array_equal(net.predict(x[:5]), expected[:5])
