"""The command line as a user and as a script meets it: words, exit codes, JSON, files, Ctrl-C."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import fastmlp
import numpy as np
import pytest
from fastmlp import _core
from fastmlp.cli import main
from fastmlp.cli.train import configure
from fastmlp.config import Config
from fastmlp.config.sections import KEYS

PROGRAM = [sys.executable, "-m", "fastmlp"]
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_train_alone_does_the_whole_job(capsys: Capture) -> None:
    assert main(["train"]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert "rows to train" in lines[0]
    assert sum(line.startswith("epoch ") for line in lines) == 30
    assert re.search(r"^test: accuracy 9[6-9]\.\d\d % \(3\d\d / 359\), loss", out, re.MULTILINE)
    assert "confusion matrix" in out
    assert lines[-1] == "saved digits.safetensors"
    assert err == ""  # no bar where stderr is no terminal
    assert fastmlp.load("digits.safetensors").record["data_name"] == "digits"
    assert main(["train", "--quiet", "--epochs", "1"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[-1] == "saved digits.safetensors in place of the model that was there"
    assert "epoch" not in out


def test_the_recipe_of_the_digits_is_the_committed_configuration() -> None:
    file = Path(__file__).parents[1] / "configs" / "digits.toml"
    assert configure(parsed("train")) == Config.read_toml(file)
    assert configure(parsed("train", "mnist")) == Config().replace(source="mnist")


def parsed(*arguments: str) -> Any:
    from fastmlp.cli import build_parser

    return build_parser()[0].parse_args(arguments)


def test_defaults_give_way_to_a_file_and_a_file_to_flags() -> None:
    Path("c.toml").write_text("[training]\nepochs = 9\nbatch_size = 7\n[data]\nsource = 'mnist'\n")
    config = configure(parsed("train", "--config", "c.toml", "--epochs", "2"))
    assert (config.training.epochs, config.training.batch_size) == (2, 7)
    assert (config.training.momentum, config.data.source) == (0.0, "mnist")
    assert configure(parsed("train", "digits", "--config", "c.toml")).data.source == "digits"


FLAGS = {
    "data_dir": ("--data-dir D", "D"),
    "target": ("--target -2", -2),
    "header": ("--header no", "no"),
    "task": ("--task regression", "regression"),
    "scaling": ("--scaling unit", "unit"),
    "target_scaling": ("--target-scaling standard", "standard"),
    "validation_fraction": ("--validation-fraction 0.25", 0.25),
    "test_fraction": ("--test-fraction 0", 0.0),
    "hidden": ("--hidden 30,20", (30, 20)),
    "activation": ("--activation tanh,relu --hidden 3,4", ("tanh", "relu")),
    "output_activation": ("--output-activation sigmoid", "sigmoid"),
    "normalization": ("--normalization rms", "rms(epsilon=1e-05)"),
    "skips": ("--hidden 8,8 --skips 0-2,1-3", ((0, 2), (1, 3))),
    "tied": ("--hidden 8,8,8 --tied 1-2", ((1, 2),)),
    "tied_transposed": ("--hidden 8,8,8 --tied-transposed 1-2", ((1, 2),)),
    "connections": ("--hidden 8,8 --connections 4,2", (4, 2)),
    "init": ("--init normal", "normal"),
    "init_std": ("--init-std 0.01", 0.01),
    "bias_init": ("--bias-init normal", "normal"),
    "dtype": ("--dtype float64", "float64"),
    "loss": ("--loss half_squared_error", "half_squared_error"),
    "delta": ("--loss huber --delta .5", 0.5),
    "quantile": ("--loss quantile --quantile .1,.9", (0.1, 0.9)),
    "label_smoothing": ("--label-smoothing .1", 0.1),
    "gamma": ("--loss binary_focal_cross_entropy --gamma 1", 1.0),
    "alpha": ("--alpha .5 --loss binary_focal_cross_entropy", 0.5),
    "class_weight": ("--class-weight balanced", "balanced"),
    "optimizer": ("--optimizer adam", "adam"),
    "learning_rate": ("--learning-rate 3", 3.0),
    "momentum": ("--momentum .5", 0.5),
    "beta_1": ("--optimizer adam --beta-1 .8", 0.8),
    "beta_2": ("--beta-2 0 --optimizer adam", 0.0),
    "epsilon": ("--optimizer adam --epsilon 1e-6", 1e-6),
    "nesterov": ("--nesterov --momentum .9", True),
    "rho": ("--optimizer rmsprop --rho .5", 0.5),
    "centered": ("--optimizer rmsprop --centered", True),
    "l1": ("--l1 1e-4", 1e-4),
    "l2": ("--l2 1e-4", 1e-4),
    "weight_decay": ("--optimizer adamw --weight-decay .1", 0.1),
    "schedule": ("--schedule cosine", "cosine"),
    "warmup_epochs": ("--warmup-epochs .5", 0.5),
    "decay_factor": ("--schedule step_decay --decay-factor .5", 0.5),
    "step_epochs": ("--schedule step_decay --step-epochs 2", 2.0),
    "power": ("--schedule polynomial --power 2", 2.0),
    "final_factor": ("--schedule cosine --final-factor .1", 0.1),
    "first_factor": ("--schedule one_cycle --first-factor .1", 0.1),
    "rise": ("--schedule one_cycle --rise .5", 0.5),
    "cycle_epochs": ("--schedule cosine_restarts --cycle-epochs 3", 3.0),
    "cycle_growth": ("--schedule cosine_restarts --cycle-growth 2", 2.0),
    "cycles": ("--schedule coslog --cycles 5", 5),
    "peak_drop": ("--schedule coslog --peak-drop .1", 0.1),
    "plateau_epochs": ("--schedule plateau --plateau-epochs 3", 3),
    "plateau_threshold": ("--schedule plateau --plateau-threshold 0", 0.0),
    "clip_value": ("--clip-value 1", 1.0),
    "clip_norm": ("--clip-norm 1", 1.0),
    "layer_rates": ("--layer-rates 1,0.5", (1.0, 0.5)),
    "bias_rate": ("--bias-rate 2", 2.0),
    "line_search": ("--optimizer steepest_descent --line-search wolfe", "wolfe"),
    "history": ("--optimizer lbfgs --history 5", 5),
    "max_evaluations": ("--optimizer lbfgs --max-evaluations 9", 9),
    "gradient_tolerance": ("--optimizer lbfgs --gradient-tolerance 1e-3", 1e-3),
    "prune": ("--prune 0.5", 0.5),
    "prune_by": ("--prune 0.5 --prune-by block", "block"),
    "prune_start": ("--prune 0.5 --prune-start 3", 3),
    "prune_epochs": ("--prune 0.5 --prune-epochs 2", 2),
    "dropout": ("--dropout 0.5,0.25 --hidden 4,4", (0.5, 0.25)),
    "input_noise": ("--input-noise 0.1", 0.1),
    "max_norm": ("--max-norm 3", 3.0),
    "init_scaling": ("--init-scaling data", "data"),
    "dropout_schedule": ("--dropout-schedule linear", "linear"),
    "dropout_epochs": ("--dropout-schedule curriculum --dropout-epochs 2.5", 2.5),
    "mixup": ("--mixup .2", 0.2),
    "input_dropout": ("--input-dropout 0.2", 0.2),
    "batch_size": ("--batch-size 10", 10),
    "epochs": ("--epochs 7", 7),
    "seed": ("--seed 11", 11),
    "threads": ("--threads 2", 2),
    "precision": ("--precision bf16", "bf16"),
    "shuffle": ("--no-shuffle", False),
    "test_each_epoch": ("--test-each-epoch", True),
    "early_stopping": ("--early-stopping", True),
    "monitor": ("--early-stopping --monitor val_accuracy", "val_accuracy"),
    "patience": ("--early-stopping --patience 4", 4),
    "min_delta": ("--early-stopping --min-delta .01", 0.01),
    "restore_best": ("--early-stopping --no-restore-best", False),
    "best_tie": ("--early-stopping --best-tie last", "last"),
    "averaging": ("--averaging ema", "ema"),
    "ema_decay": ("--averaging ema --ema-decay .99", 0.99),
    "swa_start": ("--averaging swa --swa-start 3", 3),
    "validate_average": ("--averaging ema --no-validate-average", False),
    "augment_shift": ("--augment-shift 2", 2.0),
    "augment_rotation": ("--augment-rotation 10", 10.0),
    "augment_scale": ("--augment-scale 0.1", 0.1),
    "augment_elastic": ("--augment-elastic 30", 30.0),
    "augment_smoothness": ("--augment-smoothness 5", 5.0),
}


def test_another_optimizer_lets_go_of_the_numbers_of_a_recipe_or_a_file() -> None:
    config = configure(parsed("train", "--optimizer", "adam"))
    assert (config.training.momentum, config.training.epochs) == (None, 30)
    Path("c.toml").write_text("[training]\nmomentum = 0.9\nlearning_rate = 0.5\nl2 = 0.1\n")
    config = configure(parsed("train", "--config", "c.toml", "--optimizer", "adam"))
    assert (config.training.learning_rate, config.training.l2) == (None, 0.1)


def test_every_key_is_a_flag() -> None:
    assert set(FLAGS) | {"source"} == set(KEYS)


@pytest.mark.parametrize("key", FLAGS)
def test_a_flag_sets_its_key(key: str) -> None:
    flag, value = FLAGS[key]
    config = configure(parsed("train", *flag.split()))
    assert getattr(getattr(config, KEYS[key][0]), key) == value
    assert configure(parsed("train", "--hidden", "none")).network.hidden == ()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("trian", "invalid choice: 'trian' .* - did you mean 'train'"),
        ("", "the following arguments are required: COMMAND"),
        ("train --bath-size 3", "arguments: --bath-size .*- did you mean '--batch-size'"),
        ("train --bath-size=3", "did you mean '--batch-size'"),
        ("train digits more", "unrecognized arguments: more"),
        ("train --batch 3", "unrecognized arguments: --batch"),
        ("train --epochs", "--epochs: expected one argument"),
        ("evaluate m d --part tset", "invalid choice: 'tset' .* - did you mean 'test'"),
        ("train --activation reul", "activation must be one of .* did you mean 'relu'"),
        ("train --batch-size 1.5", "batch_size must be a whole number, at least 1; got '1.5'"),
        ("train --learning-rate nan", "learning_rate must be a number greater than 0; got nan"),
        ("train --optimizer adam --beta-1 1.5", "beta_1 must be a number at least 0 and below 1"),
        ("train --optimizer adam --momentum .9", "optimizer 'adam' has no momentum; got 0.9"),
        ("train --hidden 3,x", r"hidden\[1\] must be a whole number, at least 1; got 'x'"),
        ("train --config none.toml", "cannot read the configuration none.toml"),
        ("train --output none/m.safetensors", "--output: there is no folder none"),
        ("train --output .", r"--output: \. is a folder; name a file in it"),
        ("train --loss binary_cross_entropy --output-activation softmax", "goes with .* sigmoid"),
        ("predict m.safetensors a.csv b.png", "a.csv is taken for a table: one table, or pictures"),
    ],
)
def test_a_wrong_call_ends_with_2_and_says_why(
    arguments: str, message: str, capsys: Capture
) -> None:
    assert main(arguments.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert re.search(message, err)
    assert err.startswith("fastmlp")
    assert len(err.splitlines()) <= 2
    assert os.listdir() in ([], ["digits.safetensors"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("train minst", "no data set and no file 'minst'; did you mean 'mnist'"),
        ("train bad.csv", "bad.csv"),
        ("train --learning-rate 1e9", "training diverged in epoch 1 of 30, .*; nothing was saved"),
        ("evaluate none.safetensors digits", "No such file or directory: 'none.safetensors'"),
        ("evaluate bad.csv digits", "bad.csv: not a model file: 4 bytes"),
        ("predict bad.csv bad.csv", "bad.csv: not a model file"),
    ],
)
def test_what_fails_ends_with_1_and_says_why(arguments: str, message: str, capsys: Capture) -> None:
    Path("bad.csv").write_text("a,b\n")
    assert main(arguments.split()) == 1
    out, err = capsys.readouterr()
    assert re.search(message, err)
    assert "Traceback" not in err
    assert "saved" not in out
    assert os.listdir() == ["bad.csv"]


def test_a_file_that_is_no_model_is_not_replaced(capsys: Capture) -> None:
    path = Path("thesis.txt")
    path.write_text("years of work")
    call = ["train", "--quiet", "--epochs", "1", "--output", "thesis.txt"]
    assert main(call) == 2
    assert "thesis.txt is there and is no fastmlp model" in capsys.readouterr().err
    assert path.read_text() == "years of work"
    assert main([*call, "--force"]) == 0
    assert fastmlp.load(path).n_features == 64


def test_train_prints_one_json_document(capsys: Capture) -> None:
    assert main(["train", "--json", "--epochs", "2", "--save-config", "c.toml"]) == 0
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert len(out.splitlines()) == 1
    assert err == ""
    model = fastmlp.load(document["model"])
    assert document["history"] == model.history
    assert document["record"] == model.record
    assert Config.from_dict(document["config"]) == model.config
    assert document["test"]["samples"] == 359 == np.sum(document["test"]["confusion"])
    assert document["parameters"] == 64 * 128 + 128 + 128 * 10 + 10
    assert main(["train", "--quiet", "--config", "c.toml", "--output", "again.safetensors"]) == 0
    assert fastmlp.load("again.safetensors").config == model.config


def test_the_lectures_line_counts_the_test_rows(capsys: Capture) -> None:
    assert main(["train", "--epochs", "2", "--test-each-epoch"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith(("Epoch", "epoch"))] == lines[2:4]
    assert re.fullmatch(r"Epoch 0: \d+ / 359", lines[2])
    right = re.fullmatch(r"Epoch 1: (\d+) / 359", lines[3])
    assert right is not None
    assert f"({right[1]} / 359)" in lines[4]


def test_a_regression_prints_its_distances(capsys: Capture) -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(300, 2))
    np.savetxt("t.csv", np.column_stack([x, 1000 + 50 * x[:, 0]]), delimiter=",")
    assert main(["train", "t.csv", "--epochs", "40"]) == 0
    out = capsys.readouterr().out
    found = re.search(
        r"^test: RMSE ([\d.]+), MAE [\d.]+, R2 (0\.\d+), loss .* \(60 rows\)", out, re.M
    )
    assert found is not None
    assert float(found[1]) < 15
    assert float(found[2]) > 0.9
    assert "confusion" not in out
    assert out.splitlines()[-1] == "saved t.safetensors"


def test_info_says_what_the_engine_found(capsys: Capture) -> None:
    assert main(["info", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["cpu"] == _core.cpu_info()
    assert facts["fastmlp"] == fastmlp.__version__
    assert main(["info"]) == 0
    out = capsys.readouterr().out
    assert f"chosen: {_core.cpu_info()['isa_chosen']}" in out
    assert out.splitlines()[0].split() == ["fastmlp", fastmlp.__version__]


def test_version_and_help(capsys: Capture) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"fastmlp {fastmlp.__version__}\n"
    for command in ("train", "evaluate", "predict", "info"):
        assert main([command, "--help"]) == 0
        assert capsys.readouterr().out.startswith(f"usage: fastmlp {command}")


def test_the_package_runs_as_a_module() -> None:
    done = subprocess.run([*PROGRAM, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"fastmlp {fastmlp.__version__}\n"


def test_a_terminal_gets_a_bar_and_a_pipe_gets_lines() -> None:
    termios = pytest.importorskip("termios")
    master, slave = os.openpty()
    termios.tcsetwinsize(slave, (40, 100))
    call = [*PROGRAM, "train", "--epochs", "3"]
    done = subprocess.run(call, stdout=subprocess.PIPE, stderr=slave, text=True, check=True)
    os.close(slave)
    shown = os.read(master, 100_000).decode()
    os.close(master)
    assert "epoch 1/3:   0%|" in shown
    assert "accuracy" not in shown
    assert "%|" not in done.stdout
    assert [line[:10] for line in done.stdout.splitlines()[2:5]] == [
        f"epoch {n}/3:" for n in (1, 2, 3)
    ]


def test_ctrl_c_saves_the_model_and_ends_with_130() -> None:
    call = [*PROGRAM, "train", "--epochs", "1000000", "--output", "m.safetensors"]
    pipe = subprocess.PIPE
    with subprocess.Popen(call, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        while not process.stdout.readline().startswith("epoch "):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    model = fastmlp.load("m.safetensors")
    steps, epochs = model.record["steps"], model.history.epochs
    assert model.record["interrupted"] is True
    assert err == (
        f"fastmlp: interrupted after {epochs} whole epochs, {steps} steps; saved m.safetensors\n"
    )
    assert "saved" not in out


def test_ctrl_c_before_training_saves_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("fastmlp.cli.train.load_dataset", interrupt)
    assert main(["train"]) == 130
    assert capsys.readouterr().err == "fastmlp: error: interrupted; nothing was saved\n"


def test_a_reader_that_goes_away_is_no_error() -> None:
    call = [*PROGRAM, "train", "--epochs", "100000"]
    with subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141
