"""The command ``python -m bench report``: prints a result file again, as text, page or Markdown."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.report import html, markdown, text
from bench.results import read_json

EXIT_USAGE = 2


def main(argv: Sequence[str]) -> int:
    """Report; returns 0, or 2 for a file that cannot be read or written."""
    parser = argparse.ArgumentParser(
        prog="python -m bench report",
        description="Print what was measured once more: the tables, unless a form is named.",
        epilog="How to read it: bench/README.md",
    )
    parser.add_argument("result", type=Path, help="a file that --json wrote")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the page for the browser")
    parser.add_argument("--markdown", action="store_true", help="print the table for the README")
    arguments = parser.parse_args(argv)
    try:
        result = read_json(arguments.result)
        if arguments.html:
            html.write(result, arguments.html)
        if arguments.markdown:
            print(markdown.markdown(result))
        elif not arguments.html:
            print(text.render(result))
    except (OSError, ValueError) as error:
        print(f"python -m bench report: {error}", file=sys.stderr)
        return EXIT_USAGE
    return 0
