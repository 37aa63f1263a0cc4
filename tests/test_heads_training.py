"""Several heads through `fastmlp.train`: targets by name, what is decided of each, files."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import fastmlp
import numpy as np
import pytest
from fastmlp.cli import main
from fastmlp.config import Config
from fastmlp.data.heads import as_head_targets
from fastmlp.errors import ConfigError, DataError, ModelFileError

RNG = np.random.default_rng(12)
X = RNG.normal(size=(160, 6))
SUM = X @ RNG.normal(size=6)
Y: dict[str, Any] = {
    "sign": np.where(SUM > 0, "plus", "minus"),
    "third": np.digitize(SUM, np.quantile(SUM, [1 / 3, 2 / 3])),
    "size": np.abs(SUM),
    "facts": (X[:, :3] > 0).astype(int),
}
OPTIONS: dict[str, Any] = {"hidden": [12], "epochs": 4, "batch_size": 16, "learning_rate": 0.05}


def bits(model: fastmlp.Model) -> bytes:
    return b"".join(one.tobytes() for layer in model.parameters for one in layer)


def figures(model: fastmlp.Model) -> dict[str, list[float]]:
    return {name: values for name, values in model.history.items() if name != "seconds"}


@pytest.fixture(scope="module")
def model() -> fastmlp.Model:
    heads = {"third": {"weight": 0.5, "label_smoothing": 0.1}, "size": {"loss": "huber"}}
    return fastmlp.train(X, Y, heads=heads, validation=0.25, **OPTIONS)


def test_what_is_auto_is_decided_for_each_head_as_for_one_output(model: fastmlp.Model) -> None:
    assert (model.heads, model.task) == (("sign", "third", "size", "facts"), "multitask")
    for name, own in model.config.heads.items():
        options = {"loss": "huber"} if name == "size" else {}
        alone = fastmlp.train(X, Y[name], **OPTIONS, **options).config
        assert own.loss == alone.training.loss
        assert own.output_activation == alone.network.output_activation
        assert own.task == alone.data.task
    third = model.config.heads["third"]
    assert (third.weight, third.label_smoothing, model.config.heads["sign"].weight) == (0.5, 0.1, 1)
    assert model.config.training.loss == "auto"
    assert model.parameters[-1][0].shape == (12, 2 + 3 + 1 + 3)


def test_answers_come_by_head(model: fastmlp.Model) -> None:
    said = model.predict(X)
    assert list(said) == list(Y)
    for name, values in said.items():
        assert values.shape == np.asarray(Y[name]).shape
    assert set(said["sign"]) == {"plus", "minus"}
    shares = model.predict_proba(X)
    assert {name: one.shape[1] for name, one in shares.items()} == {
        "sign": 2,
        "third": 3,
        "facts": 3,
    }
    for name in ("sign", "third"):
        np.testing.assert_allclose(shares[name].sum(axis=1), 1, rtol=1e-6)
        np.testing.assert_array_equal(said[name], model.classes[name][shares[name].argmax(axis=1)])
    assert model.classes["size"] is None
    for rows in (1, 3):
        for name, values in model.predict(X[:rows]).items():
            np.testing.assert_array_equal(values, said[name][:rows])


def test_evaluation_has_the_figures_of_each_head(model: fastmlp.Model) -> None:
    said, shares, got = model.predict(X), model.predict_proba(X), model.evaluate(X, Y)
    assert got["sign"].accuracy == (said["sign"] == Y["sign"]).mean()
    assert got["facts"].label_accuracy == (said["facts"] == Y["facts"]).mean()
    assert got["size"].mae == pytest.approx(np.abs(said["size"] - Y["size"]).mean(), rel=1e-6)
    own = shares["sign"][np.arange(160), np.searchsorted(model.classes["sign"], Y["sign"])]
    assert got["sign"].loss == pytest.approx(-np.log(own).mean(), rel=1e-5)
    weights = [head.weight for head in model.config.heads.values()]
    assert got.loss == pytest.approx(
        sum(w * one.loss for w, one in zip(weights, got.values(), strict=True)), rel=1e-6
    )
    assert got.as_dict()["heads"]["third"]["accuracy"] == got["third"].accuracy
    by_weight = model.evaluate(X, Y, sample_weight=np.arange(160) % 2 * 2.0)
    half = model.evaluate(X[1::2], {name: one[1::2] for name, one in Y.items()})
    assert by_weight.loss == pytest.approx(half.loss, rel=1e-6)
    assert by_weight["sign"].accuracy == got["sign"].accuracy


def test_history_has_loss_and_accuracy_of_each_head(model: fastmlp.Model) -> None:
    expected = {"loss", "val_loss", "learning_rate", "seconds"}
    expected |= {f"{prefix}loss_{name}" for name in Y for prefix in ("", "val_")}
    expected |= {f"{p}accuracy_{name}" for name in ("sign", "third") for p in ("", "val_")}
    assert set(model.history) == expected
    held = fastmlp.train(
        X, Y, validation=(X[:50], {n: one[:50] for n, one in Y.items()}), **OPTIONS
    )
    measured = held.evaluate(X[:50], {name: one[:50] for name, one in Y.items()})
    assert held.history["val_loss"][-1] == measured.loss
    assert held.history["val_accuracy_third"][-1] == measured["third"].accuracy
    assert held.history["val_loss_size"][-1] == measured["size"].loss


@pytest.mark.parametrize("monitor", ["val_loss", "val_loss_size", "val_accuracy_third"])
def test_early_stopping_watches_all_or_one(monitor: str) -> None:
    options = {**OPTIONS, "epochs": 12, "validation": 0.25, "learning_rate": 0.3}
    whole = fastmlp.train(X, Y, **options)
    stopped = fastmlp.train(X, Y, early_stopping=True, monitor=monitor, patience=12, **options)
    values = np.array(whole.history[monitor]) * (-1 if "accuracy" in monitor else 1)
    assert stopped.record["best_epoch"] == int(values.argmin())
    with pytest.raises(
        ConfigError, match="monitor 'val_accuracy_size' is for classes; choose from"
    ):
        fastmlp.train(X, Y, early_stopping=True, monitor="val_accuracy_size", **options)


def test_a_model_file_and_a_pickle_keep_the_heads(model: fastmlp.Model, tmp_path: Any) -> None:
    path = tmp_path / "heads.safetensors"
    model.save(path)
    for other in (fastmlp.load(path), pickle.loads(pickle.dumps(model))):
        assert (other.heads, repr(other), other.history) == (
            model.heads,
            repr(model),
            model.history,
        )
        assert other.config == model.config
        assert bits(other) == bits(model)
        for name, values in other.predict(X).items():
            np.testing.assert_array_equal(values, model.predict(X)[name])
            assert values.dtype == model.predict(X)[name].dtype
        assert other.evaluate(X, Y).as_dict() == model.evaluate(X, Y).as_dict()
    assert (
        "head third: 3 softmax, classification of 3 classes, categorical_cross_entropy, weight "
        in (repr(model.summary()))
    )
    assert "heads sign: classification of 2 classes; third: " in repr(model)


def test_scaled_values_of_a_head_come_back_from_a_file(tmp_path: Any) -> None:
    y = {"far": 1000 + 50 * SUM, "sign": Y["sign"]}
    heads = {"far": {"target_scaling": "standard"}}
    model = fastmlp.train(X, y, heads=heads, **OPTIONS | {"epochs": 40})
    assert np.abs(model.predict(X)["far"] - y["far"]).mean() < 25
    model.save(tmp_path / "far.safetensors")
    loaded = fastmlp.load(tmp_path / "far.safetensors")
    np.testing.assert_array_equal(loaded.predict(X)["far"], model.predict(X)["far"])


@pytest.mark.parametrize("change", ["name", "units", "unit", "loss", "order"])
def test_a_file_whose_parts_contradict_each_other_is_refused(
    model: fastmlp.Model, tmp_path: Any, change: str
) -> None:
    from fastmlp.model.container import pack

    about = copy.deepcopy(model._description.as_json())
    tensors = model._description.tensors()
    for number, layer in enumerate(model.parameters):
        tensors |= {f"layer.{number}.weight": layer[0], f"layer.{number}.bias": layer[1]}
    parts = about["targets"]["heads"]
    if change == "name":
        parts[0]["name"] = "other"
    elif change == "units":
        parts[2]["outputs"] = 2
    elif change == "unit":
        about["network"]["structure"]["heads"][0][1] = "sigmoid"
    elif change == "loss":
        about["config"]["heads"]["sign"] |= {"loss": "binary_cross_entropy"}
    else:
        parts[1], parts[2] = parts[2], parts[1]
    path = tmp_path / "wrong.safetensors"
    path.write_bytes(pack(about, tensors))
    with pytest.raises(ModelFileError):
        fastmlp.load(path)


def test_training_goes_on_with_the_same_bits(tmp_path: Any) -> None:
    path = tmp_path / "run.safetensors"
    options = {**OPTIONS, "heads": {"third": {"weight": 0.5}}, "validation": 0.2, "momentum": 0.9}
    whole = fastmlp.train(X, Y, **options | {"epochs": 6})
    fastmlp.train(X, Y, checkpoint=path, **options | {"epochs": 3})
    found = fastmlp.train(X, Y, resume=path, validation=0.2, epochs=6)
    assert bits(found) == bits(whole)
    assert figures(found) == figures(whole)
    with pytest.raises(ConfigError, match=r"was trained with heads.third.weight 0.5, not 0.7"):
        fastmlp.train(X, Y, resume=path, validation=0.2, epochs=6, heads={"third": {"weight": 0.7}})
    with pytest.raises(DataError, match="resume: the training rows are not those of"):
        fastmlp.train(X, {**Y, "third": Y["third"][::-1]}, resume=path, validation=0.2, epochs=6)


def test_training_goes_on_inside_an_epoch(tmp_path: Any) -> None:
    class Stopping:
        """Interrupts at the end of the second of four epochs' first steps."""

        def __init__(self) -> None:
            self.left = 1

        def __call__(self, epoch: int, model: fastmlp.Model) -> None:
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt

    path = tmp_path / "run.safetensors"
    whole = fastmlp.train(X, Y, **OPTIONS)
    with pytest.warns(fastmlp.InterruptedWarning):
        fastmlp.train(X, Y, checkpoint=path, on_epoch=Stopping(), **OPTIONS)
    found = fastmlp.train(X, Y, resume=path)
    assert bits(found) == bits(whole)
    assert figures(found) == figures(whole)


