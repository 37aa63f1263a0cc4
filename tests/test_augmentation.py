"""Augmentation: each picture is the one that the formulas say, seen in the gradient of a single
linear unit, and neither threads nor instruction sets change a bit.
"""

from __future__ import annotations

import hashlib

import fastmlp
import numpy as np
import pytest
from fastmlp import ConfigError, _core
from fastmlp.data import load_data

PURPOSE = 5
NONE = {"shift": 0, "rotation": 0, "scale": 0, "elastic": 0, "smoothness": 4}


def seen(pictures, seed=1, **options):
    """What the network is given in its first step: W starts at 0, and one step leaves -x in it."""
    count, height, width = pictures.shape
    found = []
    for place in range(count):
        network = _core.Network([height * width, 1], ["identity"], "float64")
        network.set_parameters([(np.zeros((height * width, 1)), np.zeros(1))])
        t = np.zeros((count, 1))
        t[place] = -1  # the others have no gradient
        chosen = {"height": height, "width": width, **options}
        training = {"learning_rate": float(count), "batch_size": count, "shuffle": False}
        trainer = _core.Trainer(
            network,
            pictures.reshape(count, -1),
            t,
            loss="half_squared_error",
            seed=seed,
            augmentation=chosen,
            **training,
        )
        trainer.run_epoch(0)
        trainer.close()
        found.append(-network.parameters()[0][0].reshape(height, width))
    return np.array(found)


def words(seed, layer, step, sample, column):
    drawn = _core.testing.philox(seed, PURPOSE, layer, step, sample, column)
    return np.array(drawn, np.uint32).view(np.int32).astype(float)


