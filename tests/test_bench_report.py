"""What the benchmark's report says is what the records hold, in characters, on a page, in Markdown.

All results here are made up.
"""

from __future__ import annotations

import dataclasses
import html.parser
import itertools
import math
import re
import statistics
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.report import charts, drawing, read, text
from bench.report import html as page
from bench.report.figures import bytes_per_step, grids_of, lines_of
from bench.report.markdown import markdown
from bench.report.numbers import duration, quantity, three_digits, times
from bench.report.roofline import intensity, roofs_of
from bench.report.sections import sections_of
from bench.report.summary import FASTEST, headlines
from bench.results import BenchResult, Measurement, Turn

VOID = {"meta", "br", "hr", "img", "link", "input"}


def turns(*values: float, cores: str = "") -> list[Turn]:
    """Return a turn a value; `cores` has a letter a turn, n for near and f for far."""
    marks: list[str | None] = [{"n": "near", "f": "far"}[c] for c in cores] or [None] * len(values)
    return [Turn(i, v, c) for i, (v, c) in enumerate(zip(values, marks, strict=True))]


def step(contender: str, values: list[Turn], threads: int = 2, **about: Any) -> Measurement:
    shape = {"name": "small", "sizes": [784, 128, 10], "batch": 64}
    case, flops = "small 784-128-10, batch 64", 2e7
    content = {"shape": shape, **about}
    return Measurement("step", case, contender, "s/step", values, flops, threads, content)


def grid(contender: str, width: int, batch: int, seconds: float) -> Measurement:
    about = {"width": width, "batch": batch}
    case = f"width {width}, batch {batch}"
    return Measurement("grid", case, contender, "s/step", turns(seconds), about=about)


def machine() -> list[Measurement]:
    return [
        Measurement("machine", kind, f"{what}, {n} threads", unit, turns(rate * n), None, n, about)
        for n in (1, 2)
        for kind, what, unit, rate, about in (
            ("arithmetic", "fma", "flop/s", 200e9, {"what": "fma"}),
            ("memory", "read", "bytes/s", 20e9, {"what": "read"}),
        )
    ]


def run_of(*measurements: Measurement, **changes: Any) -> BenchResult:
    return BenchResult(
        started="2026-11-20T10:00:00+00:00",
        options={"rounds": 3, "threads": None},
        machine={"machine": "x86_64", "cores_usable": 2, "cpu": {"model": 'A <CPU> & "co"'}},
        contenders={"core": {"fastmlp": "0.1.0"}, "torch": {"torch": "2.13 <b>"}},
        skipped={"jax": "jax: not installed; pip install jax"},
        measurements=list(measurements),
        **changes,
    )


def whole_run() -> BenchResult:
    """Return a run in which every question was asked."""
    phases = [
        Measurement(
            "mnist",
            case,
            name,
            "s",
            turns(seconds * factor, seconds * factor * 1.1),
            about={"accuracies": [0.9761, 0.9769]},
        )
        for name, factor in (("core", 1.0), ("torch", 3.0))
        for case, seconds in (("import", 0.1), ("train", 0.5), ("total", 0.6))
    ]
    scaling = [
        dataclasses.replace(step(name, turns(1e-4 / n, 1.1e-4 / n), n), question="scaling")
        for name in ("core", "torch")
        for n in (1, 2)
    ]
    start = [
        Measurement("start", case, name, unit, turns(value * factor))
        for name, factor in (("core", 1.0), ("torch", 9.0))
        for case, unit, value in (("import", "s", 0.08), ("at rest", "bytes", 3e7))
    ]
    rows = [
        Measurement("predict", "one row", name, "s/row", turns(seconds), 2e5, 1)
        for name, seconds in (("core", 3e-6), ("torch", 12e-6))
    ]
    cells = [
        grid(name, width, batch, seconds * width)
        for name, seconds in (("core", 1e-6), ("torch", 2e-6), ("core_1_thread", 0.9e-6))
        for width in (8, 16)
        for batch in (1, 32)
    ]
    steps = [
        step("core", turns(65e-6, 67e-6, 69e-6), agreement={"share_of_bound": 0.13}),
        step("torch", turns(130e-6, 134e-6, 207e-6)),
    ]
    counts = Measurement("counts", "softmax", "core", "instructions", turns(123456.0))
    unknown = Measurement("new <question>", "a <case>", "core", "widgets", turns(5.0))
    return run_of(*steps, *cells, *scaling, *rows, *start, *phases, *machine(), counts, unknown)


