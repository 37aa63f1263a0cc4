"""A loss that is a Python function: the engine's own written as functions, and how it fails."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastmlp
import numpy as np
import pytest
from fastmlp import _core
from fastmlp.errors import ConfigError, LossFunctionError

RNG = np.random.default_rng(8)
X = RNG.normal(size=(90, 4))
T = RNG.normal(size=(90, 3))
LABELS = RNG.integers(0, 3, 90)


def squared(y: Any, t: Any) -> tuple[Any, Any]:
    """Mean squared error, in the order of the engine's arithmetic."""
    share = 1 / y.shape[1]
    return ((y - t) ** 2 * share).sum(axis=1), (y - t) * (share + share)


def mean_of_squared(y: Any, t: Any) -> tuple[Any, Any]:
    losses, gradient = squared(y, t)
    return losses.mean(), gradient / len(y)


def cross_entropy(y: Any, labels: Any) -> tuple[Any, Any]:
    rows = np.arange(len(y))
    gradient = np.zeros_like(y)
    gradient[rows, labels] = -1 / y[rows, labels]
    return -np.log(y[rows, labels]), gradient


def engine(
    loss: Any, output: str = "identity", t: Any = T, batch: int = 16, **options: Any
) -> tuple[list[Any], Any]:
    network = _core.Network([4, 7, 3], ["tanh", output], "float64")
    network.initialize("glorot_uniform", 2)
    trainer = _core.Trainer(
        network, X, t, loss=loss, batch_size=batch, learning_rate=0.1, seed=3, **options
    )
    results = [trainer.run_epoch(epoch) for epoch in range(3)]
    trainer.close()
    return network.parameters(), results


def same(first: Any, second: Any, atol: float) -> None:
    for (w, b), (v, c) in zip(first[0], second[0], strict=True):
        np.testing.assert_allclose(w, v, rtol=0, atol=atol)
        np.testing.assert_allclose(b, c, rtol=0, atol=atol)
    for one, other in zip(first[1], second[1], strict=True):
        assert one.loss == pytest.approx(other.loss, rel=1e-12)
        assert one.correct == other.correct
        assert (one.samples, one.steps) == (other.samples, other.steps)


@pytest.mark.parametrize("batch", [1, 3, 16, 90])
@pytest.mark.parametrize("output", ["identity", "sigmoid", "tanh", "relu", "softmax"])
@pytest.mark.parametrize("weights", [None, np.linspace(0, 2, 90)], ids=["plain", "weighted"])
def test_a_squared_error_as_a_function_is_the_engines_own(
    output: str, batch: int, weights: Any
) -> None:
    options = {"output": output, "batch": batch, "sample_weight": weights}
    same(engine(squared, **options), engine("mean_squared_error", **options), 1e-14)


@pytest.mark.parametrize("output", ["identity", "softmax"])
def test_a_mean_and_its_gradient_may_be_returned(output: str) -> None:
    same(engine(mean_of_squared, output), engine("mean_squared_error", output), 1e-14)


@pytest.mark.parametrize("shuffle", [True, False])
def test_cross_entropy_as_a_function_of_class_numbers(shuffle: bool) -> None:
    options = {"output": "softmax", "t": LABELS, "shuffle": shuffle}
    same(engine(cross_entropy, **options), engine("categorical_cross_entropy", **options), 1e-13)


def test_large_batches_come_in_parts() -> None:
    rows: list[int] = []

    def counted(y: Any, t: Any) -> tuple[Any, Any]:
        rows.append(len(y))
        return squared(y, t)

    x, t = np.tile(X, (30, 1)), np.tile(T, (30, 1))
    ends = []
    for loss in (counted, "mean_squared_error"):
        network = _core.Network([4, 7, 3], ["tanh", "identity"], "float64")
        network.initialize("glorot_uniform", 2)
        trainer = _core.Trainer(network, x, t, loss=loss, batch_size=2700, learning_rate=0.1)
        ends.append((network.parameters(), [trainer.run_epoch(0)]))
        trainer.close()
    assert rows == [1024, 1024, 652]
    same(ends[0], ends[1], 1e-14)


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_no_bit(threads: int, team: Callable[[int], None]) -> None:
    alone = engine(squared, "softmax", sample_weight=np.linspace(0, 2, 90))
    team(threads)
    shared = engine(squared, "softmax", sample_weight=np.linspace(0, 2, 90))
    for pair, other in zip(alone[0], shared[0], strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(pair, other, strict=True))


def failing(after: int, result: Any) -> Any:
    """The squared error, which from its call number `after` on does something else."""
    calls = []

    def loss(y: Any, t: Any) -> tuple[Any, Any]:
        calls.append(len(y))
        return squared(y, t) if len(calls) <= after else result(y, t)

    return loss


