"""Layers that share W and b: gradients, what counts or keeps one tensor once, the same bits."""

from __future__ import annotations

import hashlib
from typing import Any

import fastmlp
import numpy as np
import pytest
from fastmlp import _core
from fastmlp.errors import ConfigError
from safetensors.numpy import load_file

SIZES, TANH = (5, 7, 7, 7, 7, 2), ("tanh",) * 4 + ("identity",)
TIED = {"tied": [(2, 3), (2, 4)]}


def make(structure: Any = TIED, dtype: str = "float64", seed: int = 3) -> _core.Network:
    network = _core.Network(SIZES, TANH, dtype, structure)
    network.initialize("glorot_normal", seed, 0.3, "normal")
    return network


def untied(network: _core.Network) -> _core.Network:
    """A network of the same numbers whose layers are free."""
    free = _core.Network(network.sizes, network.activations, network.dtype)
    free.set_parameters(network.parameters())
    return free


def data(rows: int = 30, dtype: str = "f8") -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return rng.normal(size=(rows, 5)).astype(dtype), rng.normal(size=(rows, 2)).astype(dtype)


def train(network: _core.Network, epochs: int = 1, **options: Any) -> _core.EpochResult:
    x, t = data(dtype=network.dtype)
    chosen = {"loss": "mean_squared_error", "batch_size": 30, "learning_rate": 1.0, **options}
    trainer = _core.Trainer(network, x, t, **chosen)
    results = [trainer.run_epoch(epoch) for epoch in range(epochs)]
    trainer.close()
    return results[-1]


def gradient(network: _core.Network, **options: Any) -> list[tuple[np.ndarray, ...]]:
    """As the change that one step of plain SGD with learning rate 1 makes."""
    before = network.parameters()
    train(network, shuffle=False, **options)
    pairs = zip(before, network.parameters(), strict=True)
    return [tuple(a - b for a, b in zip(old, new, strict=True)) for old, new in pairs]


def bits(network: _core.Network) -> list[bytes]:
    return [one.tobytes() for layer in network.parameters() for one in layer]


def test_the_gradient_is_the_sum_over_all_uses() -> None:
    network = make()
    free = gradient(untied(network))
    found = gradient(network)
    for tensor in range(2):
        expected = free[1][tensor] + free[2][tensor] + free[3][tensor]
        for layer in (1, 2, 3):
            np.testing.assert_allclose(found[layer][tensor], expected, rtol=1e-12, atol=1e-15)
        for layer in (0, 4):
            np.testing.assert_allclose(found[layer][tensor], free[layer][tensor], rtol=1e-12)


def test_gradients_agree_with_central_differences() -> None:
    network = make()
    x, t = data()
    layers = [[one.copy() for one in layer] for layer in network.parameters()]
    for follower in (2, 3):
        layers[follower] = layers[1]  # one array at three places

    def total() -> float:
        y = x
        for number, (w, b) in enumerate(layers):
            y = y @ w + b
            y = np.tanh(y) if number < 4 else y
        return float(((y - t) ** 2).mean())

    expected, h = [], 1e-5
    for number in (0, 1, 4):
        for tensor in layers[number]:
            differences = np.empty(tensor.size)
            for at in range(tensor.size):
                kept = tensor.flat[at]
                tensor.flat[at] = kept + h
                above = total()
                tensor.flat[at] = kept - h
                differences[at] = (above - total()) / (2 * h)
                tensor.flat[at] = kept
            expected.append(differences.reshape(tensor.shape))
    changed = gradient(network)
    found = [one for number in (0, 1, 4) for one in changed[number]]
    for got, want in zip(found, expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-6 * np.abs(want).max())


AUTO_SIZES, AUTO_UNITS = (6, 4, 3, 4, 6), ("tanh", "tanh", "tanh", "identity")
TRANSPOSED = {"tied_transposed": [(1, 4), (2, 3)]}


def differences(old: Any, new: Any) -> list[list[np.ndarray]]:
    pairs = zip(old, new, strict=True)
    return [[a - b for a, b in zip(*layers, strict=True)] for layers in pairs]


def autoencoder(structure: Any = TRANSPOSED, dtype: str = "float64") -> _core.Network:
    network = _core.Network(AUTO_SIZES, AUTO_UNITS, dtype, structure)
    network.initialize("glorot_normal", 3, 0.3, "normal")
    return network


def encode(network: _core.Network, epochs: int = 1, **options: Any) -> _core.EpochResult:
    x = np.random.default_rng(4).normal(size=(50, 6)).astype(network.dtype)
    chosen = {"loss": "mean_squared_error", "batch_size": 50, "learning_rate": 1.0, **options}
    trainer = _core.Trainer(network, x, x, **chosen)
    results = [trainer.run_epoch(epoch) for epoch in range(epochs)]
    trainer.close()
    return results[-1]


