"""NumPy's own files: .npy (a table of numbers) and .npz (named arrays).

Nothing is unpickled. The headers are read first, and a file is refused before any allocation when
what it declares is not what its size can hold.
"""

from __future__ import annotations

import math
import os
import struct
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from ..errors import DataError
from .arrays import as_features, as_targets
from .bounded import MAX_GZIP_RATIO, open_binary
from .dataset import Dataset
from .heads import any_targets

Array = NDArray[Any]

# Spellings of the four arrays, the first found of each row is taken.
X_NAMES = ("x", "X", "x_train", "X_train")
Y_NAMES = ("y", "Y", "y_train", "Y_train")
X_TEST_NAMES = ("x_test", "X_test")
Y_TEST_NAMES = ("y_test", "Y_test")
ALL_NAMES = X_NAMES + Y_NAMES + X_TEST_NAMES + Y_TEST_NAMES
# A zip entry has a few bytes of its own that its compressed size does not count.
SLACK = 1024


def read_npz(path: str | os.PathLike[str]) -> Dataset:
    """Read a data set from an .npz file.

    Parameters
    ----------
    path : str or path
        Holds ``x`` and ``y`` and, for a test part, ``x_test`` and ``y_test``; capital letters,
        ``x_train`` and ``y_train`` are understood. Three-dimensional `x` is taken for pictures, a
        structured `y` for the targets of several heads, a field each.
        Other arrays are not read.

    Returns
    -------
    Dataset
        As `as_features` and `as_targets` make it.

    Raises
    ------
    DataError
        If the file is missing, damaged, no .npz, lacks `x` or `y`, holds Python objects, or
        declares more than it can hold; or if the arrays do not fit.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "xor.npz")
    ...     np.savez(path, x=[[0.0, 0], [0, 1], [1, 0], [1, 1]], y=[0, 1, 1, 0])
    ...     read_npz(path).x.shape
    (4, 2)
    """
    path = Path(path)
    arrays = read_arrays(path, ALL_NAMES)
    x, y = _pick(path, arrays, X_NAMES), _pick(path, arrays, Y_NAMES)
    x_test = _first(arrays, X_TEST_NAMES)
    y_test = _first(arrays, Y_TEST_NAMES)
    features = as_features(x, name=f"{path}: x")
    test_features = test_targets = None
    if x_test is not None:
        width = features.shape[1]
        test_features = as_features(x_test, name=f"{path}: x_test", features=width)
    if y_test is not None:
        test_targets = any_targets(y_test, name=f"{path}: y_test")
    return Dataset(
        name=path.stem,
        x=features,
        y=any_targets(y, name=f"{path}: y", samples=len(features)),
        x_test=test_features,
        y_test=test_targets,
        image_shape=(int(x.shape[1]), int(x.shape[2])) if x.ndim == 3 else None,
        kind="images" if x.ndim == 3 else "arrays",
        source=str(path),
    )


def read_npy(path: str | os.PathLike[str], target: int = -1) -> Dataset:
    """Read a table of numbers from an .npy file.

    Parameters
    ----------
    path : str or path
        Holds one array of shape (samples, columns).
    target : int
        The column to predict, counted from 0, or from the end when negative.

    Returns
    -------
    Dataset
        The other columns as `x`. A table of whole numbers gives class labels, one of floats real
        values.

    Raises
    ------
    DataError
        If the file is missing, damaged, of another shape, holds Python objects, or has no such
        column.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "table.npy")
    ...     np.save(path, np.arange(12.0).reshape(4, 3))
    ...     read_npy(path).y
    array([ 2.,  5.,  8., 11.])
    """
    path = Path(path)
    array = read_npy_array(path)
    if array.ndim != 2 or array.shape[1] < 2:
        raise DataError(
            f"{path} has shape {array.shape}; expected (samples, columns) with at least two "
            "columns, one of them the "
            "target; put x and y into an .npz file for anything else"
        )
    columns = array.shape[1]
    if not isinstance(target, int) or not -columns <= target < columns:
        raise DataError(
            f"{path} has no target column {target!r}; its {columns} columns have no names, only "
            f"the numbers 0 to {columns - 1}, or -1 for the last"
        )
    return Dataset(
        name=path.stem,
        x=as_features(np.delete(array, target, axis=1), name=f"{path}: x"),
        y=as_targets(array[:, target], name=f"{path}: column {target}"),
        source=str(path),
    )


