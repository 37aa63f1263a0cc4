"""Data: one function that turns a name or a path into a Dataset, and the door for arrays.

The choice of the reader is made here; the formats are read in idx.py, table.py, npz.py and
images.py, and what is not on this machine is fetched in download.py.
"""

from __future__ import annotations

import difflib
import os
from importlib import resources
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ..errors import DataError
from .arrays import as_features, as_targets
from .dataset import Dataset, Split, split
from .download import REMOTE_SETS, RemoteSet, cache_folder, fetch
from .idx import TRAIN, find_idx, read_idx, read_idx_folder
from .images import read_picture
from .ink import picture_vector
from .npz import read_arrays as _read_arrays
from .npz import read_npy, read_npy_array, read_npz
from .table import Header, read_rows, read_table

__all__ = [
    "Dataset",
    "Split",
    "as_features",
    "as_targets",
    "cache_folder",
    "load_data",
    "load_rows",
    "picture_vector",
    "read_idx",
    "read_npy",
    "read_npz",
    "read_picture",
    "read_table",
    "split",
]

DIGITS_SOURCE = (
    "E. Alpaydin, C. Kaynak (1998): Optical Recognition of Handwritten Digits, test part, "
    "UCI Machine Learning Repository, https://doi.org/10.24432/C50P49"
)
DIGITS_LICENCE = "CC BY 4.0"
NAMES = ("digits", *REMOTE_SETS)
TEXT_SUFFIXES = (".csv", ".txt", ".tsv", ".data")
SUFFIXES = "a .csv, .txt or .tsv table (also .gz), an .npz or .npy file, or a folder of IDX files"


def load_data(
    source: str | os.PathLike[str],
    *,
    data_dir: str | os.PathLike[str] | None = None,
    target: str | int | None = None,
    header: Header = "auto",
    download: bool = True,
) -> Dataset:
    """Load a data set by its name or from a file or folder.

    Parameters
    ----------
    source : str or path
        "digits" (1,797 pictures of 8 by 8 pixels, part of fastmlp), "mnist", "fashion-mnist", or a
        path: a table in text (.csv, .txt, .tsv, also .gz), an .npz or .npy file, or a folder of IDX
        files.
    data_dir : str or path, optional
        The folder that holds the four files of "mnist" or "fashion-mnist". Without it they are
        looked for in the user's cache folder, and downloaded there.
    target : str or int, optional
        For a table or .npy file: the column to predict, by name or by number, counted from 0 or,
        when negative, from the end; by default the last.
    header : {"auto", "yes", "no"}
        For a table in text: whether its first line names the columns.
    download : bool
        Whether the network may be used.

    Returns
    -------
    Dataset
        Samples `x` (samples, features) of uint8, float32 or float64 and targets `y`.

    Raises
    ------
    DataError
        If there is no such set or file, or its content cannot be used; the message names the place
        and the choices.

    Examples
    --------
    >>> digits = load_data("digits")
    >>> digits.x.shape, digits.x.dtype.name, digits.pixel_max, digits.licence
    ((1797, 64), 'uint8', 16, 'CC BY 4.0')
    >>> load_data("minst")
    Traceback (most recent call last):
    fastmlp.errors.DataError: no data set and no file 'minst'; did you mean 'mnist'? ...
    """
    name = os.fspath(source)
    if name in NAMES:
        _refuse(name, target=target, header=header)
        if name == "digits":
            _refuse(name, data_dir=data_dir)
            return _digits()
        return _load_remote(REMOTE_SETS[name], data_dir, download)
    _refuse(name, data_dir=data_dir)
    path = Path(name)
    if path.is_dir():
        _refuse(name, target=target, header=header)
        return read_idx_folder(path)
    _check_exists(path, name)
    suffix = _suffix(path)
    if suffix == ".npz":
        _refuse(name, target=target, header=header)
        return read_npz(path)
    if suffix == ".npy":
        _refuse(name, header=header)
        return read_npy(path, _column_number(path, target))
    return read_table(path, target=target, header=header)


def load_rows(
    source: str | os.PathLike[str],
    *,
    drop: str | int | None = None,
    header: Header = "auto",
) -> tuple[NDArray[Any], tuple[str, ...] | None]:
    r"""Load samples without targets, as for a prediction.

    Parameters
    ----------
    source : str or path
        A table in text, an .npy file of shape (samples, features) or (samples, height, width), an
        .npz file with `x`, or an IDX file of pictures.
    drop : str or int, optional
        For a table in text: a column to leave out, by name or number, such as the target if it is
        there too.
    header : {"auto", "yes", "no"}
        For a table in text: whether its first line names the columns.

    Returns
    -------
    x : ndarray of uint8, float32 or float64, shape (samples, features)
        The samples.
    feature_names : tuple of str or None
        The names of their columns, where the file has them.

    Raises
    ------
    DataError
        If there is no such file, or its content cannot be used.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "rows.csv")
    ...     _ = path.write_text("1,2\n3,4\n")
    ...     load_rows(path)[0]
    array([[1., 2.],
           [3., 4.]])
    """
    path = Path(source)
    _check_exists(path, os.fspath(source))
    suffix = _suffix(path)
    if suffix in (".npz", ".npy") or "ubyte" in path.name:
        _refuse(str(path), drop=drop, header=header)
        if suffix == ".npz":
            x = next(iter(_read_arrays(path, ("x", "X", "x_test", "X_test")).values()))
        else:
            x = read_npy_array(path) if suffix == ".npy" else read_idx(path)
        return as_features(x, name=f"{path}: x"), None
    return read_rows(path, drop=drop, header=header)


def _digits() -> Dataset:
    """Read the set that is shipped in the package."""
    with resources.as_file(resources.files(__name__) / "digits.npz") as path:
        data = read_npz(path)
    return Dataset(
        name="digits",
        x=data.x,
        y=data.y,
        image_shape=data.image_shape,
        pixel_max=16,
        kind="images",
        source=DIGITS_SOURCE,
        licence=DIGITS_LICENCE,
    )


def _load_remote(
    remote: RemoteSet, data_dir: str | os.PathLike[str] | None, download: bool
) -> Dataset:
    folder = fetch(remote, download=download) if data_dir is None else Path(data_dir)
    if data_dir is not None and folder.is_dir() and find_idx(folder, TRAIN[0]) is None:
        inner = (folder / place for place in remote.folders)
        folder = next((place for place in inner if place.is_dir()), folder)
    return read_idx_folder(
        folder,
        name=remote.name,
        image_shape=(28, 28),
        classes=10,
        source=remote.source,
        licence=remote.licence,
    )


def _suffix(path: Path) -> str:
    """Return the suffix in lower case, that before .gz for a compressed table."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    return (
        suffixes[-2] if suffixes[-1:] == [".gz"] and len(suffixes) > 1 else "".join(suffixes[-1:])
    )


def _check_exists(path: Path, name: str) -> None:
    if path.is_file():
        return
    near = difflib.get_close_matches(name, NAMES, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ";"
    raise DataError(
        f"no data set and no file {name!r}{hint} data sets are {', '.join(NAMES)}; files are "
        f"{SUFFIXES}"
    )


def _column_number(path: Path, target: str | int | None) -> int:
    if target is None:
        return -1
    try:
        return int(target)
    except ValueError:
        raise DataError(f"{path} has no column {target!r}: its columns have numbers only") from None


def _refuse(name: str, **options: Any) -> None:
    """Refuse an option that would have no effect on this kind of data."""
    for option, value in options.items():
        if value is not None and value != "auto":
            raise DataError(f"{option}={value!r} does not apply to {name!r}")