def row_of(report: str, *words: str) -> list[str]:
    """Return the cells of the line of a text report that holds all the words."""
    (line,) = [n for n in report.splitlines() if all(word in n for word in words)]
    return re.split(r"\s{2,}", line.strip())


def test_the_figures_of_a_line_are_those_of_its_turns() -> None:
    core, torch = turns(65e-6, 67e-6, 69e-6, 66e-6), turns(130e-6, 134e-6, 207e-6, 99e-6)
    result = run_of(step("core", core), step("torch", torch), *machine())
    ratios = sorted(t.value / c.value for t, c in zip(torch, core, strict=True))
    quartiles = statistics.quantiles(ratios, n=4, method="inclusive")
    base, peer = lines_of(result, "step")
    assert base.ratio is None
    assert peer.ratio is not None
    assert peer.ratio.median == pytest.approx(statistics.median(ratios))
    assert (peer.ratio.low, peer.ratio.high) == pytest.approx((quartiles[0], quartiles[2]))
    assert peer.share == pytest.approx(2e7 / 132e-6 / 400e9)
    report = text.render(result)
    cells = row_of(report, "torch", "132")
    assert cells[1:3] == ["2", "132 \u00b5s"]
    assert cells[4] == times(peer.ratio.median)
    assert cells[5] == f"{three_digits(quartiles[0])}..{three_digits(quartiles[2])}"
    assert cells[6:8] == [three_digits(2e7 / 132e-6 / 1e9), "38 %"]


def test_one_thread_is_held_against_the_peak_of_one_core() -> None:
    result = run_of(step("core", turns(1e-3), threads=1), *machine())
    assert lines_of(result, "step")[0].share == pytest.approx(2e7 / 1e-3 / 200e9)


def test_near_and_far_stand_apart_where_both_occurred() -> None:
    core = step("core", turns(1e-4, 2e-4, 1e-4, cores="nfn"))
    torch = step("torch", turns(3e-4, 4e-4, 3e-4, cores="nfn"))
    single = step("numpy", turns(5e-4, 5e-4, 5e-4, cores="nfn"), threads=1)
    lines = lines_of(run_of(core, torch, single), "step")
    assert [(n.name, n.cores) for n in lines] == [
        ("core", "near"),
        ("core", "far"),
        ("torch", "near"),
        ("torch", "far"),
        ("numpy", ""),
    ]
    assert [n.ratio.median for n in lines[2:4] if n.ratio] == pytest.approx([3.0, 2.0])
    report = text.render(run_of(core, torch, single))
    assert "near each other in 4 and far apart in 2 turns" in report
    always_near = lines_of(run_of(step("core", turns(1.0, 1.0, cores="nn"))), "step")
    assert [n.cores for n in always_near] == [""]


def test_the_headline_is_the_geometric_mean_and_names_where_the_core_is_behind() -> None:
    cells = [grid("core", 8, 1, 1.0), grid("core", 16, 1, 1.0)]
    cells += [grid("torch", 8, 1, 0.5), grid("torch", 16, 1, 8.0)]
    cells += [grid("numpy", 8, 1, 4.0), grid("numpy", 16, 1, 4.0)]
    found = {h.peer: h for h in headlines(run_of(*cells))}
    assert found["torch"].mean == pytest.approx(2.0)
    assert found["torch"].slower == ("width 8, batch 1",)
    assert (found["numpy"].low, found["numpy"].high, found["numpy"].cases) == (4.0, 4.0, 2)
    assert found[FASTEST].mean == pytest.approx(math.sqrt(0.5 * 4.0))


def test_variants_of_the_core_are_no_peers() -> None:
    steps = [step(name, turns(1e-4)) for name in ("core", "core_bf16", "model", "torch")]
    assert {h.peer for h in headlines(run_of(*steps))} == {"torch", FASTEST}


