"""``fastmlp evaluate`` and ``fastmlp predict``: which rows and columns, and how results look."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import fastmlp
import numpy as np
import pytest
from fastmlp.cli import main
from fastmlp.cli.text import bars, confusion_table, picture
from fastmlp.evaluation import Evaluation

PROGRAM = [sys.executable, "-m", "fastmlp"]
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The file of a model trained on the bundled digits."""
    path = tmp_path_factory.mktemp("models") / "digits.safetensors"
    assert main(["train", "--quiet", "--output", str(path)]) == 0
    return str(path)


def write_table(path: str, *, names: bool = True, target: bool = True, texts: bool = False) -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(80, 3)) * [1, 10, 100]
    with open(path, "w", newline="") as file:
        rows = csv.writer(file)
        if names:
            rows.writerow(["a", "b", "c"] + ["kind"] * target)
        for row in x:
            label = ("cold", "hot")[int(row[0] > 0)] if texts else int(row[0] > 0)
            rows.writerow([*row] + [label] * target)


def test_evaluate_keeps_out_the_rows_that_were_learned(digits: str, capsys: Capture) -> None:
    assert main(["evaluate", digits, "digits", "--json"]) == 0
    held = json.loads(capsys.readouterr().out)
    assert (held["part"], held["samples"]) == ("test", 359)
    counts = {"all": 1797, "training": 1258, "validation": 180, "test": 359}
    for part, count in counts.items():
        assert main(["evaluate", digits, "digits", "--part", part, "--json"]) == 0
        document = json.loads(capsys.readouterr().out)
        assert (document["part"], document["samples"]) == (part, count)
    assert main(["evaluate", digits, "digits"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(
        f"digits.safetensors on digits, test rows: accuracy {held['accuracy']:.2%}"[:-1]
    )
    assert "confusion matrix" in out


def test_evaluate_uses_all_rows_of_other_data(capsys: Capture) -> None:
    write_table("a.csv", texts=True)
    assert main(["train", "a.csv", "--quiet", "--target", "kind", "--epochs", "30"]) == 0
    capsys.readouterr()
    rows = Path("a.csv").read_text().splitlines()
    order = [3, 1, 0, 2]  # columns are found by their names
    moved = [",".join(row.split(",")[i] for i in order) for row in rows[:41]]
    Path("b.csv").write_text("\n".join(moved) + "\n")
    assert main(["evaluate", "a.safetensors", "b.csv", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["part"], document["samples"]) == ("all", 40)
    assert document["classes"] == ["cold", "hot"]
    assert document["accuracy"] > 0.8
    assert main(["evaluate", "a.safetensors", "b.csv", "--part", "test"]) == 2
    assert "--part test: the model was not trained on these data" in capsys.readouterr().err
    Path("c.csv").write_text("a,b,x,kind\n1,2,3,hot\n")
    assert main(["evaluate", "a.safetensors", "c.csv"]) == 1
    assert "c.csv has no column 'c', which the model needs" in capsys.readouterr().err


@pytest.mark.parametrize("names", [True, False], ids=["names", "no names"])
@pytest.mark.parametrize("texts", [True, False], ids=["texts", "numbers"])
@pytest.mark.parametrize("target", [True, False], ids=["target", "no target"])
def test_predict_rows_with_or_without_names_and_target(
    names: bool, texts: bool, target: bool, capsys: Capture
) -> None:
    write_table("train.csv", names=names, texts=texts)
    write_table("rows.csv", names=names, target=target, texts=texts)
    assert main(["train", "train.csv", "--quiet", "--epochs", "20"]) == 0
    capsys.readouterr()
    assert main(["predict", "train.safetensors", "rows.csv", "--out", "out.csv"]) == 0
    assert capsys.readouterr().out == "80 predictions written to out.csv\n"
    with open("out.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    labels = ["cold", "hot"] if texts else ["0", "1"]
    assert list(rows[0]) == ["prediction", f"p({labels[0]})", f"p({labels[1]})"]
    model = fastmlp.load("train.safetensors")
    x = np.loadtxt("rows.csv", delimiter=",", skiprows=int(names), usecols=(0, 1, 2))
    assert [row["prediction"] for row in rows] == [str(one) for one in model.predict(x).tolist()]
    shares = [[float(row[f"p({label})"]) for label in labels] for row in rows]
    np.testing.assert_array_equal(np.array(shares, np.float32), model.predict_proba(x))


def test_predict_finds_columns_by_name_and_prints_csv(capsys: Capture) -> None:
    write_table("a.csv")
    assert main(["train", "a.csv", "--quiet"]) == 0
    Path("rows.csv").write_text("note,c,kind,b,a\n7,3,0,2,1\n")
    capsys.readouterr()
    assert main(["predict", "a.safetensors", "rows.csv"]) == 0
    out = capsys.readouterr().out
    model = fastmlp.load("a.safetensors")
    expected = model.predict_proba([[1.0, 2.0, 3.0]])[0].astype(float).tolist()
    label = model.predict([[1.0, 2.0, 3.0]])[0]
    assert out == f"prediction,p(0),p(1)\n{label},{expected[0]},{expected[1]}\n"
    Path("rows.csv").write_text("a,b\n1,2\n")
    assert main(["predict", "a.safetensors", "rows.csv"]) == 1
    assert "rows.csv has no column 'c', which the model needs" in capsys.readouterr().err


def test_predict_values_as_json(capsys: Capture) -> None:
    x = np.random.default_rng(0).normal(size=(50, 2))
    fastmlp.train(x, x * 3, epochs=2).save("m.safetensors")
    np.save("rows.npy", x[:4])
    assert main(["predict", "m.safetensors", "rows.npy", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    expected = fastmlp.load("m.safetensors").predict(x[:4]).tolist()
    assert document["predictions"] == [{"prediction": row} for row in expected]
    assert main(["predict", "m.safetensors", "rows.npy"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "prediction 0,prediction 1"


def draw_one(path: str) -> None:
    """A dark upright stroke on white paper."""
    image = pytest.importorskip("PIL.Image")
    pixels = np.full((90, 60), 255, np.uint8)
    pixels[15:75, 26:34] = 0
    image.fromarray(pixels).save(path)


def test_predict_a_picture_draws_it_with_its_probabilities(digits: str, capsys: Capture) -> None:
    draw_one("one.png")
    assert main(["predict", digits, "one.png"]) == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert re.fullmatch(r"one\.png: \d", lines[8])
    shares = [float(line.split()[-2]) for line in lines[9:19]]
    assert [line.split()[0] for line in lines[9:19]] == [str(digit) for digit in range(10)]
    assert sum(shares) == pytest.approx(100, abs=0.1)
    assert lines[8].endswith(str(np.argmax(shares)))
    assert any("█" in line for line in lines[:8])


def test_a_picture_that_cannot_be_read_does_not_stop_the_others(
    digits: str, capsys: Capture
) -> None:
    draw_one("one.png")
    call = ["predict", digits, "none.png", "one.png", "--json", "--out", "out.csv"]
    assert main(call) == 1
    out, err = capsys.readouterr()
    assert err.startswith("fastmlp: error: cannot read none.png")
    (entry,) = json.loads(out)["predictions"]
    assert entry["file"] == "one.png"
    assert len(entry["probabilities"]) == 10
    assert Path("out.csv").read_text().startswith("file,prediction,p(0),")


def test_pictures_need_a_model_of_pictures(capsys: Capture) -> None:
    fastmlp.train([[0.0], [1.0]], [0, 1], epochs=1).save("m.safetensors")
    draw_one("one.png")
    assert main(["predict", "m.safetensors", "one.png"]) == 1
    assert "this model was not trained on pictures" in capsys.readouterr().err


def test_a_label_that_the_terminal_cannot_show_is_no_error() -> None:
    fastmlp.train([[0.0], [1.0]], ["kälte", "wärme"], epochs=1).save("m.safetensors")
    Path("r.csv").write_text("0\n1\n")
    for extra in ([], ["--json"]):
        done = subprocess.run(
            [*PROGRAM, "predict", "m.safetensors", "r.csv", *extra],
            env={**os.environ, "PYTHONIOENCODING": "ascii"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert r"\xe4" in done.stdout or r"\u00e4" in done.stdout


def test_many_classes_are_told_by_their_mistakes() -> None:
    k = 30
    true = np.repeat(np.arange(k), 3)
    decided = true.copy()
    decided[[0, 1, 6]] = [5, 5, 7]
    table = confusion_table(Evaluation.of_classes(true, decided, np.arange(k), 0.1))
    assert table.splitlines() == [
        "most frequent mistakes among 30 classes",
        "       2  0 taken for 5",
        "       1  2 taken for 7",
    ]


def test_the_confusion_matrix_names_rows_and_columns() -> None:
    got = Evaluation.of_classes(
        np.array([0, 0, 1]), np.array([0, 1, 1]), np.array(["cat", "dog"]), 0.1
    )
    assert confusion_table(got).splitlines()[1:] == [
        "         cat  dog",
        "  cat |    1    1",
        "  dog |    .    1",
    ]


@pytest.mark.parametrize(
    ("encoding", "full"), [("utf-8", "█"), ("ascii", "#")], ids=["utf-8", "ascii"]
)
def test_drawings_fit_the_terminal(
    encoding: str, full: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal:
        pass

    terminal: Any = Terminal()
    terminal.encoding = encoding
    monkeypatch.setattr("fastmlp.cli.text.sys.stdout", terminal)
    vector = np.zeros((28, 28), np.uint8)
    vector[:, 10:12] = 255
    drawn = picture(vector.ravel(), (28, 28), 255).splitlines()
    assert drawn == [" " * 10 + full * 2] * 14
    small = picture(np.array([16, 0, 0, 16]), (2, 2), 16).splitlines()
    assert small == [full * 2, "  " + full * 2]
    assert bars(["a"], [0.5]) == "a  " + full * 12 + " " * 12 + "  50.00 %"
