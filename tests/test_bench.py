"""The benchmark checks before it times: right contenders pass, wrong ones are named.

No assertion here is about speed; every result must be whole. The core takes part where fastmlp is
installed.
"""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import json
import re
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.__main__ import main
from bench.agreement import DisagreementError, check_agreement
from bench.contenders import (
    CONTENDERS,
    Contender,
    ContenderModule,
    ContenderSpec,
    UnsupportedProblemError,
    deck,
    numpy_mlp,
)
from bench.harness import Options, interleave, turn_steps
from bench.problem import Parameters, Problem, make_problem
from bench.processes import ContenderMissingError, WorkerError, contender_worker
from bench.questions.step import run_shape
from bench.reference import Reference
from bench.report.text import render
from bench.results import (
    BenchResult,
    Measurement,
    ResultError,
    Turn,
    read_json,
    spread_of,
)
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
    "matrices": small_shape("simplechains", batch=50, optimizer="sgd"),
    "tanh": small_shape("tabular", sizes=(64, 20, 20, 2), batch=30, activation="tanh"),
    "momentum": small_shape("small", batch=16, optimizer="momentum"),
    "adam": small_shape("simplechains", batch=500),
    "adam, images": small_shape("small", batch=16, optimizer="adam", learning_rate=0.001),
    "large rate": small_shape(sizes=(3, 17, 2), batch=13, learning_rate=2.0),
}


def specs(*names: str) -> list[ContenderSpec]:
    return [spec for spec in CONTENDERS if spec.name in names]


def weights_after_each_step(
    build: Callable[[Problem, int | None], Contender], problem: Problem, steps: int
) -> list[Parameters]:
    """Train 1, 2, ... steps, each time from the start."""
    after = []
    for count in range(1, steps + 1):
        contender = build(problem.head(count), 1)
        contender.train(count)
        after.append(contender.parameters())
        contender.close()
    return after


def check_contender(name: str, shape: Shape) -> None:
    """Hold three steps of a contender against the reference; skip what cannot be done here."""
    (spec,) = specs(name)
    problem = make_problem(shape)
    try:
        module = importlib.import_module(spec.module)
    except ImportError as error:
        pytest.skip(f"{error}; {spec.install}")
    base = weights_after_each_step(numpy_mlp.build, problem, 3)
    try:
        after = weights_after_each_step(getattr(module, spec.build), problem, 3)
    except UnsupportedProblemError as error:
        pytest.skip(str(error))
    found = check_agreement(name, problem, after, base)
    assert 0 < found.share_of_bound <= 1
    # Adam divides by the gradient's size: where that is rounding, so is the direction.
    assert shape.optimizer == "adam" or found.from_base < 1e-6


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("name", ["core", "numpy", "deck"])
def test_each_contender_takes_the_step_of_the_reference(name: str, shape: Shape) -> None:
    check_contender(name, shape)


@pytest.mark.parametrize("shape", ["nielsen", "matrices", "momentum", "adam"])
@pytest.mark.parametrize("name", ["torch", "jax", "sklearn"])
def test_each_peer_takes_the_step_of_the_reference(name: str, shape: str) -> None:
    check_contender(name, SHAPES[shape])


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of PyTorch's own old code
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("name", ["torch", "torch_compile", "jax", "sklearn"])
def test_each_peer_takes_every_step_of_the_reference(name: str, shape: Shape) -> None:
    check_contender(name, shape)


