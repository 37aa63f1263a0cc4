"""Losses: constants and weights of samples against float64 NumPy and central differences, edges
that formulas leave open, PyTorch where it is installed, the same bits everywhere.
"""

from __future__ import annotations

import contextlib
import hashlib
import json

import numpy as np
import pytest
from conftest import CATALOG, FMA_ISAS, run_python
from fastmlp import _core
from test_fast_ways import NONE
from test_gradients import PLAIN, defaults_of, make_with_targets, relative_error, targets_for

LOSSES = {row["name"]: row for row in CATALOG["losses"]}
# Other units are tried with a loss each in test_gradients.py; the loops of a loss are the same.
UNITS = [*PLAIN, "silu", "softmax"]
OUTPUTS = {name: [unit for unit in row["outputs"] if unit in UNITS] for name, row in LOSSES.items()}
PAIRS = [(name, unit) for name, units in OUTPUTS.items() for unit in units]
SMOOTHING = {"label_smoothing": 0.2}
# Constants away from their defaults, two settings where both directions matter.
SETTINGS = [
    ("binary_cross_entropy", SMOOTHING),
    ("categorical_cross_entropy", SMOOTHING),
    ("huber", {"delta": 0.3}),
    ("huber", {"delta": 2.5}),
    ("quantile", {"quantile": 0.9}),
    ("quantile", {"quantile": [0.1, 0.75]}),
    ("binary_focal_cross_entropy", {"gamma": 0.5, "alpha": 0.6}),
    ("binary_focal_cross_entropy", {"gamma": 0.0, "alpha": 0.5}),
    ("categorical_focal_cross_entropy", {"gamma": 0.5}),
    ("categorical_focal_cross_entropy", {"gamma": 3.0}),
]
WEIGHTS = np.array([0.0, 0.5, 1.0, 2.0, 3.5, 0.25, 1.0])


def test_every_constant_is_tried():
    tried = {(name, key) for name, constants in SETTINGS for key in constants}
    assert tried == {
        (name, one["name"]) for name, row in LOSSES.items() for one in row["constants"]
    }


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize(
    ("loss", "output", "constants"),
    [(loss, output, own) for loss, own in SETTINGS for output in OUTPUTS[loss]],
)
def test_gradient_with_constants_equals_central_differences(loss, output, constants, weights, team):
    team(2)
    assert relative_error("tanh", loss, output, 0.1, constants, weights) <= 1e-6


@pytest.mark.parametrize("l2", [0.0, 0.1])
@pytest.mark.parametrize(("loss", "output"), PAIRS)
def test_gradient_with_weights_equals_central_differences(loss, output, l2, team):
    team(2)
    assert relative_error("tanh", loss, output, l2, weights=WEIGHTS) <= 1e-6


def case(loss, output, dtype="float64", rows=37, sizes=(5, 9, 3), seed=3):
    """A network, inputs and targets for a pair."""
    rng = np.random.default_rng(seed)
    network = _core.Network(list(sizes), ["tanh", output], dtype)
    network.initialize("glorot_uniform", seed, 1.0, "normal")
    x = rng.normal(size=(rows, sizes[0]))
    return network, x, targets_for(loss, output, rows, sizes[-1], rng)


def trained(loss, output, dtype="float32", epochs=2, batch=8, rows=37, **options):
    network, x, t = case(loss, output, dtype, rows)
    trainer = _core.Trainer(
        network, x, t, loss=loss, batch_size=batch, learning_rate=0.05, seed=1, **options
    )
    losses = [trainer.run_epoch(epoch).loss for epoch in range(epochs)]
    trainer.close()
    return b"".join(w.tobytes() + b.tobytes() for w, b in network.parameters()), losses


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("loss", "output"), PAIRS)
def test_evaluation_reports_the_loss_of_training_at_fixed_weights(loss, output, dtype):
    """Both sum the same float losses, one in the order of the rows, one block by block, in double:
    for up to 112 rows the same number.
    """
    network, x, t = case(loss, output, dtype)
    for weights in (None, np.linspace(0, 2, len(x))):
        options = {"loss_constants": defaults_of(loss), "sample_weight": weights}
        trainer = _core.Trainer(
            network, x, t, loss=loss, learning_rate=0.0, batch_size=37, shuffle=False, **options
        )
        result = trainer.run_epoch(0)
        trainer.close()
        assert network.evaluate(x, t, loss, **options) == (result.loss, result.correct)
        assert result.loss != 0