def field(shape, seed, layer, step, sample, deviation):
    """Uniform values, smoothed by a Gaussian that ends after three deviations; nothing outside."""
    height, width = shape
    count = -(-height * width // 4)
    values = np.concatenate([words(seed, layer, step, sample, c) for c in range(count)]) * 2.0**-31
    values = values[: height * width].reshape(shape)
    radius = max(1, int(np.ceil(3 * deviation)))
    taps = np.exp(-(np.arange(-radius, radius + 1) ** 2) / (2 * deviation**2))
    taps /= taps.sum()
    for axis in (0, 1):
        values = np.apply_along_axis(lambda line: np.convolve(line, taps, "full"), axis, values)
        values = np.take(values, np.arange(radius, radius + shape[axis]), axis)
    return values


def expected(picture, seed, step, sample, options):
    """The same from the formulas, in float64."""
    options = {**NONE, **options}
    height, width = picture.shape
    drawn = np.concatenate([words(seed, 0, step, sample, c) for c in (0, 1)])
    drawn = (drawn + 0.5) * 2.0**-31
    angle = np.deg2rad(options["rotation"] * drawn[0])
    zoom = 1 / (1 + options["scale"] * drawn[1])
    r, c = np.mgrid[:height, :width]
    y, x = r - (height - 1) / 2, c - (width - 1) / 2
    rows = zoom * (np.cos(angle) * y + np.sin(angle) * x) + (height - 1) / 2
    columns = zoom * (np.cos(angle) * x - np.sin(angle) * y) + (width - 1) / 2
    rows += options["shift"] * drawn[2]
    columns += options["shift"] * drawn[4]
    if options["elastic"]:
        shape, deviation = picture.shape, options["smoothness"]
        rows = rows + options["elastic"] * field(shape, seed, 1, step, sample, deviation)
        columns = columns + options["elastic"] * field(shape, seed, 2, step, sample, deviation)
    rows, columns = np.clip(rows, -1, height), np.clip(columns, -1, width)
    top, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
    down, right = rows - top, columns - left
    padded = np.pad(picture, ((1, 2), (1, 2)))
    at = lambda i, j: padded[top + 1 + i, left + 1 + j]  # noqa: E731
    upper = (1 - right) * at(0, 0) + right * at(0, 1)
    lower = (1 - right) * at(1, 0) + right * at(1, 1)
    return (1 - down) * upper + down * lower


@pytest.mark.parametrize(
    "options",
    [
        {"shift": 2.5},
        {"rotation": 40},
        {"rotation": 180},
        {"scale": 0.3},
        {"elastic": 20, "smoothness": 3},
        {"elastic": 5, "smoothness": 0.5},
        {"shift": 2, "rotation": 15, "scale": 0.15, "elastic": 30, "smoothness": 4},
    ],
    ids=str,
)
@pytest.mark.parametrize("shape", [(28, 28), (5, 17), (33, 1)], ids=str)
def test_pictures_are_those_of_the_formulas(shape, options):
    if options.get("shift", 0) > max(shape):
        pytest.skip("a larger shift than the pictures")
    pictures = np.random.default_rng(2).random((3, *shape))
    found = seen(pictures, seed=2**35 + 3, **options)
    for sample in range(3):
        wanted = expected(pictures[sample], 2**35 + 3, 0, sample, options)
        np.testing.assert_allclose(found[sample], wanted, atol=2e-4)
    assert not np.allclose(found[0], pictures[0], atol=1e-3)


def test_every_use_of_a_picture_is_another():
    picture = np.random.default_rng(2).random((2, 12, 12))
    picture[1] = picture[0]
    first, other = seen(picture, shift=2, rotation=10)
    assert not np.allclose(first, other, atol=1e-3)
    assert not np.allclose(first, seen(picture, seed=2, shift=2, rotation=10)[0], atol=1e-3)


def test_shifts_are_uniform():
    """The centre of a dot moves by at most the shift, evenly to all sides."""
    pictures = np.zeros((400, 11, 11))
    pictures[:, 5, 5] = 1
    moved = seen(pictures, shift=2)
    rows, columns = np.mgrid[:11, :11] - 5
    for axis in (rows, columns):
        distance = (moved * axis).sum((1, 2)) / moved.sum((1, 2))
        assert np.abs(distance).max() <= 2.0001
        assert abs(distance.mean()) < 5 * 2 / np.sqrt(3 * 400)
        assert abs(distance.std() - 2 / np.sqrt(3)) < 0.1


def digest():
    """Weights after training on changed pictures, for comparisons between processes."""
    sha = hashlib.sha256()
    x = np.random.default_rng(0).integers(0, 255, (120, 144), dtype=np.uint8)
    x[np.random.default_rng(1).random(x.shape) < 0.8] = 0
    options = {"shift": 1, "rotation": 12, "scale": 0.1, "elastic": 8, "smoothness": 3}
    for batch, extra in ((40, {}), (10, {}), (1, {}), (40, {"precision": "bf16"})):
        network = _core.Network([144, 300, 10], ["relu", "softmax"])
        network.initialize("he_normal", 3)
        network.set_input_scaling(np.full(144, 20.0), np.full(144, 1 / 80))
        trainer = _core.Trainer(
            network,
            x,
            np.arange(120) % 10,
            loss="categorical_cross_entropy",
            batch_size=batch,
            learning_rate=0.1,
            augmentation={"height": 12, "width": 12, **options},
            **extra,
        )
        for epoch in range(2):
            trainer.run_epoch(epoch)
        trainer.close()
        for w, b in network.parameters():
            sha.update(w.tobytes() + b.tobytes())
    return sha.hexdigest()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shift": 1, "height": 3}, "pictures of 4 pixels; got height 3 and width 2"),
        ({"shift": -1}, "shift = -1"),
        ({"shift": 3}, "shift = 3"),
        ({"rotation": 181}, "rotation = 181"),
        ({"scale": 1}, "scale = 1"),
        ({"elastic": float("nan")}, "elastic = nan"),
        ({"elastic": 1, "smoothness": 0}, "smoothness = 0"),
        ({"shear": 1}, "no 'shear'; it has: height, width, shift"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        seen(np.ones((1, 2, 2)), **options)


def test_training_on_changed_digits_from_python():
    digits = load_data("digits")
    options = {"hidden": [64], "epochs": 5, "seed": 1}
    plain = fastmlp.train(digits, **options)
    model = fastmlp.train(digits, augment_shift=0.5, augment_rotation=5, **options)
    assert model.config.augmentation.augment_shift == 0.5
    assert not np.array_equal(plain.predict_proba(digits.x), model.predict_proba(digits.x))
    assert (model.predict(digits.x) == digits.y).mean() > 0.85
    with pytest.raises(ConfigError, match="augmentation needs pictures"):
        fastmlp.train(np.zeros((4, 4)), [0, 1, 0, 1], augment_shift=1)
    with pytest.raises(ConfigError, match="augment_scale must be a number"):
        fastmlp.train(digits, augment_scale=1.0, **options)
