"""The configuration: what it refuses and says then; TOML and JSON forms that lose nothing."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import CATALOG
from fastmlp import _core
from fastmlp.config import Config
from fastmlp.config.sections import KEYS, DataConfig, NetworkConfig
from fastmlp.config.training import COUNTS_WITH, TrainingConfig
from fastmlp.errors import ConfigError

FAMILIES = {"optimizer": CATALOG["optimizers"], "schedule": CATALOG["schedules"]}
CHOICES = [(family, row) for family, rows in FAMILIES.items() for row in rows]
NAMES = {
    family: {one["name"] for row in rows for one in row["hyperparameters"]}
    for family, rows in FAMILIES.items()
}
CONFIGS = sorted((Path(__file__).parents[1] / "configs").glob("*.toml"))

BAD_VALUES = [
    ("batch_size", 0, "batch_size must be a whole number, at least 1; got 0"),
    ("batch_size", 1.5, "batch_size must be a whole number, at least 1; got 1.5"),
    ("batch_size", True, "batch_size must be a whole number, at least 1; got True"),
    ("batch_size", "64", "batch_size must be a whole number, at least 1; got '64'"),
    ("batch_size", 2**31, f"batch_size must be a whole number, at most {2**31 - 1}; got {2**31}"),
    ("epochs", -1, "epochs must be a whole number, at least 1; got -1"),
    ("seed", -1, "seed must be a whole number, at least 0; got -1"),
    ("threads", 0, "threads must be a whole number, at least 1; got 0"),
    ("learning_rate", float("nan"), "learning_rate must be a number greater than 0; got nan"),
    ("learning_rate", float("inf"), "learning_rate must be a number greater than 0; got inf"),
    ("learning_rate", 0.0, "learning_rate must be a number greater than 0; got 0.0"),
    ("learning_rate", "0.1", "learning_rate must be a number greater than 0; got '0.1'"),
    ("learning_rate", True, "learning_rate must be a number greater than 0; got True"),
    ("momentum", 1.0, "momentum must be a number at least 0 and below 1; got 1.0"),
    ("l2", -1e-9, "l2 must be a number at least 0; got -1e-09"),
    ("hidden", [0], "hidden[0] must be a whole number, at least 1; got 0"),
    ("hidden", [8, 2.0], "hidden[1] must be a whole number, at least 1; got 2.0"),
    ("hidden", 128, "hidden must be a list of widths such as [128]; got 128; write [128]"),
    ("hidden", "128", "hidden must be a list of widths such as [128]; got '128'"),
    ("activation", "reul", "got 'reul' - did you mean 'relu'?"),
    ("activation", ["relu", "thanh"], "got 'thanh' - did you mean 'tanh'?"),
    ("activation", "softmax", "activation must be one of identity, sigmoid, tanh, relu"),
    ("output_activation", "soft_max", "got 'soft_max' - did you mean 'softmax'?"),
    ("loss", "cross_entropy", "- did you mean 'binary_cross_entropy'?"),
    ("init", "he", "init must be one of auto, "),
    ("bias_init", "ones", "bias_init must be one of zeros, normal; got 'ones'"),
    ("dtype", "float16", "got 'float16' - did you mean 'float"),
    ("dtype", np.float32, "dtype must be one of float32, float64; got <class"),
    ("optimizer", "SGD", "optimizer must be one of sgd, adam"),
    ("optimizer", "SGD", "got 'SGD' - did you mean 'sgd'?"),
    ("optimizer", ["adam"], "got ['adam']"),
    ("learning_rate", 1e31, "greater than 0 and below 1e+30; got 1e+31"),
    ("beta_1", 1.5, "beta_1 must be a number at least 0 and below 1; got 1.5"),
    ("beta_2", 1.0, "beta_2 must be a number at least 0 and below 1; got 1.0"),
    ("epsilon", -1e-8, "epsilon must be a number at least 1e-20; got -1e-08"),
    ("epsilon", 0.0, "epsilon must be a number at least 1e-20; got 0.0"),
    ("beta_1", 0.9, "optimizer 'sgd' has no beta_1; got 0.9: it has learning_rate, momentum"),
    ("schedule", "cosin", "got 'cosin' - did you mean 'cosine'?"),
    ("decay_factor", 0.9, "schedule 'constant' has no decay_factor; got 0.9: it has warmup_epochs"),
    ("warmup_epochs", -1, "warmup_epochs must be a number at least 0; got -1"),
    ("nesterov", 1, "nesterov must be true or false; got 1"),
    ("clip_norm", -1.0, "clip_norm must be a number at least 0; got -1.0"),
    ("bias_rate", 2000, "bias_rate must be a number at least 0 and below 1000; got 2000"),
    ("layer_rates", 0.5, "layer_rates must be a list with a number for each layer; got 0.5"),
    ("layer_rates", [1, "2"], "layer_rates[1] must be a number at least 0 and below 1000; got '2'"),
    ("layer_rates", [1, 2, 3], "layer_rates has 3 numbers; the network has 2 layers"),
    ("shuffle", 1, "shuffle must be true or false; got 1"),
    ("source", "", "source must be a text that is not empty; got ''"),
    ("source", None, "source must be a text that is not empty; got None"),
    ("target", 1.5, "target must be the name or the number of a column; got 1.5"),
    ("scaling", "minmax", "scaling must be one of auto, none, unit, standard; got 'minmax'"),
    ("task", "classify", "got 'classify' - did you mean 'classification'?"),
    ("validation_fraction", 1.0, "validation_fraction must be a number at least 0 and below 1"),
]


@pytest.mark.parametrize(("key", "value", "message"), BAD_VALUES)
def test_a_bad_value_is_refused_and_named(key: str, value: object, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        Config().replace(**{key: value})


def test_names_and_defaults_are_those_of_the_engine() -> None:
    kinds = {"output_activation": "activations", "loss": "losses", "init": "initializers"}
    for key, kind in kinds.items():
        for row in CATALOG[kind]:  # type: ignore[literal-required]
            name = row["name"]
            if row.get("learned"):
                continue  # of hidden layers alone
            chosen = getattr(getattr(Config().replace(**{key: name}), KEYS[key][0]), key)
            assert chosen == (_core.activation(name) if kind == "activations" else name)
    for row in CATALOG["activations"]:
        if not row["rowwise"]:
            full = _core.activation(row["name"])
            assert NetworkConfig(activation=row["name"]).hidden_activations() == (full,)


@pytest.mark.parametrize(("family", "row"), CHOICES, ids=lambda row: str(row)[:30])
def test_a_choice_brings_its_numbers_and_their_defaults(family: str, row: dict[str, Any]) -> None:
    training = TrainingConfig(**{family: row["name"]})
    own = {one["name"]: one["default"] for one in row["hyperparameters"]}
    if family == "optimizer":
        assert own.pop("learning_rate") > 0
        assert training.learning_rate is None  # decided when the target is seen
    assert training.hyperparameters(family) == own
    assert training.trainer_options().items() >= own.items()
    kinds = {"flag": bool, "whole": int, "number": float}
    for one in row["hyperparameters"]:
        if one["name"] != "learning_rate":
            assert type(getattr(training, one["name"])) is kinds[one["takes"]]
    values = {
        one["name"]: one["default"] for row in FAMILIES[family] for one in row["hyperparameters"]
    }
    for name in NAMES[family] - own.keys() - {"learning_rate"}:
        assert getattr(training, name) is None
        value = training_value(values[name], name)
        with pytest.raises(
            ConfigError, match=f"{family} '{row['name']}' has no {name}; got {value}"
        ):
            TrainingConfig(**{family: row["name"], name: value})


def training_value(default: float, name: str) -> float | bool:
    """A default as the key takes it."""
    if name in ("nesterov", "centered"):
        return bool(default)
    return int(default) if name in ("cycles", "plateau_epochs") else default


def test_a_hyperparameter_means_the_same_in_every_choice() -> None:
    """One key has one range, whatever the optimizer; defaults are each one's own."""
    kinds: dict[str, set[tuple[object, ...]]] = {}
    assert not NAMES["optimizer"] & NAMES["schedule"]
    for _, row in CHOICES:
        for one in row["hyperparameters"]:
            kind = tuple(value for key, value in sorted(one.items()) if key != "default")
            kinds.setdefault(one["name"], set()).add(kind)
            assert one["least"] <= one["default"] < one["below"]
    assert set(kinds) <= set(KEYS)
    assert all(len(of_one_name) == 1 for of_one_name in kinds.values())


