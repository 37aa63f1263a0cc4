"""Training on all rows at once: gradients, directions and 50 iterations against float64 NumPy, the
same bits for any team and where a training goes on, and what does not go with it.
"""

from __future__ import annotations

import hashlib
import re
import signal

import fastmlp
import numpy as np
import pytest
import reference
from descent_reference import lbfgs
from fastmlp import ConfigError, DivergedError, LossFunctionError, _core

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 4))
T = RNG.integers(0, 3, 90)
ACTIVATIONS = ("tanh", "softmax")
LOSS = "categorical_cross_entropy"
CHOICES = [
    {"optimizer": "lbfgs"},
    {"optimizer": "lbfgs", "line_search": "exact", "history": 3},
    {"optimizer": "steepest_descent"},
    {"optimizer": "steepest_descent", "line_search": "wolfe"},
]


def network(dtype="float64", sizes=(4, 7, 3), activations=ACTIVATIONS):
    made = _core.Network(list(sizes), list(activations), dtype)
    made.initialize("glorot_uniform", 1)
    return made


def trainer(net, x=X, t=T, **options):
    return _core.Trainer(net, x, t, **{"loss": LOSS, "optimizer": "lbfgs", **options})


def flat(layers):
    return np.concatenate([one.ravel() for layer in layers for one in layer])


def run_epochs(tr, count):
    for epoch in range(count):
        tr.run_epoch(epoch)


def bits(net, tr):
    state = tr.state()
    return state["steps"], [flat(one).tobytes() for one in (net.parameters(), *state["states"])]


def objective(net, x, t, l2=0.0):
    """Loss and gradient of the flattened parameters of a tanh network, in float64 NumPy."""
    shapes = [one.shape for layer in net.parameters() for one in layer]
    ends = np.cumsum([np.prod(shape) for shape in shapes])
    targets = np.eye(net.sizes[-1])[t]

    def function(flat_parameters):
        parts = np.split(flat_parameters, ends[:-1])
        w1, b1, w2, b2 = (part.reshape(shape) for part, shape in zip(parts, shapes, strict=True))
        h = np.tanh(x @ w1 + b1)
        z = h @ w2 + b2
        value = -(targets * reference.log_softmax(z)).sum() / len(x)
        value += l2 / 2 * ((w1**2).sum() + (w2**2).sum())
        d2 = (reference.softmax(z) - targets) / len(x)
        d1 = (d2 @ w2.T) * (1 - h**2)
        return value, flat(
            [(x.T @ d1 + l2 * w1, d1.sum(axis=0)), (h.T @ d2 + l2 * w2, d2.sum(axis=0))]
        )

    return function


# ---- what is computed ----------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [90, 2500])
def test_the_steepest_direction_is_that_of_finite_differences(rows):
    """With l2, with weights of rows, and in three chunks."""
    rng = np.random.default_rng(1)
    x, t, weights = rng.normal(size=(rows, 4)), rng.integers(0, 3, rows), rng.uniform(0, 2, rows)
    net = network()
    before = [[one.copy() for one in layer] for layer in net.parameters()]
    result = trainer(
        net, x, t, optimizer="steepest_descent", l2=0.1, sample_weight=weights
    ).run_epoch(0)
    step = flat(net.parameters()) - flat(before)
    gradient = np.concatenate(
        [
            one.ravel()
            for one in reference.numerical_gradient(
                before, ACTIVATIONS, LOSS, x, np.eye(3)[t], l2=0.1, weights=weights,
                constants={"label_smoothing": 0.0},
            )
        ]
    )  # fmt: skip
    np.testing.assert_allclose(np.linalg.norm(step), result.learning_rate, rtol=1e-12)
    expected = -gradient / np.linalg.norm(gradient)
    error = np.abs(step / np.linalg.norm(step) - expected).max() / np.abs(expected).max()
    assert error <= 1e-6