# ---- weights of samples --------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch", [1, 3, 8, 37])
@pytest.mark.parametrize(("loss", "output"), PAIRS)
def test_weights_of_one_change_no_bit(loss, output, batch, dtype):
    plain = trained(loss, output, dtype, batch=batch)
    assert trained(loss, output, dtype, batch=batch, sample_weight=np.ones(37)) == plain
    assert trained(loss, output, dtype, batch=batch, sample_weight=np.full(37, 2.0)) != plain


def test_weights_of_one_change_no_bit_over_chunks_and_in_mixed_precision():
    for options in ({"batch": 1500, "rows": 1600}, {"precision": "bf16"}):
        loss, output = "categorical_cross_entropy", "softmax"
        ones = np.ones(options.get("rows", 37))
        assert trained(loss, output, **options) == trained(
            loss, output, sample_weight=ones, **options
        )
        assert (
            trained(loss, output, sample_weight=2 * ones, **options)[0]
            != (trained(loss, output, **options)[0])
        )


@pytest.mark.parametrize(("loss", "output"), PAIRS)
def test_whole_weights_are_repetitions(loss, output):
    """A full batch: repeated rows divide by their own number, so the rate makes up for it."""
    weights = np.random.default_rng(5).integers(0, 4, 37)
    times = weights.sum() / 37
    found = []
    for repeats in (False, True):
        network, x, t = case(loss, output)
        options = {"sample_weight": weights, "learning_rate": 0.1}
        if repeats:
            x, t = np.repeat(x, weights, axis=0), np.repeat(t, weights, axis=0)
            options = {"learning_rate": 0.1 * times}
        trainer = _core.Trainer(network, x, t, loss=loss, batch_size=len(x), **options)
        result = trainer.run_epoch(0)
        found.append((result.loss * (times if repeats else 1), network.parameters()))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-12)
    for (w, b), (v, c) in zip(found[0][1], found[1][1], strict=True):
        np.testing.assert_allclose(w, v, rtol=0, atol=1e-14)
        np.testing.assert_allclose(b, c, rtol=0, atol=1e-14)


def test_a_row_of_weight_zero_is_as_if_it_were_not_there():
    network, x, t = case("mean_squared_error", "identity")
    weights = np.ones(37)
    weights[5] = 0
    other = t.copy()
    other[5] = 1e6
    first = network.evaluate(x, t, "mean_squared_error", sample_weight=weights)
    assert first == network.evaluate(x, other, "mean_squared_error", sample_weight=weights)


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ([1.0] * 36, r"sample_weight has shape \(36,\); x has 37 rows"),
        ([[1.0]] * 37, r"sample_weight has shape \(37, 1\); x has 37 rows"),
        (
            [1.0] * 4 + [-1.0] + [1.0] * 32,
            r"sample_weight\[4\] = -1.0+ is not a number of at least",
        ),
        ([1.0] * 36 + [np.nan], r"sample_weight\[36\] = nan is not a number"),
        ([np.inf] + [1.0] * 36, r"sample_weight\[0\] = inf is not a number"),
        ([1e300] + [1.0] * 36, r"sample_weight\[0\] = .* is not a number .* that float32 can hold"),
    ],
)
def test_weights_that_are_refused(weights, words):
    network, x, t = case("mean_squared_error", "identity", "float32")
    with pytest.raises(ValueError, match=words):
        network.evaluate(x, t, "mean_squared_error", sample_weight=np.array(weights))
    with pytest.raises(ValueError, match=words):
        _core.Trainer(network, x, t, loss="mean_squared_error", sample_weight=np.array(weights))


def test_weights_must_be_numbers():
    network, x, t = case("mean_squared_error", "identity")
    with pytest.raises(TypeError, match="sample_weight has dtype bool; real numbers are needed"):
        network.evaluate(x, t, "mean_squared_error", sample_weight=np.ones(37, bool))


