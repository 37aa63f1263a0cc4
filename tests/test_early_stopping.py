"""Early stopping: when it stops and which weights it returns, against the whole history."""

from __future__ import annotations

import math
from typing import Any

import fastmlp
import numpy as np
import pytest
from fastmlp import ConfigError, Model
from fastmlp.training.early_stopping import Best

RNG = np.random.default_rng(5)
X = RNG.normal(size=(150, 5))
Y = (X[:, 0] + X[:, 1] ** 2 + RNG.normal(size=150) > 0.5).astype(np.int64)
HELD = (RNG.normal(size=(40, 5)), RNG.integers(0, 2, 40))
EPOCHS = 40
OPTIONS: dict[str, Any] = {"validation": HELD, "hidden": [9], "learning_rate": 0.4, "seed": 1}


def weights(model: Model) -> bytes:
    return b"".join(w.tobytes() + b.tobytes() for w, b in model.parameters)


@pytest.fixture(scope="module")
def every_epoch() -> list[Model]:
    """The models of a training that does not stop early, an epoch each."""
    models: list[Model] = []
    fastmlp.train(X, Y, epochs=EPOCHS, on_epoch=lambda _, m: models.append(m), **OPTIONS)
    return models


def expected(
    scores: list[float], patience: int, min_delta: float, tie: str
) -> tuple[int, int | None]:
    """How many epochs there are and which is best, by looking at all scores, lower being better."""
    epochs = len(scores)
    for last in range(len(scores)):
        # the newest epoch that beat, by more than min_delta, the one that had done so before
        mark, reference = -1, math.inf
        for at in range(last + 1):
            if scores[at] < reference - min_delta:
                mark, reference = at, scores[at]
        if last - mark >= patience:
            epochs = last + 1
            break
    finite = [at for at in range(epochs) if scores[at] < math.inf]
    if not finite:
        return epochs, None
    lowest = min(scores[at] for at in finite)
    equal = [at for at in finite if scores[at] == lowest]
    return epochs, equal[0 if tie == "first" else -1]


@pytest.mark.parametrize("monitor", ["val_loss", "val_accuracy"])
@pytest.mark.parametrize("patience", [1, 3, 8, 100])
@pytest.mark.parametrize("min_delta", [0.0, 0.02])
@pytest.mark.parametrize("tie", ["first", "last"])
def test_it_stops_where_the_rule_says_and_returns_the_best(
    monitor: str, patience: int, min_delta: float, tie: str, every_epoch: list[Model]
) -> None:
    history = every_epoch[-1].history
    sign = -1 if monitor == "val_accuracy" else 1
    epochs, best = expected(
        [sign * figure for figure in history[monitor]], patience, min_delta, tie
    )
    chosen: dict[str, Any] = {"monitor": monitor, "patience": patience, "min_delta": min_delta}
    chosen |= {"early_stopping": True, "best_tie": tie, "epochs": EPOCHS} | OPTIONS
    model = fastmlp.train(X, Y, **chosen)
    assert model.history.epochs == epochs
    assert model.history["val_loss"] == history["val_loss"][:epochs]
    assert best is not None
    assert weights(model) == weights(every_epoch[best])
    assert model.record["best_epoch"] == best
    assert model.record["stopped_early"] == (epochs < EPOCHS)
    assert model.evaluate(*HELD).loss == history["val_loss"][best]
    last = fastmlp.train(X, Y, restore_best=False, **chosen)
    assert weights(last) == weights(every_epoch[epochs - 1])
    assert last.record["best_epoch"] == best


def test_the_sweep_has_ties_and_stops() -> None:
    """What the test above relies on to tell the rules apart."""
    model = fastmlp.train(X, Y, epochs=EPOCHS, **OPTIONS)
    accuracy = model.history["val_accuracy"]
    assert accuracy.count(max(accuracy)) > 1
    assert min(model.history["val_loss"]) < model.history["val_loss"][-1]


@pytest.mark.parametrize("seed", range(20))
def test_any_scores_are_judged_by_the_rule(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = [float(score) for score in rng.integers(0, 6, 30) / 4]
    for at in rng.integers(0, 30, 4):
        scores[at] = float(rng.choice([math.nan, math.inf]))
    for patience in (1, 2, 5, 40):
        for min_delta in (0.0, 0.25, 0.3):
            for tie in ("first", "last"):
                best, epochs = Best(), 0
                for epoch, score in enumerate(scores):
                    best = best.after(epoch, score, min_delta=min_delta, tie=tie)
                    epochs += 1
                    if best.waited >= patience:
                        break
                assert (epochs, best.epoch) == expected(scores, patience, min_delta, tie)


def test_a_figure_that_is_never_finite_keeps_the_last_weights() -> None:
    best = Best()
    for epoch in range(5):
        best = best.after(epoch, math.nan, tie="last").after(epoch, math.inf, tie="last")
    assert best.epoch is None
    assert best.waited == 10


@pytest.mark.parametrize(
    ("y", "options", "message"),
    [
        (Y, {"validation": None}, "early_stopping needs validation rows: pass validation="),
        (X[:, 0], {"monitor": "val_accuracy"}, "monitor 'val_accuracy' is for classes"),
        (Y, {"patience": 0}, "patience must be a whole number, at least 1; got 0"),
        (Y, {"min_delta": -1.0}, "min_delta must be a number at least 0; got -1.0"),
        (Y, {"monitor": "loss"}, "monitor must be one of val_loss, val_accuracy; got 'loss'"),
        (Y, {"best_tie": "any"}, "best_tie must be one of first, last; got 'any'"),
        (Y, {"averaging": "ema", "validate_average": False}, "early_stopping returns the weights"),
    ],
)
def test_what_it_cannot_watch_is_refused(
    y: np.ndarray, options: dict[str, Any], message: str
) -> None:
    held = (HELD[0], HELD[0][:, 0]) if y.dtype.kind == "f" else HELD
    with pytest.raises(ConfigError, match=message):
        fastmlp.train(X, y, **({"validation": held, "early_stopping": True} | options))


def test_a_data_set_without_validation_rows_is_refused() -> None:
    with pytest.raises(ConfigError, match="a validation_fraction greater than 0"):
        fastmlp.train(validation_fraction=0.0, early_stopping=True, epochs=1)


def test_what_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    options = OPTIONS | {"early_stopping": True, "patience": 2, "epochs": 400}
    model = fastmlp.train(X, Y, verbose=True, **options)
    lines = capsys.readouterr().out.splitlines()[2:]
    best = model.record["best_epoch"]
    assert lines[best].endswith("| best so far")
    assert not any(line.endswith("best so far") for line in lines[best + 1 :])
    assert lines[-1] == (
        f"stopped early: 2 epochs without a better val_loss; best was epoch {best + 1} "
        f"({min(model.history['val_loss']):.4g}), whose weights the model has"
    )
    assert len(lines) == model.history.epochs + 1
