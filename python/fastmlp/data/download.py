"""Fetching MNIST and Fashion-MNIST once into the user's cache folder, against pinned SHA-256 sums.

A file gets its name only when all of it has arrived and its sum is right, so what lies in the cache
is whole. Reading it is left to idx.py.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

from ..atomic import replacing
from ..errors import DataError
from .bounded import BoundedReader
from .idx import TEST, TRAIN, find_idx

TIMEOUT = 30.0  # seconds without a byte
DEADLINE = 900.0  # seconds for one file, so that a dripping server cannot hold on for ever
CHUNK = 1 << 16


@dataclass(frozen=True)
class RemoteFile:
    """One file to fetch and how to know it again.

    Parameters
    ----------
    stem : str
        Its name without ``.gz``.
    content_bytes : int
        How long it is once decompressed.
    sha256 : str
        The sum, in hexadecimal.
    hashed : {"content", "file"}
        Whether the sum is of the decompressed content, so that another compression of it passes
        too, or of the compressed file as published.
    """

    stem: str
    content_bytes: int
    sha256: str
    hashed: Literal["content", "file"]


@dataclass(frozen=True)
class RemoteSet:
    """A published data set: its four files, where they are, and whose they are.

    Parameters
    ----------
    name : str
        What it is called here; also its folder in the cache.
    mirrors : tuple of str
        Addresses to which the name of a file is appended, tried in order.
    folders : tuple of str
        Where its files may lie below a folder that the user names, in the layouts of common tools.
    files : tuple of RemoteFile
        What it consists of.
    source, licence : str
        Whom to thank and on what terms.
    """

    name: str
    mirrors: tuple[str, ...]
    folders: tuple[str, ...]
    files: tuple[RemoteFile, ...]
    source: str
    licence: str


def _four_files(hashed: Literal["content", "file"], *sums: str) -> tuple[RemoteFile, ...]:
    """Both sets have files of the same names and lengths; only the sums differ."""
    lengths = (47_040_016, 60_008, 7_840_016, 10_008)
    return tuple(
        RemoteFile(stem, length, sha256, hashed)
        for stem, length, sha256 in zip(TRAIN + TEST, lengths, sums, strict=True)
    )


MNIST = RemoteSet(
    name="mnist",
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    folders=("mnist", "MNIST/raw"),
    files=_four_files(
        "content",
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
    source="Y. LeCun, C. Cortes, C. J. C. Burges: The MNIST database of handwritten digits",
    licence="CC BY-SA 3.0",
)

# Plain http is all that its host offers; the sums make up for it.
FASHION_MNIST = RemoteSet(
    name="fashion-mnist",
    mirrors=("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
    folders=("fashion-mnist", "FashionMNIST/raw"),
    files=_four_files(
        "file",
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
    source="H. Xiao, K. Rasul, R. Vollgraf (2017): Fashion-MNIST, Zalando Research",
    licence="MIT",
)

REMOTE_SETS = {remote.name: remote for remote in (MNIST, FASHION_MNIST)}


def cache_folder() -> Path:
    r"""Tell where downloads are kept: the platform's cache folder for this user, then ``fastmlp``.

    Returns
    -------
    Path
        ``$XDG_CACHE_HOME/fastmlp`` where that is set, else ``~/.cache/fastmlp``,
        ``~/Library/Caches/fastmlp`` (macOS) or ``%LOCALAPPDATA%\fastmlp`` (Windows). It need not
        exist.

    Examples
    --------
    >>> cache_folder().name
    'fastmlp'
    """
    xdg = os.environ.get("XDG_CACHE_HOME", "")
    if xdg and Path(xdg).is_absolute():  # the standard says to ignore a relative one
        return Path(xdg, "fastmlp")
    home = Path(os.path.expanduser("~"))
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local", "fastmlp")
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "fastmlp"
    return home / ".cache" / "fastmlp"


def fetch(remote: RemoteSet, folder: Path | None = None, *, download: bool = True) -> Path:
    """Make sure that the files of a set are in a folder, downloading those that are not.

    Parameters
    ----------
    remote : RemoteSet
        What to fetch.
    folder : Path, optional
        Where to; by default ``cache_folder() / remote.name``.
    download : bool
        Whether the network may be used.

    Returns
    -------
    Path
        The folder, which now holds every file.

    Raises
    ------
    DataError
        If a file is missing and cannot be had whole and with the right sum from any mirror. The
        message lists what each mirror did, and what to do instead.

    Examples
    --------
    >>> fetch(MNIST, Path("no-such-folder"), download=False)
    Traceback (most recent call last):
    fastmlp.errors.DataError: mnist is not at hand:...
    """
    folder = cache_folder() / remote.name if folder is None else folder
    for file in remote.files:
        if folder.is_dir() and find_idx(folder, file.stem):
            continue
        if not download:
            raise DataError(_advice(remote, folder, [f"no {file.stem}[.gz] in {folder}"]))
        problems = []
        for mirror in remote.mirrors:
            try:
                _fetch_file(mirror + file.stem + ".gz", file, folder)
                break
            except (OSError, DataError) as error:
                problems.append(f"{mirror}{file.stem}.gz: {error}")
        else:
            raise DataError(_advice(remote, folder, problems))
    return folder


def _advice(remote: RemoteSet, folder: Path, problems: list[str]) -> str:
    """Say what went wrong and every way on from there."""
    names = ", ".join(file.stem for file in remote.files)
    happened = "\n".join(f"  {problem}" for problem in problems)
    return (
        f"{remote.name} is not at hand:\n{happened}\nWhat can be done:\n"
        f"  name the folder of its files: --data-dir DIR, or data_dir=... in Python\n"
        f"  or put them ({names}; plain or .gz) into {folder}\n"
        f"  or use 'digits', which is part of fastmlp and needs no network"
    )


def _fetch_file(url: str, file: RemoteFile, folder: Path) -> None:
    """Download one file beside its final place, verify it, then give it its name."""
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / (file.stem + ".gz")) as (out, part):
        _receive(url, file, out)
        out.flush()
        _verify(part, file)


def _receive(url: str, file: RemoteFile, out: BinaryIO) -> None:
    """Copy a response into a file, no longer than it may be and no shorter than it says."""
    import http.client  # here, not above: these take a sixth as long as the rest of fastmlp
    import urllib.request

    # Compressed it is shorter than decompressed; the slack covers a server that stores it plainly.
    limit = file.content_bytes + CHUNK
    deadline = time.monotonic() + DEADLINE
    request = urllib.request.Request(url, headers={"User-Agent": "fastmlp"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            announced = _announced_length(response)
            if announced is not None and announced > limit:
                raise DataError(f"{announced:,} bytes announced, at most {limit:,} expected")
            got = _copy(response, out, limit, deadline, (announced, file.stem))
    except http.client.HTTPException as error:
        raise DataError(str(error) or type(error).__name__) from error
    if announced is not None and got != announced:
        raise DataError(f"cut short: {got:,} of {announced:,} bytes arrived")


def _copy(
    response: Any, out: BinaryIO, limit: int, deadline: float, shown: tuple[int | None, str]
) -> int:
    """Copy the body behind a progress bar; return its length."""
    from tqdm import tqdm

    total, name = shown
    got = 0
    with tqdm(total=total, desc=name, unit="B", unit_scale=True, disable=None, leave=False) as bar:
        while chunk := response.read(CHUNK):
            got += len(chunk)
            if got > limit:
                raise DataError(f"more than the {limit:,} bytes expected")
            if time.monotonic() > deadline:
                raise DataError(f"not finished after {DEADLINE:.0f} seconds")
            out.write(chunk)
            bar.update(len(chunk))
    return got


def _announced_length(response: Any) -> int | None:
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else None


def _verify(path: Path, file: RemoteFile) -> None:
    """Compare the pinned sum with that of the file or of its content."""
    digest = hashlib.sha256()
    if file.hashed == "file":
        with path.open("rb") as whole:
            while chunk := whole.read(CHUNK):
                digest.update(chunk)
    else:
        try:
            with BoundedReader(path, file.content_bytes) as content:
                while chunk := content.read(CHUNK):
                    digest.update(chunk)
        except DataError as error:
            reason = str(error).removeprefix(f"{path}: ")
            raise DataError(f"not the file that was published: {reason}") from error
    if digest.hexdigest() != file.sha256:
        raise DataError(
            f"not the file that was published: SHA-256 of its {file.hashed} is "
            f"{digest.hexdigest()}, expected {file.sha256}"
        )