@pytest.mark.parametrize("module", [numpy_mlp, deck])
def test_the_data_set_starts_again_after_an_epoch(module: object) -> None:
    problem = make_problem(small_shape(steps=2))
    twice = dataclasses.replace(
        problem,
        shape=small_shape(steps=4),
        x=np.concatenate([problem.x, problem.x]),
        targets=np.concatenate([problem.targets, problem.targets]),
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
        y = {
            "relu": np.maximum(z, 0),
            "sigmoid": 1 / (1 + np.exp(-z)),
            "tanh": np.tanh(z),
            "softmax": z,
            "identity": z,
        }[kind]
    targets = problem.targets[: shape.batch].astype(np.float64)
    if shape.output == "softmax":
        log_p = y - np.log(np.exp(y).sum(axis=1, keepdims=True))
        return float(-(log_p * targets).sum(axis=1).mean())
    return float(0.5 * ((y - targets) ** 2).sum(axis=1).mean())


@pytest.mark.parametrize(
    "name", ["large rate", "sigmoid, deep", "no hidden layer", "tanh", "matrices"]
)
def test_the_reference_descends_along_the_numerical_gradient(name: str) -> None:
    problem = make_problem(SHAPES[name])
    layers = [(w.astype(np.float64), b.astype(np.float64)) for w, b in problem.parameters]
    stepped = Reference(problem).step(problem.parameters)
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
    return dataclasses.replace(
        problem, x=problem.x[::-1].copy(), targets=problem.targets[::-1].copy()
    )


def wrong_label(problem: Problem) -> Problem:
    targets = problem.targets.copy()
    targets[-1] = np.roll(targets[-1], 1)
    return dataclasses.replace(problem, targets=targets)


@pytest.mark.parametrize("mistake", [wrong_rate, wrong_order, wrong_label])
@pytest.mark.parametrize("name", ["tiny", "nielsen", "small", "tabular", "medium"])
def test_a_small_mistake_is_caught_on_every_shape(mistake: Any, name: str) -> None:
    problem = make_problem(small_shape(name, steps=2))
    after = weights_after_each_step(numpy_mlp.build, mistake(problem), 2)
    with pytest.raises(DisagreementError, match=f"culprit on {name} .*after step"):
        check_agreement("culprit", problem, after, after)


@pytest.mark.parametrize("optimizer", ["momentum", "adam"])
def test_a_wrong_rate_is_caught_with_every_optimizer(optimizer: str) -> None:
    problem = make_problem(small_shape("simplechains", batch=500, optimizer=optimizer))
    after = weights_after_each_step(numpy_mlp.build, wrong_rate(problem), 2)
    with pytest.raises(DisagreementError, match="after step 1"):
        check_agreement("culprit", problem, after, after)


@pytest.mark.parametrize(("optimizer", "what"), [("momentum", "MOMENTUM"), ("adam", "BETA_2")])
def test_a_state_that_decays_wrongly_is_caught(
    optimizer: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = make_problem(small_shape("simplechains", batch=500, optimizer=optimizer))
    monkeypatch.setattr(numpy_mlp, what, 0.99 * getattr(numpy_mlp, what))
    after = weights_after_each_step(numpy_mlp.build, problem, 2)
    with pytest.raises(DisagreementError, match="after step 2"):
        check_agreement("culprit", problem, after, after)


def test_a_weight_that_is_no_number_is_caught() -> None:
    problem = make_problem(small_shape())
    after = weights_after_each_step(numpy_mlp.build, problem, 1)
    after[0][1][0][3, 2] = np.nan
    with pytest.raises(DisagreementError, match=r"layer 2, weight \[3, 2\] is nan"):
        check_agreement("culprit", problem, after, after)


def quiet(text: str) -> None:
    """Say nothing."""


def test_every_contender_that_needs_only_numpy_is_measured_whole() -> None:
    found = run_shape(small_shape(), QUICK, specs("numpy", "deck"), quiet)
    assert [measurement.contender for measurement in found] == ["numpy", "deck"]
    for measurement in found:
        assert (measurement.question, measurement.unit) == ("step", "s/step")
        assert measurement.case == "tiny 2-16-16-2, batch 32"
        assert measurement.flops == 32 * (4 * 2 * 16 + 6 * 16 * 16 + 6 * 16 * 2)
        assert measurement.threads == 1
        assert measurement.about["agreement"]["share_of_bound"] <= 1
        assert shape_from_mapping("tiny", without(measurement.about["shape"], "name"))
        assert [turn.round for turn in measurement.turns] == [0]


def without(row: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != key}


@needs_core
def test_a_command_measures_the_core_and_writes_what_it_found(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    options = ["--rounds", "1", "--threads", "1", "--contenders", "core,numpy"]
    assert main(["step", "tiny", "--quick", "--json", str(path), *options]) == 0
    result = read_json(path)
    assert list(result.contenders) == ["core", "numpy"]
    assert result.options["shapes"] == ["tiny"]
    assert result.machine["cpu"]["threads"]
    assert "numpy" in render(result)
    (base,), (other,) = (result.select(contender=name) for name in ("core", "numpy"))
    ratio = result.ratio(other, base)
    assert ratio is not None
    assert ratio.median == other.turns[0].value / base.turns[0].value


def test_what_was_measured_before_a_failure_is_kept_and_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run_shape(shape: Shape, *rest: Any) -> list[Measurement]:
        if shape.name == "nielsen":
            raise DisagreementError("numpy on nielsen trains something else")
        return [measurement_of("numpy", 2.0, 3.0)]

    monkeypatch.setattr("bench.questions.step.run_shape", run_shape)
    path = tmp_path / "result.json"
    options = ["--contenders", "numpy", "--json", str(path)]
    assert main(["step", "tiny", "nielsen", "small", *options]) == 1
    result, said = read_json(path), capsys.readouterr()
    assert [one.contender for one in result.measurements] == ["numpy"]
    assert result.skipped["the rest of step"] == "numpy on nielsen trains something else"
    assert "skipped the rest of step: numpy on nielsen" in said.out
    assert "python -m bench: numpy on nielsen trains something else" in said.err
    assert main(["step", "nielsen", *options]) == 1
    assert capsys.readouterr().out == ""  # nothing was found: the file stays as it was
    assert read_json(path) == result


def result_of(*measurements: Measurement) -> BenchResult:
    return BenchResult("2026-01-01T00:00:00+00:00", {}, {}, {}, {}, list(measurements))


def measurement_of(contender: str, *values: float, **others: Any) -> Measurement:
    turns = [Turn(number, value) for number, value in enumerate(values)]
    return Measurement("step", "case", contender, others.pop("unit", "s/step"), turns, **others)


def test_ratios_are_paired_by_round_and_peaks_looked_up_by_threads() -> None:
    base, other = measurement_of("a", 1.0, 2.0, 4.0), measurement_of("b", 3.0, 2.0)
    rates = [
        dataclasses.replace(
            measurement_of("fma", value, unit="flop/s", threads=threads, about={"what": "fma"}),
            question="machine",
        )
        for threads, value in ((1, 10.0), (4, 35.0))
    ]
    result = result_of(base, other, *rates)
    assert result.ratio(other, base) == spread_of([3.0, 1.0])
    assert result.ratio(dataclasses.replace(other, turns=[Turn(7, 1.0)]), base) is None
    assert [result.peak(threads) for threads in (1, 4, 9, None)] == [10.0, 35.0, 35.0, 35.0]
    assert result.peak(1, "bf16") is None
    assert result.select(question="step", contender="b") == [other]
    assert dataclasses.replace(base, flops=6.0).flop_rate == 3.0


def test_a_result_survives_its_file_and_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    result = result_of(measurement_of("a", 1.0, 2.0, threads=2, about={"width": 8}))
    result.write_json(path)
    assert read_json(path) == result
    content = json.loads(path.read_text(encoding="utf-8"))
    broken = {
        "this is not JSON": "{",
        "names no format": "[]",
        "format 1; this version reads format 2": json.dumps({**content, "format": 1}),
        "missing or unknown keys: skipped": json.dumps(without(content, "skipped")),
        "has the value 'fast'": path.read_text(encoding="utf-8").replace("2.0", '"fast"'),
        "no turn was taken": json.dumps(
            {**content, "measurements": [{**content["measurements"][0], "turns": []}]}
        ),
    }
    for message, text in broken.items():
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ResultError, match=re.escape(message)):
            read_json(path)


def test_rounds_are_interleaved_and_the_slow_sit_out() -> None:
    order: list[str] = []

    def turn(name: str, seconds: float) -> Callable[[], float]:
        def take() -> float:
            order.append(name)
            time.sleep(seconds)
            return float(len(order))

        return take

    options = dataclasses.replace(QUICK, rounds=3, contender_at_most=0.2)
    turns = {"a": turn("a", 0), "b": turn("b", 0), "slow": turn("slow", 0.15)}
    taken = interleave(turns, options, lambda: "near")
    assert order == ["a", "b", "slow", "b", "a", "a", "b"]
    assert taken["slow"] == [Turn(0, 3.0, "near")]
    assert [t.round for t in taken["a"]] == [0, 1, 2]


def written_contender(folder: Path, name: str, body: str) -> ContenderSpec:
    """Write a contender module: NumPy's, with changes."""
    code = "from bench.contenders.numpy_mlp import *\n"
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
        run_shape(small_shape(), QUICK, [*specs("numpy"), wrong], quiet)


def test_a_contender_that_fails_or_dies_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    fails = written_contender(
        tmp_path, "failing_mlp", "def build(problem, threads): raise OSError('no room')"
    )
    with pytest.raises(WorkerError, match="failing_mlp: OSError: no room"):
        run_shape(small_shape(), QUICK, [fails], quiet)
    dies = written_contender(
        tmp_path,
        "dying_mlp",
        "import os\ndef build(p, t): os.write(2, b'last words'); os._exit(3)",
    )
    with pytest.raises(WorkerError, match=r"dying_mlp: process ended \(3\)[\s\S]*last words"):
        run_shape(small_shape(), QUICK, [dies], quiet)


def test_a_contender_that_prints_does_not_spoil_its_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    chatty = written_contender(tmp_path, "chatty_mlp", "print('hello')")
    (found,) = run_shape(small_shape(), QUICK, [chatty], quiet)
    assert found.contender == "chatty_mlp"


def test_a_contender_sits_out_what_it_cannot_train(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    body = """
        from bench.contenders import UnsupportedProblemError
        def build(problem, threads): raise UnsupportedProblemError("no such loss")
        """
    picky = written_contender(tmp_path, "picky_mlp", body)
    said: list[str] = []
    found = run_shape(small_shape(), QUICK, [*specs("numpy"), picky], said.append)
    assert [measurement.contender for measurement in found] == ["numpy"]
    assert any("without picky_mlp" in text and "no such loss" in text for text in said)


def test_a_missing_contender_says_what_to_install() -> None:
    missing = ContenderSpec("peer", "bench.no_such_peer", install="pip install peer")
    with (
        contender_worker(missing, None) as worker,
        pytest.raises(ContenderMissingError, match=r"peer: .*no_such_peer.*: pip install peer"),
    ):
        worker.ask("describe")


def test_shapes_are_the_named_ones_and_mistakes_are_explained() -> None:
    names = ["tiny", "nielsen", "small", "tabular", "medium", "large", "wide", "simplechains"]
    assert [shape.name for shape in load_shapes()] == names
    with pytest.raises(ValueError, match=r"no shape 'mediun'.*did you mean 'medium'"):
        load_shapes(["mediun"])
    row = dataclasses.asdict(small_shape())
    name = row.pop("name")
    with pytest.raises(ValueError, match="unknown keys: bach"):
        shape_from_mapping(name, {**row, "bach": 3})
    with pytest.raises(ValueError, match="activation 'gelu' is not one of relu, tanh, sigmoid"):
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
        (["step", "smal"], "did you mean 'small'"),
        (["--contenders", "nunpy"], "did you mean 'numpy'"),
        (["all", "--json", "no/such/folder/x.json"], "its folder does not exist"),
    ],
)
def test_wrong_options_end_with_2_before_anything_runs(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert message in capsys.readouterr().err