def test_a_model_hands_on_its_heads(model: fastmlp.Model) -> None:
    again = fastmlp.train(X, Y, init=model, config=model.config, epochs=1)
    assert again.record["start"] == "given"
    with pytest.raises(ConfigError, match=r"init is a Model with the heads .*; y has one target"):
        fastmlp.train(X, Y["sign"], init=model, **OPTIONS)
    with pytest.raises(ConfigError, match=r"init is a Model without the heads of y, \['sign'\]"):
        fastmlp.train(X, {"sign": Y["sign"]}, init=model, **OPTIONS)


def test_toml_tables_say_the_same_as_options(tmp_path: Any) -> None:
    path = tmp_path / "heads.toml"
    path.write_text(
        "[network]\nhidden = [12]\n[training]\nepochs = 4\nbatch_size = 16\nlearning_rate = 0.05\n"
        '[heads.third]\nweight = 0.5\nlabel_smoothing = 0.1\n[heads.size]\nloss = "huber"\n'
    )
    heads = {"third": {"weight": 0.5, "label_smoothing": 0.1}, "size": {"loss": "huber"}}
    from_file = fastmlp.train(X, Y, config=path)
    assert bits(from_file) == bits(fastmlp.train(X, Y, heads=heads, **OPTIONS))
    config = from_file.config
    assert Config.from_toml(config.to_toml()) == config
    assert Config.from_dict(config.as_dict()) == config
    assert hash(Config.from_toml(config.to_toml())) == hash(config)
    named = Config(heads={"a b": {"weight": 2}})
    assert '[heads."a b"]' in named.to_toml()
    assert Config.from_toml(named.to_toml()) == named


