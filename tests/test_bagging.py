"""Bagging: which rows are drawn, what the average of the models is, and its one file."""

from __future__ import annotations

import fastmlp
import numpy as np
import pytest
from fastmlp import ConfigError, ModelFileError, _core

PURPOSE = 10
RNG = np.random.default_rng(2)
X = RNG.normal(size=(90, 5))
LABELS = np.array(["a", "b", "c"])[RNG.integers(0, 3, 90)]
VALUES = X[:, 0] * 3 + X[:, 1] ** 2
OPTIONS = {"hidden": [6], "epochs": 3, "batch_size": 20, "seed": 7}


def test_rows_are_a_function_of_seed_model_and_place():
    for seed, model in ((0, 0), (2**40 + 3, 5)):
        expected = []
        for place in range(1000):
            words = _core.testing.philox(seed, PURPOSE, 0, model, 0, place)
            expected.append(((words[1] << 32 | words[0]) * 1000) >> 64)
        assert _core.bootstrap(1000, seed, model).tolist() == expected
    assert _core.bootstrap(0, 0, 0).tolist() == []


def test_resamples_are_even_and_leave_out_a_share_of_1_over_e():
    n, left, counts = 5000, [], np.zeros(5000)
    for model in range(40):
        drawn = np.bincount(_core.bootstrap(n, 1, model), minlength=n)
        counts += drawn
        left.append((drawn == 0).mean())
    assert abs(np.mean(left) - np.exp(-1)) < 5 * 0.0045 / np.sqrt(40)  # deviation: 0.0044
    chi_squared = ((counts - 40) ** 2 / 40).sum()
    assert abs(chi_squared - (n - 1)) < 4 * np.sqrt(2 * n)


def bags():
    sets = (RNG.random((90, 3)) > 0.5).astype(int)
    two = (X[:, 0] > 0).astype(int)
    return {
        "classes": (LABELS, {}),
        "one unit": (two, {"output_activation": "sigmoid"}),
        "margin": (two, {"loss": "hinge"}),
        "margins": (LABELS, {"loss": "hinge"}),
        "values": (VALUES, {"target_scaling": "standard"}),
        "two values": (X[:, :2] * 2, {}),
        "rates": (RNG.poisson(3, 90), {"loss": "poisson"}),
        "sets": (sets, {"task": "multilabel"}),
    }


@pytest.mark.parametrize("kind", bags())
def test_each_member_is_the_model_of_its_rows(kind):
    y, more = bags()[kind]
    bag = fastmlp.bag(X, y, models=3, **OPTIONS, **more)
    assert len(bag.models) == 3
    for number, member in enumerate(bag.models):
        rows = _core.bootstrap(90, 7, number)
        alone = fastmlp.train(X[rows], y[rows], **OPTIONS | more | {"seed": 7 + number})
        np.testing.assert_array_equal(member.predict(X), alone.predict(X))
        for one, other in zip(member.parameters, alone.parameters, strict=True):
            assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("kind", bags())
def test_the_average_decides(kind):
    y, more = bags()[kind]
    bag = fastmlp.bag(X, y, models=3, **OPTIONS, **more)
    decided = bag.predict(X)
    assert decided.shape == np.shape(y)
    if kind in ("classes", "one unit", "sets"):
        mean = sum(np.float64(one.predict_proba(X)) for one in bag.models) / 3
        np.testing.assert_allclose(bag.predict_proba(X), mean, rtol=1e-15)
        expected = (mean > 0.5) * 1 if kind == "sets" else bag.classes[mean.argmax(axis=1)]
    elif kind.startswith("margin"):
        outputs = sum(np.float64(one._outputs(X, None)) for one in bag.models) / 3
        numbers = outputs.argmax(axis=1) if kind == "margins" else (outputs[:, 0] >= 0) * 1
        expected = bag.classes[numbers]
        with pytest.raises(ValueError, match="no probabilities"):
            bag.predict_proba(X)
    else:
        expected = sum(one.predict(X) for one in bag.models) / 3
        np.testing.assert_allclose(decided, expected, rtol=1e-14)
        expected = decided
    np.testing.assert_array_equal(decided, expected)
    found = bag.evaluate(X, y)
    if found.accuracy is not None and found.label_accuracy is None:
        assert found.accuracy == (decided == y).mean()
    losses = [one.evaluate(X, y).loss for one in bag.models]
    assert found.loss == pytest.approx(np.mean(losses), rel=1e-15)