def test_tied_layers_are_searched_as_one_and_go_on():
    """A reference that changes one array for both layers; the second's gradient is the same."""
    sizes, activations = (4, 5, 5, 5, 3), ("tanh", "tanh", "tanh", "softmax")
    nets = [_core.Network(sizes, activations, "float64", {"tied": [(2, 3)]}) for _ in range(2)]
    nets[0].initialize("glorot_uniform", 3)
    before = [[one.copy() for one in layer] for layer in nets[0].parameters()]
    start = np.concatenate([one.ravel() for layer in (0, 1, 3) for one in before[layer]])
    before[2] = before[1]
    expected = reference.numerical_gradient(
        before, activations, LOSS, X, np.eye(3)[T], l2=0.0, constants={"label_smoothing": 0.0}
    )
    own = [0, 1, 2, 3, 6, 7]  # of W and b, layer by layer
    gradient = np.concatenate([expected[i].ravel() for i in own])
    tr = trainer(nets[0], optimizer="steepest_descent")
    result = tr.run_epoch(0)
    after = nets[0].parameters()
    step = np.concatenate([one.ravel() for layer in (0, 1, 3) for one in after[layer]]) - start
    np.testing.assert_allclose(np.linalg.norm(step), result.learning_rate, rtol=1e-12)
    np.testing.assert_allclose(
        step / result.learning_rate, -gradient / np.linalg.norm(gradient), rtol=0, atol=1e-6
    )
    tr.close()
    tr = trainer(nets[0], l2=0.01)
    run_epochs(tr, 5)
    nets[1].set_parameters(nets[0].parameters())
    to = trainer(nets[1], l2=0.01)
    to.set_state(**tr.state())
    for epoch in range(5, 9):
        assert tr.run_epoch(epoch).loss == to.run_epoch(epoch).loss < result.loss
    assert bits(nets[0], tr) == bits(nets[1], to)


def test_several_heads_are_searched_by_their_sum_and_go_on(tmp_path):
    rng = np.random.default_rng(4)
    x = rng.normal(size=(200, 5))
    y = {"sign": x[:, 0] > 0, "sum": x.sum(axis=1)}
    options = {"hidden": [8], "optimizer": "lbfgs", "l2": 1e-3, "dtype": "float64"}
    whole = fastmlp.train(x, y, epochs=12, **options)
    assert (np.diff(whole.history["loss"]) < 0).sum() >= 10
    path = tmp_path / "run.safetensors"
    fastmlp.train(x, y, epochs=5, checkpoint=path, **options)
    found = fastmlp.train(x, y, epochs=12, resume=path, **options)
    assert flat(found.parameters).tobytes() == flat(whole.parameters).tobytes()


@pytest.mark.parametrize("history", [3, 10])
@pytest.mark.parametrize("l2", [0.0, 0.01])
def test_50_iterations_are_those_of_the_reference(history, l2):
    """Roundings grow from step to step, by the curvature that each has seen: 1e-6 is left."""
    net = network()
    function = objective(net, X, T, l2)
    expected = lbfgs(function, flat(net.parameters()), 50, history)
    tr = trainer(net, l2=l2, history=history, gradient_tolerance=0.0)
    for epoch in range(50):
        result = tr.run_epoch(epoch)
        assert (result.steps, result.samples, result.stop_reason) == (1, 90, "")
        found = flat(net.parameters())
        np.testing.assert_allclose(found, expected[epoch + 1], rtol=0, atol=1e-6)
    assert function(found)[0] < 0.75 * function(expected[0])[0]


