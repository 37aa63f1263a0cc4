"""Every activation of the catalog against its own formula: the text is evaluated for values and
differentiated for slopes; how activations are written and what is refused.
"""

from __future__ import annotations

import re

import mpmath
import numpy as np
import pytest
from conftest import CATALOG, ROOT
from fastmlp import _core
from formulas import ROWS, TRAINABLE, VARIANTS, is_learned, slopes, values

# Dense where functions bend, and out to where they have reached their limits; kinks included.
Z = np.concatenate(
    [
        np.linspace(-8, 8, 161),
        *([s * np.logspace(-20, 2.9, 60)] for s in (-1, 1)),
        [0.0, 1e-300, -1e-300],
    ],
    axis=None,
)
FAR = np.array([1e3, 1e10, 1e29])  # beyond any exponent
DIGITS = 400  # exp(-800) must count beside 1


def by_text(variant):
    return variant.text


def allowed_error(variant, z, y, slope, dtype):
    """The budget of the catalog: so many ULP of y, and as many of z; of results below the smallest
    normal number, a few units in the place where precision ends.
    """
    limits = np.finfo(dtype)
    ulp_of_y, ulp_of_z = np.spacing(np.abs(y).astype(dtype)), np.spacing(np.abs(z).astype(dtype))
    underflow = 4 * (1 + np.abs(z)) * float(limits.smallest_subnormal)
    return variant.row["ulp"] * (ulp_of_y + ulp_of_z * np.abs(slope)) + underflow


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("variant", VARIANTS, ids=by_text)
def test_value_is_the_formula(variant, dtype):
    at = Z.astype(dtype)
    formula, derivative = variant.functions()
    with mpmath.workdps(DIGITS):
        exact = [formula(mpmath.mpf(float(z))) for z in at]
        slope = np.array([float(derivative(mpmath.mpf(float(z)))) for z in at])
        found = values(variant.text, at, dtype).astype(np.float64)
        error = np.array([float(abs(f - e)) for f, e in zip(found, exact, strict=True)])
    y = np.array([float(e) for e in exact])
    allowed = allowed_error(variant, at.astype(np.float64), y, slope, dtype)
    assert (error <= allowed).all(), (at[error > allowed], (error / allowed).max())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("variant", VARIANTS, ids=by_text)
def test_limits_are_those_of_the_formula(variant, dtype):
    """Far out, and at infinity, which has the limit; NaN is passed on, so that it is seen."""
    at = np.concatenate([-FAR, FAR]).astype(dtype)
    formula, _ = variant.functions()
    with mpmath.workdps(60):
        exact = np.array([float(formula(mpmath.mpf(float(z)))) for z in at])
    found = values(variant.text, at, dtype)
    assert np.allclose(found, exact, rtol=1e-6 if dtype == "float32" else 1e-14, atol=1e-40)

    if variant.name.startswith("mixed_"):
        return  # a difference of two infinities may stand there: it is told as NaN
    large = np.finfo(dtype).max
    found = []  # infinity, -infinity, and the sum of both
    for signs in ([[1.0], [-1.0]], [[-1.0], [1.0]], [[1.0], [1.0]]):
        network = _core.Network([1, 2, 1, 1], ["identity", variant.text, "identity"], dtype)
        given = [([[large, -large]], [0, 0]), (signs, [0]), ([[1]], [0])]
        rest = [tensors[2:] for tensors in network.parameters()]
        network.set_parameters([own + more for own, more in zip(given, rest, strict=True)])
        found.append(network.predict(np.full((1, 1), 4, dtype))[0, 0])
    above, below, nan = found
    unbounded = np.abs(exact) > 1e20
    assert above == (np.inf if unbounded[-1] else pytest.approx(exact[-1], rel=1e-6))
    limit = -np.inf if unbounded[2] else pytest.approx(exact[2], rel=1e-6, abs=1e-40)
    assert below == limit
    assert np.isnan(nan)


