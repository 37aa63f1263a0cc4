"""The command ``fastmlp``: its commands, what a mistyped one is answered, and its exit codes.

0 done; 1 the data, the model file or the training failed; 2 the call or the configuration is wrong;
130 interrupted; 141 whoever read the output went away. What each command does stands in its own
file.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import sys
from collections.abc import Sequence
from typing import NoReturn

from .. import __version__
from ..config.keys import nearest
from ..errors import ConfigError
from . import evaluate, find_learning_rate, info, predict, train

COMMANDS = {
    "train": train,
    "find-learning-rate": find_learning_rate,
    "evaluate": evaluate,
    "predict": predict,
    "info": info,
}
DONE, FAILED, MISUSED, INTERRUPTED, BROKEN_PIPE = 0, 1, 2, 130, 141


class Parser(argparse.ArgumentParser):
    """Answers a mistyped command or flag with the nearest one, in a line, not a page of usage."""

    def error(self, message: str) -> NoReturn:
        """Stop with what argparse says, and the nearest choice to a wrong one."""
        wrong = re.search(r"invalid choice: '([^']*)'", message)
        hint = nearest(wrong[1], self.words()) if wrong else ""
        self.exit(MISUSED, f"{self.prog}: error: {message}{hint}\nsee: {self.prog} --help\n")

    def words(self) -> list[str]:
        """Return all flags, and the choices of positional arguments."""
        words = list(self._option_string_actions)
        for action in self._actions:
            words += [str(choice) for choice in action.choices or ()]
        return words

    def refuse(self, unknown: Sequence[str]) -> NoReturn:
        """Stop at arguments that nobody asked for."""
        flags = [one.split("=")[0] for one in unknown if one.startswith("-")]
        hint = nearest(flags[0], self._option_string_actions) if flags else ""
        self.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")


def build_parser() -> tuple[Parser, dict[str, Parser]]:
    """Return the parser of ``fastmlp`` and, by name, those of its commands."""
    parser = Parser(
        prog="fastmlp",
        allow_abbrev=False,
        description="Multilayer perceptrons with a fast C++ engine.",
        epilog="Without any data at hand: fastmlp train",
    )
    parser.add_argument("--version", action="version", version=f"fastmlp {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    parsers = {}
    for name, command in COMMANDS.items():
        about = command.HELP
        one = commands.add_parser(name, help=about, description=about, allow_abbrev=False)
        command.add_arguments(one)
        one.set_defaults(run=command.run)
        parsers[name] = one
    return parser, parsers


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; by default those of the process.

    Examples
    --------
    >>> main(["--version"])
    fastmlp ...
    0
    """
    if argv is None and isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a label that the terminal cannot show
    try:
        code = _run(argv)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # The interpreter flushes stdout once more at its end; give it a place to write to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE


def _run(argv: Sequence[str] | None) -> int:
    """Run one command; every failure that is not a fault of fastmlp becomes a line and a code."""
    try:
        parser, parsers = build_parser()
        options, unknown = parser.parse_known_args(argv)
        if unknown:
            parsers[options.command].refuse(unknown)
        return int(options.run(options))
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else DONE
    except KeyboardInterrupt:
        return _fail("interrupted; nothing was saved", INTERRUPTED)
    except BrokenPipeError:
        raise
    except ConfigError as error:
        return _fail(str(error), MISUSED)
    except (ValueError, OSError, ArithmeticError) as error:
        return _fail(str(error), FAILED)
    except MemoryError as error:
        return _fail(f"not enough memory: {error}", FAILED)


def _fail(message: str, code: int) -> int:
    print(f"fastmlp: error: {message}", file=sys.stderr)
    return code
