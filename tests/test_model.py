"""A trained model: its predictions, that nobody can change it, the same bits from its file."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fastmlp
import numpy as np
import pytest
from fastmlp import DataError, Model
from fastmlp.model import model_from_bytes

RNG = np.random.default_rng(7)
X = RNG.normal(size=(120, 5))
NUMBER = (X[:, 0] > 0).astype(np.int64) + (X[:, 1] > 0.5)
NAMES = np.array(["low", "mid", "hïgh"])
KINDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "int": (NUMBER * 10 - 3, {}),
    "uint8": (NUMBER.astype(np.uint8), {"dtype": "float64"}),
    "str": (NAMES[NUMBER], {"hidden": [6, 4], "activation": ["tanh", "relu"]}),
    "bool": (NUMBER > 0, {"output_activation": "sigmoid"}),
    "pair": (NUMBER > 0, {"scaling": "standard"}),
    "float labels": (NUMBER / 2, {"task": "classification", "hidden": []}),
    "quadratic": (NUMBER, {"loss": "half_squared_error", "activation": "sigmoid"}),
    "value": (X @ np.arange(5.0), {"target_scaling": "standard"}),
    "column": ((X @ np.arange(5.0))[:, None], {}),
    "values": (X @ np.ones((5, 3)) * 1e4, {"scaling": "standard", "target_scaling": "standard"}),
}
CLASSES = [kind for kind in KINDS if "val" not in kind and kind != "column"]
VALUES = ["value", "column", "values"]


@pytest.fixture(scope="module")
def models() -> dict[str, Model]:
    return {
        kind: fastmlp.train(X, y, epochs=3, **({"hidden": [8]} | options))
        for kind, (y, options) in KINDS.items()
    }


@pytest.mark.parametrize("kind", KINDS)
def test_the_file_gives_back_the_same_model(
    kind: str, models: dict[str, Model], tmp_path: Path
) -> None:
    model = models[kind]
    model.save(tmp_path / "m.safetensors")
    for again in (
        fastmlp.load(tmp_path / "m.safetensors"),
        pickle.loads(pickle.dumps(model)),
        copy.deepcopy(model),
    ):
        first, second = model.predict(X), again.predict(X)
        assert first.dtype == second.dtype
        assert first.tobytes() == second.tobytes()
        assert again._network.predict(X).tobytes() == model._network.predict(X).tobytes()
        assert again.config == model.config
        assert again.history == model.history
        assert again.record == model.record
        assert repr(again) == repr(model)
        assert repr(again.summary()) == repr(model.summary())
        assert again._as_bytes() == model._as_bytes()


def test_pickles_hold_the_bytes_of_the_file_and_name_one_function(models: dict[str, Model]) -> None:
    function, arguments = models["int"].__reduce__()
    assert function is model_from_bytes
    assert arguments == (models["int"]._as_bytes(),)


@pytest.mark.parametrize("kind", CLASSES)
def test_predictions_are_labels_in_the_dtype_of_training(
    kind: str, models: dict[str, Model]
) -> None:
    y, model = KINDS[kind][0], models[kind]
    predicted = model.predict(X)
    assert predicted.shape == (120,)
    assert predicted.dtype == y.dtype
    assert set(predicted.tolist()) <= set(y.tolist())
    assert model.classes is not None
    np.testing.assert_array_equal(model.classes, np.unique(y))
    assert model.task == "classification"


@pytest.mark.parametrize("kind", CLASSES)
def test_the_prediction_is_the_most_probable_class(kind: str, models: dict[str, Model]) -> None:
    model = models[kind]
    shares = model.predict_proba(X)
    assert model.classes is not None
    assert shares.shape == (120, len(model.classes))
    assert shares.dtype == model.config.network.dtype
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-6)
    assert shares.min() >= 0
    np.testing.assert_array_equal(model.classes[shares.argmax(axis=1)], model.predict(X))


@pytest.mark.parametrize("kind", VALUES)
def test_values_have_the_shape_and_the_units_of_y(kind: str, models: dict[str, Model]) -> None:
    y, model = KINDS[kind][0], models[kind]
    predicted = model.predict(X)
    assert predicted.shape == y.shape
    assert predicted.dtype == np.float64
    assert model.task == "regression"
    assert model.classes is None
    got = model.evaluate(X, y)
    assert got.rmse == pytest.approx(np.sqrt(((predicted - y) ** 2).mean()), rel=1e-12)
    assert got.r2 is not None
    with pytest.raises(ValueError, match="a regression has no class probabilities; use predict"):
        model.predict_proba(X)


def test_target_scaling_is_undone(models: dict[str, Model]) -> None:
    """The loss is that of scaled targets, the error that of the caller's."""
    y, model = KINDS["values"][0], models["values"]
    got = model.evaluate(X, y)
    assert got.rmse is not None
    scaled = (model.predict(X) - y) / y.std(axis=0)
    assert got.loss == pytest.approx((scaled**2).mean(), rel=1e-5)
    assert got.rmse > 1000 * got.loss