@pytest.mark.parametrize("choice", CHOICES, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_loss_falls_and_is_that_of_the_weights(choice, dtype):
    net = network(dtype)
    tr = trainer(net, l2=0.01, **choice)
    last, evaluations = np.inf, 0
    for epoch in range(15):
        result = tr.run_epoch(epoch)
        loss, right = net.evaluate(X, T, LOSS)
        assert (result.loss, result.correct) == (pytest.approx(loss, rel=1e-6), right)
        penalty = 0.005 * sum((w**2).sum() for w, _ in net.parameters())
        assert loss + penalty < last
        last, evaluations = loss + penalty, evaluations + result.evaluations
        assert result.evaluations >= 1
    at_once = choice == {"optimizer": "lbfgs"}  # its steps of length 1 fulfil the conditions
    assert (evaluations == 15) == at_once


def test_a_convex_loss_has_one_minimum_and_it_is_found():
    """Softmax regression with l2; scipy finds the same, where it is there. A loss of about 1 tells
    gradients down to the root of its digits.
    """
    options = {"activations": ("softmax",), "sizes": (4, 3)}
    net = network(**options)
    tr = trainer(net, l2=0.1, gradient_tolerance=1e-7)
    results = [tr.run_epoch(epoch) for epoch in range(60)]
    assert results[-1].stop_reason.startswith("no element of the gradient is larger")

    def function(w):
        z = X @ w[:12].reshape(4, 3) + w[12:]
        value = -reference.log_softmax(z)[np.arange(90), T].mean() + 0.05 * (w[:12] ** 2).sum()
        d = (reference.softmax(z) - np.eye(3)[T]) / 90
        return value, np.concatenate([(X.T @ d).ravel() + 0.1 * w[:12], d.sum(axis=0)])

    found = flat(net.parameters())
    assert np.abs(function(found)[1]).max() <= 1.01e-7
    optimize = pytest.importorskip("scipy.optimize")
    theirs = optimize.minimize(
        function, np.zeros(15), jac=True, method="L-BFGS-B", options={"gtol": 1e-7, "ftol": 0}
    )
    np.testing.assert_allclose(found[:12], theirs.x[:12], atol=2e-6)


def test_constants_that_an_activation_learns_are_learnt():
    x = np.linspace(-2, 2, 80).reshape(-1, 1)
    y = np.where(x > 0, x, 0.3 * x)
    model = fastmlp.train(
        x, y, hidden=[3], activation="prelu", optimizer="lbfgs", epochs=200, dtype="float64",
        gradient_tolerance=1e-9,
    )  # fmt: skip
    start = fastmlp.train(x, y, hidden=[3], activation="prelu", dtype="float64", epochs=1)
    assert model.history.last("loss") < 1e-8
    assert np.abs(model.parameters[0][2] - start.parameters[0][2]).max() > 1e-3


# ---- the same bits -------------------------------------------------------------------------------


def digest():
    """Of some steps by each choice, in both types, over rows of three chunks too."""
    rng = np.random.default_rng(5)
    x, t = rng.normal(size=(2100, 4)).astype("f4"), rng.integers(0, 3, 2100)
    total = hashlib.sha256()
    for dtype in ("float32", "float64"):
        for choice in CHOICES:
            for sizes in ((4, 7, 3), (4, 70, 3)):
                net = network(dtype, sizes)
                tr = trainer(net, x, t, l2=0.001, **choice)
                for epoch in range(4):
                    tr.run_epoch(epoch)
                total.update(repr(bits(net, tr)).encode())
    return total.hexdigest()


@pytest.mark.parametrize("way", ["skipping", "narrow"])
def test_fast_ways_change_no_bit(way):
    rng = np.random.default_rng(8)
    x = rng.normal(size=(1500, 48)) * (rng.uniform(size=(1500, 48)) < 0.2)
    t, sizes = rng.integers(0, 3, 1500), {"skipping": (48, 140, 3), "narrow": (48, 20, 3)}[way]
    found = []
    for allowed in (True, False):
        _core.testing.allow(**{way: allowed})
        net = network("float32", sizes)
        tr = trainer(net, x.astype("f4"), t, l2=0.001)
        _core.testing.allow()
        assert (way in tr.fast_ways) == allowed
        run_epochs(tr, 6)
        found.append(bits(net, tr))
    assert found[0] == found[1]


@pytest.mark.parametrize("choice", CHOICES, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_another_trainer_goes_on_with_the_same_bits(choice, dtype, team):
    team(2)
    net = network(dtype)
    tr = trainer(net, **choice)
    for epoch in range(5):
        tr.run_epoch(epoch)
    team(1)
    other = network(dtype)
    other.set_parameters(net.parameters())
    to = trainer(other, **choice)
    to.set_state(**tr.state())
    assert bits(other, to) == bits(net, tr)
    for epoch in range(5, 12):
        mine, its = tr.run_epoch(epoch), to.run_epoch(epoch)
        assert (mine.loss_sum, mine.learning_rate) == (its.loss_sum, its.learning_rate)
        assert bits(other, to) == bits(net, tr)


@pytest.mark.parametrize("choice", CHOICES, ids=str)
def test_a_checkpoint_goes_on_with_the_same_bits(choice, tmp_path):
    data = fastmlp.load_data("digits")
    options = {"hidden": [12], "l2": 1e-3, "averaging": "swa", "swa_start": 2, **choice}
    path = tmp_path / "run.safetensors"
    expected = fastmlp.train(data, epochs=14, **options)
    fastmlp.train(data, epochs=6, checkpoint=path, **options)
    found = fastmlp.train(data, epochs=14, resume=path, **options)
    assert flat(found.parameters).tobytes() == flat(expected.parameters).tobytes()
    for name in ("loss", "val_loss", "learning_rate", "accuracy"):
        assert found.history[name] == expected.history[name]


def test_a_training_that_has_stopped_does_not_go_on(tmp_path):
    data, path = fastmlp.load_data("digits"), tmp_path / "run.safetensors"
    options = {"hidden": [], "optimizer": "lbfgs", "l2": 1.0, "gradient_tolerance": 1e-3}
    model = fastmlp.train(data, epochs=50, checkpoint=path, **options)
    assert model.history.epochs < 50
    assert model.record["stopped_early"]
    reason = "no element of the gradient is larger than gradient_tolerance = 0.001"
    assert model.record["stop_reason"] == reason
    again = fastmlp.train(data, epochs=90, resume=path)
    assert again.history == model.history
    assert fastmlp.load(path).record["stop_reason"] == reason


def test_why_training_has_ended_is_said(capsys):
    data = fastmlp.load_data("digits")
    fastmlp.train(
        data, hidden=[], optimizer="lbfgs", l2=1.0, gradient_tolerance=1e-2, epochs=50, verbose=True
    )
    lines = capsys.readouterr().out.splitlines()
    assert "lbfgs, wolfe line search, all rows a step" in lines[1]
    assert lines[-1].startswith("stopped: no element of the gradient is larger than")


# ---- interruptions and ends ----------------------------------------------------------------------


def test_an_interruption_inside_a_line_search_leaves_the_last_whole_step():
    rng = np.random.default_rng(2)
    x, t = rng.normal(size=(30000, 60)).astype("f4"), rng.integers(0, 3, 30000)
    sizes = (60, 400, 400, 3)
    net = network("float32", sizes, ("tanh", "tanh", "softmax"))
    tr = trainer(net, x, t)
    tr.run_epoch(0)
    before = bits(net, tr)
    calls = []

    def interrupt(_):
        calls.append(1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tr.run_epoch(1, interrupt)
    assert calls
    assert (tr.last_epoch.steps, tr.last_epoch.samples) == (0, 0)
    assert bits(net, tr) == before
    other = network("float32", sizes, ("tanh", "tanh", "softmax"))
    to = trainer(other, x, t)
    to.run_epoch(0)
    assert tr.run_epoch(1).loss_sum == to.run_epoch(1).loss_sum
    assert bits(net, tr) == bits(other, to)


def test_ctrl_c_is_asked_for():
    rng = np.random.default_rng(2)
    x, t = rng.normal(size=(20000, 60)).astype("f4"), rng.integers(0, 3, 20000)
    tr = trainer(network("float32", (60, 400, 3)), x, t)
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    old = signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    try:
        with pytest.raises(KeyboardInterrupt):
            run_epochs(tr, 1000)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)


def squared(outputs, targets):
    d = outputs - targets
    return (d**2).mean(axis=1), 2 * d / d.shape[1]


def test_a_loss_of_the_callers_is_searched_too():
    x, y = X, X[:, :1] * 2 + 1
    options = {"hidden": [], "optimizer": "lbfgs", "epochs": 30, "dtype": "float64"}
    own = fastmlp.train(x, y, loss=squared, **options)
    builtin = fastmlp.train(x, y, loss="mean_squared_error", **options)
    np.testing.assert_allclose(flat(own.parameters), flat(builtin.parameters), rtol=1e-6, atol=1e-6)
    assert own.record["stop_reason"]


def test_a_loss_that_fails_leaves_the_last_whole_step():
    def fails(outputs, targets):
        calls.append(1)
        if len(calls) > 4:
            raise ValueError("enough")
        return squared(outputs, targets)

    calls = []
    with pytest.raises(LossFunctionError, match="enough") as caught:
        fastmlp.train(X, X[:, :1] ** 2, loss=fails, hidden=[5], optimizer="lbfgs", epochs=30)
    calls.clear()
    epochs = caught.value.model.history.epochs
    whole = fastmlp.train(
        X, X[:, :1] ** 2, loss=squared, hidden=[5], optimizer="lbfgs", epochs=max(1, epochs)
    )
    assert epochs >= 1
    assert flat(caught.value.model.parameters).tobytes() == flat(whole.parameters).tobytes()


def test_a_gradient_that_lies_ends_training_with_a_reason():
    def lies(outputs, targets):
        losses, gradient = squared(outputs, targets)
        return losses, -gradient

    model = fastmlp.train(X, X[:, :1], loss=lies, hidden=[], optimizer="lbfgs", epochs=9)
    assert model.record["stop_reason"].startswith("the line search found no lower loss")
    assert (model.history.epochs, model.record["steps"]) == (1, 0)


def test_weights_that_give_no_finite_loss_are_told():
    net = network(sizes=(4, 3), activations=("identity",))
    net.set_parameters([(np.full((4, 3), 1e200), np.zeros(3))])
    tr = _core.Trainer(net, X, np.zeros((90, 3)), loss="mean_squared_error", optimizer="lbfgs")
    with pytest.raises(FloatingPointError):
        tr.run_epoch(0)
    weights = [(np.full((4, 3), 1e200), np.zeros(3))]
    with pytest.raises(DivergedError, match="other first weights or scaled rows"):
        fastmlp.train(
            X, np.zeros((90, 3)), hidden=[], optimizer="lbfgs", dtype="float64", init=weights
        )


# ---- what does not go with it --------------------------------------------------------------------

REFUSED = [
    {"batch_size": 32},
    {"shuffle": False},
    {"schedule": "cosine"},
    {"warmup_epochs": 2},
    {"clip_norm": 1.0},
    {"clip_value": 1.0},
    {"layer_rates": (1.0, 0.5)},
    {"bias_rate": 0.0},
    {"dropout": 0.2},
    {"input_dropout": 0.2},
    {"input_noise": 0.1},
    {"mixup": 0.2},
    {"max_norm": 2.0},
    {"precision": "bf16"},
    {"averaging": "ema"},
]


@pytest.mark.parametrize("given", REFUSED, ids=str)
def test_what_only_mini_batches_have_is_refused(given):
    ((key, value),) = given.items()
    with pytest.raises(ConfigError, match=re.escape(f"{key}={value!r}")) as caught:
        fastmlp.train(fastmlp.load_data("digits"), hidden=[5], optimizer="lbfgs", **given)
    assert "optimizer 'lbfgs'" in str(caught.value)


def test_other_numbers_are_refused_as_those_of_any_optimizer():
    data = fastmlp.load_data("digits")
    for key, value in (("l1", 0.1), ("learning_rate", 0.1), ("momentum", 0.9)):
        with pytest.raises(ConfigError, match=f"optimizer 'lbfgs' has no {key}; got {value}"):
            fastmlp.train(data, optimizer="lbfgs", **{key: value})
    with pytest.raises(ConfigError, match="optimizer 'sgd' has no line_search; got 'wolfe'"):
        fastmlp.train(data, line_search="wolfe")
    with pytest.raises(ConfigError, match="augmentation does not go with optimizer 'lbfgs'"):
        fastmlp.train(data, optimizer="lbfgs", augment_shift=1.0)


ENGINE = [
    ({"schedule": "cosine"}, "schedule"),
    ({"clip_value": 0.5}, "clip_value"),
    ({"clip_norm": 0.5}, "clip_norm"),
    ({"layer_rates": [1.0, 1.0]}, "layer_rates"),
    ({"bias_rate": 2.0}, "bias_rate"),
    ({"dropout": [0.1, 0.1]}, "dropout"),
    ({"noise": 0.1}, "noise"),
    ({"mixup": 0.1}, "mixup"),
    ({"max_norm": 1.0}, "max_norm"),
    ({"ema_decay": 0.9}, "ema_decay"),
    ({"augmentation": {"height": 2, "width": 2, "shift": 1.0}}, "augmentation"),
]


@pytest.mark.parametrize(("given", "name"), ENGINE, ids=[name for _, name in ENGINE])
def test_the_engine_refuses_it_too(given, name):
    net = network()
    with pytest.raises(ValueError, match=f"{name} does not go with it"):
        trainer(net, **given)
    trainer(net)  # the network is free
    with pytest.raises(ValueError, match="line_search 'newton' is unknown; choose from: wolfe"):
        trainer(network(), line_search="newton")
    with pytest.raises(ValueError, match="optimizer 'sgd' takes steps of its own length"):
        trainer(network(), optimizer="sgd", line_search="wolfe")


@pytest.mark.parametrize("choice", CHOICES, ids=str)
def test_a_state_that_does_not_fit_is_refused(choice):
    net = network()
    tr = trainer(net, **choice)
    for epoch in range(2):
        tr.run_epoch(epoch)
    before, state = bits(net, tr), tr.state()
    one = state["states"][0]
    most = 2 * choice.get("history", 10) if choice["optimizer"] == "lbfgs" else 1
    wrong = [([one] * (most + 2), f"states has {most + 2} entries; the descent keeps {most}")]
    wrong += [([one[:1]] * 2, r"states\[0\] has 1 entries" if most > 1 else "states has 2")]
    if most > 1:
        wrong += [([one], "at most, in pairs")]
    for states, message in wrong:
        with pytest.raises(ValueError, match=message):
            tr.set_state(3, states)
    assert bits(net, tr) == before


def test_help_names_them(capsys):
    from fastmlp.cli import main

    assert main(["train", "--help"]) == 0
    out = re.sub(r"\s+", " ", capsys.readouterr().out)
    assert "steepest_descent, lbfgs" in out
    assert "--line-search" in out
    assert main(["train", "--optimizer", "lbfgs", "--batch-size", "9"]) == 2
    assert "batch_size=9 does not go with optimizer 'lbfgs'" in capsys.readouterr().err