# ---- constants -----------------------------------------------------------------------------------


def test_smoothing_of_zero_is_the_plain_kernel():
    for loss, output in (
        ("categorical_cross_entropy", "softmax"),
        ("binary_cross_entropy", "sigmoid"),
    ):
        plain = trained(loss, output)
        assert trained(loss, output, loss_constants={"label_smoothing": 0.0}) == plain
        assert trained(loss, output, loss_constants=SMOOTHING)[0] != plain[0]


def test_one_quantile_is_the_same_for_every_output():
    one = trained("quantile", "identity", loss_constants={"quantile": 0.3})
    assert one == trained("quantile", "identity", loss_constants={"quantile": [0.3] * 3})
    assert one != trained("quantile", "identity", loss_constants={"quantile": [0.3, 0.3, 0.4]})


@pytest.mark.parametrize(
    ("loss", "output", "constants", "words"),
    [
        ("huber", "identity", {"gamma": 1}, "loss 'huber' has no 'gamma'; it has: delta"),
        ("hinge", "identity", {"delta": 1}, "loss 'hinge' has no 'delta'; it has no constants"),
        ("huber", "identity", {"delta": 0}, "delta = 0 is not between 1e-20"),
        ("huber", "identity", {"delta": np.nan}, "delta = nan is not between"),
        ("huber", "identity", {"delta": [1, 2, 3]}, "delta is one number; got 3"),
        (
            "quantile",
            "identity",
            {"quantile": 1},
            r"quantile = 1 is not between 1e-06 \(included\)",
        ),
        ("quantile", "identity", {"quantile": [0.1, 0.2]}, "quantile has 2 values for 3 outputs"),
        ("quantile", "identity", {"quantile": "half"}, "neither a number nor a sequence"),
        ("binary_cross_entropy", "sigmoid", {"label_smoothing": 1}, "label_smoothing = 1 is not"),
    ],
)
def test_constants_that_are_refused(loss, output, constants, words):
    network, x, t = case(loss, output)
    with pytest.raises((ValueError, TypeError), match=words):
        network.evaluate(x, t, loss, loss_constants=constants)
    with pytest.raises((ValueError, TypeError), match=words):
        _core.Trainer(network, x, t, loss=loss, loss_constants=constants)


def test_targets_outside_the_domain_of_a_loss_are_refused():
    network, x, t = case("poisson", "identity")
    t[3, 1] = -1
    with pytest.raises(ValueError, match=r"targets value -1.0+ at position 10 is not at least 0"):
        network.evaluate(x, t, "poisson")
    with pytest.raises(ValueError, match="is not between 0 and 1, as hinge needs"):
        network.evaluate(x, t, "hinge")


# ---- what the formulas leave open ----------------------------------------------------------------


def on_one_output(loss, z, t, dtype="float64", **constants):
    """Loss and dL/dz of one identity (or sigmoid) output that has the value z."""
    output = LOSSES[loss]["outputs"][0]
    network = _core.Network([1, 1], [output], dtype)
    network.set_parameters([(np.zeros((1, 1)), np.array([z]))])
    trainer = _core.Trainer(
        network, np.ones((1, 1)), np.array([[t]]), loss=loss, learning_rate=1.0,
        loss_constants=constants,
    )  # fmt: skip
    result = trainer.run_epoch(0)
    return result.loss, z - network.parameters()[0][1][0], result.correct


@pytest.mark.parametrize("loss", ["mean_absolute_error", "quantile", "huber", "log_cosh"])
def test_the_slope_on_the_target_is_zero(loss):
    assert on_one_output(loss, 0.75, 0.75)[:2] == (0, 0)


def test_the_perceptron_takes_sign_of_zero_for_plus_one():
    """(A2): at 0 a point of the side +1 is right, one of the side -1 is wrong and counts."""
    assert on_one_output("perceptron", 0.0, 1.0) == (0, 0, 1)
    assert on_one_output("perceptron", 0.0, 0.0) == (0, 1, 0)
    assert on_one_output("perceptron", -0.5, 1.0) == (0.5, -1, 0)
    assert on_one_output("perceptron", 0.5, 1.0) == (0, 0, 1)
    assert on_one_output("perceptron", 2.0, 0.0) == (2, 1, 0)


