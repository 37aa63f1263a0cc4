"""The benchmark checks before it times: right contenders pass, wrong ones are named.

No assertion here is about speed; every result must be whole. The core takes part where fastmlp is
installed.
"""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import json
import sys
import textwrap
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import deck_mlp, numpy_mlp
from bench.__main__ import main
from bench.agreement import DisagreementError, check_agreement
from bench.contender import CONTENDERS, ContenderModule, ContenderSpec
from bench.harness import Options, run_bench, turn_steps
from bench.problem import Parameters, Problem, make_problem
from bench.processes import ContenderMissingError, WorkerError
from bench.reference import reference_step
from bench.report import render
from bench.results import spread_of
from bench.shapes import Shape, load_shapes, shape_from_mapping

QUICK = Options(rounds=1, threads=1, turn_at_least=0.0, turn_at_most=0.01, pause=0.0)
CORE_INSTALLED = importlib.util.find_spec("fastmlp") is not None
needs_core = pytest.mark.skipif(not CORE_INSTALLED, reason="fastmlp is not installed")
SQUARED_ERROR = {
    "activation": "sigmoid",
    "output": "sigmoid",
    "loss": "half_squared_error",
    "init": "normal",
}


def small_shape(name: str = "tiny", **changes: Any) -> Shape:
    """Return a named shape cut down to a few steps."""
    return dataclasses.replace(load_shapes([name])[0], **{"steps": 4, "check_steps": 2, **changes})


SHAPES = {
    "tiny": small_shape(),
    "nielsen": small_shape("nielsen"),
    "no hidden layer": small_shape(sizes=(5, 3)),
    "batch 1": small_shape(sizes=(7, 9, 4), batch=1),
    "sigmoid, deep": small_shape(sizes=(6, 5, 4, 3), batch=9, **SQUARED_ERROR),
    "large rate": small_shape(sizes=(3, 17, 2), batch=13, learning_rate=2.0),
}


def weights_after_each_step(module: object, problem: Problem, steps: int) -> list[Parameters]:
    """Train 1, 2, ... steps, each time from the start."""
    after = []
    for count in range(1, steps + 1):
        contender = cast(ContenderModule, module).build(problem.head(count), 1)
        contender.train(count)
        after.append(contender.parameters())
        contender.close()
    return after


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_numpy_and_deck_take_the_step_of_the_reference(shape: Shape) -> None:
    problem = make_problem(shape)
    base = weights_after_each_step(numpy_mlp, problem, 3)
    for module in (numpy_mlp, deck_mlp):
        found = check_agreement(
            module.__name__, problem, weights_after_each_step(module, problem, 3), base
        )
        assert 0 < found.share_of_bound <= 1
        assert found.from_base < 1e-6


@needs_core
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_core_takes_the_step_of_the_reference(shape: Shape) -> None:
    problem = make_problem(shape)
    module = importlib.import_module("bench.core_mlp")
    base = weights_after_each_step(numpy_mlp, problem, 3)
    assert check_agreement("core", problem, weights_after_each_step(module, problem, 3), base)


@pytest.mark.parametrize("module", [numpy_mlp, deck_mlp])
def test_the_data_set_starts_again_after_an_epoch(module: object) -> None:
    problem = make_problem(small_shape(steps=2))
    twice = dataclasses.replace(
        problem,
        shape=small_shape(steps=4),
        x=np.concatenate([problem.x, problem.x]),
        labels=np.concatenate([problem.labels, problem.labels]),
    )
    results = []
    for given in (problem, twice):
        contender = cast(ContenderModule, module).build(given, 1)
        contender.train(4)
        results.append(contender.parameters())
    for (w, b), (other_w, other_b) in zip(*results, strict=True):
        np.testing.assert_array_equal(w, other_w)
        np.testing.assert_array_equal(b, other_b)


def mean_loss(problem: Problem, layers: list[tuple[Any, Any]]) -> float:
    """Return the float64 loss of the first batch, written as the definition says."""
    shape = problem.shape
    y = problem.x[: shape.batch].astype(np.float64)
    for place, (w, b) in enumerate(layers):
        z = y @ w + b
        last = place == len(layers) - 1
        kind = shape.output if last else shape.activation
        y = {"relu": np.maximum(z, 0), "sigmoid": 1 / (1 + np.exp(-z)), "softmax": z}[kind]
    labels = problem.labels[: shape.batch]
    if shape.output == "softmax":
        log_p = y - np.log(np.exp(y).sum(axis=1, keepdims=True))
        return float(-log_p[np.arange(shape.batch), labels].mean())
    return float(0.5 * ((y - np.eye(shape.sizes[-1])[labels]) ** 2).sum(axis=1).mean())


