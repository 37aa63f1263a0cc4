"""Tables of numbers in text files: CSV, TSV, semicolons, white space, each plain or .gz.

A cell that is no finite number is an error that names its line and column, never a guess. Cutting
lines into cells is left to delimited.py, scaling and the meaning of the target to scaling.py and
model/targets.py.
"""

from __future__ import annotations

import difflib
import math
import os
import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from .arrays import BLOCK
from .dataset import Dataset
from .delimited import NUMBER, Dialect, Row, read_cells, sniff

Array = NDArray[Any]
Header = Literal["auto", "yes", "no"]

NO_LABEL = frozenset({"", "?", "na", "n/a", "#n/a", "nan"})
# "-" and "none" are honest class labels, but in a column of numbers they say that there is none.
NO_NUMBER = NO_LABEL | {"null", "none", "nil", "-", "."}
WHOLE = re.compile(r"[+-]?[0-9]+")
REAL = re.compile(NUMBER.pattern + r"|[+-]?(inf(inity)?|nan)", re.IGNORECASE | re.ASCII)
DECIMAL_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+")


def read_table(
    path: str | os.PathLike[str],
    *,
    target: str | int | None = None,
    header: Header = "auto",
) -> Dataset:
    r"""Read a table of numbers with a target column.

    Parameters
    ----------
    path : str or path
        Text in UTF-8, cells set apart by commas, semicolons, tabs or white space; plain or
        gzip-compressed.
    target : str or int, optional
        The column to predict, by name or by number, counted from 0 or, when negative, from the end;
        by default the last. "3" is a number where no column has that name.
    header : {"auto", "yes", "no"}
        Whether the first line names the columns. "auto": it does if it holds no number and the
        second does.

    Returns
    -------
    Dataset
        `x` float64, the other columns in their order; `y` int64 if every cell of the target is a
        whole number, float64 if every one is a number, else str.

    Raises
    ------
    DataError
        If the file cannot be read, rows differ in length, there are none, the target is not in it,
        or a cell is missing or, in a feature column, no finite number.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "iris.csv")
    ...     _ = path.write_text("length,width,kind\n5.1,3.5,setosa\n6.3,2.9,virginica\n")
    ...     data = read_table(path)
    >>> data.x.tolist(), data.y.tolist(), data.feature_names
    ([[5.1, 3.5], [6.3, 2.9]], ['setosa', 'virginica'], ('length', 'width'))
    """
    path = Path(path)
    table = _open_table(path, header)
    if table.columns < 2:
        raise DataError(
            f"{path} has one column only (cells set apart by {table.dialect.describe()}); expected "
            "features and a target"
        )
    column = _find_column(table, -1 if target is None else target)
    x, labels, lines = _read_numbers(table, column)
    names = table.names
    return Dataset(
        name=path.name.split(".")[0],
        x=x,
        y=_target_values(table, labels, lines, column),
        feature_names=None if names is None else names[:column] + names[column + 1 :],
        target_name=None if names is None else names[column],
        kind="table",
        source=str(path),
    )


def read_rows(
    path: str | os.PathLike[str],
    *,
    drop: str | int | None = None,
    header: Header = "auto",
) -> tuple[Array, tuple[str, ...] | None]:
    r"""Read a table of numbers without a target, as for a prediction.

    Parameters
    ----------
    path : str or path
        As in `read_table`.
    drop : str or int, optional
        A column to leave out, such as the target that the file also holds.
    header : {"auto", "yes", "no"}
        As in `read_table`.

    Returns
    -------
    x : ndarray of float64, shape (rows, features)
        The numbers.
    feature_names : tuple of str or None
        The names of the columns, where the file has them.

    Raises
    ------
    DataError
        As `read_table`.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "rows.csv")
    ...     _ = path.write_text("a;b;c\n1;2;no\n3;4;no\n")
    ...     read_rows(path, drop="c")
    (array([[1., 2.],
           [3., 4.]]), ('a', 'b'))
    """
    path = Path(path)
    table = _open_table(path, header)
    column = None if drop is None else _find_column(table, drop)
    if column is not None and table.columns < 2:
        raise DataError(f"{path} has one column only; nothing is left without column {drop!r}")
    x, _, _ = _read_numbers(table, column)
    names = table.names
    if names is not None and column is not None:
        names = names[:column] + names[column + 1 :]
    return x, names


@dataclass(frozen=True)
class _OpenTable:
    """A table whose first rows have been looked at."""

    path: Path
    dialect: Dialect
    header: Header
    columns: int
    names: tuple[str, ...] | None
    rows: Iterator[Row]

    def place(self, line: int, column: int) -> str:
        """Name a cell for an error."""
        name = f" ({self.names[column]!r})" if self.names else ""
        return f"{self.path}, line {line}, column {column}{name}"


def _open_table(path: Path, header: Header) -> _OpenTable:
    if header not in ("auto", "yes", "no"):
        raise DataError(f"header must be 'auto', 'yes' or 'no', not {header!r}")
    dialect = sniff(path)
    rows = read_cells(path, dialect)
    first = next(rows, None)
    if first is None:
        raise DataError(f"{path} is empty: it has no line that is not blank")
    second = next(rows, None)
    names = None
    kept = [row for row in (first, second) if row is not None]
    if header == "yes" or (header == "auto" and _is_header(first[1], second and second[1])):
        names = tuple(cell or f"column {i}" for i, cell in enumerate(first[1]))
        kept = kept[1:]
        if not kept:
            raise DataError(f"{path} has a header line only, and no rows")
    return _OpenTable(path, dialect, header, len(first[1]), names, chain(kept, rows))


