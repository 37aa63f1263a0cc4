"""Fast ways through a step - skipping zeros, samples in the lanes, the optimizer inside the tile -
give the bits of the plain way, whatever the shape, the threads and the instruction set.
"""

from __future__ import annotations

import hashlib
import itertools
import json

import numpy as np
import pytest
from conftest import FMA_ISAS, run_python
from fastmlp import _core

NONE = dict.fromkeys(("skipping", "narrow", "updating", "packing"), False)


@pytest.fixture
def allow():
    """Switch fast ways for one test."""
    yield _core.testing.allow
    _core.testing.allow()


def pixels(rows, columns, kind, share=0.8, seed=0):
    """Rows of which `share` are zeros; some rows and columns hold nothing else, some no zero."""
    generator = np.random.default_rng(seed)
    x = generator.random((rows, columns)) * (generator.random((rows, columns)) >= share)
    x[:, :: max(1, columns // 5)] = 0
    x[rows // 2] = 0
    x[rows // 3] = 0.5
    if kind == "uint8":
        return (x * 255).astype("uint8")
    x = x.astype(kind)
    x[0, x[0] == 0] = -0.0
    return x


def weights(sizes, x, t, batch, *, hidden="relu", output="softmax", dtype="float32", **options):
    """Train two epochs; return what was learnt and measured as bytes."""
    network = _core.Network(sizes, [*[hidden] * (len(sizes) - 2), output], dtype)
    network.initialize("he_normal", 3)
    # A bias of -0 shows the sign that a chain of skipped zeros ends with.
    network.set_parameters(
        [(w, np.where(np.arange(b.size) % 2, b, -0.0)) for w, b in network.parameters()]
    )
    if x.dtype == np.uint8:
        network.set_input_scaling(np.zeros(sizes[0]), np.full(sizes[0], 1 / 255))
    loss = "categorical_cross_entropy" if output == "softmax" else "half_squared_error"
    options = {"learning_rate": 0.003, **options}
    trainer = _core.Trainer(network, x, t, loss=loss, batch_size=batch, seed=5, **options)
    measured = [trainer.run_epoch(epoch) for epoch in range(2)]
    trainer.close()
    result = b"".join(w.tobytes() + b.tobytes() for w, b in network.parameters())
    result += np.array([(m.loss, m.correct) for m in measured]).tobytes()
    return result + network.predict(x).tobytes()


def same(allow, *arguments, **options):
    """Check that every fast way alone and all together give the bits of the plain one."""
    allow(**NONE)
    plain = weights(*arguments, **options)
    for way in NONE:
        allow(**{**NONE, way: True})
        assert weights(*arguments, **options) == plain, way
    allow()
    assert weights(*arguments, **options) == plain


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", ["uint8", "float32", "float64"])
@pytest.mark.parametrize(
    ("sizes", "batch"),
    [
        ([784, 30, 10], 10),
        ([784, 30, 10], 32),
        ([130, 1000, 3], 40),
        ([784, 128, 10], 64),
        ([101, 200, 70, 3], 33),
        ([130, 300, 2], 150),
        ([64, 65, 5], 1),
        ([33, 7], 40),
    ],
    ids=str,
)
def test_zeros_that_are_skipped_change_no_bit(allow, sizes, batch, kind, dtype):
    x = pixels(171, sizes[0], kind)
    same(allow, sizes, x, np.arange(171) % sizes[-1], batch, dtype=dtype, l2=1e-3, momentum=0.5)
    same(allow, sizes, x, np.arange(171) % sizes[-1], batch, dtype=dtype)


@pytest.mark.parametrize("sizes", [[4001, 70, 5], [70, 4100, 33, 2]], ids=str)
def test_panels_of_wide_layers_are_copied_without_changing_a_bit(allow, sizes):
    x = np.random.default_rng(0).normal(size=(45, sizes[0])).astype("float32")
    same(allow, sizes, x, np.arange(45) % sizes[-1], 20)


def test_more_samples_than_a_chunk_holds(allow):
    x = pixels(1500, 100, "float32")
    same(allow, [100, 90, 4], x, np.arange(1500) % 4, 1300)
    same(allow, [40, 32, 4], x[:, :40].copy(), np.arange(1500) % 4, 1300)


def test_rows_without_zeros_among_the_others(allow):
    x = pixels(90, 200, "float32", share=0.95)
    x[40:44] = 0.25
    same(allow, [200, 150, 3], x, np.arange(90) % 3, 30)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("hidden", ["relu", "tanh", "sigmoid", "identity"])
@pytest.mark.parametrize(
    ("sizes", "batch"),
    [
        ([2, 16, 16, 2], 32),
        ([1, 1, 1], 16),
        ([4, 32, 16, 4], 100),
        ([64, 64, 64], 17),
        ([3, 5], 50),
        ([7, 64, 1], 31),
    ],
    ids=str,
)
def test_samples_in_the_lanes_change_no_bit(allow, sizes, batch, hidden, dtype):
    x = np.random.default_rng(1).normal(size=(117, sizes[0])).astype("float32")
    targets = np.arange(117) % max(2, sizes[-1])
    output = "softmax" if sizes[-1] > 1 else "sigmoid"
    same(allow, sizes, x, targets, batch, hidden=hidden, output=output, dtype=dtype, momentum=0.9)
    values = np.random.default_rng(2).random((117, sizes[-1]))
    same(
        allow,
        sizes,
        x.astype("float64"),
        values,
        batch,
        hidden=hidden,
        output="identity",
        dtype=dtype,
    )


def test_lanes_without_a_sample_do_not_count(allow):
    """For x = 1 the first layer gives 0; for the zeros in lanes without a sample it gives 1e37 and
    the second layer infinity, which must not stop the step.
    """
    x = np.ones((17, 1), "float32")
    for ways in (NONE, {}):
        allow(**ways)
        network = _core.Network([1, 2, 2, 2], ["relu", "relu", "softmax"])
        network.set_parameters(
            [
                ([[-1e37, -1e37]], [1e37, 1e37]),
                ([[99, 9], [99, 9]], [0, 0]),
                ([[1, 0], [0, 1]], [0, 0]),
            ]
        )
        options = {"batch_size": 16, "learning_rate": 1e-30, "shuffle": False}
        loss = "categorical_cross_entropy"
        trainer = _core.Trainer(network, x, np.arange(17) % 2, loss=loss, **options)
        assert trainer.run_epoch(0).steps == 2
        trainer.close()


def digest():
    """What the fast ways compute, in short: for comparisons between processes."""
    sha = hashlib.sha256()
    for kind, (sizes, batch) in itertools.product(
        ("uint8", "float32"), (([150, 90, 10], 50), ([784, 30, 10], 10), ([4, 32, 16, 4], 100))
    ):
        x = pixels(171, sizes[0], kind)
        sha.update(weights(sizes, x, np.arange(171) % sizes[-1], batch))
    return sha.hexdigest()


@pytest.mark.parametrize("isa", FMA_ISAS)
def test_every_instruction_set_agrees(isa):
    code = "import json, test_fast_ways as t; print(json.dumps(t.digest()))"
    assert json.loads(run_python(code, FASTMLP_ISA=isa)) == digest()


@pytest.mark.parametrize("threads", [2, 3, 7])
def test_every_team_agrees(threads, team):
    alone = digest()
    team(threads)
    assert digest() == alone