@pytest.mark.parametrize("kind", CLASSES)
def test_evaluation_agrees_with_predictions(kind: str, models: dict[str, Model]) -> None:
    y, model = KINDS[kind][0], models[kind]
    got = model.evaluate(X, y)
    assert got.accuracy == (model.predict(X) == y).mean()
    assert got.confusion is not None
    assert got.confusion.sum(axis=1).tolist() == np.unique(y, return_counts=True)[1].tolist()


def test_outputs_that_are_no_probabilities_are_not_called_so() -> None:
    model = fastmlp.train(
        X, NUMBER, hidden=[], output_activation="identity", epochs=1, learning_rate=0.01
    )
    with pytest.raises(ValueError, match="output_activation 'identity' gives no probabilities"):
        model.predict_proba(X)


def test_what_is_handed_out_does_not_lead_back(models: dict[str, Model]) -> None:
    model = models["int"]
    before = model._as_bytes()
    for array in (*(a for pair in model.parameters for a in pair), model.classes):
        assert array is not None
        array[...] = 0
    model.history["loss"].append(0.0)
    model.record["steps"] = 0
    model.evaluate(X, KINDS["int"][0]).classes[...] = 0  # type: ignore[index]
    with pytest.raises(AttributeError):
        model.config = None  # type: ignore[misc, assignment]
    with pytest.raises(AttributeError):
        model.extra = 1  # type: ignore[attr-defined]
    assert model._as_bytes() == before


def test_inputs_are_not_changed_and_their_form_does_not_matter(models: dict[str, Model]) -> None:
    model = models["pair"]
    x32 = X.astype(np.float32)
    x32.flags.writeable = False
    whole = model.predict_proba(x32)
    wide = np.zeros((240, 10), np.float32)
    wide[::2, ::-2] = x32
    assert model.predict_proba(wide[::2, ::-2]).tobytes() == whole.tobytes()
    assert model.predict_proba(np.asfortranarray(x32)).tobytes() == whole.tobytes()
    assert model.predict_proba(x32.astype(">f4")).tobytes() == whole.tobytes()
    alone = np.concatenate([model.predict_proba(row[None]) for row in x32])
    assert alone.tobytes() == whole.tobytes()
    assert model.predict_proba(x32, threads=3).tobytes() == whole.tobytes()


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (X[:, :4], "4"),
        (X[0], "one sample"),
        (np.full((2, 5), np.nan), "nan at row 0, column 0"),
        (np.zeros((0, 5)), "x"),
        (np.array([["a"] * 5]), "x"),
    ],
    ids=["narrow", "flat", "nan", "empty", "text"],
)
def test_rows_that_do_not_fit_are_refused(
    x: np.ndarray, message: str, models: dict[str, Model]
) -> None:
    for call in (models["int"].predict, models["int"].predict_proba):
        with pytest.raises(DataError, match=message):
            call(x)


def test_softmax_outputs_are_probabilities_as_they_are(models: dict[str, Model]) -> None:
    model = models["str"]
    assert model.predict_proba(X).tobytes() == model._network.predict(X).tobytes()


