"""precision="bf16": products of bf16 factors, everything else in float32; the same bits whatever
multiplies them.
"""

from __future__ import annotations

import hashlib
import json

import fastmlp
import numpy as np
import pytest
from conftest import FMA_ISAS, run_python
from fastmlp import _core

SHAPES = [
    ([64, 96, 48, 7], 50),
    ([13, 21, 9, 5], 7),
    ([30, 3], 16),
    ([7, 1, 4], 5),
    ([5, 33, 2], 1),
]


def bf16(x):
    """Round to bfloat16, ties to even, below 2^-56 to zero; as float32."""
    bits = np.asarray(x, "float32").view("uint32")
    rounded = ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).astype("uint32").view("float32")
    return np.where(abs(rounded) < 2.0**-56, np.float32(0), rounded)


def fma(a, b, c):
    """a b + c in float32, rounded once but for double rounding in float64."""
    return (np.float64(a) * np.float64(b) + np.float64(c)).astype("float32")


def product(a, b):
    """Return a b as one chain of fma an element, over bf16 factors."""
    total = np.zeros((a.shape[0], b.shape[1]), "float32")
    for k in range(a.shape[1]):
        total = fma(bf16(a[:, k : k + 1]), bf16(b[k : k + 1]), total)
    return total


def step(layers, x, t, rate, l2, negative_slope):
    """One step of SGD on half the squared error: (leaky) relu below, identity on top."""
    a = np.float32(negative_slope)
    y = [x.astype("float32")]
    for number, (w, b) in enumerate(layers):
        z = product(y[-1], w) + b
        y.append(z if number + 1 == len(layers) else np.where(z > 0, z, a * z))
    delta = y[-1] - t
    share = np.float32(1) / np.float32(len(x))
    after = []
    for number in reversed(range(len(layers))):
        w, b = layers[number]
        sums = np.zeros_like(b)
        for row in bf16(delta):
            sums = sums + row
        gradient = product(y[number].T, delta) * share
        after.append(
            (
                fma(np.float32(-rate), fma(np.float32(l2), w, gradient), w),
                fma(-np.float32(rate), sums * share, b),
            )
        )
        if number:
            delta = product(w, delta.T).T * np.where(bf16(y[number]) > 0, np.float32(1), bf16(a))
    return after[::-1]


@pytest.mark.parametrize(
    ("hidden", "slope"), [("relu", 0), ("leaky_relu(negative_slope=0.3)", 0.3)]
)
@pytest.mark.parametrize(("sizes", "batch"), SHAPES, ids=str)
def test_a_step_is_the_chain_of_rounded_factors(sizes, batch, hidden, slope):
    """A slope that is kept is rounded too: that of leaky_relu below 0."""
    generator = np.random.default_rng(3)
    x = generator.normal(size=(batch, sizes[0])).astype("float32")
    t = generator.normal(size=(batch, sizes[-1])).astype("float32")
    network = _core.Network(sizes, [*[hidden] * (len(sizes) - 2), "identity"])
    network.initialize("he_normal", 1, bias_initializer="normal")
    before = network.parameters()
    options = {"learning_rate": 0.05, "l2": 0.01, "batch_size": batch, "shuffle": False}
    trainer = _core.Trainer(network, x, t, loss="half_squared_error", precision="bf16", **options)
    trainer.run_epoch(0)
    trainer.close()
    for (w, b), (expected_w, expected_b) in zip(
        network.parameters(), step(before, x, t, 0.05, 0.01, slope), strict=True
    ):
        for found, expected in ((w, expected_w), (b, expected_b)):
            assert np.mean(found != expected) < 0.002  # double rounding in the reference
            np.testing.assert_array_max_ulp(found, expected, 1)
    assert any(
        (w != old).any() for (w, _), (old, _) in zip(network.parameters(), before, strict=True)
    )


def trained(sizes, batch, precision="bf16", samples=171, **options):
    generator = np.random.default_rng(0)
    x = generator.normal(size=(samples, sizes[0])).astype("float32")
    labels = (x @ generator.normal(size=(sizes[0], sizes[-1]))).argmax(1)
    network = _core.Network(sizes, [*["tanh"] * (len(sizes) - 2), "softmax"])
    network.initialize("glorot_uniform", 1)
    trainer = _core.Trainer(
        network,
        x,
        labels,
        loss="categorical_cross_entropy",
        batch_size=batch,
        precision=precision,
        seed=1,
        **options,
    )
    results = [trainer.run_epoch(epoch) for epoch in range(4)]
    trainer.close()
    return network, results[-1]


def digests():
    """Bits of every shape; of a batch in chunks, whose gradients are stored; with momentum."""
    found = []
    for sizes, batch, options in [
        *((sizes, batch, {}) for sizes, batch in SHAPES),
        ([20, 40, 6], 1300, {"samples": 1500}),
        ([21, 35, 3], 64, {"momentum": 0.9, "l2": 1e-3}),
    ]:
        network, result = trained(sizes, batch, **options)
        sha = hashlib.sha256(b"".join(w.tobytes() + b.tobytes() for w, b in network.parameters()))
        sha.update(np.float64(result.loss).tobytes())
        found.append(sha.hexdigest())
    return found


