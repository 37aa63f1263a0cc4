"""The questions `predict`, `start` and `mnist`: checked before timed, programs that are whole.

No assertion here is about speed. Peers take part where they are installed.
"""

from __future__ import annotations

import dataclasses
import gzip
import importlib
import json
import struct
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import ROOT, run_python

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import program_runs
from bench.agreement import DisagreementError
from bench.contenders.predicting import PREDICTORS, PredictorSpec
from bench.harness import Options, QuestionSkippedError
from bench.installed import bytes_on_disk, with_requirements
from bench.prediction import (
    Case,
    Net,
    Task,
    case_from_mapping,
    check_outputs,
    expected_outputs,
    make_task,
)
from bench.processes import UnsupportedError, Worker, WorkerError
from bench.program_runs import ProgramRun, is_installed, run_program
from bench.programs.load_and_predict import memory
from bench.programs.mnist.idx import read_mnist
from bench.questions import mnist, predict, start
from bench.questions.predict import Entry, Judge, best_of

QUICK = Options(quick=True, rounds=1, threads=1, turn_at_least=0.0, pause=0.0)
TEST_NETS = {
    "softmax": Net("softmax", (784, 9, 7, 5)),
    "several sigmoids": Net("several", (784, 6, 4), "sigmoid", "sigmoid"),
    "one sigmoid": Net("one", (784, 5, 1), output="sigmoid"),
    "no hidden layer": Net("flat", (784, 3)),
}
KINDS = (("images", "float32"), ("images", "uint8"), ("normal", "float32"))
NEEDS = {
    "core": ("fastmlp",),
    "onnxruntime": ("onnxruntime", "onnx"),
    "torch": ("torch",),
    "sklearn": ("sklearn",),
    "jax": ("jax",),
}


def require(contender: str) -> None:
    """Skip where the packages of a contender are missing."""
    for module in NEEDS.get(contender, ()):
        if not is_installed(module):
            pytest.skip(f"{module} is not installed")


def numpy_outputs(task: Task) -> np.ndarray:
    """Predict with the contender `numpy`, all rows at once."""
    module = importlib.import_module("bench.contenders.predicting.numpy_mlp")
    predictor = module.build(task, len(task.x))
    return predictor.as_array(predictor.predict(predictor.take(task.x))).copy()


@pytest.mark.parametrize("spec", PREDICTORS, ids=lambda spec: spec.name)
def test_predictors_give_the_outputs_of_the_reference(spec: PredictorSpec) -> None:
    require(spec.contender)
    with Worker(spec.name, "bench.predict_worker", spec.module, spec.build, threads=1) as worker:
        asked = [
            Case(net, inputs=inputs, dtype=dtype, rows=20)
            for net in TEST_NETS.values()
            for inputs, dtype in KINDS
        ]
        if not spec.one_row_only:
            asked += [Case(net, many=True, rows=500) for net in TEST_NETS.values()]
        for case in asked:
            try:
                entry = Judge(case).enter(spec, worker, 1)
            except UnsupportedError as error:
                pytest.skip(str(error))
            assert 0 < entry.share_of_bound <= 1
            assert entry.rows_at_once in ((250, 500) if case.many else (1,))
            assert entry.turn() > 0


def plain_outputs(task: Task) -> np.ndarray:
    """Return the float64 outputs, written as the definition says."""
    y = task.x / 255 if task.case.dtype == "uint8" else task.x.astype(np.float64)
    for place, (w, b) in enumerate(task.parameters):
        z = y @ w.astype(np.float64) + b
        last = place == len(task.parameters) - 1
        kind = task.case.net.output if last else task.case.net.activation
        if kind == "softmax":
            return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        y = np.maximum(z, 0) if kind == "relu" else 1 / (1 + np.exp(-z))
    return y


@pytest.mark.parametrize("net", TEST_NETS.values(), ids=TEST_NETS.keys())
@pytest.mark.parametrize(("inputs", "dtype"), KINDS)
def test_the_reference_is_the_forward_pass(net: Net, inputs: str, dtype: str) -> None:
    task = make_task(Case(net, inputs=inputs, dtype=dtype, rows=40))
    outputs = plain_outputs(task)
    expected = expected_outputs(task, "outputs")
    np.testing.assert_allclose(expected.value, outputs, rtol=1e-9, atol=1e-12)
    assert (expected.sigma > 0).all()
    probabilities = expected_outputs(task, "probabilities").value
    if net.output == "sigmoid":
        one = outputs.shape[1] == 1
        divided = outputs / outputs.sum(axis=1, keepdims=True)
        outputs = np.hstack([1 - outputs, outputs]) if one else divided
    np.testing.assert_allclose(probabilities, outputs, rtol=1e-9, atol=1e-12)