def test_a_grid_keeps_its_gaps_and_the_best_threads() -> None:
    cells = [grid("core", w, b, 1.0) for w in (8, 16) for b in (1, 32)]
    cells += [grid("torch", 8, 1, 2.0), grid("torch", 16, 32, 0.5)]
    cells += [grid("core_1_thread", 8, 1, 1.5), grid("core_2_threads", 8, 1, 0.9)]
    (peer,), by_hand = grids_of(run_of(*cells))
    assert (peer.widths, peer.batches) == ([8, 16], [1, 32])
    assert peer.cells == [[2.0, None], [None, 0.5]]
    assert by_hand is not None
    assert by_hand.cells == [[0.9]]
    report = text.render(run_of(*cells))
    assert row_of(report, "2.00 ++") == ["8", "2.00 ++"]
    assert row_of(report, "0.500 --") == ["16", "0.500 --"]
    assert "1 of 2 cells below 1" in report


def test_scaling_is_over_the_same_contender_on_one_thread() -> None:
    rows = [
        dataclasses.replace(step("core", turns(8e-4, 8e-4), 1), question="scaling"),
        dataclasses.replace(step("core", turns(2.5e-4, 2.5e-4), 4), question="scaling"),
    ]
    report = text.render(run_of(*rows))
    assert row_of(report, "250 \u00b5s")[3:6] == ["3.20\u00d7", "3.20..3.20", "80 %"]


def test_the_bytes_of_a_step_are_those_of_its_products() -> None:
    measurement = step("core", turns(1e-4))
    sizes, batch = (784, 128, 10), 64
    moved = 0
    for place, (m, n) in enumerate(itertools.pairwise(sizes)):
        forward, gradient = m * n + batch * m + batch * n, batch * m + batch * n + 2 * m * n
        moved += forward + gradient + (m * n + batch * n + batch * m if place else 0)
    assert bytes_per_step(sizes, batch) == 4 * moved
    assert intensity(measurement) == pytest.approx(2e7 / (4 * moved))
    roofs = {(r.is_memory, r.threads): r.rate for r in roofs_of(run_of(*machine()))}
    assert roofs == {(False, 1): 200e9, (False, 2): 400e9, (True, 1): 20e9, (True, 2): 40e9}


def test_every_question_is_told_everywhere() -> None:
    result = whole_run()
    report, written = text.render(result), page.render(result)
    for _, section in sections_of(result):
        assert section.heading in report
        assert page._escaped(section.heading) in written
    for measurement in result.measurements:
        if measurement.question != "grid":
            figure = quantity(measurement.median, measurement.unit)
            assert figure in report
            assert page._escaped(figure) in written
    for shown in (report, written):
        assert "not installed; pip install jax" in shown
        assert "jax: jax" not in shown


def test_mnist_has_a_row_a_contender_with_its_parts_and_its_accuracy() -> None:
    report = text.render(whole_run())
    cells = row_of(report, "torch", "1.89 s")
    assert cells[:4] == ["torch", "315 ms", "1.58 s", "1.89 s"]
    assert cells[5:] == ["3.00\u00d7", "3.00..3.00", "97.65 %"]
    mean = [h for h in headlines(whole_run()) if h.question == "mnist" and h.peer == "torch"]
    assert [h.mean for h in mean] == [pytest.approx(3.0)]


def test_the_core_on_other_threads_is_no_peer_of_itself() -> None:
    def wait(threads: int, *values: float) -> Measurement:
        return Measurement("interrupt", "a", "core", "s", turns(*values), threads=threads)

    result = run_of(wait(1, 0.1, 0.2, 0.4), wait(2, 0.05, 0.05, 0.1))
    assert [line.ratio for line in lines_of(result, "interrupt")] == [None, None]
    cells = row_of(text.render(result), "400 ms")
    assert cells == ["a", "1", "200 ms", "400 ms", "3"]


def test_a_difference_that_came_out_at_zero_has_no_ratio() -> None:
    def start(contender: str, *values: float) -> Measurement:
        return Measurement("start", "import", contender, "s", turns(*values))

    for core, peer in (((0.0, 1.0), (2.0, 2.0)), ((1.0, 1.0), (-0.5, 2.0))):
        result = run_of(start("core", *core), start("numpy", *peer))
        assert [line.ratio for line in lines_of(result, "start")] == [None, None]
        assert text.render(result)
        assert page.render(result)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(9.996e-4, "1.00 ms"), (9.99e-4, "999 \u00b5s"), (1e-12, "0.00100 ns"), (0.0, "0 ns")],
)
def test_units_change_with_the_rounded_number(seconds: float, words: str) -> None:
    assert duration(seconds) == words