def test_another_optimizer_starts_from_its_own_defaults() -> None:
    sgd = Config().replace(learning_rate=0.3, momentum=0.9, l2=0.01, epochs=7)
    adam = sgd.replace(optimizer="adam").training
    assert (adam.learning_rate, adam.momentum, adam.beta_1) == (None, None, 0.9)
    assert (adam.l2, adam.epochs) == (0.01, 7)  # the penalty belongs to the loss
    assert sgd.replace(optimizer="adam", learning_rate=0.01).training.learning_rate == 0.01
    assert sgd.replace(optimizer="sgd") == sgd
    back = sgd.replace(optimizer="adam", beta_2=0.5).replace(optimizer="sgd")
    assert (back.training.beta_2, back.training.momentum) == (None, 0.0)
    with pytest.raises(ConfigError, match="optimizer 'adam' has no momentum; got"):
        sgd.replace(optimizer="adam", momentum=0.5)
    with pytest.raises(ConfigError, match="'adams' - did you mean 'adam'"):
        sgd.replace(optimizer="adams")


def test_numpy_numbers_and_lists_are_taken_in_one_form() -> None:
    config = Config().replace(
        hidden=[np.int64(3), 4], batch_size=np.uint8(7), learning_rate=np.float32(0.5), momentum=0
    )
    assert config.network.hidden == (3, 4)
    assert type(config.training.batch_size) is int
    assert (config.training.learning_rate, config.training.momentum) == (0.5, 0.0)
    assert type(config.training.momentum) is float


