"""Comparing two runs: planted differences are found, noise is not, and the unlike is told apart.

All timings here are made up, and no revision is compiled.
"""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.report import compare as command
from bench.report import revisions
from bench.report.comparison import Comparison, compare, interval
from bench.report.revisions import Plan, RevisionError, build, measure_revisions, merged
from bench.results import BenchResult, Measurement, Turn

CASES = [f"shape {number}" for number in range(40)]


def noisy(rng: np.random.Generator, level: float, rounds: int, noise: float = 0.03) -> list[Turn]:
    """Return values as a busy machine gives them: some scatter, now and then a slow one."""
    values = level * (1 + noise * np.abs(rng.standard_normal(rounds)))
    values[rng.random(rounds) < 0.05] *= 1.5
    return [Turn(number, float(value)) for number, value in enumerate(values)]


def run_of(measurements: Sequence[Measurement], **changes: Any) -> BenchResult:
    machine = {"machine": "x86_64", "cores_usable": 2, "cpu": {"model": "One", "isa_chosen": "a"}}
    peers = {"numpy": {"numpy": "2"}, "core": {"fastmlp": "1"}}
    result = BenchResult("today", {"threads": None}, machine, peers, {}, list(measurements))
    return dataclasses.replace(result, **changes)


def core_run(
    seed: int, factors: dict[str, float], rounds: int = 9, peer: float = 1.0
) -> BenchResult:
    """Return a run of all cases by the core and NumPy; a factor makes the core slower there."""
    rng = np.random.default_rng(seed)
    found = []
    for place, case in enumerate(CASES):
        level = 1e-5 * 1.7**place
        turns = noisy(rng, level * factors.get(case, 1.0), rounds)
        found.append(Measurement("step", case, "core", "s/step", turns, threads=2))
        turns = noisy(rng, 3 * level * peer, rounds)
        found.append(Measurement("step", case, "numpy", "s/step", turns, threads=2))
    return run_of(found)


def cases_of(found: Comparison, verdict: str) -> set[str]:
    return {change.before.case for change in found.those(verdict)}


@pytest.mark.parametrize("interleaved", [False, True])
def test_planted_differences_are_found_and_noise_is_not(interleaved: bool) -> None:
    planted = {CASES[3]: 1.25, CASES[17]: 0.8}
    before, after = core_run(1, {}), core_run(2, planted)
    found = compare(before, after, interleaved)
    assert cases_of(found, "worse") == {CASES[3]}
    assert cases_of(found, "better") == {CASES[17]}
    assert len(found.those("noise")) == len(CASES) - 2
    assert found.comparable
    assert found.warnings == []
    back = compare(after, before, interleaved)
    assert cases_of(back, "better") == {CASES[3]}


@pytest.mark.parametrize("seed", range(5))
def test_silence_on_noise_alone(seed: int) -> None:
    found = compare(core_run(seed, {}), core_run(seed + 100, {}))
    assert cases_of(found, "worse") | cases_of(found, "better") == set()
    assert len(found.changes) == len(CASES)


def test_a_small_step_in_quiet_values_stays_below_the_floor() -> None:
    def quiet(level: float) -> BenchResult:
        turns = [Turn(n, level * (1 + 1e-5 * n)) for n in range(9)]
        return run_of([Measurement("step", "a", "core", "s/step", turns)])

    assert compare(quiet(1.0), quiet(1.015)).those("worse") == []
    assert len(compare(quiet(1.0), quiet(1.025)).those("worse")) == 1


def test_instructions_are_exact_and_rates_are_better_when_higher() -> None:
    def one(unit: str, value: float) -> BenchResult:
        turns = [Turn(n, value) for n in range(5)]
        question, who = ("counts", "sgd") if unit.startswith("instr") else ("step", "core")
        return run_of([Measurement(question, "a", who, unit, turns)])

    assert (
        len(
            compare(one("instructions/step", 1000.0), one("instructions/step", 1010.0)).those(
                "worse"
            )
        )
        == 1
    )
    assert len(compare(one("flop/s", 100.0), one("flop/s", 110.0)).those("better")) == 1
    assert len(compare(one("flop/s", 110.0), one("flop/s", 100.0)).those("worse")) == 1


def test_few_rounds_must_not_touch() -> None:
    def three(*values: float) -> BenchResult:
        turns = [Turn(n, value) for n, value in enumerate(values)]
        return run_of([Measurement("step", "a", "core", "s/step", turns)])

    assert compare(three(1.0, 1.0, 1.1), three(1.09, 1.2, 1.2)).those("worse") == []
    assert len(compare(three(1.0, 1.0, 1.1), three(1.3, 1.4, 1.4)).those("worse")) == 1