def test_the_perceptron_learns_as_its_rule_says():
    """One sample a step is Rosenblatt's rule: w <- w + a s x, b <- b + a s, where it is wrong."""
    rng = np.random.default_rng(0)
    x = rng.integers(-4, 5, (50, 2)).astype("f8")
    t = (x @ [2, -1] + 0.5 > 0).astype(np.int64)
    network = _core.Network([2, 1], ["identity"], "float64")
    trainer = _core.Trainer(
        network, x, t, loss="perceptron", learning_rate=0.5, batch_size=1, shuffle=False
    )
    w, b = np.zeros(2), 0.0
    for epoch in range(20):
        trainer.run_epoch(epoch)
        for row, label in zip(x, t, strict=True):
            side = 2 * label - 1
            if (1 if w @ row + b >= 0 else -1) != side:
                w, b = w + 0.5 * side * row, b + 0.5 * side
    assert np.array_equal(network.parameters()[0][0][:, 0], w)
    assert network.parameters()[0][1][0] == b
    assert network.evaluate(x, t, "perceptron") == (0, 50)


def test_log_cosh_neither_overflows_nor_cancels():
    for z in (1e4, 1e150):
        assert on_one_output("log_cosh", z, 0.0)[0] == pytest.approx(z - np.log(2), rel=1e-15)
    assert on_one_output("log_cosh", 1e30, 0.0, "float32")[0] == pytest.approx(1e30, rel=1e-6)
    for z, dtype, rel in ((1e-8, "float64", 1e-14), (1e-5, "float32", 1e-6)):
        assert on_one_output("log_cosh", z, 0.0, dtype)[0] == pytest.approx(z * z / 2, rel=rel)
    below, above = (on_one_output("log_cosh", z, 0.0)[0] for z in (np.nextafter(1, 0), 1.0))
    assert below == pytest.approx(above, rel=1e-15)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("size", [50.0, 1e4, 1e30])
def test_focal_losses_are_exact_for_extreme_logits(size, gamma, dtype):
    for loss, output in (
        ("categorical_focal_cross_entropy", "softmax"),
        ("binary_focal_cross_entropy", "sigmoid"),
    ):
        network = _core.Network([1, 2], [output], dtype)
        network.set_parameters([(np.array([[size, -size]]), np.zeros(2))])
        x = np.array([[1.0]])
        right, wrong = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
        given = {"loss_constants": {"gamma": gamma}}
        expected = 2 * size if output == "softmax" else size  # alpha + (1 - alpha) = 1
        assert network.evaluate(x, right, loss, **given)[0] == pytest.approx(0, abs=1e-20)
        assert network.evaluate(x, wrong, loss, **given)[0] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("loss", "output"), PAIRS)
def test_a_loss_that_is_not_finite_is_told(loss, output):
    """z is infinite and on the wrong side of the second output, while every gradient may be finite;
    only a unit with limits makes a finite loss of it.
    """
    network = _core.Network([1, 2], [output])
    network.set_parameters([(np.full((1, 2), 1e18), np.zeros(2))])
    x, t = np.full((2, 1), 1e21, "f4"), np.zeros(2, np.int64)
    tr = _core.Trainer(network, x, t, loss=loss, batch_size=2, learning_rate=1e-9)
    limited = output in ("sigmoid", "tanh") and len(LOSSES[loss]["outputs"]) > 1
    with contextlib.nullcontext() if limited else pytest.raises(FloatingPointError):
        tr.run_epoch(0)


# ---- the same bits -------------------------------------------------------------------------------


def digests():
    """Every pair, with and without constants of its own and weights, over ways of training."""
    found = {}
    settings = [(loss, {}) for loss in LOSSES] + [
        (
            loss,
            {key: value[:1] * 3 if isinstance(value, list) else value for key, value in c.items()},
        )
        for loss, c in SETTINGS
    ]
    for loss, constants in settings:
        for output in OUTPUTS[loss]:
            for dtype, batch, weights in (
                ("float32", 8, None),
                ("float32", 37, np.linspace(0, 3, 37)),
                ("float64", 1, np.linspace(0, 3, 37)),
            ):
                options = {"loss_constants": constants, "sample_weight": weights}
                bits, losses = trained(loss, output, dtype, 1, batch, **options)
                sha = hashlib.sha256(bits + np.float64(losses).tobytes()).hexdigest()
                found[f"{loss} {output} {constants} {dtype} {batch}"] = sha
    return found