def test_layers_and_their_activations_must_agree() -> None:
    config = NetworkConfig(hidden=[4, 5], activation=["relu", "tanh"])
    assert config.hidden_activations() == ("relu", "tanh")
    assert NetworkConfig(hidden=[]).hidden_activations() == ()
    with pytest.raises(ConfigError, match="activation names 2 layers and hidden 1"):
        NetworkConfig(hidden=[4], activation=["relu", "tanh"])


def test_fractions_leave_rows_to_train_on() -> None:
    with pytest.raises(ConfigError, match=r"must leave rows to train on; got 0.5 and 0.5"):
        DataConfig(validation_fraction=0.5, test_fraction=0.5)


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().training.epochs = 3  # type: ignore[misc]
    changed = Config().replace(epochs=9, hidden=[2])
    assert (changed.training.epochs, changed.network.hidden) == (9, (2,))
    assert Config() == Config().replace()
    assert Config() != changed


@pytest.mark.parametrize("key", COUNTS_WITH)
def test_a_key_that_would_not_count_is_refused(key: str) -> None:
    other, ones = COUNTS_WITH[key]
    value = getattr(TrainingConfig(), key) or 1
    for one in ones:
        assert getattr(Config().replace(**{other: one, key: value}).training, key) == value
    with pytest.raises(ConfigError, match=f"{key}={value!r} counts only with {other}="):
        Config().replace(**{key: value})


def test_an_unknown_option_suggests_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"unknown option 'hiden' - did you mean 'hidden'\?"):
        Config().replace(hiden=[1])
    with pytest.raises(ConfigError, match=r"^unknown option 'qqq'$"):
        Config().replace(qqq=1)


def test_sections_have_their_types() -> None:
    with pytest.raises(ConfigError, match="network must be a NetworkConfig; got DataConfig"):
        Config(network=DataConfig())  # type: ignore[arg-type]


