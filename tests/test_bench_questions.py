"""Each question about training answers wholly on tiny networks; nothing here is about speed."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import shutil

import pytest

from bench.__main__ import QUESTIONS
from bench.harness import Options, QuestionSkippedError
from bench.questions import counts, grid, interrupt, machine, scaling, sparse
from bench.shapes import load_shapes

QUICK = Options(
    quick=True,
    rounds=1,
    contenders=("core", "numpy"),
    turn_at_least=0.0,
    turn_at_most=0.01,
    pause=0.0,
)


def quiet(text: str) -> None:
    """Say nothing."""


def test_the_grid_is_fine_and_measures_the_core_against_itself() -> None:
    whole = grid.widths()
    assert (whole[0], whole[-1]) == (8, 4096)
    steps = [wide / narrow for narrow, wide in itertools.pairwise(whole)]
    assert max(steps) < 1.4
    options = dataclasses.replace(QUICK, threads=2)
    with contextlib.ExitStack() as stack:
        workers = grid.start(options, stack)
        found = grid.run_point(grid.point(9, 3), workers, options)
    assert [(m.contender, m.threads) for m in found if m.contender != "numpy"] == [
        ("core", 2),
        ("core, 1 thread", 1),
        ("core, all threads", 2),
    ]
    for measurement in found:
        assert (measurement.case, measurement.unit) == ("width 9, batch 3", "s/step")
        assert measurement.flops == 3 * (4 * 81 + 6 * 81 + 6 * 90)
        assert {"width": 9, "batch": 3, "checked": True}.items() <= measurement.about.items()


def test_a_large_point_of_the_grid_is_timed_unchecked_and_says_so() -> None:
    options = dataclasses.replace(QUICK, threads=1, contenders=("numpy",))
    with contextlib.ExitStack() as stack:
        workers = grid.start(options, stack)
        (found,) = grid.run_point(grid.point(1010, 1), workers, options)
    assert found.about["checked"] is False


def test_scaling_runs_every_contender_with_every_thread_count() -> None:
    shape = dataclasses.replace(load_shapes(["small"])[0], steps=2, check_steps=1)
    found = scaling.run_shape(shape, 2, QUICK, quiet)
    assert [(m.contender, m.threads) for m in found] == [
        ("core", 1),
        ("core", 2),
        ("numpy", 1),
        ("numpy", 2),
    ]
    for measurement in found:
        (turn,) = measurement.turns
        assert (turn.cores in ("near", "far")) == (measurement.threads == 2)


def test_one_core_has_nothing_to_scale_to() -> None:
    with pytest.raises(QuestionSkippedError, match="only one core"):
        scaling.run(dataclasses.replace(QUICK, threads=1), quiet)


def test_the_machine_is_measured_on_one_thread_and_on_several() -> None:
    found = machine.run(dataclasses.replace(QUICK, threads=2), quiet)
    kinds = {(m.about["what"], m.threads): m for m in found}
    assert len(kinds) == len(found)
    assert {("fma", 1), ("fma", 2), ("memory read", 1), ("barrier", 2)} <= set(kinds)
    assert kinds["fma", 1].unit == "flop/s"
    assert all(m.question == "machine" and m.median > 0 for m in found)


PROFILE = """\
ob=(1) /lib/libpython.so
fl=(1) ???
fn=(1) run
0 7
calls=1 0
0 900
ob=(2) /site-packages/fastmlp/_core.so
fn=(2) void fastmlp::avx2::tile<float, (fastmlp::Walk)1, 6, 2>(fastmlp::TileArguments<float> const&)
0x10 400
+3 450
cfn=(1)
cob=(1)
calls=2 0
* 50
fn=(3) f(int)
-2 40
fn=(2)
* 5
"""


def test_a_profile_is_read_without_what_callees_cost() -> None:
    name = "void fastmlp::avx2::tile<float, (fastmlp::Walk)1, 6, 2>(fastmlp::TileArguments<float>"
    engine = "/site-packages/fastmlp/_core.so"
    assert counts.read(PROFILE) == {
        ("/lib/libpython.so", "run"): 7,
        (engine, f"{name} const&)"): 855,
        (engine, "f(int)"): 40,
    }
    assert counts.short(f"{name} const&)") == "tile<float, (Walk)1, 6, 2>"


def test_functions_of_the_engine_are_counted_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "under_callgrind", lambda shape: PROFILE)
    found = counts.count(load_shapes(["tiny"])[0], quiet)
    steps = counts.STEPS * counts.EPOCHS
    assert {m.contender: m.turns[0].value * steps for m in found} == pytest.approx(
        {"in all": 902, "tile<float, (Walk)1, 6, 2>": 855, "f": 40, "the rest": 7}
    )
    stripped = PROFILE.replace("void fastmlp::avx2", "0x00051790::avx2")
    monkeypatch.setattr(counts, "under_callgrind", lambda shape: stripped)
    said: list[str] = []
    found = counts.count(load_shapes(["tiny"])[0], said.append)
    assert [m.contender for m in found] == ["in all", "engine"]
    assert any("install.strip=false" in text for text in said)


def test_counting_without_its_tools_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda tool: None)
    with pytest.raises(QuestionSkippedError, match="valgrind is not here"):
        counts.run(QUICK, quiet)


@pytest.mark.long
@pytest.mark.skipif(shutil.which("valgrind") is None, reason="needs valgrind")
def test_callgrind_counts_a_step() -> None:
    found = {m.contender: m.median for m in counts.run(QUICK, quiet)}
    assert found.pop("in all") == pytest.approx(sum(found.values()), rel=0.2)


def test_an_interrupt_is_answered() -> None:
    core = pytest.importorskip("fastmlp._core")
    case = ((8, 16, 3), 4, 400)
    assert interrupt.answer_seconds(core, case, 1, 0.05) >= 0


def test_zero_weights_are_drawn_exactly_and_tell_the_ways() -> None:
    core = pytest.importorskip("fastmlp._core")
    for by in ("weight", "block"):
        drawn = sparse.weights(0.9, by)
        assert (drawn == 0).sum() == pytest.approx(0.9 * drawn.size, abs=8)
    found = sparse.run_case(core, 2, "block", dataclasses.replace(QUICK, turn_at_least=0.0), quiet)
    ways = {m.contender: m.about["way"] for m in found}
    assert (ways["dense"], ways["90% zeros"], ways["99% zeros"]) == ("dense", "blocks", "blocks")


@pytest.mark.parametrize("question", [counts, interrupt, sparse])
def test_questions_about_the_core_are_skipped_without_it(question: object) -> None:
    run = question.run  # type: ignore[attr-defined]
    with pytest.raises(QuestionSkippedError, match="core"):
        run(dataclasses.replace(QUICK, contenders=("numpy",)), quiet)


def test_every_question_of_the_table_is_there() -> None:
    for name, question in QUESTIONS.items():
        assert question.module == f"bench.questions.{name}"
        assert question.summary
