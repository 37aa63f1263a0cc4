"""Averaged weights in fastmlp.train: which the model has, which are measured; SWA's mean. The
engine's part of EMA is in test_trainer_state.py.
"""

from __future__ import annotations

import math
from typing import Any

import fastmlp
import numpy as np
import pytest
from fastmlp import ConfigError, Model
from fastmlp.training.averaging import Mean

RNG = np.random.default_rng(5)
X = RNG.normal(size=(150, 5))
Y = (X[:, 0] + X[:, 1] ** 2 > 0.5).astype(np.int64)
HELD = (RNG.normal(size=(40, 5)), RNG.integers(0, 2, 40))
OPTIONS: dict[str, Any] = {"validation": HELD, "hidden": [9], "seed": 1, "epochs": 8}


def weights(model: Model) -> bytes:
    return b"".join(w.tobytes() + b.tobytes() for w, b in model.parameters)


def arrays(model: Model) -> list[np.ndarray]:
    return [array for pair in model.parameters for array in pair]


def models_of(**options: Any) -> list[Model]:
    """The models after each epoch."""
    models: list[Model] = []
    fastmlp.train(X, Y, on_epoch=lambda _, m: models.append(m), **OPTIONS, **options)
    return models


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("start", [1, 4, 8])
def test_swa_is_the_mean_of_the_epochs(dtype: str, start: int) -> None:
    """Within its stated error: (n / 2 + 5) units of float64, and half a unit of the dtype."""
    plain = models_of(dtype=dtype)[start - 1 :]
    model = fastmlp.train(X, Y, averaging="swa", swa_start=start, dtype=dtype, **OPTIONS)
    columns = zip(*(arrays(one) for one in plain), strict=True)
    for found, column in zip(arrays(model), columns, strict=True):
        values = np.stack(column).astype(np.float64)
        exact = [math.fsum(values[:, *at]) / len(plain) for at in np.ndindex(found.shape)]
        bound = abs(values).max() * (
            (len(plain) / 2 + 5) * 2.0**-53 + np.finfo(dtype).eps / 2 + 2.0**-53
        )
        assert abs(found.astype(np.float64).ravel() - exact).max() <= bound


def test_swa_is_that_of_pytorch() -> None:
    torch = pytest.importorskip("torch")
    from torch.optim.swa_utils import AveragedModel

    plain = models_of(dtype="float64")
    module = torch.nn.ParameterList(torch.from_numpy(a) for a in arrays(plain[0]))
    average = AveragedModel(module)
    for model in plain[2:]:
        for to, array in zip(module, arrays(model), strict=True):
            to.data = torch.from_numpy(array)
        average.update_parameters(module)
    found = fastmlp.train(X, Y, averaging="swa", swa_start=3, dtype="float64", **OPTIONS)
    for array, expected in zip(arrays(found), average.module, strict=True):
        np.testing.assert_allclose(array, expected.detach().numpy(), rtol=1e-12, atol=1e-15)


def test_swa_begins_with_the_last_quarter() -> None:
    chosen = fastmlp.train(X, Y, averaging="swa", **OPTIONS)
    assert chosen.config.training.swa_start == 7
    assert weights(chosen) == weights(fastmlp.train(X, Y, averaging="swa", swa_start=7, **OPTIONS))


def test_before_it_begins_the_model_has_the_weights_themselves() -> None:
    late = fastmlp.train(X, Y, averaging="swa", swa_start=9, **OPTIONS)
    assert weights(late) == weights(fastmlp.train(X, Y, **OPTIONS))
    one = fastmlp.train(X, Y, averaging="swa", swa_start=8, **OPTIONS)
    assert weights(one) == weights(late)


@pytest.mark.parametrize(
    "options", [{"averaging": "ema", "ema_decay": 0.8}, {"averaging": "swa", "swa_start": 3}]
)
def test_what_the_model_has_is_what_is_measured(options: dict[str, Any]) -> None:
    plain, models = models_of(), models_of(**options)
    for epoch, model in enumerate(models):
        got = model.evaluate(*HELD)
        assert model.history["val_loss"][epoch] == got.loss
        assert model.history["val_accuracy"][epoch] == got.accuracy
    assert weights(models[-1]) != weights(plain[-1])
    assert models[-1].history["loss"] == plain[-1].history["loss"]
    measured = models_of(validate_average=False, **options)
    assert measured[-1].history["val_loss"] == plain[-1].history["val_loss"]
    assert [weights(model) for model in measured] == [weights(model) for model in models]


def test_early_stopping_returns_the_best_average() -> None:
    options = {"averaging": "ema", "ema_decay": 0.8}
    models = models_of(**options)
    best = int(np.argmin(models[-1].history["val_loss"]))
    model = fastmlp.train(X, Y, early_stopping=True, patience=100, **options, **OPTIONS)
    assert weights(model) == weights(models[best])


def test_the_mean_of_equal_weights_is_the_weights() -> None:
    layers = [(RNG.normal(size=(3, 2)).astype(np.float32), RNG.normal(size=2).astype(np.float32))]
    mean = Mean()
    for _ in range(9):
        mean = mean.including(layers)
    for one, other in zip(mean.rounded("float32")[0], layers[0], strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"averaging": "mean"}, "averaging must be one of none, ema, swa; got 'mean'"),
        ({"averaging": "ema", "ema_decay": 1.0}, "ema_decay must be a number at least 0 and below"),
        ({"averaging": "swa", "swa_start": 0}, "swa_start must be a whole number, at least 1"),
        ({"ema_decay": 0.9}, "ema_decay=0.9 counts only with averaging='ema'"),
    ],
)
def test_what_cannot_be_averaged_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        fastmlp.train(X, Y, **OPTIONS, **options)