@pytest.fixture(scope="module")
def fresh():
    return digests()


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_no_bit(threads, team, fresh):
    team(threads)
    assert digests() == fresh


@pytest.mark.parametrize("isa", FMA_ISAS)
def test_instruction_sets_change_no_bit(isa, fresh):
    code = "import json, test_losses as t; print(json.dumps(t.digests()))"
    assert json.loads(run_python(code, FASTMLP_ISA=isa)) == fresh


@pytest.mark.parametrize("weights", [None, np.linspace(0, 3, 37)], ids=["plain", "weighted"])
@pytest.mark.parametrize("batch", [2, 37])
@pytest.mark.parametrize(("loss", "output"), PAIRS)
def test_fast_ways_change_no_bit(loss, output, batch, weights):
    try:
        _core.testing.allow(**NONE)
        plain = trained(loss, output, batch=batch, sample_weight=weights)
    finally:
        _core.testing.allow()
    assert trained(loss, output, batch=batch, sample_weight=weights) == plain


# ---- PyTorch, where it is installed --------------------------------------------------------------


def torch_loss(torch, loss, constants):
    """PyTorch's loss (z, t) -> a sum over the samples' losses, where it has the same one."""
    f = torch.nn.functional
    k = constants
    return {
        "mean_absolute_error": lambda z, t: f.l1_loss(z, t) * len(z),
        "mean_squared_error": lambda z, t: f.mse_loss(z, t) * len(z),
        "huber": lambda z, t: f.huber_loss(z, t, delta=k["delta"]) * len(z),
        "poisson": lambda z, t: f.poisson_nll_loss(z, t, log_input=True) * len(z),
        "binary_cross_entropy": lambda z, t: f.binary_cross_entropy_with_logits(
            z, t * (1 - k["label_smoothing"]) + k["label_smoothing"] / 2, reduction="sum"
        ),
        "categorical_cross_entropy": lambda z, t: f.cross_entropy(
            z, t, label_smoothing=k["label_smoothing"], reduction="sum"
        ),
        "hinge": lambda z, t: f.hinge_embedding_loss(
            z * (2 * t - 1), torch.full_like(z, -1.0), margin=1.0, reduction="sum"
        ),
    }.get(loss)


TORCH_CASES = [(loss, defaults_of(loss)) for loss in LOSSES] + [
    (loss, constants) for loss, constants in SETTINGS if "quantile" not in constants
]


@pytest.mark.parametrize(("loss", "constants"), TORCH_CASES)
def test_pytorch_has_the_same_loss_and_gradient(loss, constants):
    torch = pytest.importorskip("torch")
    theirs = torch_loss(torch, loss, constants)
    if theirs is None:
        pytest.skip(f"PyTorch has no {loss}")
    output = LOSSES[loss]["outputs"][0]
    network, x, t, values = make_with_targets(["tanh", output], [4, 6, 3], loss, constants, 20)
    parameters = [
        [torch.tensor(a, requires_grad=True) for a in pair] for pair in network.parameters()
    ]
    (w, b), (v, c) = parameters
    z = torch.tanh(torch.tensor(x) @ w + b) @ v + c
    total = theirs(z, torch.tensor(values)) / len(x)
    total.backward()
    options = {"loss_constants": constants, "learning_rate": 1.0, "batch_size": len(x)}
    before = network.parameters()
    result = _core.Trainer(network, x, t, loss=loss, shuffle=False, **options).run_epoch(0)
    assert result.loss == pytest.approx(total.item(), rel=1e-12)
    for old, new, pair in zip(before, network.parameters(), parameters, strict=True):
        for b_, a_, one in zip(old, new, pair, strict=True):
            np.testing.assert_allclose(b_ - a_, one.grad.numpy(), rtol=1e-9, atol=1e-13)
