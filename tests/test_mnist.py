"""The committed configurations on real MNIST end where they must: N2, G8, A13, and 784-128-10
within six epochs.
"""

from __future__ import annotations

import re

import fastmlp
import pytest
from conftest import ROOT
from fastmlp.cli import main


def trained(name, folder, tmp_path, capsys):
    """Run `fastmlp train --config` as a user would; what it printed, and the model's accuracy on
    the 10,000 test digits.
    """
    path = tmp_path / "model.safetensors"
    code = main(
        [
            "train",
            "--config",
            str(ROOT / "configs" / f"{name}.toml"),
            "--data-dir",
            str(folder),
            "--output",
            str(path),
        ]
    )
    assert code == 0
    data = fastmlp.load_data("mnist", data_dir=folder)
    return (
        capsys.readouterr().out,
        fastmlp.load(path),
        fastmlp.load(path).evaluate(data.x_test, data.y_test).accuracy,
    )


def test_n2_prints_the_lines_of_the_deck_and_ends_at_95_percent(mnist_folder, tmp_path, capsys):
    out, model, accuracy = trained("n2", mnist_folder, tmp_path, capsys)
    assert model.config.network.hidden == (30,)
    lines = re.findall(r"^Epoch (\d+): (\d+) / 10000$", out, re.MULTILINE)
    assert [int(epoch) for epoch, _ in lines] == list(range(30))
    assert int(lines[-1][1]) == round(accuracy * 10_000)
    assert accuracy >= 0.950


def test_g8_ends_at_96_5_percent(mnist_folder, tmp_path, capsys):
    _, model, accuracy = trained("g8", mnist_folder, tmp_path, capsys)
    assert model.record["steps"] >= 10_000
    assert accuracy >= 0.965


def test_a13_three_layers(mnist_folder, tmp_path, capsys):
    _, model, accuracy = trained("a13", mnist_folder, tmp_path, capsys)
    assert len(model.parameters) == 3
    assert accuracy >= 0.975


def test_784_128_10_reaches_97_5_percent_within_six_epochs(mnist_folder, tmp_path, capsys):
    _, model, accuracy = trained("mnist", mnist_folder, tmp_path, capsys)
    assert (model.config.network.hidden, model.config.training.batch_size) == ((128,), 64)
    assert len(model.history["loss"]) <= 6
    assert accuracy >= 0.975


def test_bundled_digits_reach_96_percent(tmp_path, capsys):
    assert main(["train", "--output", str(tmp_path / "digits.safetensors")]) == 0
    out = capsys.readouterr().out
    accuracy = float(re.search(r"test: accuracy ([\d.]+) %", out).group(1))
    assert accuracy >= 96.0


@pytest.mark.parametrize("name", ["n2", "g8", "a13", "mnist", "digits"])
def test_every_committed_configuration_reads_and_writes_back(name, tmp_path):
    config = fastmlp.Config.read_toml(ROOT / "configs" / f"{name}.toml")
    config.write_toml(tmp_path / "copy.toml")
    assert fastmlp.Config.read_toml(tmp_path / "copy.toml") == config


@pytest.mark.long  # two minutes on two cores
def test_dropout_leaves_1_3_percent(mnist_folder, tmp_path, capsys):
    _, _, accuracy = trained("mnist_dropout", mnist_folder, tmp_path, capsys)
    assert accuracy >= 0.987


@pytest.mark.long  # four minutes on two cores
def test_augmentation_leaves_0_7_percent(mnist_folder, tmp_path, capsys):
    _, _, accuracy = trained("mnist_augmented", mnist_folder, tmp_path, capsys)
    assert accuracy >= 0.993