def test_the_gradient_of_a_transpose_is_the_sum_of_both() -> None:
    network = autoencoder()
    layers, free = network.parameters(), untied(network)
    for a, b in TRANSPOSED["tied_transposed"]:
        np.testing.assert_array_equal(layers[b - 1][0], layers[a - 1][0].T)
    encode(network, shuffle=False)
    encode(free, shuffle=False)
    own = differences(layers, free.parameters())
    for number, (old, new) in enumerate(zip(layers, network.parameters(), strict=True)):
        other = own[3 - number][0].T
        np.testing.assert_allclose(old[0] - new[0], own[number][0] + other, rtol=1e-9, atol=1e-14)
        np.testing.assert_allclose(old[1] - new[1], own[number][1], rtol=1e-12, atol=1e-15)
    plain = _core.Network(AUTO_SIZES, AUTO_UNITS)
    assert plain.parameter_count - network.parameter_count == 6 * 4 + 4 * 3


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(
    "options",
    [
        {"optimizer": "nadam", "learning_rate": 0.01, "l2": 0.1, "batch_size": 7},
        {"optimizer": "rmsprop", "learning_rate": 0.01, "momentum": 0.5, "l1": 0.01},
        {"momentum": 0.9, "learning_rate": 0.1, "ema_decay": 0.8, "clip_norm": 0.3},
        {"learning_rate": 0.1, "clip_value": 0.01, "bias_rate": 0.5, "dropout": [0.1] * 4},
    ],
)
def test_transposes_stay_transposes(options: dict[str, Any], threads: int, team: Any) -> None:
    team(threads)
    for dtype in ("float32", "float64"):
        network = autoencoder(dtype=dtype)
        encode(network, epochs=4, **options)
        layers = network.parameters()
        for a, b in TRANSPOSED["tied_transposed"]:
            np.testing.assert_array_equal(layers[b - 1][0], layers[a - 1][0].T)


def test_the_norm_counts_a_transpose_once() -> None:
    network = autoencoder()
    free = untied(network)
    layers = network.parameters()
    encode(free, shuffle=False)
    own = differences(layers, free.parameters())
    joint = [own[0][0] + own[3][0].T, own[1][0] + own[2][0].T, *(b for _, b in own)]
    norm = np.sqrt(sum(float((one**2).sum()) for one in joint))
    encode(network, clip_norm=0.5 * norm, shuffle=False)
    step = layers[0][0] - network.parameters()[0][0]
    np.testing.assert_allclose(step, 0.5 * joint[0], rtol=1e-9)


@pytest.mark.parametrize(
    "options",
    [
        {"optimizer": "adam", "learning_rate": 0.01, "l2": 0.1},
        {"momentum": 0.9, "learning_rate": 0.1, "ema_decay": 0.8},
        {"max_norm": 0.7, "learning_rate": 0.1, "clip_norm": 0.2},
        {"dropout": [0.1, 0.2, 0.2, 0.2, 0.2], "clip_value": 0.01, "batch_size": 8},
    ],
)
def test_tied_layers_stay_equal(options: dict[str, Any]) -> None:
    network = make()
    train(network, epochs=4, **options)
    layers = network.parameters()
    for follower in (2, 3):
        for tensor in range(2):
            np.testing.assert_array_equal(layers[follower][tensor], layers[1][tensor])


def test_one_step_is_the_formula_with_the_summed_gradient() -> None:
    """Penalty, clipping by norm and momentum count a shared tensor once."""
    network = make()
    free = gradient(untied(network))
    before = network.parameters()
    summed = [free[0], tuple(sum(free[n][k] for n in (1, 2, 3)) for k in range(2)), free[4]]
    squares = sum(float((one**2).sum()) for layer in summed for one in layer)
    limit = 0.5 * np.sqrt(squares)
    train(network, clip_norm=limit, l2=0.25, learning_rate=0.1, shuffle=False)
    after = network.parameters()
    for number, (w, b) in zip((0, 1, 4), summed, strict=True):
        step = before[number][0] - after[number][0]
        np.testing.assert_allclose(step, 0.1 * (0.5 * w + 0.25 * before[number][0]), rtol=1e-9)
        np.testing.assert_allclose(before[number][1] - after[number][1], 0.05 * b, rtol=1e-9)


def test_a_network_counts_a_shared_tensor_once() -> None:
    network, plain = make(), make({})
    assert plain.parameter_count - network.parameter_count == 2 * (7 * 7 + 7)
    assert [row["owner"] for layer in network.tensors for row in layer][::2] == [0, 1, 1, 1, 4]
    assert network.structure == TIED
    for one, other in zip(network.parameters()[:2], plain.parameters()[:2], strict=True):
        np.testing.assert_array_equal(one[0], other[0])


