"""Fast ways through a step - skipping zeros, samples in the lanes, the optimizer inside the tile -
give the bits of the plain way, whatever the shape, the threads and the instruction set.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json

import numpy as np
import pytest
from conftest import FMA_ISAS, run_python
from fastmlp import _core
from formulas import TRAINABLE

KEPT = [v.text for v in TRAINABLE if v.row["keeps_slope"] and not v.row["learned"]]
NONE = dict.fromkeys(("skipping", "compacting", "few", "narrow", "updating", "packing"), False)


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


def weights(
    sizes, x, t, batch, *, hidden="relu", output="softmax", dtype="float32", takes=(), **options
):
    """Train two epochs; return what was learnt and measured as bytes. `takes`: these fast ways."""
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
    assert set(takes) <= set(trainer.fast_ways)
    measured = [trainer.run_epoch(epoch) for epoch in range(2)]
    trainer.close()
    result = b"".join(w.tobytes() + b.tobytes() for w, b in network.parameters())
    result += np.array([(m.loss, m.correct) for m in measured]).tobytes()
    return result + network.predict(x).tobytes()


def same(allow, *arguments, takes=(), **options):
    """Check that every fast way alone and all together give the bits of the plain one. One thread
    decides alone which ways it takes.
    """
    options["threads"] = 1
    allow(**NONE)
    plain = weights(*arguments, **options)
    for way in NONE:
        allow(**{**NONE, way: True})
        assert weights(*arguments, takes={way} & set(takes), **options) == plain, way
    allow()
    assert weights(*arguments, takes=takes, **options) == plain


@pytest.mark.parametrize(
    ("sizes", "batch", "way"),
    [
        ([784, 128, 10], 64, "skipping"),
        ([784, 128, 10], 10, "compacting"),
        ([784, 128, 10], 1, "few"),
        ([4, 32, 16, 4], 64, "narrow"),
        ([40, 80, 3], 64, "updating"),
        ([4001, 70, 5], 64, "packing"),
    ],
    ids=str,
)
def test_each_way_is_taken_where_it_fits_and_is_allowed(allow, sizes, batch, way):
    def ways(**options):
        network = _core.Network(sizes, [*["relu"] * (len(sizes) - 2), "softmax"])
        x, labels = pixels(64, sizes[0], "float32"), np.arange(64) % sizes[-1]
        loss = "categorical_cross_entropy"
        options = {"batch_size": batch, "threads": 1, **options}
        trainer = _core.Trainer(network, x, labels, loss=loss, **options)
        trainer.close()
        return trainer.fast_ways

    assert way in ways()
    allow(**{way: False})
    assert way not in ways()
    allow(**NONE)
    assert ways() == []
    allow()
    assert ways(precision="bf16") == []
    assert "updating" not in ways(momentum=0.5)


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
        ([33, 70], 40),
    ],
    ids=str,
)
def test_zeros_that_are_skipped_change_no_bit(allow, sizes, batch, kind, dtype):
    x = pixels(171, sizes[0], kind)
    options = {"dtype": dtype, "takes": ["skipping"] if batch >= 32 else []}
    same(allow, sizes, x, np.arange(171) % sizes[-1], batch, l2=1e-3, momentum=0.5, **options)
    same(allow, sizes, x, np.arange(171) % sizes[-1], batch, **options)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", ["uint8", "float32", "float64"])
@pytest.mark.parametrize(
    ("sizes", "batch"),
    [([784, 30, 10], 10), ([101, 200, 70, 3], 7), ([33, 70], 31), ([50, 65, 2], 5)],
    ids=str,
)
def test_features_that_a_batch_does_not_have_change_no_bit(allow, sizes, batch, kind, dtype):
    x = pixels(171, sizes[0], kind, share=0.98)
    x[20:40] = 0  # batches of nothing but zeros
    x[150:] = 1  # and, at last, of none
    labels = np.arange(171) % sizes[-1]
    options = {"dtype": dtype, "takes": ["compacting", "updating"]}
    same(allow, sizes, x, labels, batch, **options)
    same(allow, sizes, x, labels, batch, shuffle=False, hidden="tanh", **options)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("hidden", ["relu", "tanh", "sigmoid", "identity"])
@pytest.mark.parametrize("batch", [1, 2, 3, 4])
@pytest.mark.parametrize(
    "sizes", [[784, 30, 10], [101, 200, 70, 3], [3, 16, 33, 1], [7, 2]], ids=str
)
def test_few_samples_change_no_bit(allow, sizes, batch, hidden, dtype):
    x = pixels(61, sizes[0], "float32", share=0.5)
    labels = np.arange(61) % max(2, sizes[-1])
    options = {"dtype": dtype, "hidden": hidden, "takes": ["few"]}
    options["output"] = "softmax" if sizes[-1] > 1 else "sigmoid"
    same(allow, sizes, x, labels, batch, **options)
    same(allow, sizes, x, labels, batch, l2=1e-3, **options)
    same(allow, sizes, x, labels, batch, momentum=0.5, **options)
    same(allow, sizes, x, labels, batch, optimizer="adam", **options)


@pytest.mark.parametrize(("pull", "steps"), [(36, 16), (80, 1)])
@pytest.mark.parametrize("way", ["compacting", "few"])
def test_a_step_is_refused_where_the_plain_way_refuses_it(allow, way, pull, steps):
    """The first step takes 1e31 off the largest weight, which lies 3e31 below the bound of what is
    committed. The second may add `pull` * 1e30 to a weight: 36 are too many for the weights as
    they were, not as they are; 80 are too many for both.
    """
    x = np.zeros((16, 40), "float32")
    x[np.arange(16), [0, 1, *[2] * 14]] = [10, pull, *[1] * 14]
    largest = np.finfo(np.float32).max / 16 - 3e31
    for ways in (NONE, {**NONE, way: True}):
        allow(**ways)
        network = _core.Network([40, 1], ["sigmoid"])
        network.set_parameters([([[largest], *[[0]] * 39], [0])])
        options = {"batch_size": 1, "learning_rate": 9.99e29, "shuffle": False, "threads": 1}
        labels, loss = np.arange(16) % 2, "binary_cross_entropy"
        trainer = _core.Trainer(network, x, labels, loss=loss, **options)
        assert trainer.fast_ways == [name for name in ways if ways[name]]
        with pytest.raises(FloatingPointError) if steps == 1 else contextlib.nullcontext():
            trainer.run_epoch(0)
        assert trainer.last_epoch.steps == steps
        trainer.close()


@pytest.mark.parametrize("sizes", [[4001, 70, 5], [70, 4100, 33, 2]], ids=str)
def test_panels_of_wide_layers_are_copied_without_changing_a_bit(allow, sizes):
    x = np.random.default_rng(0).normal(size=(45, sizes[0])).astype("float32")
    same(allow, sizes, x, np.arange(45) % sizes[-1], 20, takes=["updating", "packing"])


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
    options = {"hidden": hidden, "dtype": dtype, "takes": ["narrow"]}
    same(allow, sizes, x, targets, batch, output=output, momentum=0.9, **options)
    values = np.random.default_rng(2).random((117, sizes[-1]))
    same(allow, sizes, x.astype("float64"), values, batch, output="identity", **options)


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


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", KEPT)
@pytest.mark.parametrize(
    ("sizes", "batch", "way"),
    [
        ([60, 70, 33, 3], 3, "few"),
        ([60, 70, 33, 3], 1, "few"),
        ([7, 64, 20, 3], 31, "narrow"),
        ([70, 130, 21, 4], 33, "skipping"),
    ],
    ids=str,
)
def test_slopes_that_are_kept_change_no_bit(allow, sizes, batch, way, activation, dtype):
    x = pixels(61, sizes[0], "float32")
    labels = np.arange(61) % sizes[-1]
    options = {"dtype": dtype, "hidden": activation, "output": activation, "takes": [way]}
    same(allow, sizes, x, labels, batch, **options)


def digest_of_kept_slopes():
    """All that keep their slope, in every way through a step and as the output unit."""
    found = {}
    for activation, dtype in itertools.product(KEPT, ("float32", "float64")):
        sha = hashlib.sha256()
        options = {"hidden": activation, "output": activation, "dtype": dtype}
        for sizes, batch in (([60, 70, 33, 3], 3), ([7, 64, 20, 3], 31), ([70, 300, 21, 4], 33)):
            x = pixels(61, sizes[0], "float32")
            sha.update(weights(sizes, x, np.arange(61) % sizes[-1], batch, **options))
        if dtype == "float32":
            options["precision"] = "bf16"
            sha.update(weights(sizes, x, np.arange(61) % sizes[-1], 33, **options))
        found[f"{activation} {dtype}"] = sha.hexdigest()
    return found


@pytest.mark.parametrize("isa", FMA_ISAS)
def test_every_instruction_set_keeps_the_same_slopes(isa):
    code = "import json, test_fast_ways as t; print(json.dumps(t.digest_of_kept_slopes()))"
    assert json.loads(run_python(code, FASTMLP_ISA=isa)) == digest_of_kept_slopes()


@pytest.mark.parametrize("threads", [2, 3])
def test_every_team_keeps_the_same_slopes(threads, team):
    alone = digest_of_kept_slopes()
    team(threads)
    assert digest_of_kept_slopes() == alone


def digest():
    """What the fast ways compute, in short: for comparisons between processes."""
    sha = hashlib.sha256()
    for kind, (sizes, batch) in itertools.product(
        ("uint8", "float32"), (([150, 900, 10], 50), ([784, 30, 10], 10), ([4, 32, 16, 4], 100))
    ):
        x = pixels(171, sizes[0], kind)
        sha.update(weights(sizes, x, np.arange(171) % sizes[-1], batch))
    return sha.hexdigest()