def without_bias(task: Task) -> Task:
    (w, b), *rest = task.parameters
    return dataclasses.replace(task, parameters=[(w, np.zeros_like(b)), *rest])


def other_weight(task: Task) -> Task:
    *rest, (w, b) = task.parameters
    changed = w.copy()
    changed[:, 0] *= np.float32(1.001)
    return dataclasses.replace(task, parameters=[*rest, (changed, b)])


def rows_turned(task: Task) -> Task:
    return dataclasses.replace(task, x=task.x[::-1].copy())


def other_scale(task: Task) -> Task:
    (w, b), *rest = task.parameters
    return dataclasses.replace(task, parameters=[(w * np.float32(255 / 256), b), *rest])


@pytest.mark.parametrize("mistake", [without_bias, other_weight, rows_turned, other_scale])
@pytest.mark.parametrize("net", TEST_NETS.values(), ids=TEST_NETS.keys())
@pytest.mark.parametrize(("inputs", "dtype"), KINDS)
def test_a_small_mistake_is_caught(mistake: Any, net: Net, inputs: str, dtype: str) -> None:
    task = make_task(Case(net, many=True, inputs=inputs, dtype=dtype, rows=200))
    expected = expected_outputs(task, "outputs")
    assert 0 < check_outputs("numpy", "a case", numpy_outputs(task), expected) <= 1
    with pytest.raises(DisagreementError, match=r"culprit: a case: output \[.* nothing was timed"):
        check_outputs("culprit", "a case", numpy_outputs(mistake(task)), expected)


def test_outputs_that_are_no_numbers_or_too_few_are_caught() -> None:
    task = make_task(Case(TEST_NETS["softmax"], rows=20))
    expected, found = expected_outputs(task, "outputs"), numpy_outputs(task)
    with pytest.raises(DisagreementError, match=r"outputs of shape \(19, 5\), not \(20, 5\)"):
        check_outputs("culprit", "a case", found[1:], expected)
    found[7, 3] = np.nan
    with pytest.raises(DisagreementError, match=r"output \[7, 3\] is nan"):
        check_outputs("culprit", "a case", found, expected)


def test_a_case_and_its_rows_survive_json() -> None:
    case = Case(TEST_NETS["softmax"], many=True, dtype="uint8", rows=33)
    read = case_from_mapping(json.loads(json.dumps(dataclasses.asdict(case))))
    assert read == case
    assert make_task(read).checksum() == make_task(case).checksum()
    assert case.title == "33 rows, softmax 784-9-7-5, MNIST-like uint8"


def test_more_threads_must_gain_more_than_noise() -> None:
    def entry(threads: int, seconds: float) -> Entry:
        return Entry(PREDICTORS[0], None, threads, 0.1, 1, 1, seconds)  # type: ignore[arg-type]

    assert best_of([entry(1, 1.0), entry(2, 0.98)]).threads == 1
    assert best_of([entry(1, 1.0), entry(2, 0.9)]).threads == 2
    assert best_of([entry(1, 1.0)]).threads == 1


def test_predict_measures_every_case(monkeypatch: pytest.MonkeyPatch) -> None:
    net = TEST_NETS["softmax"]
    asked = [Case(net, rows=20), Case(net, many=True, rows=300)]
    monkeypatch.setattr(predict, "cases", lambda quick: asked)
    named = ["numpy", "core"] if is_installed("fastmlp") else ["numpy"]
    options = dataclasses.replace(QUICK, contenders=tuple(named))
    found = predict.run(options, say=lambda _: None)
    assert {m.case for m in found} == {case.title for case in asked}
    assert {spec.name for spec in PREDICTORS if spec.contender == "numpy"} <= {
        m.contender for m in found
    }
    for m in found:
        assert (m.question, m.unit, m.threads, len(m.turns)) == ("predict", "s/row", 1, 1)
        assert m.flops == 2 * (784 * 9 + 9 * 7 + 7 * 5)
        assert m.about["agreement"]["share_of_bound"] <= 1


def test_the_cases_name_every_network_and_kind() -> None:
    titles = [case.title for case in predict.cases(quick=False)]
    assert len(set(titles)) == len(titles) == 14
    for part in ("mini 2-16-1", "nielsen", "small", "medium", "uint8", "no zeros", "10,000 rows"):
        assert any(part in title for title in titles)


