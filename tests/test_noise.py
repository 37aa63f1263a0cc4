"""Noise on the inputs: normal numbers that are a function of the place, seen in the gradient of a
single linear unit.
"""

from __future__ import annotations

import hashlib
from math import erf

import fastmlp
import numpy as np
import pytest
from fastmlp import _core

PURPOSE = 6


def noise(features, rows=1, seed=3, deviation=1.0, dtype="float64"):
    """What is added to inputs of zero in the first step: W starts at 0, a step leaves -x in it."""
    found = []
    for place in range(rows):
        network = _core.Network([features, 1], ["identity"], dtype)
        network.set_parameters([(np.zeros((features, 1)), np.zeros(1))])
        targets = np.zeros((rows, 1))
        targets[place] = -1
        options = {"learning_rate": float(rows), "batch_size": rows, "shuffle": False}
        trainer = _core.Trainer(
            network,
            np.zeros((rows, features)),
            targets,
            loss="half_squared_error",
            seed=seed,
            noise=deviation,
            **options,
        )
        trainer.run_epoch(0)
        trainer.close()
        found.append(-network.parameters()[0][0][:, 0])
    return np.array(found)


def expected(features, row, seed):
    """Box and Muller in float64, from single calls of the generator."""
    found = np.zeros(-(-features // 64) * 64)
    for place in range(len(found) // 4):
        words = _core.testing.philox(seed, PURPOSE, 0, 0, row, place)
        for pair in (0, 1):
            unit = ((words[2 * pair] >> 8) + 0.5) * 2.0**-24
            turn = (int(np.uint32(words[2 * pair + 1]).view(np.int32)) >> 8) * 2.0**-23
            at = place // 16 * 64 + 32 * pair + place % 16
            radius = np.sqrt(-2 * np.log(unit))
            found[at], found[at + 16] = (
                radius * np.sin(np.pi * turn),
                radius * np.cos(np.pi * turn),
            )
    return found[:features]


@pytest.mark.parametrize("features", [1, 63, 64, 65, 300])
def test_noise_is_what_box_and_muller_make_of_the_generator(features):
    found = noise(features, rows=3, seed=2**40 + 1)
    for row in range(3):
        np.testing.assert_allclose(found[row], expected(features, row, 2**40 + 1), atol=4e-6)


def test_noise_is_normal():
    found = np.sort(noise(200_000, deviation=2.0)[0] / 2)
    n = len(found)
    exact = np.array([0.5 * (1 + erf(v / np.sqrt(2))) for v in found[::97]])
    distance = np.abs(exact - (np.arange(n)[::97] + 0.5) / n).max()
    assert distance < 1.95 / np.sqrt(n)  # Kolmogorov and Smirnov: 1 in 1,000
    assert abs(found.mean()) < 4 / np.sqrt(n)
    assert found.std() == pytest.approx(1, abs=4 / np.sqrt(2 * n))


def digest():
    """Weights after training with noise, for comparisons between processes."""
    sha = hashlib.sha256()
    x = np.random.default_rng(0).random((90, 33), "float32")
    x[x < 0.8] = 0
    for sizes, batch, extra in (
        ([33, 70, 5], 40, {}),
        ([33, 20, 5], 1, {}),
        ([33, 8, 5], 20, {}),
        ([33, 70, 5], 16, {"precision": "bf16"}),
    ):
        network = _core.Network(sizes, ["relu", "softmax"])
        network.initialize("he_normal", 3)
        options = {"loss": "categorical_cross_entropy", "learning_rate": 0.1, **extra}
        trainer = _core.Trainer(
            network, x, np.arange(90) % 5, batch_size=batch, noise=0.1, **options
        )
        for epoch in range(2):
            trainer.run_epoch(epoch)
        trainer.close()
        for w, b in network.parameters():
            sha.update(w.tobytes() + b.tobytes())
    return sha.hexdigest()


def test_training_with_noise_from_python():
    x = np.random.default_rng(1).normal(size=(300, 5))
    y = (x[:, 0] > 0).astype(int)
    options = {"hidden": [16], "epochs": 20, "seed": 1}
    model = fastmlp.train(x, y, input_noise=0.3, **options)
    assert (model.predict(x) == y).mean() > 0.9
    plain = fastmlp.train(x, y, **options)
    assert not np.array_equal(plain.predict_proba(x), model.predict_proba(x))
    with pytest.raises(fastmlp.ConfigError, match="input_noise must be a number at least 0"):
        fastmlp.train(x, y, input_noise=-1, **options)
    with pytest.raises(ValueError, match="noise = nan"):
        noise(3, deviation=np.nan)