EVERY_KEY = {
    "source": 'odd "name"\\ with\ttab,\nline, é, \x7f and 😀',
    "data_dir": "C:\\data",
    "target": "price",
    "header": "yes",
    "task": "regression",
    "scaling": "standard",
    "target_scaling": "none",
    "validation_fraction": 0.25,
    "test_fraction": 1 / 3,
    "hidden": (30, 7),
    "tied": ((1, 2), (1, 3)),
    "tied_transposed": ((1, 2),),
    "activation": ("tanh", "relu"),
    "normalization": ("batch(momentum=0.25, epsilon=1e-05)", "none"),
    "skips": ((0, 2), (1, 3)),
    "output_activation": "identity",
    "init": "normal",
    "init_std": 1e-300,
    "connections": 3,
    "bias_init": "normal",
    "dtype": "float64",
    "loss": "half_squared_error",
    "class_weight": "balanced",
    "optimizer": "sgd",
    "learning_rate": 3.0,
    "momentum": 0.1 + 0.2,
    "nesterov": True,
    "l1": 1e-7,
    "l2": 1e-05,
    "schedule": "cosine_restarts",
    "warmup_epochs": 1.5,
    "cycle_epochs": 3.0,
    "cycle_growth": 2.0,
    "peak_drop": 0.25,
    "final_factor": 0.01,
    "clip_norm": 5.0,
    "layer_rates": (0.0, 0.5, 1.0),
    "bias_rate": 2.0,
    "batch_size": 10,
    "epochs": 30,
    "seed": 2**63 - 1,
    "threads": 3,
    "augment_shift": 1.5,
    "augment_rotation": 180.0,
    "augment_scale": 0.1,
    "augment_elastic": 30.0,
    "augment_smoothness": 6.0,
    "input_noise": 0.05,
    "max_norm": 3.5,
    "init_scaling": "data",
    "prune": 0.25,
    "prune_by": "block",
    "prune_start": 3,
    "prune_epochs": 4,
    "dropout_schedule": "curriculum",
    "dropout_epochs": 1 / 3,
    "mixup": 0.2,
    "dropout": (0.1, 1 / 3),
    "input_dropout": 0.2,
    "precision": "bf16",
    "shuffle": False,
    "test_each_epoch": True,
    "early_stopping": True,
    "monitor": "val_accuracy",
    "patience": 3,
    "min_delta": 1e-4,
    "restore_best": False,
    "best_tie": "last",
    "averaging": "swa",
    "swa_start": 7,
    "validate_average": False,
}


ADAM = {
    "optimizer": "adam",
    "learning_rate": 0.1 + 0.2,
    "beta_1": 1 / 3,
    "beta_2": 0.9999,
    "epsilon": 1e-20,
    "l2": 1e-300,
    "averaging": "ema",
    "ema_decay": 1 / 3,
}
OTHERS: list[dict[str, object]] = [
    {"optimizer": "adamw", "weight_decay": 1e-300},
    {"optimizer": "rmsprop", "rho": 0.5, "centered": True, "clip_value": 1.0},
    {"optimizer": "lbfgs", "history": 3, "line_search": "exact", "gradient_tolerance": 1e-3},
    {"optimizer": "steepest_descent", "max_evaluations": 9, "l2": 0.5},
    {"schedule": "step_decay", "decay_factor": 0.5, "step_epochs": 0.1},
    {"schedule": "polynomial", "power": 2.0},
    {"schedule": "one_cycle", "rise": 0.1, "first_factor": 0.5},
    {"schedule": "coslog", "cycles": 3},
    {"schedule": "plateau", "plateau_epochs": 0, "plateau_threshold": 0.01},
]


LOSSES: list[dict[str, object]] = [
    {"loss": "huber", "delta": 0.1 + 0.2},
    {"loss": "quantile", "quantile": (0.1, 1 / 3)},
    {"loss": "quantile", "quantile": 0.75},
    {"label_smoothing": 0.1},
    {"loss": "binary_focal_cross_entropy", "gamma": 0.5, "alpha": 0.3},
]


@pytest.mark.parametrize(
    "values",
    [{}, EVERY_KEY, ADAM, {"target": -1, "hidden": ()}, *OTHERS, *LOSSES],
    ids=lambda values: " ".join(map(str, values.values()))[:30],
)
def test_toml_and_json_give_back_an_equal_configuration(
    values: dict[str, object], tmp_path: Path
) -> None:
    assert set(EVERY_KEY).union(ADAM, *OTHERS, *LOSSES) == set(KEYS)
    config = Config().replace(**values)
    config.write_toml(tmp_path / "c.toml")
    assert Config.read_toml(tmp_path / "c.toml") == config
    assert Config.from_dict(json.loads(json.dumps(config.as_dict()))) == config
    for key, value in values.items():
        assert getattr(getattr(config, KEYS[key][0]), key) == value


def test_another_schedule_starts_from_its_own_defaults() -> None:
    steps = Config().replace(
        schedule="step_decay", decay_factor=0.5, warmup_epochs=2, optimizer="adam"
    )
    training = steps.replace(schedule="exponential").training
    assert (training.decay_factor, training.warmup_epochs, training.step_epochs) == (0.9, 0, None)
    assert training.optimizer == "adam"
    assert steps.replace(schedule="step_decay", epochs=9).training.decay_factor == 0.5