def test_a_slower_machine_is_not_a_slower_core() -> None:
    drifted = core_run(4, dict.fromkeys(CASES, 1.3), peer=1.3)
    found = compare(core_run(3, {}), drifted)
    assert 1.3 < found.moved["step"] < 1.5
    assert found.those("worse") == []
    changed = dataclasses.replace(drifted, contenders={"numpy": {"numpy": "3"}})
    found = compare(core_run(3, {}), changed)
    assert found.moved == {}
    assert len(found.those("worse")) > len(CASES) // 2
    assert any("numpy has changed" in warning for warning in found.warnings)


def test_one_or_two_rounds_are_not_judged() -> None:
    def two(*values: float) -> BenchResult:
        turns = [Turn(n, value) for n, value in enumerate(values)]
        return run_of([Measurement("step", "a", "core", "s/step", turns)])

    found = compare(two(1.0, 1.0), two(2.0, 2.0))
    assert [change.verdict for change in found.changes] == ["noise"]
    assert any("not judged" in warning for warning in found.warnings)


def test_threads_tell_apart_what_was_measured_with_several() -> None:
    def run(one: float, two: float, chosen: int) -> BenchResult:
        steady = {n: [Turn(i, value) for i in range(5)] for n, value in ((1, one), (2, two))}
        waits = [Measurement("interrupt", "a", "core", "s", steady[n], threads=n) for n in (1, 2)]
        best = Measurement("step", "a", "core", "s/step", steady[1], threads=chosen)
        return run_of([*waits, best])

    found = compare(run(1.0, 1.0, 1), run(1.0, 2.0, 2))
    worse = [(c.before.question, c.before.threads) for c in found.those("worse")]
    assert worse == [("interrupt", 2)]
    assert len(found.changes) == 3


def test_values_at_or_below_zero_are_not_compared() -> None:
    def run(*values: float) -> BenchResult:
        turns = [Turn(n, value) for n, value in enumerate(values)]
        return run_of([Measurement("start", "import", "core", "s", turns)])

    found = compare(run(0.1, 0.1, 0.0, 0.1), run(0.2, 0.2, 0.2, 0.2))
    assert found.changes == []
    assert any("at or below zero" in warning for warning in found.warnings)


def test_near_is_compared_with_near() -> None:
    def run(values: Sequence[tuple[float, str]]) -> BenchResult:
        turns = [Turn(n, value, mark) for n, (value, mark) in enumerate(values)]
        return run_of([Measurement("step", "a", "core", "s/step", turns, threads=2)])

    near = [(1.0, "near")] * 5
    mixed = [(1.0, "near")] * 5 + [(2.0, "far")] * 5
    found = compare(run(near), run(mixed))
    assert [(change.cores, change.verdict) for change in found.changes] == [("near", "noise")]
    found = compare(run(near), run([(2.0, "far")] * 5))
    assert found.changes == []
    assert any("near in one run, far in the other" in warning for warning in found.warnings)


def test_other_cases_and_machines_are_told() -> None:
    before = core_run(1, {})
    fewer = run_of(
        [*before.measurements[:6], dataclasses.replace(before.measurements[0], case="n")]
    )
    found = compare(before, fewer)
    assert len(found.changes) == 3
    (only_before,) = [w for w in found.warnings if w.startswith("only before")]
    assert "step, shape 3" in only_before
    assert f"{len(CASES) - 3 - 3} more" in only_before
    assert "only after: step, n" in found.warnings
    elsewhere = dataclasses.replace(before, machine={"machine": "arm64", "cores_usable": 2})
    found = compare(before, elsewhere)
    assert not found.comparable
    assert any("x86_64" in w and "arm64" in w for w in found.warnings)
    portable = {**before.machine, "cpu": {"model": "One", "isa_chosen": "b"}}
    assert compare(before, dataclasses.replace(before, machine=portable)).comparable


def test_the_interval_is_the_same_at_every_call_and_holds_the_median() -> None:
    rng = np.random.default_rng(5)
    a, b = rng.lognormal(size=15).tolist(), rng.lognormal(size=12).tolist()
    low, high = interval(a, b)
    assert (low, high) == interval(a, b)
    assert low < np.median(a) / np.median(b) < high


def write(path: Path, result: BenchResult) -> str:
    result.write_json(path)
    return str(path)


def test_the_command_fails_on_request_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = write(tmp_path / "a.json", core_run(1, {}))
    after = write(tmp_path / "b.json", core_run(2, {CASES[3]: 1.25}))
    assert command.main([before, after]) == 0
    said = capsys.readouterr().out
    assert "Worse" in said
    assert "shape 3 " in said
    assert "Better" not in said
    assert f"{len(CASES)} compared: 1 worse, 0 better, {len(CASES) - 1} within the noise" in said
    assert command.main([before, after, "--fail"]) == 1
    assert command.main([after, before, "--fail"]) == 0
    assert command.main([before, after, "--fail", "--case", CASES[5]]) == 0
    capsys.readouterr()
    assert command.main([before, after, "--case", "no such case"]) == 2
    assert "nothing of the core in common" in capsys.readouterr().out