@pytest.mark.parametrize("hidden", [False, True], ids=["output", "hidden"])
@pytest.mark.parametrize("variant", TRAINABLE, ids=by_text)
def test_slope_is_the_derivative_of_the_formula(variant, hidden):
    if is_learned(variant.text) and not hidden:
        return  # no output unit learns its constant
    at = Z[np.abs(Z) < 15] + 1e-3  # no z stands at a kink
    _, derivative = variant.functions()
    with mpmath.workdps(60):
        exact = np.array([float(derivative(mpmath.mpf(float(z)))) for z in at])
    # y carries a rounding error that 1 - y enlarges where the unit saturates
    assert np.allclose(slopes(variant.text, at, hidden=hidden), exact, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("variant", TRAINABLE, ids=by_text)
def test_slope_at_a_kink_is_that_of_one_side(variant):
    """Also far out, where the slope has its limit and must not be 0 times infinity."""
    candidates = np.array([-4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 6.0, -1e10, 1e10, 200, -200])
    sides = []
    _, derivative = variant.functions()
    with mpmath.workdps(DIGITS):
        for side in (-1, 1):
            at = [mpmath.mpf(z) + side * mpmath.mpf("1e-18") for z in candidates]
            sides.append([float(derivative(z)) for z in at])
    found = slopes(variant.text, candidates)
    near = [np.isclose(found, side, rtol=1e-12, atol=1e-15) for side in np.array(sides)]
    assert (near[0] | near[1]).all(), candidates[~(near[0] | near[1])]


def test_kinks_have_pytorchs_slopes():
    conventions = {
        "relu": {0: 0},
        "leaky_relu": {0: 0.01},
        "relu6": {0: 0, 6: 0},
        "hard_tanh": {-1: 0, 1: 0},
        "hard_sigmoid(slope=0.5, offset=0.5)": {-1: 0, 1: 0},
        "hard_swish": {-3: 0, 3: 1},
        "elu(alpha=0.5)": {0: 0.5},
    }
    for text, kinks in conventions.items():
        found = slopes(text, np.array([*kinks], float))
        assert dict(zip(kinks, found, strict=True)) == kinks


def test_pytorch_has_the_same_values_and_slopes():
    """Kinks included; its hard sigmoid has 1/6 in float32, whatever the input."""
    torch = pytest.importorskip("torch")
    own = torch.nn.functional
    others = {
        "leaky_relu": own.leaky_relu,
        "relu6": own.relu6,
        "elu(alpha=0.5)": lambda t: own.elu(t, 0.5),
        "selu": own.selu,
        "celu(alpha=0.5)": lambda t: own.celu(t, 0.5),
        "softplus": own.softplus,
        "silu": own.silu,
        "gelu": own.gelu,
        "gelu_tanh": lambda t: own.gelu(t, approximate="tanh"),
        "mish": own.mish,
        "hard_swish": own.hardswish,
        "hard_tanh": own.hardtanh,
        "softsign": own.softsign,
        "log_sigmoid": own.logsigmoid,
    }
    at = np.concatenate([np.linspace(-12, 12, 241), [-3.0, -1.0, 0.0, 1.0, 3.0, 6.0]])
    for text, function in others.items():
        z = torch.tensor(at, requires_grad=True)
        y = function(z)
        y.sum().backward()
        assert np.allclose(values(text, at), y.detach().numpy(), rtol=1e-13, atol=1e-14), text
        assert np.allclose(slopes(text, at), z.grad.numpy(), rtol=1e-13, atol=1e-14), text


def test_a_budget_can_be_exceeded():
    """The comparison finds a unit that is wrong in the fourth digit."""
    wrong = next(v for v in VARIANTS if v.text == "gelu")
    right = next(v for v in VARIANTS if v.text == "gelu_tanh")
    z = np.array([1.0])
    error = np.abs(values(wrong.text, z) - values(right.text, z))
    assert (error > 1e9 * allowed_error(wrong, z, values(wrong.text, z), 1.0, "float64")).all()


def test_softmax_is_its_formula():
    rows = np.random.default_rng(0).normal(size=(37, 11)) * 20
    network = _core.Network([11, 11], ["softmax"], "float64")
    network.set_parameters([(np.eye(11), np.zeros(11))])
    e = np.exp(rows - rows.max(axis=1, keepdims=True))
    assert np.allclose(network.predict(rows), e / e.sum(axis=1, keepdims=True), rtol=1e-14, atol=0)


def test_nan_in_the_inputs_is_seen():
    network = _core.Network([1, 1, 1], ["relu", "identity"])
    with pytest.raises(ValueError, match=r"x\[0, 0\] is NaN or infinite"):
        network.predict(np.array([[np.nan]], "f4"))


# ---- how they are written -----------------------------------------------------------------------


@pytest.mark.parametrize("variant", VARIANTS, ids=by_text)
def test_a_network_names_an_activation_in_full(variant):
    text, _ = _core.Network([2, 3, 1], [variant.text, "identity"]).activations
    written = dict(re.findall(r"(\w+)=([^,)]+)", text))
    assert {name: float(value) for name, value in written.items()} == variant.constants
    assert text.partition("(")[0] == variant.name
    assert _core.activation(text) == _core.activation(variant.text) == text


def test_constants_are_read_exactly():
    for value in (0.1, 1 / 3, 1e-300, 5e-324, 123456789.123456789, 2.0, 0.0):
        assert float(_core.activation(f"elu(alpha={value!r})")[len("elu(alpha=") : -1]) == value
    assert _core.activation("elu( alpha = 2 )") == "elu(alpha=2)"
    assert _core.activation("hard_sigmoid(offset=0.4)") == "hard_sigmoid(slope=0.25, offset=0.4)"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rely", "activation 'rely' is unknown; choose from: identity, sigmoid, tanh, relu, "),
        ("relu(alpha=1)", "activation 'relu' has no constant 'alpha'; it has none"),
        ("elu(slope=1)", "activation 'elu' has no constant 'slope'; it has: alpha"),
        ("hard_sigmoid(x=1)", "'hard_sigmoid' has no constant 'x'; it has: slope, offset"),
        ("elu(alpha=-1)", "activation 'elu': alpha = '-1' is not a number between 0 (included)"),
        ("elu(alpha=1e30)", "alpha = '1e30' is not a number between 0 (included) and 1e+30 (ex"),
        ("elu(alpha=nan)", "alpha = 'nan' is not a number between"),
        ("elu(alpha=1 2)", "alpha = '1 2' is not a number between"),
        ("elu(alpha)", "alpha = '' is not a number between"),
        ("elu(alpha=1", "must be written as name or as name(constant=number, ...)"),
        ("elu(alpha=1, alpha=2)", "activation 'elu(alpha=1, alpha=2)' says alpha twice"),
        ("elu(1)", "activation 'elu' has no constant '1'; it has: alpha"),
    ],
)
def test_what_is_no_activation_is_refused(text, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        _core.Network([2, 3], [text])


def test_softmax_is_an_output_unit():
    with pytest.raises(ValueError, match="activation 'softmax' of layer 0 is an output unit"):
        _core.Network([2, 3, 2], ["softmax", "softmax"])


def test_the_step_answers_but_does_not_train():
    """XOR by two units of a perceptron; there is no slope to go down."""
    network = _core.Network([2, 2, 1], ["step", "step"])
    network.set_parameters([([[1, 1], [1, 1]], [-0.5, -1.5]), ([[1], [-1]], [-0.5])])
    corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "f4")
    assert network.predict(corners)[:, 0].tolist() == [0, 1, 1, 0]
    with pytest.raises(ValueError, match="'step' of layer 0 cannot be trained through: its slope"):
        _core.Trainer(network, corners, np.zeros((4, 1)), loss="half_squared_error")
    assert network.evaluate(corners, np.zeros((4, 1)), "half_squared_error")[0] == 0.25