def divide(y: Any, t: Any) -> Any:
    raise ZeroDivisionError("no rows")


FAILURES = [
    (divide, "the loss function raised ZeroDivisionError: no rows"),
    (lambda y, t: None, r"must return \(loss, gradient\); it returned NoneType"),
    (lambda y, t: (squared(y, t)[0][1:], y), r"the loss that .* has shape .*it must be \(16,\)"),
    (lambda y, t: (0.0, y[:, :2]), r"the gradient that .* has shape \(16, 2\); it must be \(16, 3"),
    (lambda y, t: (0.0, y * np.nan), "the gradient that .* holds a value that is NaN"),
    (lambda y, t: (np.inf, y), "the loss that .* holds a value that is NaN, infinite"),
    (lambda y, t: ("low", y), "the loss that the function returned has dtype <U3; real numbers"),
]


@pytest.mark.parametrize(("result", "message"), FAILURES)
def test_a_failure_ends_training_at_a_whole_step(
    result: Any, message: str, team: Callable[[int], None]
) -> None:
    team(2)
    options: dict[str, Any] = {"hidden": [7], "batch_size": 16, "learning_rate": 0.1}
    with pytest.raises(LossFunctionError, match=message) as caught:
        fastmlp.train(X[:80], T[:80], loss=failing(7, result), epochs=4, **options)
    assert "in epoch 2 of 4, after step 7" in str(caught.value)
    model = caught.value.model
    assert model is not None
    assert model.record["steps"] == 7
    assert model.history.epochs == 1
    if result is divide:
        assert isinstance(caught.value.__cause__, ZeroDivisionError)
    one = fastmlp.train(X[:80], T[:80], loss=failing(5, result), epochs=1, **options)
    assert not np.array_equal(one.parameters[0][0], model.parameters[0][0])


def test_a_failure_on_validation_rows_is_told_too() -> None:
    def loss(y: Any, t: Any) -> tuple[Any, Any]:
        losses, gradient = squared(y, t)
        return (losses[1:] if len(y) == 18 else losses), gradient

    with pytest.raises(LossFunctionError, match=r"shape \(17,\); it must be .*18.* epoch 1") as e:
        fastmlp.train(X, T, loss=loss, validation=0.2, batch_size=12)
    assert e.value.model is not None
    assert e.value.model.record["steps"] == 6


def test_ctrl_c_in_the_function_ends_at_a_whole_step() -> None:
    def interrupt(y: Any, t: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.warns(fastmlp.InterruptedWarning):
        model = fastmlp.train(X, T, loss=failing(3, interrupt), batch_size=16)
    assert (model.record["interrupted"], model.record["steps"]) == (True, 3)


def test_a_function_may_use_other_networks_and_keep_what_it_got() -> None:
    kept = []
    other = _core.Network([3, 2], ["identity"], "float64")

    def loss(y: Any, t: Any) -> tuple[Any, Any]:
        other.predict(y)
        kept.append((y, t))
        y_now = y.copy()
        y[:] = np.nan  # its own copy
        return squared(y_now, t)

    same(engine(loss), engine("mean_squared_error"), 1e-14)
    assert all(np.isfinite(t).all() for _, t in kept)


def test_a_mean_has_no_weights() -> None:
    with pytest.raises(ValueError, match="must return the loss of each sample where they have"):
        engine(mean_of_squared, sample_weight=np.ones(90))


def test_what_is_no_loss_is_refused() -> None:
    with pytest.raises(TypeError, match="loss must be a name or a function; got int"):
        _core.Trainer(_core.Network([4, 3], ["identity"]), X, T, loss=3)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="loss 'custom' is a function: pass it"):
        fastmlp.train(X, T, loss="custom")


def test_a_model_of_a_function(tmp_path: Path) -> None:
    """Validation is measured by the function; the file names it, and cannot measure by it."""
    options: dict[str, Any] = {"hidden": [7], "epochs": 2, "validation": 0.2, "dtype": "float64"}
    model = fastmlp.train(X, LABELS, loss=cross_entropy, **options)
    plain = fastmlp.train(X, LABELS, **options)
    assert model.config.training.loss == "custom"
    assert model.config.network.output_activation == "softmax"
    for key in ("loss", "val_loss", "accuracy", "val_accuracy"):
        assert model.history[key] == pytest.approx(plain.history[key], rel=1e-12)
    model.save(tmp_path / "m.safetensors")
    again = fastmlp.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert np.isnan(again.evaluate(X, LABELS).loss)
    assert again.evaluate(X, LABELS).accuracy == (model.predict(X) == LABELS).mean()
    again = fastmlp.train(X, LABELS, config=again.config, init=again, loss=cross_entropy)
    assert again.history.epochs == 2
