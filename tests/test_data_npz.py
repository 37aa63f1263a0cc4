"""NumPy's files: the names understood; pickles, bombs, lies and damage refused."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from fastmlp.data import load_data, read_npy, read_npz
from fastmlp.errors import DataError

X = np.arange(12.0).reshape(4, 3)
Y = np.array([0, 1, 1, 0])


def refusal(function, *arguments, **options):
    with pytest.raises(DataError) as caught:
        function(*arguments, **options)
    return str(caught.value)


def npy(array, *, shape=None, version=1, allow_pickle=False):
    """The bytes of an .npy file, with a header that may lie about the shape."""
    if shape is None:
        out = io.BytesIO()
        np.lib.format.write_array(out, array, version=(version, 0), allow_pickle=allow_pickle)
        return out.getvalue()
    head = (
        f"{{'descr': {array.dtype.str!r}, 'fortran_order': False, 'shape': {shape!r}, }}".encode()
    )
    head += b" " * (-(len(head) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + array.tobytes()


def write_zip(path, entries, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("names", [("x", "y"), ("X", "Y"), ("x_train", "y_train"), ("X", "y")])
def test_names_of_the_arrays(tmp_path, save, names):
    save(tmp_path / "a.npz", **{names[0]: X, names[1]: Y, "other": np.zeros(3)})
    data = read_npz(tmp_path / "a.npz")
    assert np.array_equal(data.x, X)
    assert np.array_equal(data.y, Y)
    assert (data.name, data.kind, data.x_test) == ("a", "arrays", None)


def test_pictures_and_a_test_part(tmp_path):
    pictures = np.arange(48, dtype=np.uint8).reshape(4, 3, 4)
    np.savez(tmp_path / "a.npz", x_train=pictures, y_train=Y, x_test=pictures[:2], y_test=Y[:2])
    data = load_data(tmp_path / "a.npz")
    assert (data.kind, data.image_shape, data.x.dtype) == ("images", (3, 4), np.uint8)
    assert np.array_equal(data.x_test, pictures[:2].reshape(2, 12))
    assert data.y_test.tolist() == [0, 1]


def test_text_labels(tmp_path):
    np.savez(tmp_path / "a.npz", x=X, y=np.array(["u", "v", "u", "u"]))
    assert read_npz(tmp_path / "a.npz").y.tolist() == ["u", "v", "u", "u"]


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"x": X}, ["lacks y or Y or y_train or Y_train", "of use in it: x"]),
        ({"y": Y}, ["lacks x or X or x_train or X_train"]),
        ({"a": X, "b": Y}, ["none of x, X", "it has a, b"]),
        ({}, ["it has nothing"]),
        ({"x": X, "y": Y[:3]}, ["a.npz: y has 3 targets for 4 samples"]),
        ({"x": X[0], "y": Y}, ["a.npz: x has shape (3,)"]),
        ({"x": X * np.nan, "y": Y}, ["a.npz: x holds nan at row 0"]),
        ({"x": X, "y": Y, "x_test": X[:, :2], "y_test": Y}, ["x_test has 2 features, expected 3"]),
        ({"x": X, "y": Y, "x_test": X}, ["x_test and y_test belong together"]),
        ({"x": X, "y": Y, "x_test": X, "y_test": Y[:1]}, ["4 samples in x_test, but 1 targets"]),
    ],
)
def test_arrays_that_do_not_fit(tmp_path, arrays, words):
    np.savez(tmp_path / "a.npz", **arrays)
    message = refusal(read_npz, tmp_path / "a.npz")
    assert all(word in message for word in words), message


def test_python_objects_are_never_unpickled(tmp_path):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("unpickled",))

    objects = np.array([[Trap(), 1]], dtype=object)
    np.save(tmp_path / "a.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "a.npz", x=objects, y=Y)
    assert "Python objects" in refusal(read_npy, tmp_path / "a.npy")
    assert "a.npz: x holds Python objects" in refusal(read_npz, tmp_path / "a.npz")


@pytest.mark.parametrize("shape", [(10**9, 3), (2**40, 2**30), (5, 3), (3, 3), (-4, -3)])
def test_a_lying_header_is_refused_before_allocation(tmp_path, shape):
    lie = npy(X, shape=shape)
    (tmp_path / "a.npy").write_bytes(lie)
    write_zip(tmp_path / "a.npz", {"x.npy": lie, "y.npy": npy(Y)})
    tracemalloc.start()
    try:
        messages = [refusal(read_npy, tmp_path / "a.npy"), refusal(read_npz, tmp_path / "a.npz")]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    for message in messages:
        assert "the header promises" in message
        assert str(shape) in message
    assert peak < 4 << 20


def test_a_true_header_of_the_same_making_is_read(tmp_path):
    (tmp_path / "a.npy").write_bytes(npy(X, shape=(4, 3)))
    assert read_npy(tmp_path / "a.npy").y.tolist() == [2, 5, 8, 11]


def test_an_entry_that_declares_more_than_it_holds(tmp_path):
    """The size in the zip directory lies, together with the .npy header."""
    path = write_zip(tmp_path / "a.npz", {"x.npy": npy(X, shape=(10**9, 3)), "y.npy": npy(Y)})
    raw = bytearray(path.read_bytes())
    entry = raw.index(b"PK\x01\x02")
    declared = struct.pack("<I", 0xF0000000)
    raw[entry + 24 : entry + 28] = declared
    path.write_bytes(raw)
    message = refusal(read_npz, path)
    assert "declares 4,026,531,840 bytes" in message


def test_entries_that_share_the_bytes_of_the_file(tmp_path):
    """Overlapping entries are how a small zip file holds any number of large ones."""
    path = write_zip(tmp_path / "a.npz", {"x.npy": npy(X), "y.npy": npy(Y)}, zipfile.ZIP_STORED)
    raw = bytearray(path.read_bytes())
    entry = raw.index(b"PK\x01\x02")
    raw[entry + 20 : entry + 24] = struct.pack("<I", len(raw))
    path.write_bytes(raw)
    assert "its entries claim more bytes than the file has" in refusal(read_npz, path)


def test_a_wrong_checksum_is_noticed(tmp_path):
    path = write_zip(tmp_path / "a.npz", {"x.npy": npy(X), "y.npy": npy(Y)}, zipfile.ZIP_STORED)
    raw = path.read_bytes()
    path.write_bytes(raw.replace(X[1, 1].tobytes(), (X[1, 1] + 1).tobytes()))
    message = refusal(read_npz, path)
    assert "no sound .npz file" in message
    assert "CRC" in message


def test_compression_that_numpy_does_not_write(tmp_path):
    entries = {"x.npy": npy(X), "y.npy": npy(Y)}
    path = write_zip(tmp_path / "a.npz", entries, zipfile.ZIP_LZMA)
    assert "compressed in a way that NumPy does not write" in refusal(read_npz, path)


def test_every_cut_and_every_flipped_byte_is_an_error_or_harmless(tmp_path):
    """Damage ends in a DataError or in the very same arrays, never in anything else."""
    path = tmp_path / "a.npz"
    np.savez_compressed(path, x=X, y=Y)
    whole = path.read_bytes()
    harmless, problems = 0, []
    for place in range(len(whole)):
        for damaged in (
            whole[:place],
            whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :],
        ):
            path.write_bytes(damaged)
            try:
                data = read_npz(path)
            except DataError as error:
                problems.append(str(error))
            else:
                assert np.array_equal(data.x, X)
                assert np.array_equal(data.y, Y)
                harmless += 1
    assert all("a.npz" in problem for problem in problems)
    assert harmless < len(whole) / 2  # dates and flags of the zip format


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 nor this"])
def test_files_that_are_none(tmp_path, content):
    for name, read in (("a.npz", read_npz), ("a.npy", read_npy)):
        (tmp_path / name).write_bytes(content)
        assert "is no sound" in refusal(read, tmp_path / name)
    assert "No such file" in refusal(read_npz, tmp_path / "none.npz")
    assert "No such file" in refusal(read_npy, tmp_path / "none.npy")


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("order", ["C", "F"])
def test_tables_in_npy(tmp_path, version, order):
    (tmp_path / "a.npy").write_bytes(npy(np.asarray(X, order=order), version=version))
    data = read_npy(tmp_path / "a.npy")
    assert np.array_equal(data.x, X[:, :2])
    assert np.array_equal(data.y, X[:, 2])
    middle = read_npy(tmp_path / "a.npy", target=-2)
    assert np.array_equal(middle.x, X[:, [0, 2]])
    assert np.array_equal(middle.y, X[:, 1])


def test_a_table_of_whole_numbers_has_classes(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[5, 1], [6, 0]]))
    data = read_npy(tmp_path / "a.npy")
    assert (data.x.dtype, data.y.dtype) == (np.float32, np.int64)


@pytest.mark.parametrize(
    ("array", "options", "words"),
    [
        (np.zeros(3), {}, ["shape (3,)", "at least two columns"]),
        (np.zeros((3, 1)), {}, ["shape (3, 1)", ".npz"]),
        (np.zeros((2, 2, 2)), {}, ["shape (2, 2, 2)"]),
        (X, {"target": 3}, ["no target column 3", "0 to 2"]),
        (X, {"target": -4}, ["no target column -4"]),
        (np.array([[1, np.inf, 2]]), {}, ["x holds inf at row 0, column 1"]),
    ],
)
def test_tables_that_are_refused(tmp_path, array, options, words):
    np.save(tmp_path / "a.npy", array)
    message = refusal(read_npy, tmp_path / "a.npy", **options)
    assert all(word in message for word in words), message


def test_records_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros(2, dtype=[("größe", float)]))
    assert "records" in refusal(read_npy, tmp_path / "a.npy")
