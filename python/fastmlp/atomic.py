"""How every file is written: whole or not at all, whatever happens meanwhile."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def atomic_write(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file so that a reader, a crash or a full disk meets the old content or the new.

    A temporary file in the same folder is written, synced and renamed over `path`; the folder is
    synced. A link is followed; what is not a plain file (a pipe, ``/dev/stdout``) is written to
    directly.

    Parameters
    ----------
    path : path-like
        File to write; an existing one is replaced.
    data : bytes
        Its whole content.

    Raises
    ------
    OSError
        Whatever went wrong; the temporary file is gone and `path` is as it was.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "a.txt")
    ...     atomic_write(path, b"whole")
    ...     path.read_bytes()
    b'whole'
    """
    with replacing(path) as (file, _):
        file.write(data)


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[tuple[BinaryIO, Path]]:
    """Yield a file to write and its temporary path; it takes its name when the block has ended.

    An exception inside the block removes the temporary file and leaves `path` as it is. A block
    that wants to read what it wrote flushes first.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        with target.open("wb") as file:  # a folder refuses here
            yield file, target
        return
    temporary = target.parent / f".fastmlp-{os.urandom(8).hex()}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(temporary, flags, 0o666)  # the umask takes what it wants
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file, temporary
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    """Make the rename itself outlast a power cut, where folders can be synced (not on Windows)."""
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
