"""train(): the arithmetic against NumPy, what is inferred and refused, Ctrl-C and divergence."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
import warnings
from pathlib import Path
from typing import Any

import fastmlp
import numpy as np
import pytest
from fastmlp import ConfigError, DataError, DivergedError, InterruptedWarning, Model, _core

RNG = np.random.default_rng(5)
X = RNG.normal(size=(90, 4))
Y = (X[:, 0] + X[:, 1] ** 2 > 0.5).astype(np.int64)
CLASSES, VALUES = ("classification",), ("regression", "identity", "mean_squared_error")
CONFIGS = Path(__file__).parents[1] / "configs"


def numpy_epochs(
    start: list[tuple[np.ndarray, np.ndarray]], x: np.ndarray, y: np.ndarray, config: Any
) -> tuple[list[tuple[np.ndarray, np.ndarray]], list[float]]:
    """Softmax and cross-entropy after one tanh layer, momentum and L2, in float64 NumPy."""
    (w1, b1), (w2, b2) = [(w.copy(), b.copy()) for w, b in start]
    values = [w1, b1, w2, b2]
    speed = [np.zeros_like(v) for v in values]
    losses = []
    for epoch in range(config.epochs):
        order, total = _core.permutation(len(x), config.seed, epoch), 0.0
        for first in range(0, len(x), config.batch_size):
            rows = order[first : first + config.batch_size]
            h = np.tanh(x[rows] @ w1 + b1)
            z = h @ w2 + b2
            p = np.exp(z - z.max(axis=1, keepdims=True))
            p /= p.sum(axis=1, keepdims=True)
            total -= np.log(p[np.arange(len(rows)), y[rows]]).sum()
            d2 = (p - np.eye(2)[y[rows]]) / len(rows)
            d1 = d2 @ w2.T * (1 - h * h)
            gradients = (x[rows].T @ d1, d1.sum(axis=0), h.T @ d2, d2.sum(axis=0))
            for i, g in enumerate(gradients):
                decay = config.l2 * values[i] if values[i].ndim == 2 else 0
                speed[i] = config.momentum * speed[i] + g + decay
                values[i] -= config.learning_rate * speed[i]
        losses.append(total / len(x))
    return [(w1, b1), (w2, b2)], losses


def test_training_is_the_mathematics() -> None:
    options: dict[str, Any] = {
        "hidden": [6],
        "activation": "tanh",
        "dtype": "float64",
        "momentum": 0.8,
        "l2": 0.01,
        "batch_size": 16,
        "seed": 3,
    }
    start = [(RNG.normal(size=(4, 6)), RNG.normal(size=6)), (RNG.normal(size=(6, 2)), np.ones(2))]
    model = fastmlp.train(X, Y, init=start, epochs=4, **options)
    expected, losses = numpy_epochs(start, X, Y, model.config.training)
    for (w, b), (w0, b0) in zip(model.parameters, expected, strict=True):
        np.testing.assert_allclose(w, w0, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(b, b0, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(model.history["loss"], losses, rtol=1e-10)
    assert model.record["start"] == "given"


def test_the_default_learning_rate_is_the_optimizers() -> None:
    """SGD's is a tenth for values on a linear output; an adaptive optimizer does not need that."""
    rates = {
        (optimizer, name): fastmlp.train(X, y, optimizer=optimizer, epochs=1).config.training
        for optimizer in ("sgd", "adam")
        for name, y in (("classes", Y), ("values", X[:, 0]))
    }
    assert {key: chosen.learning_rate for key, chosen in rates.items()} == {
        ("sgd", "classes"): 0.1,
        ("sgd", "values"): 0.1 / 10,
        ("adam", "classes"): 0.001,
        ("adam", "values"): 0.001,
    }
    assert rates["adam", "values"].hyperparameters()["beta_2"] == 0.999