def test_both_limits_of_the_gradient_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"both given \(1.0 and 2.0\); choose one"):
        Config().replace(clip_value=1, clip_norm=2)


def test_another_loss_starts_from_its_own_constants() -> None:
    focal = Config().replace(loss="binary_focal_cross_entropy", gamma=0.5)
    assert (focal.training.gamma, focal.training.alpha) == (0.5, 0.25)
    other = focal.replace(loss="categorical_focal_cross_entropy")
    assert (other.training.gamma, other.training.alpha) == (2.0, None)
    smoothed = Config().replace(label_smoothing=0.1)
    assert smoothed.replace(loss="binary_cross_entropy").training.label_smoothing == 0.1
    assert smoothed.replace(loss="huber", label_smoothing=None).training.delta == 1.0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"loss": "huber", "gamma": 1}, "loss 'huber' has no gamma; got 1.0: it has delta"),
        ({"loss": "hinge", "delta": 1}, "loss 'hinge' has no delta; got 1.0: it has no constants"),
        ({"loss": "huber", "delta": 0}, "delta must be a number at least 1e-20; got 0"),
        ({"quantile": [0.1, 2]}, "quantile[1] must be a number at least 1e-06 and below 1; got 2"),
        ({"quantile": []}, "quantile must be a number or one for each output; got []"),
        ({"label_smoothing": 1}, "label_smoothing must be a number at least 0 and below 1; got 1"),
    ],
)
def test_constants_that_do_not_fit_are_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Config().replace(**values)
    assert str(caught.value) == message


def test_a_file_says_only_what_differs_and_options_win_over_it(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text("[training]\nepochs = 7\nbatch_size = 10\n")
    config = Config.read_toml(path).replace(epochs=3)
    assert (config.training.epochs, config.training.batch_size) == (3, 10)
    assert config.network == Config().network


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[trainig]\nepochs = 1", "no section [trainig] - did you mean 'training'?"),
        ("[other]\n", "no section [other]; there are data, network, training"),
        ("epochs = 1", "'epochs' is a key of [training]; write it under [training]"),
        ("[training]\nepoch = 1", "[training] has no key 'epoch' - did you mean 'epochs'?"),
        ("[training]\nhidden = [1]", "[training] has no key 'hidden': it belongs to [network]"),
        ("[training]\nepochs = 1.5", "[training] epochs must be a whole number, at least 1; got"),
        ("[network]\nactivation = 'reul'", "[network] activation must be one of"),
        ("training = 3", "'training' is a section: write [training]"),
        (
            "[training]\nmomentum = 0.9\noptimizer = 'adam'",
            "[training] optimizer 'adam' has no",
        ),
        ("[training]\nepochs = 1\nepochs = 2", "this is not TOML: Cannot overwrite a value"),
        ("[training]\n\nepochs 1", "(at line 3, column 8)"),
        ("format = 2", "configuration format 2; this version reads 1"),
    ],
)
def test_errors_in_a_file_name_the_file_and_the_place(
    text: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=re.escape(message)) as caught:
        Config.read_toml(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_file_that_cannot_be_read_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read the configuration .*none\.toml"):
        Config.read_toml(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b"[data]\nsource = '\xe9'\n")
    with pytest.raises(ConfigError, match="utf-8"):
        Config.read_toml(tmp_path / "latin.toml")
    (tmp_path / "bom.toml").write_bytes(b"\xef\xbb\xbf[training]\nepochs = 2\n")
    assert Config.read_toml(tmp_path / "bom.toml").training.epochs == 2


@pytest.mark.parametrize("values", [[], None, "text"])
def test_json_that_is_no_configuration_is_refused(values: object) -> None:
    with pytest.raises(ConfigError, match="expected sections"):
        Config.from_dict(values)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_committed_configurations_are_valid(path: Path) -> None:
    assert Config.read_toml(path).data.source in ("mnist", "digits")


def test_the_committed_configurations_are_there() -> None:
    assert {path.stem for path in CONFIGS} >= {"n2", "g8", "a13", "mnist", "digits"}