def read_npy_array(path: Path) -> Array:
    """Read the array of an .npy file whose size is exactly what its header says.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    ndarray
        The array, of any shape and any type but Python objects.

    Raises
    ------
    DataError
        If the file is missing, damaged, or holds Python objects.

    Examples
    --------
    >>> read_npy_array(Path("missing.npy"))
    Traceback (most recent call last):
    fastmlp.errors.DataError: cannot read missing.npy: No such file or directory
    """
    with open_binary(path) as file:
        _check_npy(file, str(path), path.stat().st_size)
        file.seek(0)
        return _load(file, str(path))


def read_arrays(path: Path, names: Iterable[str]) -> dict[str, Array]:
    """Read those of some arrays that an .npz file has.

    Parameters
    ----------
    path : Path
        The file.
    names : iterable of str
        Which arrays to read.

    Returns
    -------
    dict of str to ndarray
        What was found.

    Raises
    ------
    DataError
        If the file is missing, damaged, or declares more than it can hold, or none of the arrays is
        in it.

    Examples
    --------
    >>> read_arrays(Path("missing.npz"), ["x"])
    Traceback (most recent call last):
    fastmlp.errors.DataError: cannot read missing.npz: No such file or directory
    """
    wanted = tuple(names)
    size = path.stat().st_size if path.is_file() else 0
    with open_binary(path) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                entries = {
                    entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()
                }
                found = {name: entries[name] for name in wanted if name in entries}
                if not found:
                    raise DataError(
                        f"{path} has none of {', '.join(wanted)}; it has {_listing(entries)}"
                    )
                # Entries that overlap in the file could each claim all of it.
                if sum(entry.compress_size for entry in found.values()) > size:
                    raise DataError(f"{path}: its entries claim more bytes than the file has")
                return {
                    name: _read_entry(archive, entry, f"{path}: {name}")
                    for name, entry in found.items()
                }
        except DataError:
            raise
        # zipfile meets a damaged file with all of these.
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            OSError,
            RuntimeError,
            ValueError,
            OverflowError,
            struct.error,
        ) as error:
            raise DataError(f"{path} is no sound .npz file: {error}") from error


def _read_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, place: str) -> Array:
    """Read one array of an archive, header first."""
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DataError(f"{place}: compressed in a way that NumPy does not write")
    if entry.file_size > entry.compress_size * MAX_GZIP_RATIO + SLACK:
        raise DataError(
            f"{place}: declares {entry.file_size:,} bytes, more than its {entry.compress_size:,} "
            "bytes in the file can hold"
        )
    with archive.open(entry) as file:
        _check_npy(file, place, entry.file_size)
    with archive.open(entry) as file:
        return _load(file, place)


def _check_npy(file: IO[bytes], place: str, size: int) -> None:
    """Check an .npy header against the bytes that there are, before anything is allocated."""
    try:
        version = npy_format.read_magic(file)
        if version == (1, 0):
            shape, _, dtype = npy_format.read_array_header_1_0(file)
        elif version == (2, 0):
            shape, _, dtype = npy_format.read_array_header_2_0(file)
        else:
            raise DataError(
                f"{place}: .npy version {version} is for records, which are not read here"
            )
    except DataError:
        raise
    except (ValueError, TypeError, SyntaxError, EOFError) as error:
        raise DataError(f"{place} is no sound .npy array: {error}") from error
    if dtype.hasobject:
        raise DataError(
            f"{place} holds Python objects, which would need unpickling; save numbers or text "
            "(dtype U) instead"
        )
    promised = file.tell() + math.prod(shape) * dtype.itemsize
    if promised != size or min(shape, default=0) < 0:
        raise DataError(
            f"{place}: the header promises {promised:,} bytes for {dtype} of shape {shape}, "
            f"{size:,} are there"
        )


def _load(file: IO[bytes], place: str) -> Array:
    try:
        array: Array = npy_format.read_array(file, allow_pickle=False)
    except (ValueError, EOFError, MemoryError) as error:
        raise DataError(f"{place} is no sound .npy array: {error}") from error
    return array


def _first(arrays: dict[str, Array], names: tuple[str, ...]) -> Array | None:
    return next((arrays[name] for name in names if name in arrays), None)


def _pick(path: Path, arrays: dict[str, Array], names: tuple[str, ...]) -> Array:
    array = _first(arrays, names)
    if array is None:
        raise DataError(f"{path} lacks {' or '.join(names)}; of use in it: {', '.join(arrays)}")
    return array


def _listing(names: Iterable[str]) -> str:
    shown = list(names)
    return ", ".join(shown[:10]) + (" ..." if len(shown) > 10 else "") if shown else "nothing"
