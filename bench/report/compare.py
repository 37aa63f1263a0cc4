"""The command ``python -m bench compare``: two result files, or two git revisions, side by side.

What counts as a difference is decided in comparison.py; revisions are built and measured in
revisions.py.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.report.comparison import CONFIDENCE, ERRORS, FLOOR, Change, Comparison, compare
from bench.report.numbers import percent, quantity, three_digits
from bench.report.revisions import Plan, RevisionError, measure_revisions
from bench.report.tables import Table
from bench.report.text import table
from bench.results import BenchResult, ResultError, read_json

EXIT_SAME, EXIT_WORSE, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130
HEAD = ("question", "case", "contender", "cores", "before", "after", "change", "interval", "floor")
EPILOG = (
    f"A difference counts if the {CONFIDENCE:.0%} interval of the ratio leaves out 1 and the "
    f"change exceeds the floor: {FLOOR:.0%} or {ERRORS} standard errors, in two files on top of "
    "how far contenders moved that were not changed."
).replace("%", "%%")


def main(argv: Sequence[str]) -> int:
    """Compare; returns 0, 1 with --fail and something worse, 2 where nothing can be said."""
    arguments = _parser().parse_args(argv)
    try:
        before, after, interleaved = _results(arguments)
    except (OSError, ResultError, RevisionError, ValueError) as error:
        print(f"python -m bench compare: {error}", file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:
        print("python -m bench compare: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    if arguments.keep:
        before.write_json(arguments.keep / "before.json")
        after.write_json(arguments.keep / "after.json")
    found = compare(_only(before, arguments), _only(after, arguments), interleaved)
    print(render(found, show_all=arguments.all))
    if not found.changes:
        return EXIT_USAGE
    if not arguments.fail:
        return EXIT_SAME
    if not found.comparable:
        return EXIT_USAGE
    return EXIT_WORSE if found.those("worse") else EXIT_SAME


def render(found: Comparison, show_all: bool = False) -> str:
    """Return the comparison in plain characters."""
    parts = ["\n".join(f"note: {warning}" for warning in found.warnings)]
    if found.moved:
        moved = ", ".join(f"{q} by {percent(factor - 1)}" for q, factor in found.moved.items())
        parts.append(f"contenders that were not changed moved too, 19 of 20 cases up to: {moved}")
    if not found.comparable:
        parts.append("Different machines: the differences below are no one's merit or fault.")
    for verdict, title in (("worse", "Worse"), ("better", "Better")):
        parts.append(_listed(title, found.those(verdict)))
    quiet = found.those("noise")
    if show_all:
        parts.append(_listed("Within the noise", quiet))
    total, noise = len(found.changes), len(quiet)
    if total:
        parts.append(
            f"{total} compared: {len(found.those('worse'))} worse, {len(found.those('better'))} "
            f"better, {noise} within the noise"
        )
    else:
        parts.append("The two runs have nothing of the core in common.")
    return "\n\n".join(part for part in parts if part)


def _listed(title: str, changes: Sequence[Change]) -> str:
    """Return a table of changes."""
    if not changes:
        return ""
    rows = [
        (
            c.before.question,
            c.before.case,
            f"{c.before.contender}{_threads(c)}",
            c.cores,
            quantity(c.before.median, c.before.unit),
            quantity(c.after.median, c.after.unit),
            _signed(c.ratio),
            f"{three_digits(c.low)}..{three_digits(c.high)}",
            percent(c.floor),
        )
        for c in changes
    ]
    return table(Table(title, HEAD, rows, 4))


def _threads(change: Change) -> str:
    """Return the threads where they tell lines apart, or where they have changed."""
    old, new = change.before.threads, change.after.threads
    if old != new:
        return f", {old} -> {new} threads"
    several = change.before.question in ("scaling", "interrupt")
    return f", threads: {old}" if several else ""


def _signed(ratio: float) -> str:
    """Return a change with its sign.

    Examples
    --------
    >>> _signed(1.05), _signed(0.5)
    ('+5.0 %', '-50.0 %')
    """
    return f"{100 * (ratio - 1):+.1f} %"


def _results(arguments: argparse.Namespace) -> tuple[BenchResult, BenchResult, bool]:
    """Read the files or measure the revisions; also whether they were interleaved."""
    names = (arguments.before, arguments.after)
    files = [Path(name).is_file() for name in names]
    if all(files):
        before, after = (read_json(Path(name)) for name in names)
        return before, after, False
    if any(files):
        other = names[files.index(False)]
        raise ValueError(f"{other}: no such file; compare two files, or two git revisions")
    if arguments.keep and not arguments.keep.is_dir():
        raise ValueError(f"{arguments.keep}: no such folder")
    plan = Plan(
        questions=tuple(arguments.questions or ("step",)),
        shapes=tuple(arguments.shapes or ()),
        passes=arguments.passes,
        rounds=arguments.rounds,
        threads=arguments.threads,
        quick=arguments.quick,
    )
    return *measure_revisions(names, plan, lambda text: print(text, file=sys.stderr)), True


def _only(result: BenchResult, arguments: argparse.Namespace) -> BenchResult:
    """Return the result with the questions and cases that were asked for."""
    shapes = set(arguments.shapes or ())
    chosen = [
        m
        for m in result.measurements
        if m.question in (arguments.questions or (m.question,))
        and (not shapes or shapes & set(re.findall(r"\w+", m.case)))
        and arguments.case in m.case
    ]
    fields = {**vars(result), "measurements": chosen}
    return BenchResult(**fields)


def _words(text: str) -> list[str]:
    return text.split(",")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench compare",
        description="Which differences between two runs exceed the noise?",
        epilog=EPILOG,
    )
    parser.add_argument(
        "before", help="a result file (--json), or a git revision, or . (this tree)"
    )
    parser.add_argument("after", help="the same kind")
    parser.add_argument(
        "--questions", type=_words, metavar="A,B", help="default: all of files, step of revisions"
    )
    parser.add_argument("--shapes", type=_words, metavar="A,B", help="only these named shapes")
    parser.add_argument("--case", default="", metavar="TEXT", help="only cases that contain it")
    parser.add_argument("--all", action="store_true", help="also list what is within the noise")
    parser.add_argument("--fail", action="store_true", help="exit 1 if anything is worse")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="write before.json and after.json")
    group = parser.add_argument_group("to measure revisions")
    group.add_argument("--passes", type=int, default=7, metavar="N", help="of each (default: 7)")
    group.add_argument("--rounds", type=int, default=2, metavar="N", help="in a pass (default: 2)")
    group.add_argument("--threads", type=int, metavar="N", help="default: the best of each")
    group.add_argument("--quick", action="store_true", help="fewer cases, shorter turns")
    return parser
