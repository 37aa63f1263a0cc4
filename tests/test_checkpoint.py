"""Checkpoints: a training that was stopped at any moment goes on to the same bits; what does not
fit is refused.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import fastmlp
import numpy as np
import pytest
from conftest import FMA_ISAS, ROOT, run_python
from fastmlp import ConfigError, DataError, InterruptedWarning, Model, ModelFileError
from fastmlp.cli import main
from fastmlp.model import container, load_checkpoint

RNG = np.random.default_rng(5)
X = RNG.normal(size=(230, 6))
Y = (X[:, 0] + X[:, 1] ** 2 + RNG.normal(size=230) > 0.5).astype(np.int64)
HELD = (X[:70], Y[:70])
STOPPING = {"early_stopping": True, "patience": 3}
KINDS: dict[str, dict[str, Any]] = {
    "sgd": {},
    "momentum": {"momentum": 0.9, "l2": 1e-3, "shuffle": False},
    "adam": {"optimizer": "adam", "dtype": "float64", "hidden": [7, 5]},
    "bf16": {"precision": "bf16", "momentum": 0.9, "hidden": [80]},
    "dropout": {"dropout": 0.4, "input_dropout": 0.1, "hidden": [20, 10]},
    "weights": {"sample_weight": np.arange(230) % 3, "class_weight": "balanced"},
    "stopping": {**STOPPING, "learning_rate": 0.5},
    "last weights": {**STOPPING, "restore_best": False, "learning_rate": 0.5},
    "ema": {"averaging": "ema", "ema_decay": 0.9},
    "swa": {"averaging": "swa", "swa_start": 3, "momentum": 0.5},
    "swa, stopping": {
        "averaging": "swa",
        "swa_start": 2,
        **STOPPING,
        "monitor": "val_accuracy",
        "best_tie": "last",
    },
    "pruned": {"prune": 0.6, "prune_epochs": 2, "averaging": "ema", "momentum": 0.9, **STOPPING},
    "ema, measured before": {"averaging": "ema", "validate_average": False, "optimizer": "adam"},
}


def weights(model: Model) -> bytes:
    return b"".join(one.tobytes() for layer in model.parameters for one in layer)


def figures(model: Model) -> dict[str, list[float]]:
    return {name: values for name, values in model.history.items() if name != "seconds"}


def same(one: Model, other: Model) -> bool:
    """Weights and history to the last bit, and what the record says of them."""
    keys = ("steps", "best_epoch", "stopped_early", "start", "training_rows", "validation_rows")
    records = [[model.record[key] for key in keys] for model in (one, other)]
    return (
        weights(one) == weights(other)
        and figures(one) == figures(other)
        and records[0] == records[1]
        and one.config.network == other.config.network
    )


def train(**options: Any) -> Model:
    return fastmlp.train(X, Y, **{"validation": HELD, "seed": 3, **options})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("threads", [(1, 3), (2, 1)])
def test_going_on_ends_at_the_same_bits(
    kind: str, threads: tuple[int, int], tmp_path: Path, team: Callable[[int], None]
) -> None:
    path = tmp_path / "c.safetensors"
    whole = train(epochs=11, **KINDS[kind])
    team(threads[0])
    data = {"validation": HELD, "sample_weight": KINDS[kind].get("sample_weight")}
    part = train(epochs=4, checkpoint=path, **KINDS[kind])
    assert weights(fastmlp.load(path)) == weights(part)
    team(threads[1])
    for epochs in (5, 11):
        model = fastmlp.train(
            X, Y, resume=path, checkpoint=path, epochs=epochs, threads=threads[1], **data
        )
    assert same(model, whole)
    assert model.config.training.epochs == 11
    again = fastmlp.train(X, Y, resume=path, **data)
    assert same(again, whole)


def second_half(path: str) -> str:
    """The hash of what a training goes on to, for a process of its own."""
    model = fastmlp.train(X, Y, validation=HELD, resume=path, epochs=6)
    return hashlib.sha256(weights(model)).hexdigest()


@pytest.mark.parametrize("isa", FMA_ISAS)
@pytest.mark.parametrize("kind", ["adam", "swa, stopping", "ema"])
def test_another_instruction_set_goes_on_to_the_same_bits(
    kind: str, isa: str, tmp_path: Path
) -> None:
    path = str(tmp_path / "c.safetensors")
    train(epochs=3, checkpoint=path, **KINDS[kind])
    code = f"import test_checkpoint as t; print(t.second_half({path!r}))"
    found = run_python(code, FASTMLP_ISA=isa).strip()
    assert found == hashlib.sha256(weights(train(epochs=6, **KINDS[kind]))).hexdigest()


def test_going_on_without_a_checkpoint_of_its_own_leaves_the_file(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    train(epochs=2, checkpoint=path)
    before = path.read_bytes()
    assert same(train(epochs=4, resume=path), train(epochs=4))
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["c.safetensors"]


@pytest.mark.parametrize(("every", "expected"), [(1, [1, 2, 3, 4, 5]), (2, [2, 4, 5]), (9, [5])])
def test_how_often_it_is_written(every: int, expected: list[int], tmp_path: Path) -> None:
    path, found = tmp_path / "c.safetensors", []

    def look(epoch: int, model: Model) -> None:
        if path.exists():
            found.append(fastmlp.load(path).history.epochs)

    train(epochs=5, checkpoint=path, checkpoint_every=every, on_epoch=look)
    assert sorted(set(found)) == expected


def test_values_and_data_sets_go_on_too(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    y = X[:, :2] * 3 + 1
    options: dict[str, Any] = {"target_scaling": "standard", "scaling": "standard"}
    fastmlp.train(X, y, epochs=2, checkpoint=path, **options)
    whole = fastmlp.train(X, y, epochs=5, **options)
    assert same(fastmlp.train(X, y, epochs=5, resume=path), whole)
    path.unlink()
    options = {"batch_size": 100, "augment_shift": 1, "augment_elastic": 5}
    fastmlp.train(epochs=1, checkpoint=path, **options)
    model = fastmlp.train(resume=path, epochs=3, test_each_epoch=False)
    assert same(model, fastmlp.train(epochs=3, **options))


def test_the_weights_it_began_with_may_be_given(tmp_path: Path) -> None:
    """A model hands on its scaling, which the rows alone would not give."""
    path, options = tmp_path / "c.safetensors", {"hidden": [5], "scaling": "standard"}
    first = fastmlp.train(X * 9 + 5, Y, epochs=1, **options)
    whole = fastmlp.train(X, Y, init=first, epochs=5, **options)
    fastmlp.train(X, Y, init=first, epochs=2, checkpoint=path, **options)
    assert same(fastmlp.train(X, Y, resume=path, epochs=5), whole)
    assert whole.record["start"] == "given"


# ---- stopped at any moment -----------------------------------------------------------------------
# ------------------------------------


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # of a file just opened
@pytest.mark.parametrize("kind", ["sgd", "swa, stopping", "pruned"])
def test_an_interruption_at_any_line_loses_nothing(kind: str, tmp_path: Path) -> None:
    """KeyboardInterrupt comes at every 5th line of the training's own files, one a run. Whatever is
    in the file then, the training goes on to the same bits.
    """
    options = {**KINDS[kind], "epochs": 3, "hidden": [3], "batch_size": 64}
    whole, lines, at = train(**options), 0, 3
    traced = (
        str(Path(fastmlp.__file__).parent / "training"),
        str(Path(fastmlp.__file__).with_name("atomic.py")),
    )

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal lines
        if not frame.f_code.co_filename.startswith(traced):
            return None
        lines += event == "line"
        if lines == at and event == "line":
            lines += 1
            raise KeyboardInterrupt
        return trace

    stopped, stopped_inside = 0, 0
    while at == 3 or lines >= at - 5:  # until a run ends before its line comes
        path, lines = tmp_path / f"{at}.safetensors", 0
        sys.settrace(trace)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", InterruptedWarning)
                train(checkpoint=path, **options)
        except KeyboardInterrupt:  # before the first epoch or after the last
            pass
        finally:
            sys.settrace(None)
        if path.exists():
            stopped += 1
            _, state = load_checkpoint(path)
            stopped_inside += state is not None and state.so_far is not None
            assert same(train(resume=path, **options), whole), at
        at += 5
    assert min(stopped - stopped_inside, stopped_inside) > 10


def test_ctrl_c_inside_an_epoch_goes_on_inside(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(20_000, 200)).astype(np.float32)
    y = (x[:, 0] > 0).astype(np.int64)
    options: dict[str, Any] = {"hidden": [1024, 1024], "batch_size": 32, "epochs": 2}
    path = tmp_path / "c.safetensors"
    options |= {"averaging": "ema", "dropout": 0.2}
    whole = fastmlp.train(x, y, **options)
    inside, resume = 0, None
    while True:
        timer = threading.Timer(0.25, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        try:
            if resume is None:
                model = fastmlp.train(x, y, checkpoint=path, **options)
            else:
                model = fastmlp.train(x, y, resume=resume, checkpoint=path)
            timer.cancel()
            timer.join()
            break
        except (InterruptedWarning, KeyboardInterrupt):  # of warnings pytest makes errors
            _, state = load_checkpoint(path)
            assert state is not None
            inside += state.so_far is not None and 0 < state.so_far["steps"] < 625
            resume = path
    assert same(model, whole)
    assert inside >= 1


KILLED = """
import sys, numpy as np, fastmlp
path, epochs, width = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
rng = np.random.default_rng(1)
x = rng.normal(size=(200, 50)); y = (x[:, 0] > 0).astype(int)
try:
    more = {"resume": path}
    open(path).close()