def test_the_same_seed_gives_the_same_bits_and_another_does_not() -> None:
    def weights(**options: Any) -> bytes:
        return b"".join(w.tobytes() for w, _ in fastmlp.train(X, Y, **options).parameters)

    assert weights(seed=1) == weights(seed=1) == weights(seed=1, threads=3)
    assert weights(seed=1) != weights(seed=2)
    assert weights(shuffle=False) != weights(shuffle=True)


def test_nothing_of_the_caller_is_changed() -> None:
    x, y, held = X.copy(), Y.copy(), (X[:9].copy(), Y[:9].copy())
    start = [(np.ones((4, 2)), np.ones(2))]
    for array in (x, y, *held, *start[0]):
        array.flags.writeable = False
    fastmlp.train(x, y, hidden=[], validation=held, init=start, scaling="standard", epochs=2)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(start[0][0], 1)


def test_history_has_an_entry_an_epoch() -> None:
    model = fastmlp.train(X, Y, epochs=3, validation=(X[:30], Y[:30]))
    keys = {"loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds"}
    assert set(model.history) == keys
    assert {len(figures) for figures in model.history.values()} == {3}
    got = model.evaluate(X[:30], Y[:30])
    assert model.history.last("val_loss") == got.loss
    assert model.history.last("val_accuracy") == got.accuracy
    assert model.record["steps"] == 3 * 2
    assert (model.record["training_rows"], model.record["validation_rows"]) == (90, 30)
    assert model.record["interrupted"] is False
    values = fastmlp.train(X, X[:, 0], epochs=2, validation=(X, X[:, 0]))
    assert set(values.history) == {"loss", "val_loss", "learning_rate", "seconds"}


def test_a_fraction_is_kept_for_validation() -> None:
    model = fastmlp.train(X, Y, epochs=1, validation=0.2)
    assert (model.record["training_rows"], model.record["validation_rows"]) == (72, 18)
    plain = fastmlp.train(X, Y, epochs=1)
    assert (plain.record["training_rows"], plain.record["validation_rows"]) == (90, 0)