class Checker(html.parser.HTMLParser):
    """Follows the tags: each closes, ids are unique, and nothing is fetched from anywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for key, value in attrs:
            if key == "id":
                self.ids.append(value or "")
            elif key in ("href", "src", "xlink:href", "srcset", "data", "action"):
                self.links.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag


def test_the_page_is_whole_and_needs_nothing_else() -> None:
    pytest.importorskip("matplotlib")
    written = page.render(whole_run())
    checker = Checker()
    checker.feed(written)
    checker.close()
    assert checker.open == []
    assert len(checker.ids) == len(set(checker.ids))
    assert "svg" in checker.tags
    assert not checker.tags & {"script", "link", "iframe", "object", "img"}
    assert checker.links
    assert {link.removeprefix("#") for link in checker.links} <= set(checker.ids)
    assert not re.search(r"https?:|@import|url\((?!#)", written)
    used = set(re.findall(r"var\(--(\w+)\)", written))
    assert all(f"--{name}:" in written for name in used)
    assert not re.search("|".join((drawing.INK, drawing.FAINT, drawing.GROUND)), written)


def test_nothing_from_the_data_becomes_markup() -> None:
    evil = "<script>alert('x')</script>\"&"
    steps = [
        dataclasses.replace(step(name, turns(1e-4, 2e-4)), case=evil, question=question)
        for name in ("core", evil)
        for question in ("step", evil)
    ]
    result = dataclasses.replace(
        run_of(*steps), contenders={evil: {evil: evil}}, skipped={evil: evil}, started=evil
    )
    written = page.render(result)
    assert "<script" not in written
    assert "&lt;script&gt;" in written
    table = markdown(result)
    assert "<script" not in table


def test_without_matplotlib_the_tables_still_come(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in sys.modules if n.startswith("matplotlib")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(drawing.MatplotlibMissingError, match="pip install"):
        charts.charts_of(whole_run(), "step")
    written = page.render(whole_run())
    assert "<svg" not in written
    assert written.count("pip install &#x27;fastmlp[bench]&#x27;") == 1
    assert "134 \u00b5s" in written
    assert 'style="background:#' in written


def test_charts_are_drawn_of_every_question_that_has_one() -> None:
    pytest.importorskip("matplotlib")
    result = whole_run()
    names = [
        chart.name for question in charts.CHARTS for chart in charts.charts_of(result, question)
    ]
    assert names == [
        "step-ratio",
        "roofline",
        "grid-peers",
        "grid-threads",
        "scaling",
        "predict-s-per-row",
        "start-s",
        "start-bytes",
        "mnist-parts",
    ]
    nothing = run_of(Measurement("step", "a", "core", "s/step", turns(1.0)))
    assert all(charts.charts_of(nothing, question) == [] for question in charts.CHARTS)


def test_a_contender_keeps_its_colour() -> None:
    alone, together = drawing.colours_of(["jax"]), drawing.colours_of(["core", "torch", "jax"])
    assert alone["jax"] == together["jax"]
    assert len(set(drawing.CONTENDER_COLOURS.values())) == len(drawing.CONTENDER_COLOURS)
    for ratio in (0.01, 0.5, 1.0, 3.0, 100.0):
        assert drawing.shade(ratio)[0] != drawing.shade(1 / ratio)[0] or ratio == 1.0


def test_the_readme_table_has_a_row_a_shape_and_a_column_a_contender() -> None:
    lines = markdown(whole_run()).splitlines()
    assert lines[0] == "| network, batch | `core` | `torch` |"
    assert lines[2] == (
        "| small 784-128-10, batch 64 | 67.0 \u00b5s, 75 % | 134 \u00b5s (2.00\u00d7) |"
    )
    assert "A &lt;CPU>" in lines[5]


def test_the_report_command_reads_a_file_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, written = tmp_path / "result.json", tmp_path / "report.html"
    whole_run().write_json(file)
    assert read.main([str(file)]) == 0
    assert capsys.readouterr().out.strip() == text.render(whole_run())
    assert read.main([str(file), "--html", str(written), "--markdown"]) == 0
    assert capsys.readouterr().out.strip() == markdown(whole_run())
    assert written.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert read.main([str(tmp_path / "missing.json")]) == 2
    assert "missing.json" in capsys.readouterr().err
    run_of(*machine()).write_json(file)
    assert read.main([str(file), "--markdown"]) == 2