@pytest.mark.parametrize("kind", ["classes", "margin", "values", "sets"])
def test_rows_that_were_left_out_are_judged_by_who_has_not_seen_them(kind):
    y, more = bags()[kind]
    bag = fastmlp.bag(X, y, models=4, **OPTIONS, **more)
    seen = [set(_core.bootstrap(90, 7, number).tolist()) for number in range(4)]
    rows, decided = [], []
    for row in range(90):
        voters = [m for m, own in zip(bag.models, seen, strict=True) if row not in own]
        if not voters:
            continue
        x = X[row : row + 1]
        if kind == "values":
            decided.append(np.mean([m.predict(x)[0] for m in voters]))
        else:
            outputs = np.mean([np.float64(m._outputs(x, None)[0]) for m in voters], axis=0)
            if kind == "classes":
                decided.append(bag.classes[outputs.argmax()])
            elif kind == "margin":
                decided.append(bag.classes[int(outputs[0] >= 0)])
            else:
                decided.append((outputs > 0.5) * 1)
        rows.append(row)
    true, decided = y[rows], np.array(decided)
    assert bag.oob_rows == len(rows) > 70
    if kind == "values":
        expected = 1 - ((true - decided) ** 2).sum() / ((true - true.mean()) ** 2).sum()
    else:
        right = decided == true
        expected = (right.all(axis=1) if right.ndim == 2 else right).mean()
    assert bag.oob_score == pytest.approx(expected, rel=1e-12)


def test_a_class_that_a_resample_misses_stays_a_class():
    y = np.zeros(60, int)
    y[:2] = [1, 2]
    bag = fastmlp.bag(RNG.normal(size=(60, 2)), y, models=6, hidden=[])
    assert bag.classes.tolist() == [0, 1, 2]
    assert any(1 not in y[_core.bootstrap(60, 0, number)] for number in range(6))


def test_validation_rows_are_not_drawn_and_weights_go_with_their_rows():
    weights = RNG.random(90)
    options = OPTIONS | {"validation": 0.3, "sample_weight": weights}
    bag = fastmlp.bag(X, LABELS, models=2, **options)
    for member in bag.models:
        assert len(member.history["val_loss"]) == 3
        assert (member.record["training_rows"], member.record["validation_rows"]) == (63, 27)
    other = fastmlp.bag(X, LABELS, models=2, **options | {"sample_weight": weights[::-1].copy()})
    assert not np.array_equal(other.predict_proba(X), bag.predict_proba(X))
    constant = fastmlp.bag(X, LABELS, models=2, **options | {"sample_weight": np.ones(90)})
    plain = fastmlp.bag(X, LABELS, models=2, **options | {"sample_weight": None})
    np.testing.assert_array_equal(constant.predict_proba(X), plain.predict_proba(X))


@pytest.mark.parametrize("kind", bags())
def test_one_file_holds_them_all(kind, tmp_path):
    y, more = bags()[kind]
    bag = fastmlp.bag(X, y, models=2, **OPTIONS, **more)
    path = tmp_path / "bag.safetensors"
    bag.save(path)
    loaded = fastmlp.Bagging.load(path)
    np.testing.assert_array_equal(loaded.predict(X), bag.predict(X))
    assert (loaded.oob_score, loaded.oob_rows) == (bag.oob_score, bag.oob_rows)
    loaded.save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()
    assert list(tmp_path.glob(".fastmlp*")) == []


def test_files_are_not_mistaken_for_each_other(tmp_path):
    bag = fastmlp.bag(X, LABELS, models=2, **OPTIONS)
    bag.save(tmp_path / "bag")
    bag.models[0].save(tmp_path / "model")
    with pytest.raises(ModelFileError, match=r"read it with fastmlp\.Bagging\.load"):
        fastmlp.load(tmp_path / "bag")
    with pytest.raises(ModelFileError, match=r"read it with fastmlp\.load"):
        fastmlp.Bagging.load(tmp_path / "model")
    damaged = bytearray((tmp_path / "bag").read_bytes())
    damaged[-5] ^= 1
    (tmp_path / "bag").write_bytes(damaged)
    with pytest.raises(ModelFileError, match="SHA-256 does not match"):
        fastmlp.Bagging.load(tmp_path / "bag")


def test_threads_change_no_bit(team):
    alone = fastmlp.bag(X, LABELS, models=2, **OPTIONS).predict_proba(X)
    team(3)
    assert np.array_equal(fastmlp.bag(X, LABELS, models=2, **OPTIONS).predict_proba(X), alone)


def test_an_interruption_ends_with_the_models_so_far(monkeypatch):
    begun = []

    def fit(*arguments, **options):
        begun.append(1)
        model = real(*arguments, **options)
        if len(begun) == 2:
            model._description.record["interrupted"] = True
        return model

    module = __import__("fastmlp.bagging.train", fromlist=["fit"])
    real = module.fit
    monkeypatch.setattr(module, "fit", fit)
    assert len(fastmlp.bag(X, LABELS, models=5, **OPTIONS).models) == 2


def test_a_data_set_and_its_test_part():
    digits = fastmlp.load_data("digits")
    options = {"hidden": [30], "epochs": 10, "batch_size": 32, "momentum": 0.9}
    bag = fastmlp.bag(digits, models=3, **options)
    assert bag.oob_score > 0.85
    single = np.mean([one.history["val_accuracy"][-1] for one in bag.models])
    assert single > 0.85


def test_what_cannot_be_is_refused():
    with pytest.raises(ConfigError, match="models must be a whole number, at least 1; got 0"):
        fastmlp.bag(X, LABELS, models=0)
    with pytest.raises(ConfigError, match="unknown option 'checkpoint'"):
        fastmlp.bag(X, LABELS, checkpoint="run")
    with pytest.raises(ConfigError, match="x needs its targets"):
        fastmlp.bag(X)
