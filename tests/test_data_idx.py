"""IDX files: every type and shape, plain and compressed; lies, bombs and damage are refused."""

from __future__ import annotations

import gzip
import math
import struct
import tracemalloc

import numpy as np
import pytest
from fastmlp.data import load_data, read_idx
from fastmlp.data.idx import DTYPES, read_idx_folder
from fastmlp.errors import DataError

CODES = {dtype: code for code, dtype in DTYPES.items()}


def idx(array, code=None, shape=None):
    """The bytes of an IDX file, with a header that may lie."""
    big = array.astype(array.dtype.newbyteorder(">"))
    code = CODES[array.dtype.newbyteorder(">").str.replace("|", ">")] if code is None else code
    shape = array.shape if shape is None else shape
    return struct.pack(f">HBB{len(shape)}I", 0, code, len(shape), *shape) + big.tobytes()


def refusal(function, *arguments, **options):
    with pytest.raises(DataError) as caught:
        function(*arguments, **options)
    return str(caught.value)


@pytest.fixture
def four_files(tmp_path):
    """A folder like MNIST's with 12 and 4 pictures of 3 by 2 pixels."""
    rng = np.random.default_rng(0)
    parts = {}
    for part, count in (("train", 12), ("t10k", 4)):
        images = rng.integers(0, 256, (count, 3, 2)).astype(np.uint8)
        labels = (np.arange(count) % 4).astype(np.uint8)
        (tmp_path / f"{part}-images-idx3-ubyte").write_bytes(idx(images))
        (tmp_path / f"{part}-labels-idx1-ubyte").write_bytes(idx(labels))
        parts[part] = images, labels
    return tmp_path, parts


@pytest.mark.parametrize("dtype", sorted(CODES))
@pytest.mark.parametrize("shape", [(1,), (7,), (3, 2), (2, 3, 4), (2, 1, 3, 2)])
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gz"])
def test_every_type_and_shape(tmp_path, dtype, shape, pack):
    array = (np.arange(np.prod(shape)).reshape(shape) - 3).astype(dtype)
    path = tmp_path / "file"
    path.write_bytes(pack(idx(array)))
    out = read_idx(path)
    assert out.dtype.isnative
    assert out.flags.c_contiguous
    assert (out.shape, out.dtype) == (shape, np.dtype(dtype).newbyteorder("="))
    assert np.array_equal(out, array)


def test_two_gzip_members_in_one_file(tmp_path):
    whole = idx(np.arange(100, dtype=np.uint8))
    path = tmp_path / "file.gz"
    path.write_bytes(gzip.compress(whole[:50]) + gzip.compress(whole[50:]))
    assert read_idx(path).tolist() == list(range(100))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["no IDX file", "starts with nothing"]),
        (b"\0\0\x08", ["no IDX file"]),
        (b"\x89PNG\r\n\x1a\n", ["no IDX file", "89 50 4e 47"]),
        (b"\0\0\x0a\x01\0\0\0\x01\0", ["type code 0x0a is unknown", "0x08, 0x09, 0x0b"]),
        (b"\0\0\x08\x00", ["0 dimensions", "1 to 4"]),
        (b"\0\0\x08\x05" + b"\0\0\0\x01" * 5 + b"\0", ["5 dimensions"]),
        (b"\0\0\x08\x03\0\0\0\x01", ["cut short within its header, after 8 bytes"]),
        (b"\0\0\x08\x02\0\0\0\x05\0\0\0\0", ["is empty: shape (5, 0)"]),
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gz"])
def test_bad_headers(tmp_path, content, words, pack):
    path = tmp_path / "bad-file"
    path.write_bytes(pack(content))
    message = refusal(read_idx, path)
    assert all(word in message for word in ["bad-file", *words]), message


def test_cut_short_at_every_length(tmp_path):
    whole = idx(np.arange(6, dtype=np.int16).reshape(2, 3))
    packed = gzip.compress(whole)
    path = tmp_path / "short"
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        assert "short" in refusal(read_idx, path)
        path.write_bytes(gzip.compress(whole[:end]))
        assert "short" in refusal(read_idx, path)
    for end in range(len(packed)):
        path.write_bytes(packed[:end])
        assert "short" in refusal(read_idx, path)


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gz"])
def test_bytes_after_the_end(tmp_path, pack):
    path = tmp_path / "long"
    path.write_bytes(pack(idx(np.arange(6, dtype=np.uint8)) + b"x"))
    assert "more in it than the 6 bytes that its header promises" in refusal(read_idx, path)


def test_a_flipped_bit_of_a_compressed_file_is_noticed_or_harmless(tmp_path):
    array = np.arange(40, dtype=np.uint8)
    harmless, problems = 0, []
    packed = bytearray(gzip.compress(idx(array), mtime=0))
    path = tmp_path / "flipped"
    for place in range(10, len(packed)):
        packed[place] ^= 0x10
        path.write_bytes(packed)
        packed[place] ^= 0x10
        try:
            out = read_idx(path)
        except DataError as error:
            problems.append(str(error))
        else:
            assert np.array_equal(out, array)
            harmless += 1
    assert all("flipped" in problem for problem in problems)
    assert harmless <= 1  # the bits that fill up the last byte of the stream


