"""Model files: damaged or lying ones are refused before use; writing is whole or not at all."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastmlp
import numpy as np
import pytest
import safetensors.numpy
from fastmlp import ModelFileError, atomic
from fastmlp.atomic import atomic_write
from fastmlp.model import container, model_from_bytes
from fastmlp.model.container import MAX_HEADER, pack

X = np.random.default_rng(0).normal(size=(40, 3))
Description = dict[str, Any]
Tensors = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def data() -> bytes:
    """The file of a small model with every tensor that a file can hold."""
    y = X @ np.ones((3, 2))
    options = {"scaling": "standard", "target_scaling": "standard", "epochs": 2}
    return fastmlp.train(X, y, hidden=[4], **options)._as_bytes()


def opened(data: bytes) -> tuple[Description, Tensors]:
    """Description and tensors of a file, read without fastmlp."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    whole = json.loads(header["__metadata__"]["fastmlp"])
    return whole["description"], safetensors.numpy.load(data)


def test_what_opened_finds_packs_to_the_same_bytes(data: bytes) -> None:
    assert pack(*opened(data)) == data
    assert sorted(opened(data)[1]) == [
        "input.scale",
        "input.shift",
        "layer.0.bias",
        "layer.0.weight",
        "layer.1.bias",
        "layer.1.weight",
        "target.scale",
        "target.shift",
    ]


def refuse(data: bytes, message: str) -> None:
    with pytest.raises(ModelFileError, match=message):
        model_from_bytes(data)


def test_every_truncation_is_refused(data: bytes) -> None:
    length = int.from_bytes(data[:8], "little")
    for size in [*range(0, 8 + length, 97), *range(8 + length, len(data))]:
        refuse(data[:size], "not a model file|the tensors need")
    refuse(data + b"\0", "the tensors need")


def test_every_flipped_byte_is_refused(data: bytes) -> None:
    """A blank in the padding of the header is the one byte that says nothing."""
    length = int.from_bytes(data[:8], "little")
    written = len(data[8 : 8 + length].rstrip(b" "))
    for at in [*range(8 + written), *range(8 + length, len(data))]:
        damaged = bytearray(data)
        damaged[at] ^= 1 << at % 7
        with pytest.raises(ModelFileError):
            model_from_bytes(bytes(damaged))


def test_a_changed_weight_is_found_by_the_checksum(data: bytes) -> None:
    refuse(data[:-1] + bytes([data[-1] ^ 1]), "the SHA-256 does not match")


def test_garbage_is_refused(data: bytes) -> None:
    refuse(b"", "not a model file: 0 bytes")
    refuse(b"not a model at all", "not a model file")
    refuse(bytes(64), "the header is not JSON")
    refuse((2).to_bytes(8, "little") + b"[]", "the header is not a JSON object")
    refuse((2**63).to_bytes(8, "little") + b"{}", "a header of 9223372036854775808 bytes")
    deep = b"[" * 200_000
    refuse(len(deep).to_bytes(8, "little") + deep, "the header is not JSON")
    nan = b'{"a":NaN}'
    refuse(len(nan).to_bytes(8, "little") + nan, "the header is not JSON: NaN is not JSON")
    other = safetensors.numpy.save({"w": np.zeros(3, np.float32)}, metadata={"format": "pt"})
    refuse(other, "but not a fastmlp model: the header has no description")
    refuse(safetensors.numpy.save({"w": np.zeros(3)}), "but not a fastmlp model")


def test_a_header_beyond_the_limit_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    def parsed(*_: object) -> None:
        raise AssertionError("the header was parsed")

    monkeypatch.setattr(container, "_parse", parsed)
    size = MAX_HEADER + 1
    refuse(size.to_bytes(8, "little") + b" " * (size + 8), f"a header of {size} bytes")