def test_weights_of_samples_count_in_every_head() -> None:
    weights = np.linspace(0, 2, 160)
    full = OPTIONS | {"batch_size": 160, "dtype": "float64", "epochs": 1}
    weighted = fastmlp.train(X, Y, sample_weight=weights, **full)
    ones = fastmlp.train(X, Y, sample_weight=np.ones(160), **full)
    assert bits(ones) == bits(fastmlp.train(X, Y, **full))
    assert bits(weighted) != bits(ones)
    first = fastmlp.train(X, Y, **full | {"layer_rates": [0, 0]})
    expected = first.evaluate(X, Y, sample_weight=weights)
    assert weighted.history["loss"][0] == pytest.approx(expected.loss, rel=1e-12)
    for name, one in expected.items():
        assert weighted.history[f"loss_{name}"][0] == pytest.approx(one.loss, rel=1e-12)


def test_a_head_of_weight_0_is_not_learned() -> None:
    y = {"third": Y["third"], "size": Y["size"]}
    start = fastmlp.train(X, y, **OPTIONS | {"epochs": 1})
    alone_start = [*start.parameters[:-1], tuple(p[..., :3] for p in start.parameters[-1])]
    both = fastmlp.train(X, y, heads={"size": {"weight": 0}}, init=start.parameters, **OPTIONS)
    alone = fastmlp.train(X, y["third"], init=alone_start, **OPTIONS)  # type: ignore[arg-type]
    np.testing.assert_array_equal(both.parameters[0][0], alone.parameters[0][0])
    np.testing.assert_array_equal(both.parameters[1][0][:, :3], alone.parameters[1][0])
    np.testing.assert_array_equal(both.parameters[1][0][:, 3:], start.parameters[1][0][:, 3:])
    assert both.history["accuracy_third"] == alone.history["accuracy"]