def _is_header(first: list[str], second: list[str] | None) -> bool:
    if any(_is_number(cell) for cell in first) or not any(first):
        return False
    return second is None or any(_is_number(cell) for cell in second)


def _is_number(cell: str) -> bool:
    return REAL.fullmatch(cell) is not None or cell == "?"


def _find_column(table: _OpenTable, column: str | int) -> int:
    """Find a column by its name or number; its number from 0."""
    names = table.names or ()
    if isinstance(column, str):
        if names.count(column) > 1:
            raise DataError(f"{table.path} has {names.count(column)} columns named {column!r}")
        if column in names:
            return names.index(column)
        if WHOLE.fullmatch(column):
            column = int(column)
    if isinstance(column, int) and not isinstance(column, bool):
        if -table.columns <= column < table.columns:
            return column % table.columns
        raise DataError(
            f"{table.path} has no column number {column}; its {table.columns} columns are 0 to "
            f"{table.columns - 1}, or -1 for the last"
        )
    if not names:
        raise DataError(
            f"{table.path} has no column {column!r}: no line names its columns; use a number from "
            f"0 to {table.columns - 1}, or header 'yes' if the first line holds names"
        )
    near = difflib.get_close_matches(str(column), names, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    shown = ", ".join(names[:20]) + (" ..." if len(names) > 20 else "")
    raise DataError(f"{table.path} has no column {column!r}{hint}; it has {shown}")


def _read_numbers(
    table: _OpenTable, column: int | None
) -> tuple[NDArray[np.float64], list[str], array[int]]:
    """Read every row: features (rows, features), the cells of one column, the line of each row."""
    values, lines, labels = array("d"), array("q"), list[str]()
    for line, cells in table.rows:
        if len(cells) != table.columns:
            raise DataError(
                f"{table.path}, line {line}: {len(cells)} cells, but the first line has "
                f"{table.columns} (set apart by {table.dialect.describe()})"
            )
        lines.append(line)
        if column is not None:
            labels.append(cells.pop(column))
        text = "".join(cells)
        try:
            # float() would also take "1_000" and digits of other scripts.
            if "_" in text or not text.isascii():
                raise ValueError
            values.extend(map(float, cells))
        except ValueError:
            bad = next((i for i, cell in enumerate(cells) if not REAL.fullmatch(cell)), 0)
            first = len(lines) == 1
            raise _cell_error(table, cells[bad], line, bad, column, first=first) from None
    features = table.columns - (column is not None)
    x = np.frombuffer(values, dtype=np.float64).reshape(len(lines), features)
    step = max(1, BLOCK // features)
    for start in range(0, len(x), step):
        finite = np.isfinite(x[start : start + step])
        if not finite.all():
            row, feature = (int(i) for i in np.argwhere(~finite)[0])
            cell = repr(float(x[start + row, feature]))
            raise _cell_error(table, cell, lines[start + row], feature, column, first=False)
    return x, labels, lines


def _cell_error(
    table: _OpenTable, cell: str, line: int, feature: int, column: int | None, *, first: bool
) -> DataError:
    """Say what is wrong with a feature cell and what to do."""
    place = feature + (column is not None and feature >= column)
    if cell.lower() in NO_NUMBER:
        problem = f"{cell!r} is missing; fill in a number or leave the row out"
    elif REAL.fullmatch(cell):
        problem = f"{cell} is not finite; put a finite number or leave the row out"
    elif DECIMAL_COMMA.fullmatch(cell):
        problem = f"{cell!r} has a decimal comma; write {cell.replace(',', '.')}"
    else:
        problem = f"{cell!r} is not a number; encode the column as numbers or leave it out"
        if first and table.names is None:
            problem += " (if this line holds the names of the columns, say header 'yes')"
    return DataError(f"{table.place(line, place)}: {problem}")


def _target_values(table: _OpenTable, labels: list[str], lines: array[int], column: int) -> Array:
    """Turn the cells of the target into int64, float64 or str, shape (rows,)."""
    for line, label in zip(lines, labels, strict=True):
        if label.lower() in NO_LABEL:
            place = table.place(line, column)
            raise DataError(f"{place}: the target {label!r} is missing; leave the row out")
    if all(WHOLE.fullmatch(label) for label in labels):
        try:
            return np.array([int(label) for label in labels], dtype=np.int64)
        except OverflowError:  # beyond 64 bits: a real value, not a class
            return np.array([float(label) for label in labels])
    real = [REAL.fullmatch(label) is not None for label in labels]
    if not all(real):
        if any(r and not WHOLE.fullmatch(label) for r, label in zip(real, labels, strict=True)):
            place = table.place(lines[real.index(False)], column)
            raise DataError(
                f"{place}: the target {labels[real.index(False)]!r} is not a number, but others in "
                "its column are fractions; classes are text or whole numbers"
            )
        return np.array(labels, dtype=np.str_)
    y = np.array([float(label) for label in labels])
    for line, value in zip(lines, y, strict=True):
        if not math.isfinite(value):
            raise DataError(f"{table.place(line, column)}: the target {value} is not finite")
    return y
