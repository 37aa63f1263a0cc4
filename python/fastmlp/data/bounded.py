"""Reading a file, plain or gzip-compressed, with a hard stop.

A few bytes of gzip can stand for a thousand times as many, so nothing here reads or allocates more
than a limit that follows from the size of the file on disk. What the bytes mean is left to idx.py,
table.py and download.py.
"""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ..errors import DataError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

GZIP_MAGIC = b"\x1f\x8b"
# Deflate spends at least one bit on 129 bytes, so no member expands more than 1032-fold. Headers
# only cost.
MAX_GZIP_RATIO = 1032


def open_binary(path: Path) -> BinaryIO:
    """Open a file for reading, or raise a DataError that says why not.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    BinaryIO
        The file, open at its first byte.

    Raises
    ------
    DataError
        If there is no such file, it is a folder, or it may not be read.

    Examples
    --------
    >>> open_binary(Path("no-such-file.csv"))
    Traceback (most recent call last):
    fastmlp.errors.DataError: cannot read no-such-file.csv: No such file or directory
    """
    try:
        return path.open("rb")
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error


def is_gzip(path: Path) -> bool:
    """Tell by its first two bytes, not by its name, whether a file is gzip-compressed.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    bool
        True for a gzip file.

    Raises
    ------
    DataError
        If the file cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "named.gz")
    ...     _ = path.write_bytes(b"1,2,3")
    ...     is_gzip(path)
    False
    """
    with open_binary(path) as file:
        return file.read(2) == GZIP_MAGIC


class BoundedReader(io.RawIOBase):
    """The content of a file, decompressed if it is gzip, that yields at most `limit` bytes.

    Parameters
    ----------
    path : Path
        The file, plain or gzip-compressed.
    limit : int
        The most bytes of content that may be read; one more raises.

    Raises
    ------
    DataError
        On opening, if the file cannot be read; on reading, if the content is longer than the limit,
        damaged or cut short.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "zeros.gz")
    ...     _ = path.write_bytes(gzip.compress(bytes(1000)))
    ...     BoundedReader(path, limit=1000).read() == bytes(1000)
    True
    """

    def __init__(self, path: Path, limit: int) -> None:
        super().__init__()
        self.path = path
        self.limit = limit
        self.count = 0
        self.compressed = is_gzip(path)
        self._file = open_binary(path)
        self._stream = gzip.GzipFile(fileobj=self._file) if self.compressed else self._file

    def readable(self) -> bool:
        """Tell that this stream is for reading."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Read into a buffer; the number of bytes read, 0 at the end."""
        view = memoryview(buffer).cast("B")
        # One byte beyond the limit may be asked for, to tell "exactly at the limit" from "past it".
        room = self.limit + 1 - self.count
        try:
            chunk = self._stream.read(min(len(view), room, 1 << 20))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DataError(
                f"{self.path}: damaged or cut-short gzip file ({error}); fetch the file again"
            ) from error
        except OSError as error:
            raise DataError(f"cannot read {self.path}: {error.strerror or error}") from error
        view[: len(chunk)] = chunk
        self.count += len(chunk)
        if self.count > self.limit:
            raise DataError(
                f"{self.path}: holds more than the {self.limit:,} bytes that it may; refused"
            )
        return len(chunk)

    def close(self) -> None:
        """Close the file beneath."""
        if not self.closed:
            self._stream.close()
            self._file.close()
        super().close()


def content_limit(path: Path, *, ratio: int, at_least: int) -> int:
    """How many bytes of content a file may hold before it is taken for a bomb.

    Parameters
    ----------
    path : Path
        The file.
    ratio : int
        How often the compressed size may be exceeded.
    at_least : int
        A limit below which nobody is hurt, allowed whatever the ratio.

    Returns
    -------
    int
        The size of a plain file; for gzip the larger of `at_least` and `ratio` times its size on
        disk.

    Raises
    ------
    DataError
        If the file cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "a.csv")
    ...     _ = path.write_bytes(b"1,2,3")
    ...     content_limit(path, ratio=200, at_least=1000)
    5
    """
    compressed = is_gzip(path)
    size = path.stat().st_size
    return max(at_least, ratio * size) if compressed else size
