"""The command ``python -m bench QUESTION``: reads the options, asks, writes the reports.

The questions stand in a table and are imported when they are asked.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from bench.agreement import DisagreementError
from bench.contenders import chosen
from bench.harness import Options, QuestionSkippedError, survey
from bench.machine import describe_machine
from bench.processes import WorkerError
from bench.results import BenchResult, Measurement
from bench.shapes import load_shapes

EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130


class Question(NamedTuple):
    """A row of the table: `module.run(options, say)` returns measurements."""

    module: str
    summary: str
    takes_shapes: bool = False
    asks_core_alone: bool = False
    in_quick: bool = True  # part of `all --quick`


# In the order in which `all` asks them: the machine's peak first, others relate to it.
QUESTIONS = {
    "machine": Question(
        "bench.questions.machine", "peaks: arithmetic, memory, threads", False, True
    ),
    "step": Question("bench.questions.step", "a training step of the named shapes", True),
    "grid": Question("bench.questions.grid", "a step at all widths and batches: is there a cliff?"),
    "scaling": Question("bench.questions.scaling", "a step on 1, 2, ... all cores", True),
    "predict": Question("bench.questions.predict", "one row, and many rows"),
    "start": Question("bench.questions.start", "import, first prediction, memory"),
    "mnist": Question("bench.questions.mnist", "from process start to a trained MNIST network"),
    "sparse": Question(
        "bench.questions.sparse", "what zero weights save a prediction", False, True, False
    ),
    "counts": Question("bench.questions.counts", "instructions per kernel", False, True, False),
    "interrupt": Question(
        "bench.questions.interrupt", "how long a Ctrl-C waits", False, True, False
    ),
}
# Commands with a command line of their own: `module.main(arguments)` returns the exit status.
COMMANDS = {
    "compare": ("bench.report.compare", "two result files, or two git revisions"),
    "report": ("bench.report.read", "a result file once more: as text, page or Markdown"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Ask and report; returns 0, 1 if a contender failed or disagreed, 2 for wrong options."""
    given = list(sys.argv[1:] if argv is None else argv)
    if given and given[0] in COMMANDS:
        return int(importlib.import_module(COMMANDS[given[0]][0]).main(given[1:]))
    if not given or (given[0].startswith("-") and given[0] not in ("-h", "--help")):
        given.insert(0, "all")
    arguments = _parser().parse_args(given)
    try:
        options = _options(arguments)
        _check_folders(arguments)
        core_alone = arguments.question != "all" and QUESTIONS[arguments.question].asks_core_alone
        named = ["core"] if core_alone else arguments.contenders
        described, skipped = survey(named, _say)
    except ValueError as error:
        print(f"python -m bench: {error}", file=sys.stderr)
        return EXIT_USAGE
    except WorkerError as error:
        print(f"python -m bench: {error}", file=sys.stderr)
        return EXIT_FAILED
    options = dataclasses.replace(options, contenders=tuple(described))
    names = [arguments.question]
    if arguments.question == "all":
        names = [name for name, row in QUESTIONS.items() if row.in_quick or not options.quick]
    try:
        result, failed = ask(names, options, described, skipped)
    except KeyboardInterrupt:
        print("python -m bench: interrupted, nothing written", file=sys.stderr)
        return EXIT_INTERRUPTED
    if result.measurements or not failed:
        _report(result, arguments)
    for message in failed:
        print(f"python -m bench: {message}", file=sys.stderr)
    return EXIT_FAILED if failed else 0


def ask(
    names: Sequence[str],
    options: Options,
    described: dict[str, dict[str, Any]],
    skipped: dict[str, str],
) -> tuple[BenchResult, list[str]]:
    """Ask the questions; return what was found and what failed, after which none is asked.

    A question that cannot be answered here joins the skipped; so does the rest of one that failed.
    """
    started = datetime.now(UTC).isoformat(timespec="seconds")
    skipped = dict(skipped)
    measurements: list[Measurement] = []
    failed: list[str] = []
    for name in names:
        question = importlib.import_module(QUESTIONS[name].module)
        _say(f"== {name}: {QUESTIONS[name].summary}")
        start = time.perf_counter()
        try:
            for measurement in question.run(options, _say):
                measurements.append(measurement)
        except (DisagreementError, WorkerError) as error:
            failed.append(str(error))
            skipped[f"the rest of {name}"] = str(error)
            break
        except QuestionSkippedError as error:
            skipped[name] = str(error)
            _say(f"skipped {name}: {error}")
        _say(f"== {name} took {time.perf_counter() - start:.0f} s")
    settings = dataclasses.asdict(options)
    machine = describe_machine()
    return BenchResult(started, settings, machine, described, skipped, measurements), failed


def _report(result: BenchResult, arguments: argparse.Namespace) -> None:
    """Write the files that were asked for, and the text."""
    if arguments.json:
        result.write_json(arguments.json)
    if arguments.html:
        importlib.import_module("bench.report.html").write(result, arguments.html)
    print(importlib.import_module("bench.report.text").render(result))


def _say(text: str) -> None:
    """Show progress where it does not mix with the report."""
    print(text, file=sys.stderr, flush=True)


def _options(arguments: argparse.Namespace) -> Options:
    """Build the options; a name that nobody knows is refused here, before anything runs."""
    chosen(arguments.contenders)
    options = Options(threads=arguments.threads, named=arguments.contenders is not None)
    if arguments.quick:
        options = dataclasses.replace(
            options, quick=True, rounds=3, turn_at_least=0.05, turn_at_most=0.25
        )
    if shapes := tuple(getattr(arguments, "shapes", ())):
        load_shapes(shapes)
        options = dataclasses.replace(options, shapes=shapes)
    if arguments.rounds:
        options = dataclasses.replace(options, rounds=arguments.rounds)
    return options


def _check_folders(arguments: argparse.Namespace) -> None:
    """Find out before the measuring whether the files could be written."""
    for path in filter(None, (arguments.json, arguments.html)):
        if not path.parent.is_dir():
            raise ValueError(f"{path}: its folder does not exist")


def _positive(text: str) -> int:
    """Read a count of at least 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure fastmlp beside its peers. Without a question: all of them.",
        epilog="How to read the results: bench/README.md",
    )
    subparsers = parser.add_subparsers(dest="question", metavar="QUESTION", required=True)
    rows = {"all": Question("", "every question below, then the report"), **QUESTIONS}
    for name, row in rows.items():
        _add_options(subparsers.add_parser(name, help=row.summary), row)
    for name, (_, summary) in COMMANDS.items():
        subparsers.add_parser(name, help=summary)
    return parser


def _add_options(parser: argparse.ArgumentParser, question: Question) -> None:
    """Give a question's command its options."""
    if question.takes_shapes:
        names = ", ".join(shape.name for shape in load_shapes())
        parser.add_argument("shapes", nargs="*", metavar="SHAPE", help=f"of {names}")
    parser.add_argument("--quick", action="store_true", help="fewer cases, shorter turns")
    parser.add_argument(
        "--rounds", type=_positive, metavar="N", help="turns of each (default: 5, quick: 3)"
    )
    parser.add_argument(
        "--threads",
        type=_positive,
        metavar="N",
        help="for all contenders (default: each at its own best)",
    )
    names = ",".join(spec.name for spec in chosen(None))
    parser.add_argument(
        "--contenders",
        type=lambda text: text.split(","),
        metavar="A,B",
        help=f"who takes part; ratios are to the core; default: {names}",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was found")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a report for the browser")


if __name__ == "__main__":
    sys.exit(main())