def edit(path: str, value: object) -> Callable[[Description, Tensors], None]:
    """Return what sets one entry of the description; `...` removes it."""

    def change(description: Description, _: Tensors) -> None:
        *parents, last = path.split(".")
        for parent in parents:
            description = description[parent]
        if value is ...:
            del description[last]
        else:
            description[last] = value

    return change


def tensor(name: str, value: np.ndarray | None) -> Callable[[Description, Tensors], None]:
    """Return what sets one tensor, or removes it."""

    def change(_: Description, tensors: Tensors) -> None:
        tensors.pop(name, None)
        if value is not None:
            tensors[name] = value

    return change


W = np.zeros((3, 4), np.float32)
CHANGES = {
    "missing tensor": (tensor("layer.1.bias", None), "tensor 'layer.1.bias' is missing"),
    "extra tensor": (tensor("layer.2.bias", W[0]), "tensor 'layer.2.bias' does not belong"),
    "wrong shape": (tensor("layer.0.weight", W.T.copy()), r"is F32 \[4, 3\]; the .* F32 \[3, 4\]"),
    "wrong dtype": (tensor("layer.0.weight", W.astype(np.float64)), r"is F64 \[3, 4\]; "),
    "NaN": (tensor("layer.0.weight", np.full_like(W, np.nan)), "'layer.0.weight' holds a value"),
    "infinite": (tensor("input.scale", np.full(3, np.inf)), "'input.scale' holds a value that is"),
    "version": (edit("format_version", 2), "model format version 2; this fastmlp reads version 1"),
    "no version": (edit("format_version", ...), "model format version None; this fastmlp reads"),
    "extra key": (edit("extra", 1), "it has the keys "),
    "missing key": (edit("history", ...), "it has the keys "),
    "huge": (edit("network.sizes", [3, 2**31 - 1, 2]), "network and configuration contradict"),
    "negative": (edit("network.sizes", [3, -4, 2]), r"network sizes \[3, -4, 2\]"),
    "true size": (edit("network.sizes", [3, True, 2]), r"network sizes \[3, True, 2\]"),
    "one size": (edit("network.sizes", [3]), r"network sizes \[3\]"),
    "activation": (edit("network.activations", ["eval", "identity"]), "network activations"),
    "hidden softmax": (edit("network.activations", ["softmax", "identity"]), "network activations"),
    "list name": (edit("network.activations", [["relu"], "identity"]), "network activations"),
    "dtype": (edit("network.dtype", "float16"), "network dtype 'float16'"),
    "config key": (edit("config.network.hiden", [4]), "has no key 'hiden' - did you mean 'hidden'"),
    "config value": (edit("config.training.epochs", 0), "epochs must be a whole number"),
    "config format": (edit("config.format", 7), "configuration format 7"),
    "undecided": (
        edit("config.network.output_activation", "auto"),
        "network and configuration contradict",
    ),
    "loss": (edit("config.training.loss", "auto"), "loss 'auto' with output 'identity'"),
    "scaling": (edit("scaling", "max"), "scaling 'max'"),
    "no scaling": (edit("scaling", "none"), "tensor 'input.scale' does not belong"),
    "outputs": (edit("targets.outputs", 3), "3 values for 2 outputs"),
    "flat": (edit("targets.flat", True), "targets flat"),
    "scaled": (edit("targets.scaled", 1), "targets scaled"),
    "targets": (edit("targets", []), "targets must have"),
    "picture": (edit("image_shape", [2, 2]), r"image_shape \[2, 2\]"),
    "pixel": (edit("pixel_max", 0), "pixel_max 0"),
    "names": (edit("feature_names", ["a", "b"]), "feature_names"),
    "target name": (edit("target_name", 3), "target_name"),
    "history": (edit("history.loss", [1.0]), "history"),
    "history text": (edit("history.loss", ["1", "2"]), "history"),
    "record key": (edit("record.command", "rm"), "record "),
    "record type": (edit("record.steps", "many"), "record "),
    "partial": (edit("record.partial_epoch", {"loss": "x"}), "partial_epoch"),
}