@pytest.fixture(scope="module")
def here():
    return digests()


@pytest.mark.parametrize("threads", [2, 3, 7])
def test_threads_change_no_bit(threads, team, here):
    team(threads)
    assert digests() == here


@pytest.mark.parametrize("isa", FMA_ISAS)
def test_emulation_and_instruction_agree(isa, here):
    code = "import json, test_mixed_precision as t; print(json.dumps(t.digests()))"
    assert json.loads(run_python(code, FASTMLP_ISA=isa)) == here


@pytest.mark.parametrize(("sizes", "batch"), SHAPES, ids=str)
def test_it_learns_what_float32_learns(sizes, batch):
    (mixed, mixed_result), (full, full_result) = (
        trained(sizes, batch, p) for p in ("bf16", "full")
    )
    assert mixed_result.loss == pytest.approx(full_result.loss, rel=0.03)
    pairs = zip(mixed.parameters(), full.parameters(), strict=True)
    assert any((a != b).any() for (a, _), (b, _) in pairs)  # it is another arithmetic


def test_weights_set_before_training_are_rounded_for_it():
    """Factors come from the parameters at the time when training begins."""
    first, _ = trained([13, 21, 5], 7)
    again = _core.Network([13, 21, 5], ["tanh", "softmax"])
    again.set_parameters(first.parameters())
    x = np.random.default_rng(4).normal(size=(30, 13)).astype("float32")
    losses = []
    for network in (first, again):
        options = {"batch_size": 7, "precision": "bf16"}
        trainer = _core.Trainer(
            network, x, np.arange(30) % 5, loss="categorical_cross_entropy", **options
        )
        losses.append(trainer.run_epoch(0).loss)
        trainer.close()
    assert losses[0] == losses[1]


def test_a_step_that_would_overflow_is_refused_whole():
    network = _core.Network([4, 8, 2], ["relu", "identity"])
    network.initialize("he_normal", 0)
    before = network.parameters()
    x, t = np.full((8, 4), 1e30, "float32"), np.full((8, 2), -1e30, "float32")
    trainer = _core.Trainer(
        network, x, t, loss="half_squared_error", batch_size=8, precision="bf16"
    )
    with pytest.raises(FloatingPointError, match="diverged"):
        trainer.run_epoch(0)
    trainer.close()
    for (w, b), (old_w, old_b) in zip(network.parameters(), before, strict=True):
        assert (w == old_w).all()
        assert (b == old_b).all()


def test_wrong_precision():
    x, t = np.zeros((4, 3), "float32"), np.zeros(4, "int64")
    loss = "categorical_cross_entropy"
    network = _core.Network([3, 2], ["softmax"])
    with pytest.raises(ValueError, match=r"precision 'fp16'.*full, bf16"):
        _core.Trainer(network, x, t, loss=loss, precision="fp16")
    wide = _core.Network([3, 2], ["softmax"], "float64")
    with pytest.raises(ValueError, match="float32; this one is float64"):
        _core.Trainer(wide, x, t, loss=loss, precision="bf16")


def test_train_takes_it_and_the_model_remembers():
    rows = np.random.default_rng(0).normal(size=(200, 30)).astype("float32")
    labels = (rows[:, 0] > 0).astype(int)
    model = fastmlp.train(rows, labels, precision="bf16", epochs=20)
    assert model.config.training.precision == "bf16"
    assert model.evaluate(rows, labels).accuracy > 0.95
    plain = fastmlp.train(rows, labels, epochs=20)
    assert any(
        (a != b).any() for (a, _), (b, _) in zip(model.parameters, plain.parameters, strict=True)
    )
    with pytest.raises(fastmlp.ConfigError, match="precision 'bf16' needs dtype 'float32'"):
        fastmlp.train(rows, labels, precision="bf16", dtype="float64")
    with pytest.raises(fastmlp.ConfigError, match="precision"):
        fastmlp.train(rows, labels, precision="int8")


@pytest.mark.long
def test_mnist_accuracy_is_that_of_float32(mnist_folder):
    """Five epochs of 784-128-10, five seeds: within 0.1 points on average."""
    data = fastmlp.load_data("mnist", data_dir=mnist_folder)
    found = {
        precision: [
            fastmlp.train(
                data,
                precision=precision,
                seed=seed,
                momentum=0.9,
                learning_rate=0.05,
                validation_fraction=0.0,
            )
            .evaluate(data.x_test, data.y_test)
            .accuracy
            for seed in range(5)
        ]
        for precision in ("full", "bf16")
    }
    assert abs(np.mean(found["bf16"]) - np.mean(found["full"])) < 0.001, found
