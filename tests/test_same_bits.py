"""One order of arithmetic: trained weights and predictions to the last bit, for any threads,
instruction set, batch and slicing.
"""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
from conftest import FMA_ISAS, run_python
from fastmlp import _core

# Name -> sizes, activations, loss, samples, batch, input type, options of the trainer. The last
# batch is partial; some exceed a chunk of 1,024 rows, so that gradients continue over chunks.
SOFTMAX, SQUARED = "categorical_cross_entropy", "mean_squared_error"
BINARY, QUADRATIC = "binary_cross_entropy", "half_squared_error"
RELU_SOFTMAX = ["relu", "softmax"]
ADAM = {"optimizer": "adam", "learning_rate": 0.01}
CASES = {
    "softmax": (
        [7, 19, 33, 5],
        ["relu", "tanh", "softmax"],
        SOFTMAX,
        203,
        32,
        "float32",
        {"momentum": 0.9, "l2": 1e-3},
    ),
    "quadratic": ([13, 30, 10], ["sigmoid", "sigmoid"], QUADRATIC, 90, 10, "uint8", {}),
    "binary": ([6, 8, 1], ["tanh", "sigmoid"], BINARY, 77, 16, "float64", {"momentum": 0.5}),
    "regression": ([5, 17, 3], ["tanh", "identity"], SQUARED, 65, 65, "float32", {"l2": 1e-2}),
    "chunks": ([9, 20, 4], RELU_SOFTMAX, SOFTMAX, 2500, 2300, "float32", {"momentum": 0.9}),
    "one layer": ([12, 3], ["softmax"], SOFTMAX, 50, 7, "uint8", {}),
    "one sample": ([3, 4, 2], RELU_SOFTMAX, SOFTMAX, 9, 1, "float32", {}),
    "adam": (
        [7, 19, 33, 5],
        ["relu", "tanh", "softmax"],
        SOFTMAX,
        203,
        32,
        "float32",
        {**ADAM, "l2": 1e-3},
    ),
    "adam, chunks": ([9, 20, 4], RELU_SOFTMAX, SOFTMAX, 2500, 2300, "float32", ADAM),
    "adam, one sample": (
        [3, 4, 2],
        RELU_SOFTMAX,
        SOFTMAX,
        9,
        1,
        "uint8",
        {**ADAM, "beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3},
    ),
    "rectifiers": (
        [7, 70, 33, 19, 20, 9, 3],
        ["leaky_relu", "relu6", "elu(alpha=0.5)", "selu", "celu(alpha=2)", "softplus"],
        SQUARED,
        93,
        32,
        "float32",
        {"learning_rate": 0.05},
    ),
    "gates": (
        [7, 19, 33, 20, 17, 16, 9, 3],
        ["silu", "swish(beta=2)", "gelu", "gelu_tanh", "gelu_sigmoid", "mish", "hard_swish"],
        QUADRATIC,
        93,
        3,
        "float32",
        {"learning_rate": 0.05},
    ),
    "limits": (
        [7, 19, 33, 20, 3],
        ["hard_tanh", "softsign", "log_sigmoid", "hard_sigmoid"],
        SQUARED,
        93,
        32,
        "uint8",
        {"learning_rate": 0.05},
    ),
}

# SHA-256 of trained weights and predictions: any change of arithmetic, order or random numbers
# shows here, and must be meant.
GOLDEN = {
    "softmax float32": "bd5d31b7287ad06f7d6bd5bec1a71ae36c5e19c4fc6028e361af4a8e637467de",
    "softmax float64": "c4a725e4cf8e832599e1f3a4a542147d4524df2cb1edf52df51aa56940b706ec",
    "quadratic float32": "eb3d74f63e6139a5c4b5ec1f69e3cc901e0cbca9b4b1f114ac7b8da3bae89710",
    "quadratic float64": "7f2e8c00c746209fa9a8c7bee6f0b9cd03418b23941fa99ccee5b5d7ce5ecd9f",
    "binary float32": "9a26e71513ab3a2933518184e484fde4c9f432f1e6b40909e003e626fa1cc96a",
    "binary float64": "894d0e55e243b8c75a81c00191e0d8780aaf5fcf269a097a66bfd4e5f7f4bc77",
    "regression float32": "ba45408b6751d92ac2789c7837579bfb44c2c2934600d127bcee1ca6152f4fa3",
    "regression float64": "c60d8aee981bbef7b01470aa3753f0a80f6c2afd220ac9521614f6b789bfde18",
    "chunks float32": "b16434a062e0f9cb8669c005911df342b9ecd7551fddd3f9d18c59ee972a3bcd",
    "chunks float64": "8e828e5e27c7b1e92239aff30db33099f3990dddf5eb87998f722b80a8e0c62e",
    "one layer float32": "440e6e850c2c64189d3d09bcd637c3776ff9207ab7c55df44f865dc223684ebf",
    "one layer float64": "a4b497f253ff9cb5bb3d93c0fd169cdcc1071f49570d829a3cb73c06fbd5735a",
    "one sample float32": "767078003eb4a8eb47c9f0ec0a29a81524dcbd450efa943d79efbd0110f2267d",
    "one sample float64": "1dc231e5073fde64e08a6bb64f3a33f60f06b1f8fe00e83e158afd2c3b9637ab",
    "adam float32": "206b37b0d0e8c87eabceacb8b4efad73f89604fa0e86597c7dcbbf9e5c01e41f",
    "adam float64": "feb8939d41c8d9ed0d07c64ddf7090677c3b7bfc428fed6fdecf5849660833df",
    "adam, chunks float32": "52d7c97edbec03e3de06cb48275c14e5bf8fe48eb3437967c6e84482e04d0615",
    "adam, chunks float64": "e1477d9e4edf8948655b21c563093861ca6e6193a8507cfa1e1867eabdb660af",
    "adam, one sample float32": "d3ca53fceaa8b95decec49818a89392a523477a10f52d2ab33d3587979073054",
    "adam, one sample float64": "64f970796b954ada091d445ff87e4ca98300551a72b4bab6a89f338699b91c00",
    "rectifiers float32": "4e1c33a2fd21ecb473a192427f47d56dfc4bc9d95c2c5dbb4ba6ab06cbbf6282",
    "rectifiers float64": "0378552ba1208dc569214fb358c0ea7909ae5dcf393fd768d0f3f200e3dbe166",
    "gates float32": "9de7b948e509f6f97dc0f17aa50dbaac5e4b55b896fe165cc885cd4b15379b4a",
    "gates float64": "ed961a2b85372a892020d9fdfe37b69faf490bf296e6b66e42a2cc6ba730a842",
    "limits float32": "d45095f57f1487d98989c0176cf7c5e7d56935be90cca6e320c4e9c9d81837eb",
    "limits float64": "cb2851520ea122c72155d0043fb59dfd21bc5fb3b3d79809fae4c4f12a1c7014",
}


def data_of(case):
    """Inputs and targets made from the engine's own permutations, so that no library's generator
    enters the golden values.
    """
    sizes, _, loss, samples, _, kind, *_ = CASES[case]
    order = _core.permutation(samples * sizes[0], 99, 0).reshape(samples, sizes[0])
    if kind == "uint8":
        x = (order % 256).astype(np.uint8)
    else:
        x = (order / order.size * 4 - 2).astype(kind)
    outputs = sizes[-1]
    if loss == SOFTMAX or kind == "uint8":
        return x, order[:, 0] % max(2, outputs)
    scale = 1 if loss == BINARY else 3
    return x, (np.arange(samples * outputs).reshape(samples, outputs) % 7 / 7 * scale).astype(
        "float64"
    )


def train(case, dtype="float32", epochs=3):
    sizes, activations, loss, _, batch, kind, options = CASES[case]
    x, t = data_of(case)
    network = _core.Network(sizes, activations, dtype)
    network.initialize("glorot_uniform", 1)
    if kind != "float32":
        network.set_input_scaling(np.full(sizes[0], x.mean()), np.full(sizes[0], 1 / x.std()))
    trainer = _core.Trainer(
        network,
        x,
        t,
        loss=loss,
        batch_size=batch,
        seed=4,
        **{"learning_rate": 0.3, **options},
    )
    losses = [trainer.run_epoch(epoch).loss for epoch in range(epochs)]
    trainer.close()
    return network, losses


def digest(case, dtype="float32"):
    network, losses = train(case, dtype)
    x, t = data_of(case)
    sha = hashlib.sha256()
    for w, b in network.parameters():
        sha.update(w.tobytes() + b.tobytes())
    sha.update(network.predict(x).tobytes())
    sha.update(np.float64([*losses, network.evaluate(x, t, CASES[case][2])[0]]).tobytes())
    return sha.hexdigest()


def digests():
    """Every case in both precisions."""
    return {
        f"{case} {dtype}": digest(case, dtype) for case in CASES for dtype in ("float32", "float64")
    }


@pytest.fixture(scope="module")
def fresh():
    return digests()


def test_golden(fresh):
    if not _core.cpu_info()["fused_multiply_add"]:
        pytest.skip("this CPU has no fused multiply-add: the documented exception")
    assert fresh == GOLDEN


@pytest.mark.parametrize("threads", [1, 2, 3, 4, 7])
def test_threads_change_no_bit(threads, team, fresh):
    team(threads)
    assert digests() == fresh


@pytest.mark.parametrize("isa", FMA_ISAS)
def test_instruction_sets_change_no_bit(isa, fresh):
    out = run_python(
        "import json, test_same_bits; print(json.dumps(test_same_bits.digests()))", FASTMLP_ISA=isa
    )
    assert json.loads(out) == fresh


def test_portable_without_fma_agrees_within_rounding():
    """The documented exception still computes the same function."""
    code = (
        "import test_same_bits as t\n"
        "network = t.train('softmax', 'float64')[0]\n"
        "print([float(abs(w).sum()) for w, _ in network.parameters()])"
    )
    portable = json.loads(run_python(code, FASTMLP_ISA="portable"))
    here = [float(abs(w).sum()) for w, _ in train("softmax", "float64")[0].parameters()]
    assert portable == pytest.approx(here, rel=1e-9)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_row_alone_equals_the_row_in_a_batch(case, dtype):
    network, _ = train(case, dtype, epochs=1)
    x, _ = data_of(case)
    x = np.concatenate([x] * (300 // len(x) + 1))
    together = network.predict(x)
    for i in (0, 1, 15, 16, 111, 112, 113, 299):
        assert np.array_equal(network.predict(x[i : i + 1])[0], together[i])


def under_rounding(mode):
    """Initialize, train and predict while the process rounds in a direction of its own; the mode
    found afterwards.
    """
    import ctypes

    libm = ctypes.CDLL("libm.so.6")
    sizes, activations, loss, _, batch, *_ = CASES["softmax"]
    x, t = data_of("softmax")
    libm.fesetround(mode)
    network = _core.Network(sizes, activations)
    network.initialize("glorot_normal", 1)
    trainer = _core.Trainer(network, x, t, loss=loss, learning_rate=0.25, batch_size=batch)
    trainer.run_epoch(0)
    outputs = network.predict(x)
    kept = libm.fegetround()
    libm.fesetround(0)
    return hashlib.sha256(outputs.tobytes()).hexdigest(), kept


def test_a_changed_floating_point_environment_changes_no_bit():
    """Another library may have set the process to round upward; the engine computes in its own
    environment and restores it.
    """
    upward = 0x800 if _core.cpu_info()["architecture"] == "x86_64" else 0x400000
    nearest, _ = under_rounding(0)
    digest_found, kept = under_rounding(upward)
    assert digest_found == nearest
    assert kept == upward


def test_input_types_that_hold_the_same_numbers_give_the_same_bits():
    sizes = [6, 9, 3]
    pixels = (_core.permutation(40 * 6, 1, 0).reshape(40, 6) % 256).astype(np.uint8)
    network = _core.Network(sizes, ["relu", "softmax"])
    network.initialize("he_normal", 0)
    strided = np.zeros((40, 12), np.float32)[:, ::2]
    strided[...] = pixels
    outputs = [
        network.predict(x)
        for x in (
            pixels,
            pixels.astype("f4"),
            pixels.astype("f8"),
            np.asfortranarray(pixels),
            strided,
        )
    ]
    for other in outputs[1:]:
        assert np.array_equal(outputs[0], other)