@pytest.mark.parametrize("rows", [1, 2, 120])
@pytest.mark.parametrize("kind", KINDS)
def test_results_go_to_out(kind: str, rows: int, models: dict[str, Model]) -> None:
    """Probabilities of softmax, of one sigmoid unit and of several; values of a regression."""
    call = models[kind].predict_proba if kind in CLASSES else models[kind].predict
    expected = call(X[:rows])
    out = np.full_like(expected, 7)
    assert call(X[:rows], out=out) is out
    assert out.tobytes() == expected.tobytes()
    unfit: list[tuple[Any, type[Exception], str]] = [
        (out.tolist(), TypeError, "out must be a NumPy array; got list"),
        (out.astype("i4"), TypeError, "out has dtype int32; it must be"),
        (np.zeros((rows + 1, *out.shape[1:]), out.dtype), ValueError, "out has shape"),
        (np.zeros((*out.shape, 2), out.dtype)[..., 0], ValueError, "C-contiguous"),
        (np.frombuffer(out.tobytes(), out.dtype).reshape(out.shape), ValueError, "read-only"),
    ]
    for other, error, message in unfit:
        if rows > 1 or message != "C-contiguous":  # of one row the strides may be anything
            with pytest.raises(error, match=message):
                call(X[:rows], out=other)


def test_labels_go_to_no_out(models: dict[str, Model]) -> None:
    with pytest.raises(ValueError, match="out is for the values of a regression; predict_proba"):
        models["int"].predict(X, out=np.zeros(120))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rows", [1, 2, 50])
def test_the_first_value_that_is_not_finite_is_named(
    dtype: str, rows: int, models: dict[str, Model]
) -> None:
    x = X[:rows].astype(dtype)
    x[-1, 3] = -np.inf
    message = rf"x holds -inf at row {rows - 1}, column 3 \(counted from 0\); every value must"
    for call in (models["int"].predict_proba, models["pair"].predict, models["value"].predict):
        with pytest.raises(DataError, match=message):
            call(x)
    x[-1, 3] = np.finfo(dtype).max
    for kind in ("pair", "int"):
        if dtype == "float64":
            with pytest.raises(ValueError, match="x, scaled, exceeds the range of float32"):
                models[kind].predict_proba(x)


def test_evaluation_refuses_targets_that_do_not_fit(models: dict[str, Model]) -> None:
    with pytest.raises(DataError, match="y holds labels that training did not see: 'none'"):
        models["str"].evaluate(X, ["none"] * 120)
    with pytest.raises(DataError, match="y has 119 targets for 120 samples"):
        models["int"].evaluate(X, KINDS["int"][0][1:])
    with pytest.raises(DataError, match="y has 2 values a row, expected 3"):
        models["values"].evaluate(X, np.zeros((120, 2)))


def test_many_threads_may_predict_at_once(models: dict[str, Model]) -> None:
    model = models["str"]
    expected = model.predict_proba(X).tobytes()
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: model.predict_proba(X).tobytes(), range(64)))
    assert set(results) == {expected}


def test_summary_is_a_table() -> None:
    model = fastmlp.train(
        np.zeros((4, 3), np.uint8), [0, 1, 0, 1], hidden=[4, 5], epochs=1, batch_size=2
    )
    summary = model.summary()
    assert summary.layers == ((3, 4, "relu", 16), (4, 5, "relu", 25), (5, 2, "softmax", 12))
    assert summary.parameters == 53 == sum(w.size + b.size for w, b in model.parameters)
    assert str(summary).splitlines() == [
        "layer  shape          activation    parameters",
        "    1  3 -> 4         relu                  16",
        "    2  4 -> 5         relu                  25",
        "    3  5 -> 2         softmax               12",
        "total                 float32               53  (212 B)",
        "inputs: scaling unit",
        "classification of 2 classes",
    ]


def test_repr_shows_the_layers(models: dict[str, Model]) -> None:
    assert repr(models["str"]) == (
        "Model(5 -> 6 tanh -> 4 relu -> 3 softmax, classification of 3 classes)"
    )
    assert repr(models["values"]) == "Model(5 -> 8 relu -> 3 identity, regression of 3 values)"


def test_saving_over_a_model_replaces_it(models: dict[str, Model], tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    models["values"].save(path)
    models["int"].save(path)
    assert repr(fastmlp.load(path)) == repr(models["int"])
    assert [entry.name for entry in tmp_path.iterdir()] == ["m.safetensors"]
    with pytest.raises(FileNotFoundError):
        models["int"].save(tmp_path / "none" / "m.safetensors")
