"""The container of a model: a JSON description in the header of a safetensors file, plus tensors.

What the description means, and which tensors it calls for, stands in description.py.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

from ..errors import ModelFileError

Array = NDArray[Any]
Slot = tuple[str, tuple[int, ...]]  # dtype as safetensors names it, shape

FORMAT_VERSION = 1
MAX_HEADER = 16 * 2**20  # bytes; the largest header that is parsed
ENTRY = "fastmlp"  # the one entry of the metadata: one, so that equal models are equal files
DTYPES = {"float32": "F32", "float64": "F64"}
SIZES = {"F32": 4, "F64": 8}


def pack(description: Mapping[str, Any], tensors: Mapping[str, Array]) -> bytes:
    """Return the bytes of a container; equal contents give equal bytes.

    Parameters
    ----------
    description : dict
        What JSON can hold, without NaN or infinity.
    tensors : dict of ndarray
        float32 and float64 arrays, by name.
    """
    text = _canonical(
        {"description": dict(description), "sha256": _digest(_canonical(description), tensors)}
    )
    arrays = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    return safetensors.numpy.save(arrays, metadata={ENTRY: text})


def unpack(
    source: bytes | BinaryIO,
    slots: Callable[[Mapping[str, Any]], Mapping[str, Slot]],
    size: int | None = None,
) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return description and tensors of a container, each checked before the next is looked at.

    Parameters
    ----------
    source : bytes or binary stream
        The container; a stream stands at its beginning.
    slots : callable
        Takes the description, refuses it with ModelFileError if it is not one, and returns dtype
        and shape of every tensor that it calls for.
    size : int, optional
        Length of a stream in bytes.

    Raises
    ------
    ModelFileError
        Anything that is not exactly what `pack` writes: too short, not safetensors, of another
        format version, a tensor missing, extra, of another shape or dtype, not finite, or a byte
        changed.
    """
    stream = io.BytesIO(source) if isinstance(source, bytes) else source
    size = len(source) if isinstance(source, bytes) else int(size or 0)
    prefix = stream.read(8)
    length = int.from_bytes(prefix, "little")
    if len(prefix) < 8 or length > min(MAX_HEADER, size - 8):
        raise ModelFileError(
            f"not a model file: {size} bytes with a header of {length} bytes "
            f"(at most {MAX_HEADER}, and no longer than the file)"
        )
    head = stream.read(length)
    entries, description, digest = _parse_header(head)
    total = _check_entries(entries, slots(description))
    if total != size - 8 - length:
        raise ModelFileError(f"the tensors need {total} bytes, the file has {size - 8 - length}")
    try:
        tensors = safetensors.numpy.load(prefix + head + stream.read(total))
    except (SafetensorError, ValueError) as error:
        raise ModelFileError(f"not a safetensors file: {error}") from None
    if _digest(_canonical(description), tensors) != digest:
        raise ModelFileError("the SHA-256 does not match: the file was changed or damaged")
    for name, tensor in tensors.items():
        if not np.isfinite(tensor).all():
            raise ModelFileError(f"tensor {name!r} holds a value that is not finite")
    return description, tensors


def read_container(
    path: str | os.PathLike[str], slots: Callable[[Mapping[str, Any]], Mapping[str, Slot]]
) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return what `unpack` does for a file, read whole (never mapped); errors name the file.

    Raises
    ------
    OSError
        The file cannot be opened.
    ModelFileError
        It is not a plain file, or not a container.
    """
    with Path(path).open("rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ModelFileError(f"{os.fspath(path)}: not a plain file")
        try:
            return unpack(file, slots, status.st_size)
        except ModelFileError as error:
            raise ModelFileError(f"{os.fspath(path)}: {error}") from None


def _canonical(value: object) -> str:
    """Return the one way in which a JSON value is written here."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _digest(text: str, tensors: Mapping[str, Array]) -> str:
    """SHA-256 over the description and every tensor's name, dtype, shape and bytes."""
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        tensor = np.ascontiguousarray(tensors[name])
        digest.update(f"|{name}|{tensor.dtype.name}|{tensor.shape}|".encode())
        digest.update(tensor.astype(tensor.dtype.newbyteorder("<"), copy=False).tobytes())
    return digest.hexdigest()


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _parse(text: str | bytes, what: str) -> dict[str, Any]:
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{what} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise ModelFileError(f"{what} is not a JSON object")
    return value


def _parse_header(head: bytes) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Return the tensor entries, the description and its SHA-256."""
    entries = _parse(head, "the header")
    metadata = entries.pop("__metadata__", None)
    text = metadata.get(ENTRY) if isinstance(metadata, dict) and len(metadata) == 1 else None
    if not isinstance(text, str):
        raise ModelFileError(
            "a safetensors file, but not a fastmlp model: the header has no description"
        )
    whole = _parse(text, "the description")
    description, digest = whole.get("description"), whole.get("sha256")
    if not isinstance(description, dict) or not isinstance(digest, str) or len(whole) != 2:
        raise ModelFileError("the header must hold a description and its sha256")
    _check_version(description)
    if _canonical(whole) != text:
        raise ModelFileError("the description is not written as fastmlp writes it")
    return entries, description, digest


def _check_version(description: Mapping[str, Any]) -> None:
    version = description.get("format_version")
    if version != FORMAT_VERSION:
        raise ModelFileError(
            f"model format version {version!r}; this fastmlp reads version {FORMAT_VERSION}"
        )


def _check_entries(entries: Mapping[str, Any], slots: Mapping[str, Slot]) -> int:
    """Compare the header's tensors with those called for; return the bytes that they need."""
    for name in sorted(slots.keys() - entries.keys()):
        raise ModelFileError(f"tensor {name!r} is missing")
    for name in sorted(entries.keys() - slots.keys()):
        raise ModelFileError(f"tensor {name!r} does not belong to this model")
    total = 0
    for name, (dtype, shape) in slots.items():
        entry = entries[name]
        found = (
            (entry.get("dtype"), entry.get("shape")) if isinstance(entry, dict) else (None, None)
        )
        if found != (dtype, list(shape)):
            raise ModelFileError(
                f"tensor {name!r} is {found[0]} {found[1]}; "
                f"the description calls for {dtype} {list(shape)}"
            )
        total += SIZES[dtype] * math.prod(shape)
    return total
