"""The command ``python -m bench``: reads the options, runs the harness, writes the reports."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.agreement import DisagreementError
from bench.chart import ChartError, check_chart, draw
from bench.contender import CONTENDERS, ContenderSpec
from bench.harness import Options, run_bench
from bench.processes import WorkerError
from bench.report import render
from bench.shapes import load_shapes

EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns 0, 1 if a contender failed or disagreed, 2 for wrong options."""
    arguments = _parser().parse_args(argv)
    options = Options(rounds=arguments.rounds, threads=arguments.threads)
    try:
        shapes = load_shapes(arguments.shapes)
        contenders = _chosen(arguments.contenders)
        for path in filter(None, (arguments.json, arguments.chart)):
            if not path.parent.is_dir():
                raise ValueError(f"{path}: its folder does not exist")
        if arguments.chart:
            check_chart(arguments.chart)
    except (ValueError, ChartError) as error:
        print(f"python -m bench: {error}", file=sys.stderr)
        return EXIT_USAGE
    try:
        result = run_bench(shapes, options, contenders, _say, arguments.contenders is None)
    except (DisagreementError, WorkerError) as error:
        print(f"python -m bench: {error}", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        print("python -m bench: interrupted, nothing written", file=sys.stderr)
        return EXIT_INTERRUPTED
    if arguments.json:
        result.write_json(arguments.json)
    if arguments.chart:
        draw(result, arguments.chart)
    print(render(result))
    return 0


def _say(text: str) -> None:
    """Show progress where it does not mix with the report."""
    print(text, file=sys.stderr, flush=True)


def _chosen(names: str | None) -> Sequence[ContenderSpec]:
    """Return the contenders of a comma-separated list, in its order; all for None."""
    if names is None:
        return CONTENDERS
    known = {spec.name: spec for spec in CONTENDERS}
    for name in (chosen := names.split(",")):
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"no contender {name!r}; there are {', '.join(known)}{hint}")
    return [known[name] for name in dict.fromkeys(chosen)]


def _positive(text: str) -> int:
    """Read a count of at least 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Time a training step of fastmlp against NumPy and the lectures' own style.",
        epilog="How to read the result: bench/README.md",
    )
    names = ", ".join(shape.name for shape in load_shapes())
    parser.add_argument("shapes", nargs="*", metavar="SHAPE", help=f"default: all of {names}")
    parser.add_argument(
        "--rounds",
        type=_positive,
        default=Options.rounds,
        metavar="N",
        help="turns of each contender (default: %(default)s)",
    )
    parser.add_argument(
        "--threads",
        type=_positive,
        metavar="N",
        help="limit for all contenders (default: all cores)",
    )
    parser.add_argument(
        "--contenders",
        metavar="A,B",
        help=f"the first is the base of ratios; default: {','.join(s.name for s in CONTENDERS)}",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write figures and raw rounds")
    parser.add_argument("--chart", type=Path, metavar="FILE.svg", help="draw (needs matplotlib)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