@pytest.mark.parametrize(
    "shape",
    [(2**32 - 1,) * 4, (2**32 - 1, 28, 28), (2**16, 2**16, 2**16, 2**16), (400_000_000,)],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gz"])
def test_a_lying_header_is_refused_before_allocation(tmp_path, shape, pack):
    path = tmp_path / "liar"
    path.write_bytes(pack(idx(np.zeros(100_000, dtype=np.uint8), shape=shape)))
    tracemalloc.start()
    try:
        message = refusal(read_idx, path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    promised = 4 + 4 * len(shape) + math.prod(shape)
    assert f"promises {promised:,} bytes for shape {shape}" in message
    assert "cannot hold more than" in message
    assert peak < 4 << 20


def test_a_bomb_behind_a_small_header_is_not_unpacked(tmp_path):
    path = tmp_path / "bomb.gz"
    with gzip.open(path, "wb") as file:
        file.write(idx(np.zeros(10, dtype=np.uint8)))
        for _ in range(64):
            file.write(bytes(1 << 20))
    tracemalloc.start()
    try:
        message = refusal(read_idx, path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "more in it than the 10 bytes" in message
    assert peak < 4 << 20


def test_a_folder_becomes_a_data_set(four_files):
    folder, parts = four_files
    data = load_data(folder)
    for x, y, part in ((data.x, data.y, "train"), (data.x_test, data.y_test, "t10k")):
        assert np.array_equal(x, parts[part][0].reshape(-1, 6))
        assert x.dtype == np.uint8
        assert np.array_equal(y, parts[part][1])
        assert y.dtype == np.int64
    assert (data.kind, data.image_shape, data.pixel_max) == ("images", (3, 2), 255)
    assert data.name == folder.name


@pytest.mark.parametrize("dotted", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_every_spelling_of_the_names(four_files, dotted, packed):
    folder, parts = four_files
    for path in list(folder.iterdir()):
        name = path.name.replace("-idx", ".idx") if dotted else path.name
        content = path.read_bytes()
        path.unlink()
        (folder / (name + ".gz" * packed)).write_bytes(
            gzip.compress(content) if packed else content
        )
    assert np.array_equal(read_idx_folder(folder).x, parts["train"][0].reshape(-1, 6))


def test_a_set_without_a_test_part(four_files):
    folder, _ = four_files
    for path in folder.glob("t10k*"):
        path.unlink()
    assert read_idx_folder(folder).x_test is None


def test_files_that_are_missing_are_named(four_files, tmp_path):
    folder, _ = four_files
    (folder / "t10k-labels-idx1-ubyte").unlink()
    message = refusal(read_idx_folder, folder)
    assert "no t10k-labels-idx1-ubyte[.gz] and no t10k-labels.idx1-ubyte[.gz]" in message
    (folder / "train-images-idx3-ubyte").unlink()
    assert "no train-images-idx3-ubyte[.gz]" in refusal(read_idx_folder, folder)
    assert "is not a folder" in refusal(load_data, "mnist", data_dir=tmp_path / "none")


def test_counts_that_differ(four_files):
    folder, _ = four_files
    (folder / "train-labels-idx1-ubyte").write_bytes(idx(np.zeros(11, dtype=np.uint8)))
    message = refusal(read_idx_folder, folder)
    assert "12 pictures in train-images-idx3-ubyte, but 11 labels" in message


def test_labels_out_of_range(four_files):
    folder, _ = four_files
    message = refusal(read_idx_folder, folder, classes=3)
    assert "label 3 at 3 (counted from 0) is out of range; expected 0 to 2" in message
    labels = np.array([0, 1, -5, 0] * 3, dtype=np.int8)
    (folder / "train-labels-idx1-ubyte").write_bytes(idx(labels))
    assert "label -5 at 2" in refusal(read_idx_folder, folder, classes=3)


def test_a_test_label_that_training_lacks(four_files):
    folder, _ = four_files
    (folder / "t10k-labels-idx1-ubyte").write_bytes(idx(np.array([0, 1, 9, 2], dtype=np.uint8)))
    message = refusal(read_idx_folder, folder)
    assert (
        "test label 9 at 2 (counted from 0) is no training label; those are [0, 1, 2, 3]" in message
    )


def test_images_and_labels_exchanged(four_files):
    folder, _ = four_files
    images, labels = (folder / f"train-{n}-ubyte" for n in ("images-idx3", "labels-idx1"))
    swapped = images.read_bytes(), labels.read_bytes()
    labels.write_bytes(swapped[0])
    assert "labels must be a list of whole numbers" in refusal(read_idx_folder, folder)
    images.write_bytes(swapped[1])
    labels.write_bytes(swapped[1])
    assert "expected pictures (count, height, width)" in refusal(read_idx_folder, folder)


def test_mnist_must_be_28_by_28(four_files):
    assert "pictures are (3, 2), expected (28, 28)" in refusal(
        load_data, "mnist", data_dir=four_files[0]
    )


def test_the_training_and_test_pictures_must_agree(four_files):
    folder, _ = four_files
    (folder / "t10k-images-idx3-ubyte").write_bytes(idx(np.zeros((4, 2, 3), dtype=np.uint8)))
    message = refusal(read_idx_folder, folder)
    assert "training pictures are (3, 2), test pictures (2, 3)" in message


@pytest.mark.parametrize("below", ["mnist", "."], ids=["itself", "above"])
def test_mnist_itself(data_folder, below):
    data = load_data("mnist", data_dir=data_folder / below)
    assert data.x.shape == (60_000, 784)
    assert data.x_test.shape == (10_000, 784)
    assert data.x.dtype == np.uint8
    assert data.image_shape == (28, 28)
    assert data.y[:5].tolist() == [5, 0, 4, 1, 9]
    assert data.y_test[:3].tolist() == [7, 2, 1]
    assert abs(data.x.mean() / 255 - 0.1307) < 5e-5
    assert data.licence == "CC BY-SA 3.0"
    assert "LeCun" in data.source