def written_program(folder: Path, body: str) -> str:
    """Write a program; return its path."""
    path = folder / "program.py"
    path.write_text(f"from bench.programs.stamps import Stamps\n{body}\n", encoding="utf-8")
    return str(path)


def test_a_program_is_timed_in_parts_that_add_up(tmp_path: Path) -> None:
    body = "s = Stamps(); s.mark('import'); s.mark('load'); print('hello'); s.tell(correct=7)"
    run = run_program("mine", written_program(tmp_path, body), threads=1)
    assert list(run.parts) == ["import", "load", "exit"]
    assert min(run.parts.values()) >= 0
    assert sum(run.parts.values()) == pytest.approx(run.seconds)
    assert run.figures == {"correct": 7}


def test_a_program_that_fails_or_hangs_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails = written_program(tmp_path, "raise OSError('no room')")
    with pytest.raises(WorkerError, match=r"mine: program.py ended with status 1[\s\S]*no room"):
        run_program("mine", fails, threads=1)
    hangs = written_program(tmp_path, "import time; time.sleep(60)")
    with pytest.raises(subprocess.TimeoutExpired):
        run_program("mine", hangs, threads=1, timeout=0.5)
    monkeypatch.setattr(program_runs, "TIMEOUT", 0.5)
    with pytest.raises(WorkerError, match=r"mine: program\.py did not end within"):
        run_program("mine", hangs, threads=1)


def test_memory_that_a_function_takes_is_seen() -> None:
    if memory("VmRSS") is None:
        pytest.skip("this system has no /proc/self/status")
    size = 64 << 20
    code = f"""import json, sys; sys.path.insert(0, {str(ROOT)!r})
import numpy as np
from bench.programs.load_and_predict import growth
print(json.dumps(growth(lambda: len(np.ones({size}, np.uint8)))))"""
    found, rise = json.loads(run_python(code))  # of a process that has freed nothing before
    assert found == size
    if rise is None:
        pytest.skip("this system does not reset the peak of a process")
    assert 0.98 * size <= rise <= 1.5 * size  # the kernel counts pages in lots


def test_what_is_installed_is_counted() -> None:
    assert bytes_on_disk("numpy") > 1_000_000
    assert with_requirements("numpy") == ["numpy"]
    assert with_requirements("no-such-distribution") == []
    if is_installed("fastmlp"):
        assert {"fastmlp", "numpy", "safetensors", "tqdm"} <= set(with_requirements("fastmlp"))
        assert bytes_on_disk("fastmlp") > 100_000


@pytest.mark.parametrize("library", start.LIBRARIES, ids=lambda library: library.contender)
def test_a_library_loads_its_file_and_predicts(library: start.Library, tmp_path: Path) -> None:
    require(library.contender)
    if not library.loading:
        pytest.skip("it is only imported")
    net = dataclasses.replace(TEST_NETS["softmax"], sizes=(12, 9, 7, 5))
    task = make_task(Case(net, many=True, inputs="normal", rows=50))
    found = start.loads([library], task, QUICK)
    assert {m.unit for m in found} >= {"s"}
    assert [m.case for m in found][:2] == [
        "load and first prediction, softmax 12-9-7-5",
        "process start to first prediction, softmax 12-9-7-5",
    ]
    for m in found:
        assert (m.question, m.contender, len(m.turns)) == ("start", library.contender, 1)
        assert m.about["agreement"]["share_of_bound"] <= 1
    load, whole = found[:2]
    for part, everything in zip(load.turns, whole.turns, strict=True):
        assert 0 < part.value < everything.value


def test_imports_are_measured_against_an_empty_interpreter() -> None:
    library = next(one for one in start.LIBRARIES if one.contender == "numpy")
    (found,) = start.imports([library], QUICK)
    assert (found.case, found.contender, found.unit) == ("import", "numpy", "s")
    assert len(found.turns) == QUICK.rounds
    assert found.about["empty_interpreter"] > 0