@pytest.mark.parametrize("name", ["large rate", "sigmoid, deep", "no hidden layer"])
def test_the_reference_descends_along_the_numerical_gradient(name: str) -> None:
    problem = make_problem(SHAPES[name])
    layers = [(w.astype(np.float64), b.astype(np.float64)) for w, b in problem.parameters]
    stepped = reference_step(problem, 0, problem.parameters)
    h = 1e-6
    for layer, estimates in zip(layers, stepped, strict=True):
        for array, estimate in zip(layer, estimates, strict=True):
            taken = (array - estimate.value.reshape(array.shape)) / problem.shape.learning_rate
            for index in np.ndindex(array.shape):
                kept = array[index]
                array[index] = kept + h
                above = mean_loss(problem, layers)
                array[index] = kept - h
                below = mean_loss(problem, layers)
                array[index] = kept
                assert taken[index] == pytest.approx((above - below) / (2 * h), rel=1e-6, abs=1e-9)


def wrong_rate(problem: Problem) -> Problem:
    rate = 1.01 * problem.shape.learning_rate
    return dataclasses.replace(
        problem, shape=dataclasses.replace(problem.shape, learning_rate=rate)
    )


def wrong_order(problem: Problem) -> Problem:
    return dataclasses.replace(problem, x=problem.x[::-1].copy(), labels=problem.labels[::-1])


def wrong_label(problem: Problem) -> Problem:
    labels = problem.labels.copy()
    labels[-1] = (labels[-1] + 1) % problem.shape.sizes[-1]
    return dataclasses.replace(problem, labels=labels)


@pytest.mark.parametrize("mistake", [wrong_rate, wrong_order, wrong_label])
@pytest.mark.parametrize("name", ["tiny", "nielsen", "small", "tabular", "medium"])
def test_a_small_mistake_is_caught_on_every_shape(mistake: Any, name: str) -> None:
    problem = make_problem(small_shape(name, steps=2))
    after = weights_after_each_step(numpy_mlp, mistake(problem), 2)
    with pytest.raises(DisagreementError, match=f"culprit on {name} .*after step"):
        check_agreement("culprit", problem, after, after)


def test_a_weight_that_is_no_number_is_caught() -> None:
    problem = make_problem(small_shape())
    after = weights_after_each_step(numpy_mlp, problem, 1)
    after[0][1][0][3, 2] = np.nan
    with pytest.raises(DisagreementError, match=r"layer 2, weight \[3, 2\] is nan"):
        check_agreement("culprit", problem, after, after)


def test_harness_runs_all_contenders_and_writes_whole_json(tmp_path: Path) -> None:
    result = run_bench([small_shape()], QUICK, say=lambda _: None)
    names = [spec.name for spec in CONTENDERS if spec.name != "core" or CORE_INSTALLED]
    assert list(result.contenders) == names
    result.write_json(tmp_path / "result.json")
    content = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert set(content) == {
        *("format", "started", "options", "machine", "contenders", "skipped", "shapes")
    }
    assert content["options"]["threads"] == 1
    assert ("cpu_info" in content["contenders"].get("core", {})) == CORE_INSTALLED
    (shape,) = content["shapes"]
    assert shape["sizes"] == [2, 16, 16, 2]
    assert shape["flops_per_step"] == 32 * (4 * 2 * 16 + 6 * 16 * 16 + 6 * 16 * 2)
    assert list(shape["contenders"]) == names
    for figures in shape["contenders"].values():
        assert figures["agreement"]["share_of_bound"] <= 1
        (turn,) = figures["turns"]
        assert turn["steps"] >= 1
        assert figures["seconds_per_step"]["median"] == turn["seconds"] / turn["steps"]
    text = render(result)
    assert all(name in text for name in ("tiny 2-16-16-2, batch 32", "speed-up of", *names))


def written_contender(folder: Path, name: str, body: str) -> ContenderSpec:
    """Write a contender module: NumPy's, with changes."""
    code = "from bench.numpy_mlp import *\nfrom bench.numpy_mlp import NumpyMlp\n"
    (folder / f"{name}.py").write_text(code + textwrap.dedent(body), encoding="utf-8")
    return ContenderSpec(name, name)


def test_a_wrong_contender_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    body = """
        def build(problem, threads):
            contender = NumpyMlp(problem)
            contender._rate *= np.float32(1.01)
            contender._output_delta = contender._make_cross_entropy(problem)
            return contender
        """
    wrong = written_contender(tmp_path, "wrong_rate_mlp", body)
    with pytest.raises(DisagreementError, match=r"wrong_rate_mlp on tiny .* nothing was timed"):
        run_bench([small_shape()], QUICK, [CONTENDERS[1], wrong], say=lambda _: None)


