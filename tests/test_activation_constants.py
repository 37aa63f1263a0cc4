"""Constants of activations on their way from the caller through configuration, training and model
file: explicit everywhere, refused by name.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import fastmlp
import numpy as np
import pytest
from conftest import CATALOG
from fastmlp import cli
from fastmlp.config import Config
from fastmlp.errors import ConfigError, ModelFileError
from fastmlp.model import model_from_bytes
from fastmlp.model.container import pack
from test_model_files import opened

X = np.random.default_rng(0).normal(size=(60, 3)).astype("float32")
Y = (X.sum(axis=1) > 0).astype(int)
LEAKY = "leaky_relu(negative_slope=0.2)"


@pytest.mark.parametrize(
    "given",
    [
        LEAKY,
        "leaky_relu( negative_slope = 0.20 )",
        {"name": "leaky_relu", "negative_slope": 0.2},
        {"name": "leaky_relu", "negative_slope": np.float64(0.2)},
    ],
)
def test_every_way_to_write_it_means_the_same(given: object) -> None:
    assert Config().replace(activation=given).network.activation == LEAKY
    each = Config().replace(hidden=[4, 5], activation=[given, "relu"], output_activation=given)
    assert each.network.activation == (LEAKY, "relu")
    assert each.network.output_activation == LEAKY


def test_a_default_is_written_down() -> None:
    """What a configuration meant does not change with the default of a later version."""
    for row in CATALOG["activations"]:
        if row["rowwise"]:
            continue
        shown = Config().replace(activation=row["name"]).network.activation
        assert shown == fastmlp._core.activation(row["name"])
        assert ("(" in str(shown)) == bool(row["constants"])


def test_toml_takes_tables_and_lists() -> None:
    text = """
    [network]
    hidden = [4, 5, 6]
    activation = ["relu", {name = "elu", alpha = 0.5}, "swish(beta=2)"]
    output_activation = {name = "hard_sigmoid", slope = 0.2}
    """
    config = Config.from_toml(text)
    assert config.network.hidden_activations() == ("relu", "elu(alpha=0.5)", "swish(beta=2)")
    assert config.network.output_unit() == "hard_sigmoid(slope=0.2, offset=0.5)"
    assert Config.from_toml(config.to_toml()) == config
    assert Config.from_dict(json.loads(json.dumps(config.as_dict()))) == config


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("leaky_rely", "activation must be one of identity, "),
        ("leaky_rely", "did you mean 'leaky_relu'?"),
        ("relu(alpha=1)", "activation: activation 'relu' has no constant 'alpha'; it has none"),
        ("elu(alpha=-1)", "activation: activation 'elu': alpha = '-1' is not a number between 0"),
        ({"name": "elu", "alpha": "1"}, "activation: alpha must be a number; got '1'"),
        ({"name": "elu", "alpha": True}, "activation: alpha must be a number; got True"),
        ({"name": "elu", "beta": 1}, "activation 'elu' has no constant 'beta'; it has: alpha"),
        ({"alpha": 1}, "activation must have the name of an activation; got {'alpha': 1}"),
        ({"name": "reul"}, "got 'reul' - did you mean 'relu'?"),
        ("softmax", "activation must be one of identity, "),
        (["elu(alpha=x)"], "activation[0]: activation 'elu': alpha = 'x' is not a number"),
        (3, "activation must be one of identity, "),
    ],
)
def test_what_is_wrong_is_named(given: object, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        Config().replace(activation=given)


def test_a_model_and_its_file_say_the_constants(tmp_path: Path) -> None:
    options = {"hidden": [5, 4], "activation": [LEAKY, "gelu"], "epochs": 3}
    model = fastmlp.train(X, Y, **options)
    assert f"{LEAKY}  " in repr(model.summary())
    assert f"5 {LEAKY} -> 4 gelu" in repr(model)
    model.save(tmp_path / "m.safetensors")
    again = fastmlp.load(tmp_path / "m.safetensors")
    assert again.summary() == model.summary()
    assert np.array_equal(again.predict_proba(X), model.predict_proba(X))
    other = fastmlp.train(X, Y, **{**options, "activation": ["leaky_relu", "gelu"]})
    assert not np.array_equal(other.predict_proba(X), model.predict_proba(X))


def test_a_file_from_before_constants_is_read() -> None:
    """Its names are those of activations without any."""
    model = fastmlp.train(X, Y, hidden=[5], activation="tanh", epochs=1)
    description, tensors = opened(model._as_bytes())
    assert description["network"]["activations"] == ["tanh", "softmax"]
    assert description["config"]["network"]["activation"] == "tanh"
    assert repr(model_from_bytes(pack(description, tensors))) == repr(model)


@pytest.mark.parametrize("text", ["leaky_relu", "leaky_relu(negative_slope=0.20)", "relu(x=1)"])
def test_a_file_says_constants_in_full(text: str) -> None:
    model = fastmlp.train(X, Y, hidden=[5], activation=LEAKY, epochs=1)
    description, tensors = opened(model._as_bytes())
    description["network"]["activations"][0] = text
    with pytest.raises(ModelFileError, match="network activations"):
        model_from_bytes(pack(description, tensors))


def test_an_output_unit_has_constants_too() -> None:
    values = X @ np.ones((3, 2))
    unit = {"name": "hard_sigmoid", "offset": 0.4}
    model = fastmlp.train(X, values, hidden=[5], output_activation=unit, epochs=2)
    assert model.config.training.loss == "mean_squared_error"
    assert 0 <= model.predict(X).min() <= model.predict(X).max() <= 1
    with pytest.raises(ConfigError, match="for 'elu\\(alpha=1\\)' choose half_squared_error"):
        fastmlp.train(X, Y, output_activation="elu", loss="binary_cross_entropy")


def test_first_weights_are_hes_where_negative_values_are_held_back() -> None:
    for row in CATALOG["activations"]:
        if not row["rowwise"] and row["trainable"]:
            model = fastmlp.train(X, Y, hidden=[5], activation=row["name"], epochs=1)
            he = model.config.network.init == "he_normal"
            assert he == row["rectifies"]


def test_first_weights_of_selu_are_lecuns() -> None:
    for activation, init in [
        ("selu", "lecun_normal"),
        (["selu", "selu"], "lecun_normal"),
        (["selu", "relu"], "he_normal"),
        (["selu", "tanh"], "glorot_uniform"),
    ]:
        hidden = [5] * (1 if isinstance(activation, str) else len(activation))
        model = fastmlp.train(X, Y, hidden=hidden, activation=activation, epochs=1)
        assert model.config.network.init == init


def test_training_through_a_step_is_refused() -> None:
    with pytest.raises(ConfigError, match="'step' cannot be trained through: its slope is 0"):
        fastmlp.train(X, Y, activation="step")


def test_a_flag_sets_constants(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "m.safetensors"
    activations = "hard_sigmoid(slope=0.2, offset=0.5),elu"
    arguments = ["--hidden", "6,5", "--activation", activations, "--epochs", "1"]
    assert cli.main(["train", *arguments, "--output", str(path)]) == 0
    capsys.readouterr()
    units = fastmlp.load(path).config.network.activation
    assert units == ("hard_sigmoid(slope=0.2, offset=0.5)", "elu(alpha=1)")
