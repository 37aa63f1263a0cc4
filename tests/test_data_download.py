"""Downloads, against a server on this machine: whole and right files are kept, nothing else is."""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import hashlib
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from fastmlp.data import cache_folder, load_data
from fastmlp.data.download import FASHION_MNIST, MNIST, REMOTE_SETS, RemoteFile, RemoteSet, fetch
from fastmlp.data.idx import read_idx
from fastmlp.errors import DataError

STEM = "train-labels-idx1-ubyte"
CONTENT = b"\0\0\x08\x01\0\0\x03\xe8" + bytes(i % 10 for i in range(1000))
PACKED = gzip.compress(CONTENT, mtime=0)


class Site:
    """What the server says to each path: (status, headers, body)."""

    def __init__(self):
        self.pages = {}
        self.asked = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                site.asked.append(self.path)
                status, headers, body = site.pages.get(self.path, (404, {}, b"not here"))
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(body))} | headers).items():
                    if value is not None:
                        self.send_header(name, value)
                self.end_headers()
                with contextlib.suppress(OSError):  # the other side may have had enough
                    self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def put(self, body, path="a/", **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.pages[f"/{path}{STEM}.gz"] = (200, named, body)

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def site(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    site = Site()
    yield site
    site.close()


def remote(site, *, hashed="content", mirrors=("a/",), content=CONTENT):
    whole = content if hashed == "content" else PACKED
    file = RemoteFile(STEM, len(content), hashlib.sha256(whole).hexdigest(), hashed)
    addresses = tuple(site.url + mirror for mirror in mirrors)
    return RemoteSet("tiny", addresses, ("tiny",), (file,), "somebody", "free")


def refusal(*arguments, **options):
    with pytest.raises(DataError) as caught:
        fetch(*arguments, **options)
    return str(caught.value)


@pytest.mark.parametrize("hashed", ["content", "file"])
def test_the_right_file_is_kept_and_not_fetched_again(site, tmp_path, hashed):
    site.put(PACKED)
    folder = tmp_path / "new" / "cache"
    for _ in range(2):
        assert fetch(remote(site, hashed=hashed), folder) == folder
    assert site.asked == [f"/a/{STEM}.gz"]
    assert [path.name for path in folder.iterdir()] == [f"{STEM}.gz"]
    assert read_idx(folder / f"{STEM}.gz")[:3].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "body", [gzip.compress(CONTENT, 1, mtime=99), CONTENT], ids=["recompressed", "plain"]
)
def test_another_compression_of_the_same_content_passes(site, tmp_path, body):
    site.put(body)
    fetch(remote(site), tmp_path)
    assert len(read_idx(tmp_path / f"{STEM}.gz")) == 1000


def test_a_response_without_a_length_passes(site, tmp_path):
    site.put(PACKED, Content_Length=None)
    fetch(remote(site), tmp_path)
    assert (tmp_path / f"{STEM}.gz").read_bytes() == PACKED


BAD = {
    "wrong content": (gzip.compress(CONTENT[:-1] + b"\7"), {}, "content", "SHA-256 of its content"),
    "wrong file": (gzip.compress(CONTENT, 1, mtime=9), {}, "file", "SHA-256 of its file"),
    "too long": (bytes(200_000), {"Content_Length": None}, "content", "more than the 66,544 bytes"),
    "announced too long": (b"", {"Content_Length": "9" * 12}, "content", "999,999,999,999 bytes"),
    "cut short": (PACKED[:-5], {"Content_Length": str(len(PACKED))}, "content", "cut short:"),
    "cut short, no length": (PACKED[:-5], {"Content_Length": None}, "content", "cut-short gzip"),
    "bomb": (gzip.compress(CONTENT + bytes(1 << 24)), {}, "content", "more than the 1,008 bytes"),
    "a page of text": (b"<html>log in first</html>", {}, "content", "not the file that was publi"),
    "empty": (b"", {}, "content", "SHA-256 of its content"),
}


@pytest.mark.parametrize("kind", BAD)
def test_nothing_is_kept_of_a_bad_download(site, tmp_path, kind):
    body, headers, hashed, words = BAD[kind]
    site.put(body, **headers)
    message = refusal(remote(site, hashed=hashed), tmp_path)
    assert words in message
    assert f"{site.url}a/{STEM}.gz: " in message
    assert list(tmp_path.iterdir()) == []


def test_the_next_mirror_is_tried(site, tmp_path):
    site.put(b"bad", path="b/")
    site.put(PACKED, path="c/")
    fetch(remote(site, mirrors=("a/", "b/", "c/")), tmp_path)
    assert site.asked == [f"/{mirror}/{STEM}.gz" for mirror in "abc"]
    assert (tmp_path / f"{STEM}.gz").read_bytes() == PACKED


def test_every_mirror_and_every_way_on_is_named(site, tmp_path):
    site.put(b"bad", path="b/")
    message = refusal(remote(site, mirrors=("a/", "b/")), tmp_path)
    assert f"{site.url}a/{STEM}.gz: HTTP Error 404" in message
    assert f"{site.url}b/{STEM}.gz: not the file that was published" in message
    for words in (
        "tiny is not at hand",
        "--data-dir",
        "data_dir=",
        str(tmp_path),
        STEM,
        "'digits'",
    ):
        assert words in message


def test_no_server_at_all(tmp_path):
    silent = RemoteSet("tiny", ("http://127.0.0.1:9/",), (), MNIST.files[:1], "", "")
    message = refusal(silent, tmp_path)
    assert "127.0.0.1:9" in message
    assert "refused" in message
    assert "'digits'" in message


def test_a_dripping_server_is_given_up(site, tmp_path, monkeypatch):
    monkeypatch.setattr("fastmlp.data.download.DEADLINE", -1.0)
    site.put(PACKED)
    assert "not finished after" in refusal(remote(site), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_leaves_nothing_behind(site, tmp_path, monkeypatch):
    def interrupt(path, file):
        raise KeyboardInterrupt(path, file)

    site.put(PACKED)
    monkeypatch.setattr("fastmlp.data.download._verify", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fetch(remote(site), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_put_there_by_hand_is_used(site, tmp_path):
    (tmp_path / STEM.replace("-idx", ".idx")).write_bytes(CONTENT)
    fetch(remote(site), tmp_path)
    assert site.asked == []


def test_without_permission_nothing_is_asked(site, tmp_path):
    site.put(PACKED)
    message = refusal(remote(site), tmp_path / "none", download=False)
    assert f"no {STEM}[.gz] in {tmp_path / 'none'}" in message
    assert site.asked == []
    assert not (tmp_path / "none").exists()


def test_a_cache_that_cannot_be_written(site, tmp_path):
    (tmp_path / "file").write_text("in the way")
    site.put(PACKED)
    message = refusal(remote(site), tmp_path / "file" / "cache")
    assert "Not a directory" in message
    assert "--data-dir" in message


def test_load_data_fetches_into_the_users_cache(site, tmp_path, monkeypatch):
    """The whole way: four files, one folder, a data set."""
    rng = np.random.default_rng(0)
    files = []
    for part, count in (("train", 20), ("t10k", 10)):
        for kind, array in (
            ("images-idx3", rng.integers(0, 256, (count, 28, 28)).astype(np.uint8)),
            ("labels-idx1", (np.arange(count) % 10).astype(np.uint8)),
        ):
            head = bytes([0, 0, 8, array.ndim])
            content = head + np.array(array.shape, ">u4").tobytes() + array.tobytes()
            stem = f"{part}-{kind}-ubyte"
            site.pages[f"/{stem}.gz"] = (200, {}, gzip.compress(content))
            digest = hashlib.sha256(content).hexdigest()
            files.append(RemoteFile(stem, len(content), digest, "content"))
    small = dataclasses.replace(MNIST, mirrors=(site.url,), files=tuple(files))
    monkeypatch.setitem(REMOTE_SETS, "mnist", small)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    data = load_data("mnist")
    assert (data.name, data.x.shape, data.x_test.shape) == ("mnist", (20, 784), (10, 784))
    assert len(list((tmp_path / "fastmlp" / "mnist").iterdir())) == 4
    site.pages.clear()
    assert np.array_equal(load_data("mnist", download=False).x, data.x)


def test_cache_folder_of_each_platform(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    assert cache_folder() == Path("/home/me/.cache/fastmlp")
    monkeypatch.setattr("sys.platform", "darwin")
    assert cache_folder() == Path("/home/me/Library/Caches/fastmlp")
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", "/appdata")
    assert cache_folder() == Path("/appdata/fastmlp")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert cache_folder() == Path("/cache/fastmlp")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_folder() == Path("/appdata/fastmlp")


def test_pins_of_mnist_are_those_of_the_real_files(mnist_folder):
    for file in MNIST.files:
        with gzip.open(mnist_folder / f"{file.stem}.gz") as packed:
            content = packed.read()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (
            file.content_bytes,
            file.sha256,
        )


def test_pins_are_whole():
    for known in (MNIST, FASHION_MNIST):
        assert len({file.sha256 for file in known.files}) == 4
        assert all(len(bytes.fromhex(file.sha256)) == 32 for file in known.files)
        assert all(mirror.endswith("/") for mirror in known.mirrors)


@pytest.mark.skipif(os.name != "posix", reason="only POSIX folders can be synced")
def test_the_file_is_on_disk_before_it_has_its_name(site, tmp_path, monkeypatch):
    order = []
    real_fsync, real_replace = os.fsync, os.replace
    monkeypatch.setattr("os.fsync", lambda d: (order.append("fsync"), real_fsync(d))[1])
    monkeypatch.setattr("os.replace", lambda a, b: (order.append("name"), real_replace(a, b))[1])
    site.put(PACKED)
    fetch(remote(site), tmp_path)
    assert order == ["fsync", "name", "fsync"]
