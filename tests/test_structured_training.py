"""Normalisation and skip connections from Python, TOML and the command line, and in model files."""

from __future__ import annotations

import hashlib
from typing import Any

import fastmlp
import numpy as np
import pytest
from fastmlp import Config, ConfigError
from fastmlp.cli import main

RNG = np.random.default_rng(5)
X = RNG.normal(size=(230, 6))
Y = (X[:, 0] + X[:, 1] ** 2 > 0.5).astype(np.int64)
KINDS: dict[str, dict[str, Any]] = {
    "batch": {"normalization": "batch"},
    "layer": {"normalization": "layer(epsilon=0.001)", "optimizer": "adam"},
    "one each": {"normalization": ["batch(momentum=0.5)", "none"], "dropout": 0.2},
    "skips": {"skips": [[0, 2], [1, 3]], "averaging": "ema", "ema_decay": 0.9},
    "both": {"normalization": "rms", "skips": [[0, 2], [0, 3]], "averaging": "swa", "swa_start": 2},
    "stopping": {"normalization": "batch", "early_stopping": True, "validation": (X[:70], Y[:70])},
}


def trained(kind, **options):
    chosen = {"hidden": [12, 9], "batch_size": 20, "seed": 2, **KINDS[kind]}
    return fastmlp.train(X, Y, **{"epochs": 4, **chosen, **options})


def digest(model):
    arrays = [array for layer in model.parameters for array in layer]
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_keeps_it(kind, tmp_path):
    model = trained(kind)
    path = tmp_path / "model.safetensors"
    model.save(path)
    again = fastmlp.load(path)
    assert digest(again) == digest(model)
    assert again.config == model.config
    assert again.predict_proba(X).tobytes() == model.predict_proba(X).tobytes()
    assert again.predict_proba(X[:1]).tobytes() == model.predict_proba(X)[:1].tobytes()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stopped", [1, 3])
def test_a_checkpoint_goes_on_with_the_same_bits(kind, stopped, tmp_path):
    expected = trained(kind)
    path = tmp_path / "run.safetensors"
    trained(kind, epochs=stopped, checkpoint=path)
    found = trained(kind, resume=path)
    assert digest(found) == digest(expected)
    assert found.history["loss"] == expected.history["loss"]


@pytest.mark.parametrize("kind", ["batch", "both"])
def test_weights_of_a_model_are_gone_on_from(kind):
    model = trained(kind)
    same = trained(kind, init=model, learning_rate=1e-30, epochs=1)
    assert len(same.parameters[0]) == len(model.parameters[0])
    assert np.array_equal(same.parameters[0][0], model.parameters[0][0])


def test_it_learns_the_digits():
    data = fastmlp.load_data("digits")
    options = {"hidden": [32, 32, 32], "epochs": 8, "seed": 1, "batch_size": 32}
    for chosen in ({"normalization": "batch"}, {"normalization": "layer"}, {"skips": [[1, 3]]}):
        model = fastmlp.train(data, **options, **chosen)
        assert model.history["val_accuracy"][-1] > 0.9, chosen


def test_toml_and_the_command_line_say_the_same(tmp_path, capsys):
    options = {"hidden": [8, 8], "normalization": ["batch", "none"], "skips": [[0, 2], [1, 3]]}
    config = Config().replace(**options)
    assert config.network.normalization == ("batch(momentum=0.1, epsilon=1e-05)", "none")
    assert config.network.skips == ((0, 2), (1, 3))
    assert Config.from_toml(config.to_toml()) == config
    assert Config.from_dict(config.as_dict()) == config
    model = tmp_path / "m.safetensors"
    flags = ["--hidden", "8,8", "--normalization", "batch,none", "--skips", "0-2,1-3"]
    assert main(["train", *flags, "--epochs", "1", "--quiet", "--output", str(model)]) == 0
    assert fastmlp.load(model).config.network.skips == config.network.skips
    assert fastmlp.load(model).config.network.normalization == config.network.normalization
    capsys.readouterr()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"normalization": "bacth"}, "normalization must be one of none, batch.*'batch'"),
        ({"normalization": ["batch"]}, "normalization names 1 layers and hidden 2"),
        ({"normalization": "rms(momentum=0.1)"}, "'rms' has no constant 'momentum'"),
        ({"skips": [[0, 1]]}, r"skips\[0\] goes from 0 to 1; it must go to 2"),
        ({"skips": [[0, 9]]}, r"skips\[0\] goes from 0 to 9; the last layer.* 3"),
        ({"skips": [[0, 2], [0, 2]]}, r"skips names \[0, 2\] twice"),
        ({"skips": [0, 2]}, "skips must be a list of pairs"),
        ({"skips": [[0, 2]], "precision": "bf16"}, "need precision 'full'; got 'bf16'"),
        ({"normalization": "batch", "precision": "bf16"}, "need precision 'full'; got 'bf16'"),
        ({"normalization": "batch", "batch_size": 1}, "batch_size"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        fastmlp.train(X, Y, hidden=[12, 9], **options)


def test_the_full_batch_goes_down_and_on_too(tmp_path):
    options = {"hidden": [12, 9], "normalization": ["batch", "layer"], "skips": [[0, 2]], "seed": 2}
    options |= {"optimizer": "lbfgs", "validation": (X[:70], Y[:70])}
    whole = fastmlp.train(X, Y, epochs=8, **options)
    assert whole.history["loss"][-1] < 0.5 * whole.history["loss"][0]
    assert whole.history["val_accuracy"][-1] > 0.8  # by what training has seen of the batch
    path = tmp_path / "run.safetensors"
    fastmlp.train(X, Y, epochs=3, checkpoint=path, **options)
    assert digest(fastmlp.train(X, Y, epochs=8, resume=path, **options)) == digest(whole)