def test_digits_with_their_parity_as_a_second_head() -> None:
    digits = fastmlp.load_data("digits")
    y = {"digit": digits.y, "parity": np.where(digits.y % 2, "odd", "even")}
    options: dict[str, Any] = {"hidden": [64], "epochs": 30, "batch_size": 32, "momentum": 0.9}
    model = fastmlp.train(digits.x, y, heads={"parity": {"weight": 0.3}}, validation=0.2, **options)
    assert model.history["val_accuracy_digit"][-1] > 0.95
    assert model.history["val_accuracy_parity"][-1] > 0.95
    said = model.predict(digits.x)
    agree = (said["parity"] == np.where(said["digit"] % 2, "odd", "even")).mean()
    assert agree > 0.97


@pytest.mark.parametrize(
    ("y", "options", "message"),
    [
        ({}, {}, "y names no head"),
        ({"": SUM}, {}, "the name of a head must be a text"),
        ({"a": SUM, "b": SUM[:5]}, {}, r"y\['b'\] has 5 targets for 160 samples"),
        ({"a": SUM, "b": ["x"] * 160}, {}, "head 'b': y holds one class only"),
        ({"a": SUM}, {"heads": {"b": {}}}, r"heads has 'b', y has \['a'\]"),
        ({"a": SUM}, {"heads": {"a": {"los": 1}}}, "heads.a has no key 'los' - did you mean"),
        ({"a": SUM}, {"heads": {"a": 3}}, r"heads.a must be a table such as"),
        ({"a": SUM}, {"heads": 3}, "heads must be a mapping"),
        ({"a": SUM}, {"heads": {"a": {"weight": -1}}}, "heads.a: weight must be a number at least"),
        (
            {"a": SUM},
            {"heads": {"a": {"loss": "huber", "gamma": 1}}},
            "heads.a: loss 'huber' has no",
        ),
        (
            {"a": SUM},
            {"loss": "huber"},
            "loss='huber' is for a network with one output; with heads",
        ),
        ({"a": SUM}, {"loss": lambda y, t: (0, y)}, "loss='custom' is for a network with one outp"),
        (
            {"a": Y["sign"]},
            {"class_weight": "balanced"},
            "class_weight='balanced' is for a network",
        ),
        ({"a": Y["sign"]}, {"class_weight": {"plus": 2}}, "class_weight needs one label a row"),
        ({"a": SUM}, {"mixup": 0.2}, "mixup=0.2 is for a network with one output; this one has"),
        ({"a": Y["sign"]}, {"heads": {"a": {"loss": "hinge", "task": "regression"}}}, "head 'a': "),
        (SUM, {"heads": {"a": {}}}, r"heads names \['a'\]; y must be a mapping with targets"),
    ],
)
def test_wrong_heads_are_refused(y: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises((ConfigError, DataError), match=message):
        fastmlp.train(X, y, **OPTIONS, **options)


def test_wrong_uses_of_a_model_are_refused(model: fastmlp.Model) -> None:
    with pytest.raises(DataError, match="y must have targets for each head: a mapping with"):
        model.evaluate(X, Y["sign"])
    with pytest.raises(DataError, match=r"y has the heads \['sign'\]; the model has"):
        model.evaluate(X, {"sign": Y["sign"]})
    with pytest.raises(DataError, match=r"y\['sign'\] holds labels that training did not see"):
        model.evaluate(X, {**Y, "sign": ["other"] * 160})
    with pytest.raises(ValueError, match="out is for the values of a regression"):
        model.predict(X, out=np.empty(160))
    with pytest.raises(ValueError, match="out is for a model with one output"):
        model.predict_proba(X, out=np.empty((160, 2)))
    values = fastmlp.train(X, {"size": Y["size"]}, **OPTIONS)
    with pytest.raises(ValueError, match="no head has class probabilities"):
        values.predict_proba(X)


def test_the_command_line_trains_and_uses_heads(tmp_path: Any, capsys: Any) -> None:
    data, rows, path = tmp_path / "set.npz", tmp_path / "rows.npy", tmp_path / "m.safetensors"
    np.savez(data, x=X, y=as_head_targets(Y))
    np.save(rows, X[:4])
    config = tmp_path / "heads.toml"
    config.write_text("[heads.third]\nweight = 0.5\n")
    flags = ["--config", str(config), "--hidden", "12", "--epochs", "3", "-o", str(path)]
    assert main(["train", str(data), *flags]) == 0
    shown = capsys.readouterr().out
    assert "sign: classification of 2 classes; third: classification of 3 classes" in shown
    assert "0.5 third categorical_cross_entropy" in shown
    assert "accuracy third" in shown
    assert "test: loss" in shown
    model = fastmlp.load(path)
    assert main(["evaluate", str(path), str(data), "--part", "all"]) == 0
    shown = capsys.readouterr().out
    evaluation: Any = model.evaluate(X, Y)
    assert f"loss {evaluation.loss:.4f}; sign: accuracy" in shown
    assert "third: confusion matrix" in shown
    assert main(["predict", str(path), str(rows)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "sign,third,size,facts 0,facts 1,facts 2"
    said: Any = model.predict(X[:4])
    assert lines[1].split(",")[:2] == [said["sign"][0], str(said["third"][0])]
    assert len(lines) == 5


def test_a_structured_array_is_a_mapping() -> None:
    expected = fastmlp.train(X, Y, **OPTIONS)
    assert bits(fastmlp.train(X, as_head_targets(Y), **OPTIONS)) == bits(expected)
    data = fastmlp.Dataset("set", X, Y)  # type: ignore[arg-type]
    held = fastmlp.train(data, **OPTIONS, validation_fraction=0, test_fraction=0)
    assert bits(held) == bits(expected)


def test_a_descent_learns_all_heads_at_once() -> None:
    options = {"hidden": [12], "optimizer": "lbfgs", "epochs": 15}
    model = fastmlp.train(X, Y, heads={"size": {"weight": 0.5}}, **options)
    losses = [model.history[f"loss_{name}"][-1] for name in Y]
    assert model.history["loss"][-1] == pytest.approx(np.dot([1, 1, 0.5, 1], losses), rel=1e-5)
    evaluation: Any = model.evaluate(X, Y)
    assert model.history["loss"][-1] == pytest.approx(evaluation.loss, rel=1e-5)
    assert model.history["accuracy_sign"][-1] == evaluation["sign"].accuracy
    assert model.history["loss"][-1] < 0.3 * model.history["loss"][0]


@pytest.mark.parametrize("by", ["weight", "neuron"])
def test_a_model_with_heads_can_be_pruned(model: fastmlp.Model, by: str) -> None:
    pruned = model.prune(0.5, by=by, layers=[0])
    assert pruned.heads == model.heads
    said, whole = pruned.predict(X), pruned.evaluate(X, Y)
    assert list(said) == list(Y)  # type: ignore[arg-type]
    for name, values in pruned.predict(X[:2]).items():  # type: ignore[attr-defined]
        np.testing.assert_array_equal(values, said[name][:2])
    assert whole.loss < 3 * model.evaluate(X, Y).loss


def test_first_weights_may_be_scaled_to_the_data() -> None:
    options = OPTIONS | {"epochs": 1, "init_scaling": "data"}
    model = fastmlp.train(X, Y, **options)
    assert model.config.network.init_scaling == "data"
    assert bits(model) != bits(fastmlp.train(X, Y, **OPTIONS | {"epochs": 1}))