@pytest.fixture(scope="module")
def small_mnist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of four IDX files: 300 and 100 pictures, each with its label written in pixels."""
    folder = tmp_path_factory.mktemp("data") / "mnist"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for part, count in (("train", 300), ("t10k", 100)):
        y = (np.arange(count) % 10).astype(np.uint8)
        x = rng.integers(0, 50, (count, 28, 28), dtype=np.uint8)
        x[np.arange(count), 2 * y] = 255
        images = struct.pack(">IIII", 0x803, count, 28, 28) + x.tobytes()
        labels = struct.pack(">II", 0x801, count) + y.tobytes()
        (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(images))
        (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))
    return folder


def test_both_readers_of_mnist_agree(small_mnist: Path) -> None:
    require("core")
    fastmlp: Any = importlib.import_module("fastmlp")
    data = fastmlp.load_data("mnist", data_dir=small_mnist)
    ours = (data.x, data.y, data.x_test, data.y_test)
    for found, array in zip(read_mnist(str(small_mnist)), ours, strict=True):
        np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("name", mnist.PROGRAMS)
def test_the_programs_learn_and_predict(name: str, small_mnist: Path) -> None:
    require(name)
    program, _ = mnist.PROGRAMS[name]
    run = run_program(name, program, str(small_mnist), "0", threads=1)
    assert list(run.parts) == ["import", "load", "train", "predict", "exit"]
    assert run.figures["correct"] is not None
    assert 50 < run.figures["correct"] <= 100  # of 100; guessing gives 10


def fake_runs(monkeypatch: pytest.MonkeyPatch, rightly: dict[str, int], slow: bool = False) -> list:
    """Let programs end at once with the digits that each seed gets right; return what was run."""
    asked: list[tuple[str, int]] = []

    def run(name: str, program: str, folder: str, seed: str, **limits: Any) -> ProgramRun:
        asked.append((seed, limits["threads"]))
        if limits["threads"] > 1 and slow:
            raise subprocess.TimeoutExpired(program, limits["timeout"])
        seconds = 1.0 / limits["threads"]
        return ProgramRun(seconds, {"train": seconds}, {"correct": rightly.get(seed, 9700)})

    monkeypatch.setattr(mnist, "run_program", run)
    monkeypatch.setattr(mnist, "usable_cores", lambda: 2)
    return asked


def test_mnist_takes_the_first_seed_that_reaches_the_target(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = fake_runs(monkeypatch, {"2": 9750})
    entry = mnist.enter("core", "program", Path("data"), Options())
    assert (entry.seed, entry.threads) == (2, 2)
    assert asked == [("0", 1), ("1", 1), ("2", 1), ("2", 2)]
    fake_runs(monkeypatch, {"0": 9800}, slow=True)
    assert mnist.enter("core", "program", Path("data"), Options()).threads == 1
    fake_runs(monkeypatch, {})
    with pytest.raises(DisagreementError, match=r"core: 97.00% .* below 97.5%"):
        mnist.enter("core", "program", Path("data"), Options())


def test_mnist_tells_its_parts_and_the_total(
    monkeypatch: pytest.MonkeyPatch, small_mnist: Path
) -> None:
    fake_runs(monkeypatch, {"0": 9801})
    monkeypatch.setenv("FASTMLP_DATA", str(small_mnist.parent))
    monkeypatch.setattr(mnist, "is_installed", lambda *modules: "jax" not in modules)
    said: list[str] = []
    options = dataclasses.replace(QUICK, contenders=("core", "torch", "jax"))
    found = mnist.run(options, said.append)
    assert [(m.contender, m.case) for m in found] == [
        (name, case) for name in ("core", "torch") for case in ("train", "total")
    ]
    assert {tuple(turn.value for turn in m.turns) for m in found} == {(1.0,)}
    assert found[0].about["accuracies"] == [0.9801]
    assert "mnist: without jax: jax is not installed" in said


def test_nobody_who_can_take_part_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, small_mnist: Path
) -> None:
    options = dataclasses.replace(QUICK, contenders=("deck",))
    assert predict.run(options, lambda _: None) == []
    assert start.run(options, lambda _: None) == []
    monkeypatch.setenv("FASTMLP_DATA", str(small_mnist.parent))
    with pytest.raises(QuestionSkippedError, match="of deck none has a program"):
        mnist.run(options, lambda _: None)


def test_mnist_says_what_it_lacks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for place in (None, tmp_path):
        monkeypatch.delenv("FASTMLP_DATA", raising=False)
        if place:
            monkeypatch.setenv("FASTMLP_DATA", str(place))
        with pytest.raises(QuestionSkippedError, match="set FASTMLP_DATA"):
            mnist.run(QUICK, lambda _: None)


def test_a_model_has_exactly_the_weights_that_it_is_given() -> None:
    require("core")
    module = importlib.import_module("bench.contenders.predicting.model")
    task = make_task(Case(TEST_NETS["softmax"], dtype="uint8", rows=60))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = module.make_model(task)
    for (w, b), (given_w, given_b) in zip(model.parameters, task.parameters, strict=True):
        np.testing.assert_array_equal(w, given_w)
        np.testing.assert_array_equal(b, given_b)