@pytest.mark.parametrize(
    ("y", "options", "expected"),
    [
        (Y, {}, (*CLASSES, "softmax", "categorical_cross_entropy", 0.1, 2)),
        (
            Y > 0,
            {"output_activation": "sigmoid"},
            (*CLASSES, "sigmoid", "binary_cross_entropy", 0.1, 1),
        ),
        (
            Y,
            {"loss": "binary_cross_entropy"},
            (*CLASSES, "sigmoid", "binary_cross_entropy", 0.1, 1),
        ),
        (X[:, 0], {}, (*VALUES, 0.01, 1)),
        (X[:, :3], {"learning_rate": 0.02}, (*VALUES, 0.02, 3)),
        (Y, {"task": "regression"}, (*VALUES, 0.01, 1)),
    ],
)
def test_what_is_inferred_stands_in_the_config(
    y: np.ndarray, options: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    model = fastmlp.train(X, y, epochs=1, **options)
    config = model.config
    found = (config.data.task, config.network.output_activation, config.training.loss)
    assert (*found, config.training.learning_rate, model.summary().layers[-1][1]) == expected
    assert config.network.init == "he_normal"
    assert (config.data.scaling, config.data.target_scaling) == ("none", "none")
    again = fastmlp.train(X, y, config=config)
    assert again.config == config
    assert again._network.predict(X).tobytes() == model._network.predict(X).tobytes()


def test_first_weights_follow_the_activation_and_the_kind_of_data(tmp_path: Path) -> None:
    assert fastmlp.train(X, Y, activation="tanh").config.network.init == "glorot_uniform"
    assert fastmlp.train(X, Y, hidden=[]).config.network.init == "glorot_uniform"
    assert fastmlp.train(X.astype(np.uint8), Y).config.data.scaling == "unit"
    rows = np.column_stack([X * 50, 1e5 * X[:, 0]])
    np.savetxt(tmp_path / "t.csv", rows, delimiter=",", header="a,b,c,d,price", comments="")
    model = fastmlp.train(source=str(tmp_path / "t.csv"))
    assert (model.config.data.scaling, model.config.data.target_scaling) == ("standard", "standard")
    assert (model.feature_names, model.target_name) == (("a", "b", "c", "d"), "price")


def test_weights_can_come_from_a_model() -> None:
    x, y = X * 9 + 5, Y
    first = fastmlp.train(x, y, hidden=[5], scaling="standard", epochs=2)
    same = fastmlp.train(x[:50], y[:50], config=first.config, init=first, learning_rate=1e-30)
    np.testing.assert_array_equal(same.predict_proba(x), first.predict_proba(x))
    with pytest.raises(
        ConfigError, match=r"init is a Model of the classes \[0, 1\]; y holds \[1, 2\]"
    ):
        fastmlp.train(x, y + 1, config=first.config, init=first)
    with pytest.raises(
        ConfigError, match="init is a Model for classification; y is for regression"
    ):
        fastmlp.train(x, y / 2, hidden=[5], init=first)


@pytest.mark.parametrize(
    ("init", "message"),
    [
        ([(np.zeros((4, 5)), np.zeros(5))], r"init has \(W, b\) of shapes .* needs \[\(\(4, 2\), "),
        ([(np.zeros((2, 4)), np.zeros(2))], "the network of sizes"),
        ([(np.full((4, 2), 1e300), np.zeros(2))], "not finite in float32"),
        (3, "init must be a name, a Model or a list of"),
        ([3], "init must be a name, a Model or a list of"),
        ("he", "init must be one of auto"),
    ],
)
def test_first_weights_that_do_not_fit_are_refused(init: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        fastmlp.train(X, Y, hidden=[], init=init)


REFUSED = [
    ({"y": Y[:-1]}, DataError, "y has 89 targets for 90 samples"),
    ({"y": np.zeros(90, int)}, DataError, "y holds one class only, 0; training needs two"),
    ({"y": None}, ConfigError, r"x needs its targets: train\(x, y\)"),
    ({"x": np.where(X > 2, np.nan, X)}, DataError, "x holds nan at row"),
    ({"x": "digits", "y": None}, ConfigError, "pass source='digits'"),
    ({"validation": (X,)}, ConfigError, r"validation must be a pair \(x, y\), got 1 entries"),
    ({"validation": (X[:, 1:], Y)}, DataError, "validation x"),
    ({"validation": (X, Y[1:])}, DataError, "validation y has 89 targets for 90 samples"),
    ({"validation": (X, Y + 5)}, DataError, "validation y holds labels .* not see: 5, 6"),
    ({"validation": 1.5}, ConfigError, "validation must be a fraction between 0 and 1; got 1.5"),
    ({"validation": True}, ConfigError, r"validation must be a pair \(x, y\) or a fraction"),
    ({"validation": "yes"}, ConfigError, r"validation must be a pair \(x, y\) or a fraction"),
    ({"bach_size": 3}, ConfigError, r"unknown option 'bach_size' - did you mean 'batch_size'\?"),
    ({"source": "digits"}, ConfigError, "source says how a data set is read; x and y are given"),
    ({"validation_fraction": 0.1}, ConfigError, "x and y are given; pass validation="),
    ({"test_each_epoch": True}, ConfigError, "test_each_epoch needs classes and a data set with"),
    ({"target_scaling": "standard"}, ConfigError, "target_scaling is for a regression"),
    (
        {"output_activation": "identity", "loss": "binary_cross_entropy"},
        ConfigError,
        "goes with .* sigmoid",
    ),
    (
        {"y": X[:, 0], "output_activation": "softmax"},
        ConfigError,
        "needs two units or more; y gives it one",
    ),
    ({"y": X[:, 0], "loss": "binary_cross_entropy"}, ValueError, r"targets"),
    ({"y": np.full(90, "a")}, DataError, "y holds one class only, 'a'"),
]


@pytest.mark.parametrize(("changes", "error", "message"), REFUSED)
def test_what_cannot_be_trained_is_refused(
    changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    call: dict[str, Any] = {"x": X, "y": Y} | changes
    with pytest.raises(error, match=message):
        fastmlp.train(call.pop("x"), call.pop("y"), **call)


def test_a_data_set_brings_its_own_targets() -> None:
    data = fastmlp.Dataset("mine", X.astype(np.float32), Y)
    model = fastmlp.train(data, epochs=1, validation_fraction=0.1, test_fraction=0.1)
    assert (model.record["training_rows"], model.record["validation_rows"]) == (72, 9)
    with pytest.raises(ConfigError, match="y and validation go with an array x"):
        fastmlp.train(data, Y)


def test_a_class_that_only_the_held_rows_have_is_known() -> None:
    y = np.append(Y[:-1], 7)
    data = fastmlp.Dataset("rare", X.astype(np.float32), y)
    for seed in range(5):
        model = fastmlp.train(data, epochs=1, seed=seed, validation_fraction=0.4)
        assert model.classes is not None
        assert model.classes.tolist() == [0, 1, 7]


def test_a_configuration_file_gives_the_choices_and_options_win(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text("[network]\nhidden = [3]\n[training]\nepochs = 2\nbatch_size = 30\n")
    model = fastmlp.train(X, Y, config=path, epochs=1)
    assert model.summary().layers[0][:2] == (4, 3)
    assert model.record["steps"] == 3


def test_the_bundled_digits_need_no_argument(capsys: pytest.CaptureFixture[str]) -> None:
    model = fastmlp.train(epochs=2, verbose=True)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("1,258 rows to train, 180 to validate, 359 to test; classification")
    assert lines[1].startswith("64 -> 128 relu -> 10 softmax; loss categorical_cross_entropy")
    shape = (
        r"epoch [12]/2: loss \d\.\d{4}, accuracy \d\d\.\d\d % \| validation loss .* %% \| .* m?s"
    )
    assert [bool(re.fullmatch(shape.replace("%%", "%"), line)) for line in lines[2:]] == [True] * 2
    assert (model.image_shape, model.pixel_max) == ((8, 8), 16)


def test_the_test_rows_can_be_counted_each_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    model = fastmlp.train(epochs=2, verbose=True, test_each_epoch=True)
    lines = capsys.readouterr().out.splitlines()[2:]
    right = [round(share * 359) for share in model.history["test_accuracy"]]
    assert lines == [f"Epoch {epoch}: {n} / 359" for epoch, n in enumerate(right)]


def test_quiet_is_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    fastmlp.train(X, Y, epochs=1)
    assert capfd.readouterr() == ("", "")
    fastmlp.train(X, Y, epochs=1, progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert "epoch 1/1:   0%" in err


def test_on_epoch_gets_the_model_so_far() -> None:
    seen: list[tuple[int, Model]] = []
    last = fastmlp.train(X, Y, epochs=3, on_epoch=lambda epoch, model: seen.append((epoch, model)))
    assert [epoch for epoch, _ in seen] == [0, 1, 2]
    assert [model.history.epochs for _, model in seen] == [1, 2, 3]
    for epochs, (_, model) in enumerate(seen, 1):
        alone = fastmlp.train(X, Y, epochs=epochs)
        assert alone.predict_proba(X).tobytes() == model.predict_proba(X).tobytes()
    assert last.predict_proba(X).tobytes() == seen[-1][1].predict_proba(X).tobytes()


def test_an_error_of_the_caller_ends_training() -> None:
    def fail(epoch: int, model: Model) -> None:
        raise LookupError("stop")

    with pytest.raises(LookupError, match="stop"):
        fastmlp.train(X, Y, on_epoch=fail)


def test_divergence_keeps_the_last_finite_model() -> None:
    y = 1e3 * X[:, 0]
    with pytest.raises(DivergedError) as caught:
        fastmlp.train(X, y, learning_rate=50.0, batch_size=9, epochs=40)
    message = str(caught.value)
    assert re.match(
        r"training diverged in epoch \d+ of 40, step \d+: a weight or the loss", message
    )
    assert "Try a lower learning_rate than 50.0" in message
    model = caught.value.model
    assert all(np.isfinite(w).all() and np.isfinite(b).all() for w, b in model.parameters)
    assert model.record["partial_epoch"]["epoch"] == model.history.epochs
    assert (
        model.record["steps"] == 10 * model.history.epochs + model.record["partial_epoch"]["steps"]
    )


def interrupt_when(ready: threading.Event) -> threading.Thread:
    def send() -> None:
        ready.wait(30)
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=send)
    thread.start()
    return thread


def test_ctrl_c_keeps_the_model_and_the_history() -> None:
    x = RNG.normal(size=(20_000, 50)).astype(np.float32)
    y = (x[:, 0] > 0).astype(np.int64)
    options: dict[str, Any] = {"hidden": [64], "batch_size": 10, "epochs": 100_000}
    ready = threading.Event()
    thread = interrupt_when(ready)
    with pytest.warns(InterruptedWarning, match="interrupted in epoch .* its last whole step"):
        model = fastmlp.train(x, y, on_epoch=lambda *_: ready.set(), **options)
    thread.join()
    record, epochs = model.record, model.history.epochs
    assert record["interrupted"] is True
    assert 1 <= epochs < 100_000
    assert {len(figures) for figures in model.history.values()} == {epochs}
    partial = record["partial_epoch"]
    assert partial is None or (partial["epoch"] == epochs and 0 <= partial["steps"] <= 2000)
    assert record["steps"] == 2000 * epochs + (partial["steps"] if partial else 0)
    if partial and partial["steps"] < 2000:
        whole = fastmlp.train(x, y, **(options | {"epochs": epochs}))
        differ = any(
            (a != b).any()
            for (a, _), (b, _) in zip(whole.parameters, model.parameters, strict=True)
        )
        assert differ == (partial["steps"] > 0)
    again = fastmlp.model.model_from_bytes(model._as_bytes())
    assert again.predict_proba(x).tobytes() == model.predict_proba(x).tobytes()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fastmlp.train(x[:100], y[:100], epochs=1)


@pytest.mark.parametrize(("largest", "divisor"), [(1, 1), (16, 16), (255, 255), (0, 1)])
def test_uint8_arrays_are_divided_by_their_largest_value(largest: int, divisor: int) -> None:
    """Columns of 0 and 1 are not pixels: divided by 255 they would all but vanish."""
    rows = (np.arange(40).reshape(10, 4) % (largest + 1)).astype(np.uint8)
    rows[0, 0] = largest
    model = fastmlp.train(rows, np.arange(10) % 2, hidden=[], epochs=1)
    assert model.pixel_max == divisor
    same = fastmlp.train(rows / divisor, np.arange(10) % 2, hidden=[], epochs=1)
    assert np.allclose(model.predict_proba(rows), same.predict_proba(rows / divisor), atol=1e-6)


def test_going_on_from_a_model_keeps_its_pixel_range() -> None:
    """The range belongs to the scaling that is taken over, not to the rows that come new."""
    rows = np.arange(40, dtype=np.uint8).reshape(10, 4)
    bright, dark = rows + 200, rows // 4
    first = fastmlp.train(bright, np.arange(10) % 2, hidden=[], epochs=1)
    more = fastmlp.train(dark, np.arange(10) % 2, config=first.config, init=first)
    assert more.config.data.scaling == "unit"
    alone = fastmlp.train(dark, np.arange(10) % 2, hidden=[], epochs=1)
    going_on = fastmlp.train(dark, np.arange(10) % 2, hidden=[], epochs=1, init=first)
    assert (first.pixel_max, alone.pixel_max, going_on.pixel_max) == (239, 9, 239)
