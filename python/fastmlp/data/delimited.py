"""Rows of cells out of a text file: how it is delimited and quoted, its encoding, its line numbers.

Commas, semicolons, tabs and runs of white space are told apart by looking at the first lines. What
the cells mean is left to table.py.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from ..errors import DataError
from .bounded import BoundedReader, content_limit

# Text of numbers compresses ten- to thirty-fold; this leaves room for one-hot columns and still
# stops a bomb.
MAX_TEXT_RATIO = 200
ALWAYS_ALLOWED = 64 << 20
SAMPLE_LINES = 50
SAMPLE_CHARACTERS = 1 << 16
# In order of preference where two explain the lines equally well: "1,5;2,5" has decimal commas.
DELIMITERS = (";", "\t", ",", None)

NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?", re.IGNORECASE)

Row = tuple[int, list[str]]


@dataclass(frozen=True)
class Dialect:
    """How cells are told apart.

    Parameters
    ----------
    delimiter : str or None
        One character; None for runs of white space.
    quote : str
        The character around quoted cells.

    Examples
    --------
    >>> Dialect(";", '"').describe()
    'semicolons'
    """

    delimiter: str | None
    quote: str

    def describe(self) -> str:
        """Name the delimiter for a reader."""
        names = {";": "semicolons", "\t": "tabs", ",": "commas", None: "white space"}
        return names[self.delimiter]


def read_cells(path: Path, dialect: Dialect) -> Iterator[Row]:
    r"""Read a file row by row; blank lines are passed over.

    Parameters
    ----------
    path : Path
        A text file in UTF-8, plain or gzip-compressed.
    dialect : Dialect
        As `sniff` found it.

    Yields
    ------
    line : int
        The number of the row's last line, from 1.
    cells : list of str
        Its cells, without the white space around them.

    Raises
    ------
    DataError
        If the file cannot be read, is not UTF-8, or its quotes do not close.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "a.csv")
    ...     _ = path.write_text('1, "a, b"\n\n2, c\n')
    ...     list(read_cells(path, sniff(path)))
    [(1, ['1', 'a, b']), (3, ['2', 'c'])]
    """
    line = 0
    try:
        with _open_text(path) as text:
            rows = _split_white(text) if dialect.delimiter is None else _split_csv(text, dialect)
            for line, cells in rows:
                if len(cells) > 1 or (cells and cells[0]):
                    yield line, cells
    except csv.Error as error:
        raise DataError(
            f"{path}: the quotes or cells after line {line} cannot be made out: {error}"
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not UTF-8 text (byte 0x{error.object[error.start]:02x} after line {line}); "
            "save it as UTF-8"
        ) from error


def sniff(path: Path) -> Dialect:
    r"""Find out from its first lines how a file is delimited and quoted.

    Parameters
    ----------
    path : Path
        A text file, plain or gzip-compressed; ``.tsv`` is always taken for tabs.

    Returns
    -------
    Dialect
        The delimiter that cuts the most lines into the same number of cells.

    Raises
    ------
    DataError
        If the file cannot be read, is not UTF-8, or is empty.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "a.txt")
    ...     _ = path.write_text("1.0  2.0\n3.0 4.0 \n")
    ...     sniff(path).describe()
    'white space'
    """
    lines = _sample(path)
    if not lines:
        raise DataError(f"{path} is empty: it has no line that is not blank")
    quote = "'" if _single_quoted(lines) else '"'
    if ".tsv" in path.suffixes[-2:]:
        return Dialect("\t", quote)
    bare = [re.sub(f"{quote}[^{quote}]*{quote}", "q", line) for line in lines]
    if _only_numbers(bare):
        return Dialect(None, quote)
    # max keeps the first of equals, which is the order of preference.
    return Dialect(max(DELIMITERS, key=lambda delimiter: _agreement(bare, delimiter)), quote)


def _open_text(path: Path) -> TextIO:
    limit = content_limit(path, ratio=MAX_TEXT_RATIO, at_least=ALWAYS_ALLOWED)
    reader = io.BufferedReader(BoundedReader(path, limit), 1 << 18)
    return io.TextIOWrapper(reader, encoding="utf-8-sig", newline="")


def _split_csv(text: TextIO, dialect: Dialect) -> Iterator[Row]:
    reader = csv.reader(
        text,
        delimiter=dialect.delimiter or ",",
        quotechar=dialect.quote,
        skipinitialspace=True,
        strict=True,
    )
    for cells in reader:
        yield reader.line_num, [cell.strip() for cell in cells]


def _split_white(text: Iterable[str]) -> Iterator[Row]:
    for line, content in enumerate(text, start=1):
        yield line, content.split()


def _sample(path: Path) -> list[str]:
    """Read the first lines that are not blank."""
    try:
        with _open_text(path) as text:
            content = text.read(SAMPLE_CHARACTERS)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not UTF-8 text (byte 0x{error.object[error.start]:02x} near its start); "
            "save it as UTF-8"
        ) from error
    lines = content.splitlines()
    if len(content) == SAMPLE_CHARACTERS and len(lines) > 1:
        lines.pop()  # cut off in the middle
    return [line for line in lines if line.strip()][:SAMPLE_LINES]


def _single_quoted(lines: list[str]) -> bool:
    """Tell whether cells stand in single quotes, as files that once were ARFF have them."""
    if any('"' in line for line in lines):
        return False
    quoted = re.compile(r"(^|[,;\t])\s*'[^']*'\s*([,;\t]|$)")
    return any(quoted.search(line) for line in lines)


def _only_numbers(lines: list[str]) -> bool:
    """Tell whether white space alone, even mixed with tabs, leaves equally many numbers a line."""
    rows = [line.split() for line in lines[1:] or lines]  # the first may hold names
    numbers = all(NUMBER.fullmatch(cell) for row in rows for cell in row)
    return numbers and len({len(row) for row in rows}) == 1 and len(rows[0]) > 1


def _agreement(lines: list[str], delimiter: str | None) -> int:
    """Count the lines that a delimiter cuts into the commonest number of cells above 1."""
    if delimiter is None:
        cuts = Counter(len(line.split()) - 1 for line in lines)
    else:
        cuts = Counter(line.count(delimiter) for line in lines)
    cuts.pop(0, None)
    return max(cuts.values(), default=0)