def test_a_contender_that_fails_or_dies_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    fails = written_contender(
        tmp_path, "failing_mlp", "def build(problem, threads): raise OSError('no room')"
    )
    with pytest.raises(WorkerError, match="failing_mlp: OSError: no room"):
        run_bench([small_shape()], QUICK, [fails], say=lambda _: None)
    dies = written_contender(
        tmp_path,
        "dying_mlp",
        "import os\ndef build(p, t): os.write(2, b'last words'); os._exit(3)",
    )
    with pytest.raises(WorkerError, match=r"dying_mlp: process ended \(3\)[\s\S]*last words"):
        run_bench([small_shape()], QUICK, [dies], say=lambda _: None)


def test_a_contender_that_prints_does_not_spoil_its_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    chatty = written_contender(tmp_path, "chatty_mlp", "print('hello')")
    result = run_bench([small_shape()], QUICK, [chatty], say=lambda _: None)
    assert list(result.contenders) == ["chatty_mlp"]


def test_a_missing_contender_is_skipped_or_refused() -> None:
    missing = ContenderSpec("peer", "bench.no_such_peer")
    contenders = [CONTENDERS[1], missing]
    result = run_bench([small_shape()], QUICK, contenders, say=lambda _: None)
    assert "no_such_peer" in result.skipped["peer"]
    assert "no_such_peer" in render(result)
    with pytest.raises(ContenderMissingError, match="no_such_peer"):
        run_bench([small_shape()], QUICK, contenders, lambda _: None, skip_missing=False)


def test_shapes_are_the_named_ones_and_mistakes_are_explained() -> None:
    names = ["tiny", "nielsen", "small", "tabular", "medium", "large"]
    assert [shape.name for shape in load_shapes()] == names
    with pytest.raises(ValueError, match=r"no shape 'mediun'.*did you mean 'medium'"):
        load_shapes(["mediun"])
    row = dataclasses.asdict(small_shape())
    name = row.pop("name")
    with pytest.raises(ValueError, match="unknown keys: bach"):
        shape_from_mapping(name, {**row, "bach": 3})
    with pytest.raises(ValueError, match="activation 'gelu' is not one of relu, sigmoid"):
        small_shape(activation="gelu")
    with pytest.raises(ValueError, match="no contender trains sigmoid with categorical"):
        small_shape(output="sigmoid")


def test_data_look_like_pictures_and_repeat() -> None:
    shape = small_shape("nielsen", steps=200)
    problem = make_problem(shape)
    assert problem.x.dtype == np.float32
    assert float((problem.x != 0).mean()) == pytest.approx(0.19, abs=0.01)
    pixels = problem.x.astype(np.float64) * 255
    assert np.abs(pixels - np.rint(pixels)).max() < 1e-4
    assert (pixels.min(), np.rint(pixels.max())) == (0, 255)
    assert problem.checksum() == make_problem(shape).checksum()
    assert problem.checksum() != make_problem(dataclasses.replace(shape, seed=2)).checksum()


def test_a_turn_is_neither_too_short_nor_too_long() -> None:
    options = Options(turn_at_least=0.2, turn_at_most=1.0)
    assert turn_steps(0.0005, 100, True, options) == 400
    assert turn_steps(0.005, 100, False, options) == 100
    assert turn_steps(0.5, 100, False, options) == 2
    assert turn_steps(7.0, 100, False, options) == 1
    assert turn_steps(7.0, 100, True, options) == 100


def test_spread_takes_quartiles_when_there_are_enough() -> None:
    spread = spread_of([5.0, 1.0, 2.0, 3.0, 4.0])
    assert (spread.median, spread.low, spread.high) == (3.0, 2.0, 4.0)
    assert spread.relative == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["smal"], "did you mean 'small'"),
        (["--contenders", "nunpy"], "did you mean 'numpy'"),
        (["--json", "no/such/folder/x.json"], "its folder does not exist"),
        (["--chart", "x.bmp"], "must end in one of .svg, .png, .pdf"),
    ],
)
def test_wrong_options_end_with_2_before_anything_runs(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert message in capsys.readouterr().err


def test_chart_is_drawn_or_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chart = importlib.import_module("bench.chart")
    if importlib.util.find_spec("matplotlib"):
        result = run_bench([small_shape()], QUICK, CONTENDERS[1:], say=lambda _: None)
        chart.draw(result, tmp_path / "chart.svg")
        assert "<svg" in (tmp_path / "chart.svg").read_text(encoding="utf-8")
    for name in ("matplotlib", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(chart.ChartError, match=r"pip install 'fastmlp\[bench\]'"):
        chart.check_chart(Path("chart.svg"))