except OSError:
    more = {"optimizer": "adam", "hidden": [width], "seed": 8, "averaging": "ema"}
print("going", flush=True)
model = fastmlp.train(x, y, validation=(x[:50], y[:50]), checkpoint=path, epochs=epochs, **more)
model.save(path + ".model")
"""


def kill_and_go_on(folder: Path, epochs: int, width: int, longest: float, kills: int) -> int:
    """Kill the training again and again, then let it end; return how often it was killed."""
    path = folder / "c.safetensors"
    call = [sys.executable, "-c", KILLED, str(path), str(epochs), str(width)]
    chance, killed, over = random.Random(4), 0, 0
    while True:
        with subprocess.Popen(call, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"going\n"
            if killed < kills:
                time.sleep(chance.uniform(0, longest))
                process.kill()
            process.communicate(timeout=300)
        if process.returncode == 0:
            return killed
        killed += 1
        if path.exists():
            model, state = load_checkpoint(path)
            assert state is not None
            assert model.history.epochs >= over
            over = model.history.epochs


def hash_of(path: Path) -> str:
    return hashlib.sha256(weights(fastmlp.load(path))).hexdigest()


def check_kills(tmp_path: Path, *, epochs: int, width: int, longest: float, kills: int) -> None:
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    whole.mkdir()
    stopped.mkdir()
    kill_and_go_on(whole, epochs, width, longest, 0)
    assert kill_and_go_on(stopped, epochs, width, longest, kills) >= 1
    assert hash_of(stopped / "c.safetensors.model") == hash_of(whole / "c.safetensors.model")
    models = [fastmlp.load(folder / "c.safetensors.model") for folder in (whole, stopped)]
    assert same(*models)


def test_a_kill_at_any_moment_leaves_a_whole_state(tmp_path: Path) -> None:
    check_kills(tmp_path, epochs=150, width=1000, longest=0.3, kills=8)


@pytest.mark.long
def test_many_kills_leave_a_whole_state(tmp_path: Path) -> None:
    check_kills(tmp_path, epochs=1500, width=4000, longest=0.4, kills=100)


# ---- what does not fit ---------------------------------------------------------------------------
# ------------------------------------


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "c.safetensors"
    train(epochs=3, checkpoint=path, momentum=0.5, **STOPPING)
    return path


OTHERS: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"hidden": [4]}, ConfigError, r"was trained with hidden \[128\], not \[4\]; what may change"),
    ({"optimizer": "adam"}, ConfigError, "with optimizer 'sgd', not 'adam'"),
    ({"momentum": 0.6}, ConfigError, "was trained with momentum 0.5, not 0.6"),
    ({"learning_rate": 0.2}, ConfigError, "was trained with learning_rate 0.1, not 0.2"),
    ({"seed": 4}, ConfigError, "was trained with seed 3, not 4"),
    ({"batch_size": 32}, ConfigError, "was trained with batch_size 64, not 32"),
    ({"shuffle": False}, ConfigError, "was trained with shuffle True, not False"),
    ({"averaging": "ema"}, ConfigError, "was trained with averaging 'none', not 'ema'"),
    ({"restore_best": False}, ConfigError, "with restore_best True, not False"),
    ({"epochs": 2}, ConfigError, "3 epochs of .* have begun; epochs must be at least that, got 2"),
    ({"init": "zeros"}, ConfigError, "was trained with init 'he_normal', not 'zeros'"),
    ({"init": [(X, Y)]}, ConfigError, "init and resume both say where training starts"),
    ({"x": X + 1}, DataError, "the training rows are not those of .*: SHA-256 .*, in the"),
    ({"y": 1 - Y}, DataError, "the training rows are not those of"),
    ({"x": X[:200], "y": Y[:200]}, DataError, "the training rows are not those of"),
    ({"validation": (X, Y)}, DataError, "the validation rows are not those of"),
    ({"sample_weight": np.ones(len(X))}, DataError, "the weights are not those of .* in the check"),
    ({"class_weight": "balanced"}, ConfigError, "with class_weight 'none', not 'balanced'"),
    (
        {"validation": None},
        DataError,
        "validation rows are not .* SHA-256 none, in the checkpoint ",
    ),
]


def test_a_checkpoint_that_is_not_there_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "missing.ckpt"
    with pytest.raises(FileNotFoundError, match=r"resume: there is no checkpoint .*missing\.ckpt"):
        fastmlp.train([[0.0], [1.0]], [0, 1], resume=path)
    assert main(["train", "--resume", str(path)]) == 1
    said = capsys.readouterr().err
    assert said == f"fastmlp: error: resume: there is no checkpoint {path} to go on from\n"


@pytest.mark.parametrize(("changes", "error", "message"), OTHERS)
def test_another_training_is_refused(
    changes: dict[str, Any], error: type[Exception], message: str, checkpoint: Path
) -> None:
    before = checkpoint.read_bytes()
    call: dict[str, Any] = {"x": X, "y": Y, "validation": HELD} | changes
    with pytest.raises(error, match=message):
        fastmlp.train(
            call.pop("x"), call.pop("y"), resume=checkpoint, checkpoint=checkpoint, **call
        )
    assert checkpoint.read_bytes() == before


def test_where_it_goes_on_is_said(checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fastmlp.train(X, Y, validation=HELD, resume=checkpoint, epochs=5, verbose=True)
    lines = capsys.readouterr().out.splitlines()
    assert lines[2] == f"going on from {checkpoint} after 3 epochs"
    assert [line.split(":")[0] for line in lines[3:]] == ["epoch 4/5", "epoch 5/5"]


def test_what_may_change_does(checkpoint: Path) -> None:
    call: dict[str, Any] = {"resume": checkpoint, "validation": HELD, "epochs": 4, "patience": 9}
    model = fastmlp.train(X, Y, threads=1, min_delta=0.5, **call)
    chosen = model.config.training
    assert (chosen.epochs, chosen.threads, chosen.patience, chosen.min_delta) == (4, 1, 9, 0.5)


def test_a_model_is_no_checkpoint(tmp_path: Path) -> None:
    train(epochs=1).save(tmp_path / "m.safetensors")
    with pytest.raises(ModelFileError, match="a model without a training state; its weights can"):
        train(resume=tmp_path / "m.safetensors")
    with pytest.raises(FileNotFoundError):
        train(resume=tmp_path / "none.safetensors")


def test_a_place_that_cannot_be_written_is_refused_first(tmp_path: Path, checkpoint: Path) -> None:
    with pytest.raises(ConfigError, match="checkpoint: there is no folder"):
        train(checkpoint=tmp_path / "none" / "c")
    with pytest.raises(ConfigError, match="is a folder; name a file in it"):
        train(checkpoint=tmp_path)
    with pytest.raises(ConfigError, match="is there already; to go on from it pass resume="):
        train(checkpoint=checkpoint)
    with pytest.raises(ConfigError, match="checkpoint_every must be a whole number, at least 1"):
        train(checkpoint=tmp_path / "new", checkpoint_every=0)
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ConfigError, match="is there already"):
        train(resume=checkpoint, checkpoint=tmp_path / "thesis.txt")


Lie = Callable[[dict[str, Any], dict[str, np.ndarray]], object]
LIES: dict[str, tuple[Lie, str]] = {
    "key": (lambda s, t: s.update(command="rm"), "it must have"),
    "steps": (lambda s, t: s.update(steps=-1), "its counts"),
    "states": (lambda s, t: s.update(states=999), "999 states"),
    "fewer states": (lambda s, t: s.update(states=0), "does not belong to this model"),
    "sets": (lambda s, t: s.update(sets=["../x"]), "sets"),
    "sets twice": (lambda s, t: s.update(sets=["best", "best"]), "sets"),
    "mean": (lambda s, t: s.update(mean_count=2), "mean_count"),
    "so far": (lambda s, t: s.update(so_far={"steps": 1}), "so_far must have"),
    "loss": (
        lambda s, t: s.update(
            so_far={"loss_sum": 1, "correct": 0, "samples": 0, "steps": 0, "learning_rate": "0.1"}
        ),
        "so_far",
    ),
    "best": (lambda s, t: s["best"].update(score="high"), "best"),
    "data": (lambda s, t: s["data"].update(weights=3), "data"),
    "tensor": (lambda s, t: t.pop("state.0.layer.0.bias"), "'state.0.layer.0.bias' is missing"),
    "shape": (
        lambda s, t: t.update({"best.layer.1.bias": np.zeros(3, np.float32)}),
        "'best.layer.1.bias' is F32",
    ),
    "nan": (
        lambda s, t: t["state.0.layer.0.bias"].fill(np.nan),
        "'state.0.layer.0.bias' holds a value that is not finite",
    ),
}


@pytest.mark.parametrize("name", LIES)
def test_a_checkpoint_that_lies_is_refused(name: str, checkpoint: Path) -> None:
    """Its checksum is right: the check of the content has to find it."""
    lie, message = LIES[name]
    values, tensors = container.read_container(checkpoint, fastmlp.model.schema.slots)
    lie(values["training_state"], tensors)
    checkpoint.write_bytes(container.pack(values, tensors))
    with pytest.raises(ModelFileError, match=message):
        fastmlp.load(checkpoint)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"states": 0}, "states has 0 entries; the optimizer 'sgd' keeps 1"),
        (
            {
                "so_far": {
                    "loss_sum": "1.0",
                    "correct": 1,
                    "samples": 3,
                    "steps": 1,
                    "learning_rate": "0.1",
                }
            },
            "so_far says",
        ),
    ],
)
def test_a_state_of_another_training_is_refused(
    change: dict[str, Any], message: str, checkpoint: Path
) -> None:
    """What the file alone cannot tell, the engine does."""
    values, tensors = container.read_container(checkpoint, fastmlp.model.schema.slots)
    values["training_state"] |= change
    kept = fastmlp.model.schema.slots(values)
    checkpoint.write_bytes(container.pack(values, {name: tensors[name] for name in kept}))
    with pytest.raises(ValueError, match=message):
        train(resume=checkpoint, epochs=9, momentum=0.5, **STOPPING)


def test_every_flipped_byte_is_found(checkpoint: Path) -> None:
    data = checkpoint.read_bytes()
    length = int.from_bytes(data[:8], "little")
    written = len(data[8 : 8 + length].rstrip(b" "))
    for at in [*range(0, 8 + written, 31), *range(8 + length, len(data), 97)]:
        damaged = bytearray(data)
        damaged[at] ^= 1 << at % 7
        with pytest.raises(ModelFileError):
            fastmlp.model.model_from_bytes(bytes(damaged))


# ---- the command line ----------------------------------------------------------------------------
# ------------------------------------


def test_the_command_line_goes_on_after_ctrl_c(tmp_path: Path) -> None:
    program = [sys.executable, "-m", "fastmlp", "train", "--checkpoint", "c.st", "--quiet"]
    call = [*program, "--epochs", "1000000", "--output", "m.safetensors"]
    with subprocess.Popen(call, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        while not (tmp_path / "c.st").exists():
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.endswith("; saved m.safetensors; go on with --resume c.st\n")
    stopped = fastmlp.load(tmp_path / "m.safetensors")
    epochs = stopped.history.epochs + 3
    done = subprocess.run(
        [*program, "--resume", "c.st", "--epochs", str(epochs), "--output", "n.safetensors"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    whole = fastmlp.train(config=ROOT / "configs" / "digits.toml", epochs=epochs)
    assert same(fastmlp.load(tmp_path / "n.safetensors"), whole)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--checkpoint digits.safetensors", "--output: digits.safetensors is the file of --check"),
        ("--resume c.st --output c.st", "--output: c.st is the file of --resume; name another"),
        ("--checkpoint c.st", "c.st is there already; to go on from it pass resume='c.st'"),
        ("--checkpoint d.st --checkpoint-every x", "checkpoint_every must be a whole number"),
        ("--resume c.st --hidden 3", r"c.st was trained with hidden \[4\], not \[3\]"),
    ],
)
def test_a_wrong_call_is_answered_in_a_line(
    arguments: str,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    first = ["train", "--epochs", "1", "--hidden", "4", "--checkpoint", "c.st", "-o", "m"]
    assert main([*first, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["record"]["best_epoch"] is None
    before = (tmp_path / "c.st").read_bytes()
    assert main(["train", *arguments.split()]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert re.search(message, err)
    assert (tmp_path / "c.st").read_bytes() == before