def digest() -> str:
    """What tied networks learn: all at once, in chunks, with skipped zeros and averages."""
    content = b""
    for dtype, batch in (("float32", 16), ("float64", 7)):
        network = make(dtype=dtype)
        train(network, 3, learning_rate=0.1, momentum=0.9, batch_size=batch, ema_decay=0.9)
        content += b"".join(bits(network))
    rng = np.random.default_rng(2)
    x = rng.normal(size=(2100, 64)).astype("f4") * (rng.uniform(size=(2100, 64)) < 0.2)
    network = _core.Network(
        (64, 64, 64, 64), ("relu",) * 2 + ("identity",), "float32", {"tied": [(1, 2)]}
    )
    network.initialize("he_normal", 1)
    trainer = _core.Trainer(network, x, x, loss="mean_squared_error", batch_size=2100)
    trainer.run_epoch(0)
    trainer.close()
    auto = autoencoder(dtype="float32")
    encode(auto, 3, learning_rate=0.1, momentum=0.9, batch_size=8)
    return hashlib.sha256(content + b"".join(bits(network) + bits(auto))).hexdigest()


def test_the_state_of_a_trainer_goes_on() -> None:
    x, t = data()
    options: dict[str, Any] = {"loss": "huber", "optimizer": "adam", "batch_size": 8}
    whole, stopped = make(), make()
    trainer = _core.Trainer(whole, x, t, ema_decay=0.9, **options)
    for epoch in range(4):
        trainer.run_epoch(epoch)
    first = _core.Trainer(stopped, x, t, ema_decay=0.9, **options)
    first.run_epoch(0)
    first.run_epoch(1)
    state = first.state()
    first.close()
    second = _core.Trainer(stopped, x, t, ema_decay=0.9, **options)
    second.set_state(state["steps"], state["states"], state["average"])
    second.run_epoch(2)
    second.run_epoch(3)
    assert bits(stopped) == bits(whole)
    for one, other in zip(second.average() or [], trainer.average() or [], strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("tied", "message"),
    [
        ([(3, 2)], "tied layers 3 and 2: the first must stand below the second"),
        ([(2, 6)], "tied layers 2 and 6: .* both among the layers 1 to 5"),
        ([(0, 1)], "tied layers 0 and 1: .* both among the layers 1 to 5"),
        ([(1, 2)], "tied layers 1 and 2 have W of 5 x 7 and 7 x 7; the second must be 5 x 7"),
        ([(2, 3), (3, 4)], "layer 3 is tied to layer 2 already; tie every layer to the lowest"),
        ([(2, 4), (3, 4)], "layer 4 is tied to layer [23] already"),
        ([(0, 1.5)], "tied must be a sequence of pairs of layer numbers"),
        ([1], "tied must be a sequence of pairs of layer numbers"),
    ],
)
def test_wrong_ties_are_refused(tied: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        make({"tied": tied})


def test_wrong_calls_change_nothing() -> None:
    network = make()
    before = bits(network)
    layers = network.parameters()
    layers[2] = (layers[2][0] + 1, layers[2][1])
    with pytest.raises(ValueError, match=r"parameters\[2\]\[0\] differs from parameters\[1\]\[0\]"):
        network.set_parameters(layers)
    with pytest.raises(
        ValueError, match=r"layer_rates\[1\] and layer_rates\[3\] are of tied layers"
    ):
        train(network, layer_rates=[1, 1, 1, 0.5, 1])
    with pytest.raises(ValueError, match="bf16"):
        train(make(dtype="float32"), precision="bf16")
    assert bits(network) == before
    auto = autoencoder()
    layers = auto.parameters()
    layers[3] = (layers[3][0] * 2, layers[3][1])
    with pytest.raises(ValueError, match=r"parameters\[3\]\[0\] is not the transpose of"):
        auto.set_parameters(layers)
    with pytest.raises(ValueError, match="max_norm limits columns of W"):
        encode(auto, max_norm=1.0)
    x = np.zeros((5, 6))
    with pytest.raises(ValueError, match="tied_transposed does not go with it"):
        _core.Trainer(auto, x, x, loss="huber", optimizer="lbfgs")
    with pytest.raises(ValueError, match=r"layer_rates\[0\] and layer_rates\[3\] are of tied"):
        encode(auto, layer_rates=[1, 1, 1, 0.5])
    with pytest.raises(ValueError, match="W of 6 x 4 and 3 x 4; the second must be 4 x 6"):
        autoencoder({"tied_transposed": [(1, 3)]})
    with pytest.raises(ValueError, match="layer 4 is tied to layer 1 already"):
        autoencoder({"tied_transposed": [(1, 4), (1, 4)]})


X, LABELS = data()[0], np.arange(30) % 2
OPTIONS: dict[str, Any] = {"hidden": [6, 6, 6], "tied": [[2, 3]], "batch_size": 8}


def test_a_model_keeps_one_tensor(tmp_path: Any) -> None:
    path = tmp_path / "tied.safetensors"
    model = fastmlp.train(X, LABELS, epochs=3, **OPTIONS)
    np.testing.assert_array_equal(model.parameters[2][0], model.parameters[1][0])
    assert model.summary().parameters == (5 * 6 + 6) + (6 * 6 + 6) + (6 * 2 + 2)
    assert "layers 2 and 3 are tied" in repr(model.summary())
    model.save(path)
    names = set(load_file(path))
    assert "layer.1.weight" in names
    assert not names & {"layer.2.weight", "layer.2.bias"}
    loaded = fastmlp.load(path)
    assert loaded.config.network.tied == ((2, 3),)
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    config = model.config
    assert fastmlp.Config.from_toml(config.to_toml()) == config


def test_an_autoencoder_keeps_one_matrix(tmp_path: Any) -> None:
    path = tmp_path / "auto.safetensors"
    ties = {"hidden": [4, 3, 4], "tied_transposed": [[1, 4], [2, 3]], "batch_size": 8}
    model = fastmlp.train(X, X, epochs=3, **ties)
    np.testing.assert_array_equal(model.parameters[3][0], model.parameters[0][0].T)
    assert model.summary().parameters == 5 * 4 + 4 * 3 + (4 + 3 + 4 + 5)
    assert "layers 1 and 4 are tied, transposed" in repr(model.summary())
    model.save(path)
    names = set(load_file(path))
    assert {"layer.0.weight", "layer.3.bias"} <= names
    assert not names & {"layer.2.weight", "layer.3.weight"}
    np.testing.assert_array_equal(fastmlp.load(path).predict(X), model.predict(X))


def test_what_takes_a_layer_apart_is_refused() -> None:
    model = fastmlp.train(X, LABELS, epochs=1, **OPTIONS)
    with pytest.raises(ConfigError, match="have a mask; tied layers have none"):
        model.prune(0.5)
    with pytest.raises(ConfigError, match="units cannot be taken out of a network with tied"):
        model.shrink()
    assert model.prune(0.5, layers=[0]).sparsity[0] == 0.5


@pytest.mark.parametrize("optimizer", ["lbfgs", "steepest_descent"])
def test_a_descent_moves_tied_layers_together(optimizer: str) -> None:
    model = fastmlp.train(X, LABELS, hidden=[6, 6, 6], tied=[[2, 3]], optimizer=optimizer, epochs=8)
    np.testing.assert_array_equal(model.parameters[2][0], model.parameters[1][0])
    assert model.history["loss"][-1] < 0.9 * model.history["loss"][0]


@pytest.mark.parametrize("averaging", ["ema", "swa"])
@pytest.mark.parametrize("transposed", [False, True])
def test_training_goes_on_with_the_same_bits(
    tmp_path: Any, averaging: str, transposed: bool
) -> None:
    path = tmp_path / "run.safetensors"
    options = OPTIONS | {"optimizer": "adam", "averaging": averaging}
    options |= {"swa_start": 2} if averaging == "swa" else {}
    options |= (
        {"hidden": [4, 3, 4], "tied": [], "tied_transposed": [[1, 4], [2, 3]]} if transposed else {}
    )
    target = X if transposed else LABELS
    whole = fastmlp.train(X, target, epochs=5, **options)
    fastmlp.train(X, target, epochs=3, checkpoint=path, **options)
    found = fastmlp.train(X, target, epochs=5, resume=path)
    for one, other in zip(found.parameters, whole.parameters, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tied": [[1, 2]]}, "tied layers 1 and 2 have W of 5 x 6 and 6 x 6"),
        ({"tied": [[1, 9]]}, "tied layers 1 and 9"),
        ({"tied": [1]}, r"tied must be a list of pairs of layers such as \[\[1, 2\]\]; got \[1\]"),
        ({"tied": [[1, 2.5]]}, r"tied\[0\] must be a whole number, at least 1; got 2.5"),
        ({"precision": "bf16", "dtype": "float32"}, "bf16"),
        ({"init_scaling": "data"}, "init_scaling='data' does not go with tied layers"),
        ({"connections": [3, 3, 6]}, "tied layers 2 and 3 have a mask; tied layers have none"),
        ({"tied": [], "tied_transposed": [[2, 3]], "max_norm": 1.0}, "max_norm limits columns"),
    ],
)
def test_wrong_configurations_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        fastmlp.train(X, LABELS, **OPTIONS | options)


def test_a_descent_refuses_transposes() -> None:
    options = {"hidden": [6, 6, 6], "tied_transposed": [[2, 3]], "optimizer": "lbfgs"}
    with pytest.raises(ConfigError, match="tied_transposed does not go with optimizer 'lbfgs'"):
        fastmlp.train(X, LABELS, **options)