def test_constants_have_a_range_and_a_meaning():
    for row in ROWS:
        for one in row["constants"]:
            assert one["least"] <= one["default"] < one["below"]
            assert one["meaning"]


def test_an_activation_is_written_in_one_place():
    """Beside its struct and the catalog's list, no file of the engine or the package names one of
    those that nothing else is built on: to add one is to add it there.
    """
    structs = dict(
        re.findall(
            r"struct (\w+)[^{;]*\{\s*static constexpr const char\* name = \"(\w+)\"",
            "".join(path.read_text() for path in sorted((ROOT / "csrc/math").glob("*.h"))),
        )
    )
    own = {struct: name for struct, name in structs.items() if name in {r["name"] for r in ROWS}}
    assert set(own.values()) == {row["name"] for row in ROWS}
    named_elsewhere = {"identity", "sigmoid"}  # by the plain end of a network, and by a loss
    defaults = {"relu"}  # of the configuration
    sources = [
        path
        for path in [*(ROOT / "csrc").rglob("*.[hc]*"), *(ROOT / "python").rglob("*.py")]
        if path.parent != ROOT / "csrc/math"
    ]
    assert len(sources) > 50
    for path in sources:
        text = re.sub(r"//.*|>>> .*|\"\"\"(?s:.*?)\"\"\"", "", path.read_text())
        for struct, name in own.items():
            if name in named_elsewhere | defaults:
                continue
            is_cpp = path.suffix in (".h", ".cpp")
            pattern = rf"<{struct}\b|\b{struct}::" if is_cpp else rf"[\"']{name}[\"']"
            assert not re.search(pattern, text), (path, name)


def test_the_catalog_names_every_activation_once():
    names = [row["name"] for row in CATALOG["activations"]]
    assert len(set(names)) == len(names)