@pytest.mark.parametrize(("change", "message"), CHANGES.values(), ids=CHANGES)
def test_a_file_that_lies_is_refused(
    change: Callable[[Description, Tensors], None], message: str, data: bytes
) -> None:
    """The checksum of each is right: the check of the content has to find it."""
    description, tensors = opened(data)
    change(description, tensors)
    refuse(pack(description, tensors), message)


LABEL_CHANGES = {
    "too few": (edit("targets.labels", ["a", "b"]), "2 classes for 3 outputs"),
    "not sorted": (edit("targets.labels", ["b", "a", "c"]), "labels must be sorted, each once"),
    "twice": (edit("targets.labels", ["a", "a", "b"]), "labels must be sorted, each once"),
    "mixed": (edit("targets.labels", ["a", "b", 3]), "labels"),
    "dtype": (edit("targets.dtype", "object"), "labels of dtype 'object'"),
    "numbers": (edit("targets.dtype", "int64"), "labels"),
    "no list": (edit("targets.labels", "abc"), "labels"),
}


@pytest.mark.parametrize(("change", "message"), LABEL_CHANGES.values(), ids=LABEL_CHANGES)
def test_classes_that_lie_are_refused(
    change: Callable[[Description, Tensors], None], message: str
) -> None:
    model = fastmlp.train(X, ["a", "b", "c", "b"] * 10, hidden=[], epochs=1)
    description, tensors = opened(model._as_bytes())
    change(description, tensors)
    refuse(pack(description, tensors), message)


def test_labels_beyond_their_dtype_are_refused() -> None:
    model = fastmlp.train(X, np.array([1, 2] * 20, np.uint8), hidden=[], epochs=1)
    description, tensors = opened(model._as_bytes())
    description["targets"]["labels"] = [1, 256]
    refuse(pack(description, tensors), "the labels do not fit dtype 'uint8'")


def test_errors_of_a_file_name_it(tmp_path: Path) -> None:
    path = tmp_path / "bad.safetensors"
    path.write_bytes(b"bad")
    with pytest.raises(ModelFileError, match=f"^{re.escape(str(path))}: not a model file: 3 bytes"):
        fastmlp.load(path)
    with pytest.raises(FileNotFoundError):
        fastmlp.load(tmp_path / "none.safetensors")
    with pytest.raises(OSError, match="directory"):
        fastmlp.load(tmp_path)


def test_what_is_no_plain_file_is_not_read() -> None:
    with pytest.raises(ModelFileError, match="/dev/zero: not a plain file"):
        fastmlp.load("/dev/zero")


def test_writing_replaces_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"a longer old content")
    atomic_write(path, b"new")
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["a"]


def test_the_mode_is_what_the_umask_leaves(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        atomic_write(tmp_path / "a", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


@pytest.mark.parametrize("name", ["fsync", "replace"])
def test_a_write_that_fails_leaves_everything_as_it_was(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "a"
    path.write_bytes(b"old")
    monkeypatch.setattr(atomic.os, name, full)
    with pytest.raises(OSError, match="No space left"):
        atomic_write(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_everything_is_synced_before_the_name_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, os.replace

    def kind(descriptor: int) -> str:
        return "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"

    monkeypatch.setattr(atomic.os, "fsync", lambda d: (done.append(kind(d)), fsync(d)))
    monkeypatch.setattr(atomic.os, "replace", lambda a, b: (done.append("name"), replace(a, b)))
    atomic_write(tmp_path / "a", b"new")
    assert done == ["file", "name", "folder"]


def test_a_link_keeps_pointing_at_the_file(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    atomic_write(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_a_folder_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError):
        atomic_write(tmp_path / "folder", b"new")
    with pytest.raises(FileNotFoundError):
        atomic_write(tmp_path / "none" / "a", b"new")


def test_a_device_is_written_to(tmp_path: Path) -> None:
    atomic_write("/dev/null", b"gone")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