def test_a_gate_does_not_pass_what_it_cannot_judge(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = write(tmp_path / "a.json", core_run(1, {}))
    other = dataclasses.replace(core_run(1, {}), machine={"machine": "arm64", "cores_usable": 2})
    after = write(tmp_path / "b.json", other)
    assert command.main([before, after]) == 0
    assert "no one's merit" in capsys.readouterr().out
    assert command.main([before, after, "--fail"]) == 2


def test_the_command_says_what_it_cannot_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = write(tmp_path / "a.json", core_run(1, {}))
    assert command.main([before, str(tmp_path / "b.json")]) == 2
    assert "b.json: no such file" in capsys.readouterr().err
    (tmp_path / "b.json").write_text("{}")
    assert command.main([before, str(tmp_path / "b.json")]) == 2
    assert "b.json" in capsys.readouterr().err
    assert command.main(["no-such-revision", "HEAD"]) == 2
    assert "no-such-revision" in capsys.readouterr().err


def test_a_pass_becomes_a_turn() -> None:
    def one(*turns: Turn) -> BenchResult:
        return run_of([Measurement("step", "a", "core", "s/step", list(turns), threads=2)])

    passes = [
        one(Turn(0, 1.0, "near"), Turn(1, 3.0, "near"), Turn(2, 9.0, "far")),
        one(Turn(0, 2.0, "near")),
    ]
    (found,) = merged(passes, 1).measurements
    assert found.turns == [Turn(0, 2.0, "near"), Turn(0, 9.0, "far"), Turn(1, 2.0, "near")]


def test_the_plan_becomes_commands() -> None:
    plan = Plan(("step", "predict"), ("small", "tiny"), rounds=3, threads=1, quick=True)
    options = ["--contenders", "core", "--rounds", "3", "--threads", "1", "--quick"]
    assert plan.commands() == [["step", "small", "tiny", *options], ["predict", *options]]


def test_revisions_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []

    def fake_build(commit: str, folder: Path) -> Path:
        return Path(commit)

    def fake_pass(python: Path, plan: Plan, file: Path) -> list[BenchResult]:
        order.append(python.name)
        value = 2.0 if python.name == "new" else 1.0
        turns = [Turn(0, value * (1 + 0.01 * len(order)))]
        return [run_of([Measurement("step", "a", "core", "s/step", turns)])]

    monkeypatch.setattr(revisions, "_commit", lambda revision: revision)
    monkeypatch.setattr(revisions, "build", fake_build)
    monkeypatch.setattr(revisions, "_pass", fake_pass)
    before, after = measure_revisions(["old", "new"], Plan(passes=5), lambda text: None)
    assert order == ["old", "new", "new", "old"] * 2 + ["old", "new"]
    assert [turn.round for turn in before.measurements[0].turns] == [0, 1, 2, 3, 4]
    found = compare(before, after, interleaved=True)
    assert cases_of(found, "worse") == {"a"}


def test_a_revision_is_built_from_its_own_files_in_its_own_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The install itself is not run: it would take a compiler minutes."""
    root = tmp_path / "project"
    root.mkdir()
    for arguments in (
        ["init", "-q"],
        ["config", "user.email", "a@b"],
        ["config", "user.name", "a"],
    ):
        subprocess.run(["git", "-C", str(root), *arguments], check=True)
    (root / "file").write_text("committed")
    subprocess.run(["git", "-C", str(root), "add", "file"], check=True)
    subprocess.run(["git", "-C", str(root), "commit", "-qm", "one"], check=True)
    (root / "file").write_text("changed")
    (root / "new").write_text("not yet added")
    commands: list[Sequence[str]] = []
    monkeypatch.setattr(revisions, "ROOT", root)
    monkeypatch.setattr(revisions, "_run", lambda command, _: commands.append(command))
    python = build(revisions._commit("HEAD"), tmp_path / "a")
    assert (tmp_path / "a/source/file").read_text() == "committed"
    build(revisions._commit("."), tmp_path / "b")
    assert (tmp_path / "b/source/file").read_text() == "changed"
    assert (tmp_path / "b/source/new").exists()
    assert str(tmp_path / "a/source") in commands[0]
    code = "import sys, numpy; print(sys.prefix); print(numpy.__version__)"
    said = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True)
    prefix, version = said.stdout.split()
    assert Path(prefix).resolve() == (tmp_path / "a/venv").resolve()
    assert version == np.__version__
    with pytest.raises(RevisionError, match="nobody"):
        revisions._commit("nobody")
