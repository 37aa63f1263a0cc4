"""IDX files, the format of MNIST: one file read safely, and a folder of four made into a data set.

A header is only believed as far as the file can back it: what it promises is compared with the size
on disk before anything is allocated. Fetching the files is left to download.py.
"""

from __future__ import annotations

import math
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from .arrays import as_features, as_targets
from .bounded import MAX_GZIP_RATIO, BoundedReader, is_gzip
from .dataset import Dataset

Array = NDArray[Any]

# The third byte of the file names the type; everything is big-endian.
DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MAX_DIMENSIONS = 4

TRAIN = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
TEST = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def read_idx(path: str | os.PathLike[str]) -> Array:
    """Read one IDX file, plain or gzip-compressed.

    Parameters
    ----------
    path : str or path
        The file; its content, not its name, tells whether it is compressed.

    Returns
    -------
    ndarray
        Of the shape and type that the header names, in native byte order, C-contiguous.

    Raises
    ------
    DataError
        If the file is missing, not IDX, empty, damaged, cut short, longer than its header says, or
        promises more than it can hold.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "labels")
    ...     _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
    ...     read_idx(path)
    array([7, 2, 1], dtype=uint8)
    """
    path = Path(path)
    dtype, shape, header_bytes = _read_header(path)
    promised = math.prod(shape) * dtype.itemsize
    _check_promise(path, shape, header_bytes + promised)
    try:
        # The system hands out pages as they are written to, so a lie costs no memory here either.
        content = np.empty(promised, dtype=np.uint8)
    except (MemoryError, ValueError) as error:
        raise DataError(f"{path}: {promised:,} bytes of data do not fit into memory") from error
    with BoundedReader(path, header_bytes + promised + 1) as reader:
        _fill(reader, np.empty(header_bytes, dtype=np.uint8))
        got = _fill(reader, content)
        if got != promised:
            raise DataError(
                f"{path}: cut short: the header promises {promised:,} bytes for shape {shape}, "
                f"{got:,} are there"
            )
        if reader.read(1):
            raise DataError(
                f"{path}: there is more in it than the {promised:,} bytes that its header promises "
                f"for shape {shape}"
            )
    return content.view(dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def read_idx_folder(
    folder: str | os.PathLike[str],
    *,
    name: str | None = None,
    image_shape: tuple[int, int] | None = None,
    classes: int | None = None,
    source: str = "",
    licence: str = "",
) -> Dataset:
    """Read the four files of MNIST, or of a set in its form, from a folder.

    Parameters
    ----------
    folder : str or path
        Holds ``train-images-idx3-ubyte`` and ``train-labels-idx1-ubyte`` and, for a test part, the
        two ``t10k-`` files; ``.idx3-ubyte`` for ``-idx3-ubyte`` and a ``.gz`` at the end are
        understood.
    name : str, optional
        What to call the set; by default the folder.
    image_shape : tuple of int, optional
        The height and width that the pictures must have.
    classes : int, optional
        How many classes there are: labels must be less.
    source, licence : str
        Kept in the data set.

    Returns
    -------
    Dataset
        `x` of uint8, shape (samples, height * width), `y` of int64, shape (samples,), and the test
        part alike.

    Raises
    ------
    DataError
        If a file is missing or bad, images and labels differ in number, or a label is out of range.

    Examples
    --------
    >>> read_idx_folder("no-such-folder")
    Traceback (most recent call last):
    fastmlp.errors.DataError: no-such-folder is not a folder; expected one with ...
    """
    folder = Path(folder)
    x, y, shape = _read_part(folder, TRAIN, image_shape, classes)
    x_test = y_test = None
    if any(find_idx(folder, stem) for stem in TEST):
        x_test, y_test, test_shape = _read_part(folder, TEST, image_shape, classes)
        if shape != test_shape:
            raise DataError(f"{folder}: training pictures are {shape}, test pictures {test_shape}")
        unseen = np.flatnonzero(~np.isin(y_test, y))
        if len(unseen):
            raise DataError(
                f"{folder}: test label {y_test[unseen[0]]} at {unseen[0]} (counted from 0) is no "
                f"training label; those are {np.unique(y).tolist()}"
            )
    return Dataset(
        name=name or folder.resolve().name,
        x=x,
        y=y,
        x_test=x_test,
        y_test=y_test,
        image_shape=shape,
        pixel_max=255,
        kind="images",
        source=source or str(folder),
        licence=licence,
    )


def find_idx(folder: Path, stem: str) -> Path | None:
    """Find an IDX file in a folder under any of its spellings, plain before compressed.

    Parameters
    ----------
    folder : Path
        Where to look.
    stem : str
        The name in its usual spelling, such as "train-images-idx3-ubyte".

    Returns
    -------
    Path or None
        The file, or None where there is none.

    Raises
    ------
    DataError
        If the folder is none.

    Examples
    --------
    >>> find_idx(Path("."), "train-images-idx3-ubyte") is None
    True
    """
    if not folder.is_dir():
        names = ", ".join(TRAIN + TEST)
        raise DataError(
            f"{folder} is not a folder; expected one with {TRAIN[0]}[.gz] and the others of {names}"
        )
    spellings = (stem, stem.replace("-idx", ".idx"))
    for end in ("", ".gz"):
        for spelling in spellings:
            if (folder / (spelling + end)).is_file():
                return folder / (spelling + end)
    return None


def _read_header(path: Path) -> tuple[np.dtype[Any], tuple[int, ...], int]:
    """Read the type, the shape and the length of the header."""
    with BoundedReader(path, 1 << 62) as reader:
        head = np.zeros(4 + 4 * MAX_DIMENSIONS, dtype=np.uint8)
        got = _fill(reader, head)
    raw = head[:got].tobytes()
    if got < 4 or raw[:2] != b"\0\0":
        start = raw[:4].hex(" ") or "nothing"
        raise DataError(f"{path} is no IDX file: it starts with {start}, not with 00 00")
    code, dimensions = raw[2], raw[3]
    if code not in DTYPES:
        known = ", ".join(f"0x{c:02x}" for c in DTYPES)
        raise DataError(f"{path}: IDX type code 0x{code:02x} is unknown; known are {known}")
    if not 1 <= dimensions <= MAX_DIMENSIONS:
        raise DataError(f"{path}: {dimensions} dimensions; expected 1 to {MAX_DIMENSIONS}")
    header_bytes = 4 + 4 * dimensions
    if got < header_bytes:
        raise DataError(f"{path}: cut short within its header, after {got} bytes")
    shape = struct.unpack(f">{dimensions}I", raw[4:header_bytes])
    if 0 in shape:
        raise DataError(f"{path} is empty: shape {shape}")
    return np.dtype(DTYPES[code]), shape, header_bytes


def _check_promise(path: Path, shape: tuple[int, ...], promised: int) -> None:
    """Compare what a header promises with what a file of this size can hold."""
    size = path.stat().st_size
    most = size * MAX_GZIP_RATIO if is_gzip(path) else size
    if promised > most:
        raise DataError(
            f"{path}: its header promises {promised:,} bytes for shape {shape}, but the file of "
            f"{size:,} bytes "
            f"cannot hold more than {most:,}; it is damaged or cut short"
        )


def _fill(reader: BoundedReader, target: NDArray[np.uint8]) -> int:
    """Read until the target is full or the content ends; the number of bytes read."""
    view = target.data
    got = 0
    while got < len(view):
        count = reader.readinto(view[got:])
        if count == 0:
            break
        got += count
    return got


def _read_part(
    folder: Path,
    stems: tuple[str, str],
    image_shape: tuple[int, int] | None,
    classes: int | None,
) -> tuple[Array, Array, tuple[int, int] | None]:
    """Read the images and labels of one part, and the shape of a picture where there is one."""
    images_path, labels_path = (_required(folder, stem) for stem in stems)
    images, labels = read_idx(images_path), read_idx(labels_path)
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise DataError(
            f"{labels_path}: labels must be a list of whole numbers, not {labels.dtype} of shape "
            f"{labels.shape}"
        )
    if images.ndim not in (2, 3):
        raise DataError(
            f"{images_path}: expected pictures (count, height, width), not shape {images.shape}"
        )
    if len(images) != len(labels):
        raise DataError(
            f"{folder}: {len(images)} pictures in {images_path.name}, but {len(labels)} labels in "
            f"{labels_path.name}"
        )
    sides = tuple(int(side) for side in images.shape[1:])
    shape = (sides[0], sides[1]) if len(sides) == 2 else None
    if image_shape is not None and shape != image_shape:
        raise DataError(f"{images_path}: pictures are {shape}, expected {image_shape}")
    if classes is not None:
        _check_labels(labels_path, labels, classes)
    return as_features(images, name=images_path.name), as_targets(labels), shape


def _check_labels(path: Path, labels: Array, classes: int) -> None:
    bad = np.flatnonzero((labels < 0) | (labels >= classes))
    if len(bad):
        raise DataError(
            f"{path}: label {labels[bad[0]]} at {bad[0]} (counted from 0) is out of range; "
            f"expected 0 to {classes - 1}"
        )


def _required(folder: Path, stem: str) -> Path:
    path = find_idx(folder, stem)
    if path is None:
        dotted = stem.replace("-idx", ".idx")
        raise DataError(f"{folder} has no {stem}[.gz] and no {dotted}[.gz]; put the file there")
    return path
