"""Max-norm: the incoming weights of a hidden unit are never longer than asked, and a step is that
of the formula.
"""

from __future__ import annotations

import hashlib

import fastmlp
import numpy as np
import pytest
from fastmlp import _core


def limited(w, limit):
    lengths = np.sqrt((w**2).sum(0))
    return w * np.minimum(1, limit / lengths)


def train(sizes, limit, *, batch=20, epochs=2, dtype="float32", **options):
    network = _core.Network(sizes, [*["relu"] * (len(sizes) - 2), "identity"], dtype)
    network.initialize("he_normal", 3)
    generator = np.random.default_rng(0)
    x, t = generator.normal(size=(60, sizes[0])), generator.normal(size=(60, sizes[-1]))
    options = {"loss": "half_squared_error", "learning_rate": 0.05, **options}
    trainer = _core.Trainer(network, x, t, batch_size=batch, max_norm=limit, **options)
    for epoch in range(epochs):
        trainer.run_epoch(epoch)
    trainer.close()
    return network


@pytest.mark.parametrize("sizes", [(9, 33, 17, 4), (70, 100, 3), (1, 1, 1)], ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_step_is_that_of_the_formula(sizes, dtype):
    options = {"batch": 60, "epochs": 1, "dtype": dtype, "shuffle": False}
    free = train(sizes, 0.0, **options).parameters()
    bound = train(sizes, 0.7, **options).parameters()
    cut = 0
    for layer, ((w, b), (w_free, b_free)) in enumerate(zip(bound, free, strict=True)):
        wanted = w_free if layer + 1 == len(free) else limited(w_free.astype(float), 0.7)
        np.testing.assert_allclose(w, wanted, rtol=1e-6 if dtype == "float32" else 1e-14)
        np.testing.assert_array_equal(b, b_free)
        cut += not np.array_equal(w, w_free)
    assert cut == len(free) - 1  # each hidden layer had a unit that was too long


def test_no_unit_is_longer_after_many_steps():
    for options in ({}, {"optimizer": "adam"}, {"momentum": 0.9}, {"precision": "bf16"}):
        parameters = train((30, 50, 40, 3), 0.5, epochs=10, **options).parameters()
        for w, _ in parameters[:-1]:
            assert np.sqrt((w.astype(float) ** 2).sum(0)).max() <= 0.5 * (1 + 1e-6)
    for batch in (1, 3):
        (w, _), _ = train((30, 50, 3), 0.5, batch=batch).parameters()
        assert np.sqrt((w.astype(float) ** 2).sum(0)).max() <= 0.5 * (1 + 1e-6)


@pytest.mark.parametrize(("dtype", "huge"), [("float32", 1e30), ("float64", 1e200)])
def test_weights_whose_squares_overflow_are_scaled_too(dtype, huge):
    network = _core.Network([2, 3, 1], ["identity", "identity"], dtype)
    first = np.array([[huge, 1.0, 0.0], [huge, 1.0, 0.0]])
    network.set_parameters([(first, np.zeros(3)), (np.zeros((3, 1)), np.zeros(1))])
    x, t = np.zeros((4, 2)), np.zeros((4, 1))
    options = {"loss": "half_squared_error", "learning_rate": 1e-3, "max_norm": 1.0}
    trainer = _core.Trainer(network, x, t, **options)
    trainer.run_epoch(0)
    trainer.close()
    half = np.sqrt(0.5)
    expected = [[half, half, 0], [half, half, 0]]
    np.testing.assert_allclose(network.parameters()[0][0], expected, rtol=1e-6)


def digest():
    """Weights after training with a limit, for comparisons between processes."""
    sha = hashlib.sha256()
    for sizes, batch in (((33, 70, 5), 20), ((33, 70, 90, 5), 1), ((4, 16, 2), 30)):
        for options in ({}, {"precision": "bf16"}):
            for w, b in train(sizes, 0.6, batch=batch, **options).parameters():
                sha.update(w.tobytes() + b.tobytes())
    return sha.hexdigest()


def test_training_with_a_limit_from_python():
    x = np.random.default_rng(1).normal(size=(300, 5))
    y = (x[:, 0] > 0).astype(int)
    model = fastmlp.train(x, y, hidden=[16], max_norm=0.8, epochs=20)
    w, _ = model.parameters[0]
    assert np.sqrt((w**2).sum(0)).max() <= 0.8 * (1 + 1e-6)
    with pytest.raises(fastmlp.ConfigError, match="max_norm must be a number greater than 0"):
        fastmlp.train(x, y, max_norm=0)
    with pytest.raises(ValueError, match="max_norm = -1"):
        train((2, 2, 1), -1.0)
