"""Pictures to vectors: any colour, depth, size and place gives what the data set would hold."""

from __future__ import annotations

import builtins
import io
import zlib

import numpy as np
import pytest
from fastmlp.data import load_data, picture_vector, read_picture
from fastmlp.errors import DataError

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed (the extra 'images')")


def refusal(function, *arguments, **options):
    with pytest.raises(DataError) as caught:
        function(*arguments, **options)
    return str(caught.value)


def seven(height=300, width=400, stroke=26, margin=40):
    """A seven drawn by hand, dark on light, away from the middle; uint8 (height, width)."""
    page = np.full((height, width), 255, dtype=np.uint8)
    top, bottom, left, right = (
        margin,
        height - margin,
        margin,
        margin + (height - 2 * margin) * 2 // 3,
    )
    page[top : top + stroke, left:right] = 0
    for row in range(top, bottom):
        at = right - stroke - (right - left - stroke) * (row - top) // (bottom - top)
        page[row, at : at + stroke] = 0
    return page


SEVEN = picture_vector(seven())


def distance(a, b):
    return float(np.abs(a.astype(float) - b.astype(float)).mean())


def saved(tmp_path, image, name="p.png", **options):
    image.save(tmp_path / name, **options)
    return tmp_path / name


def colours(ink, paper):
    """The seven in two colours, shape (300, 400, len(ink))."""
    share = seven()[:, :, None] / 255
    return np.rint(paper * share + np.array(ink) * (1 - share)).astype(np.uint8)


def test_the_result_is_in_the_form_of_mnist():
    vector = picture_vector(seven(stroke=14))
    grid = vector.reshape(28, 28)
    rows, columns = np.flatnonzero(grid.any(axis=1)), np.flatnonzero(grid.any(axis=0))
    assert vector.dtype == np.uint8
    assert vector.max() == 255
    assert len(rows) == 20
    assert len(columns) == 13
    index = np.arange(28)
    assert abs((grid.sum(axis=1) * index).sum() / grid.sum() - 14) <= 0.5
    assert abs((grid.sum(axis=0) * index).sum() / grid.sum() - 14) <= 0.5


@pytest.mark.parametrize(
    ("ink", "paper"),
    [
        ((0, 0, 0), (255, 255, 255)),
        ((255, 255, 255), (0, 0, 0)),
        ((20, 20, 160), (250, 240, 180)),
        ((255, 255, 0), (90, 0, 0)),
        ((130, 130, 130), (100, 100, 100)),
        ((0, 0, 0, 255), (255, 255, 255, 255)),
        ((0, 0, 0, 255), (0, 0, 0, 0)),
        ((255, 255, 255, 255), (255, 255, 255, 0)),
        ((200, 0, 0, 128), (0, 255, 0, 0)),
    ],
)
def test_colours_and_transparency_do_not_matter(tmp_path, ink, paper):
    picture = colours(ink, paper)
    assert distance(picture_vector(picture), SEVEN) < 0.5
    assert distance(read_picture(saved(tmp_path, Image.fromarray(picture))), SEVEN) < 0.5


def make(mode):
    grey = Image.fromarray(seven())
    if mode == "1":
        return grey.convert("1")
    if mode == "P":
        return Image.fromarray(colours((0, 60, 0), (255, 200, 255))).quantize(8)
    if mode == "I;16":
        return Image.fromarray(seven().astype(np.uint16) * 257)
    if mode == "F":
        return Image.fromarray(seven().astype(np.float32) * 1e4 - 7)
    return grey.convert(mode)


@pytest.mark.parametrize(
    ("mode", "name"),
    [
        ("1", "p.png"),
        ("P", "p.png"),
        ("P", "p.gif"),
        ("L", "p.bmp"),
        ("L", "p.pgm"),
        ("L", "p.webp"),
        ("LA", "p.png"),
        ("RGBA", "p.png"),
        ("I;16", "p.png"),
        ("I;16", "p.tiff"),
        ("F", "p.tiff"),
        ("CMYK", "p.tiff"),
        ("CMYK", "p.jpg"),
        ("RGB", "p.jpg"),
    ],
)
def test_depths_and_formats_do_not_matter(tmp_path, mode, name):
    assert distance(read_picture(saved(tmp_path, make(mode), name)), SEVEN) < 1.0


def test_a_transparent_colour_of_a_palette(tmp_path):
    image = Image.fromarray((seven() // 255).astype(np.uint8), mode="P")
    image.putpalette([0, 0, 0, 0, 0, 0])
    path = saved(tmp_path, image, transparency=1)
    assert distance(read_picture(path), SEVEN) < 0.5


def test_pixels_that_cannot_be_seen_do_not_count(tmp_path):
    """White paper with holes of transparent black, ink of a light grey, and all of it reduced."""
    large = np.asarray(Image.fromarray(seven()).resize((2400, 1800), Image.Resampling.NEAREST))
    page = np.full((1800, 2400, 4), 255, dtype=np.uint8)
    holes = np.indices(large.shape).sum(axis=0) % 2 == 1
    page[holes] = 0
    page[large == 0] = (191, 191, 191, 255)
    assert distance(read_picture(saved(tmp_path, Image.fromarray(page))), SEVEN) < 2.5


def test_formats_out_of_the_list_are_refused(tmp_path):
    """Pillow could read this one; the fewer decoders a stranger's file reaches, the better."""
    path = saved(tmp_path, Image.fromarray(seven()), "p.pcx")
    assert "known are PNG, JPEG" in refusal(read_picture, path)


def test_the_way_the_camera_was_held(tmp_path):
    image = Image.fromarray(np.rot90(seven()))
    exif = Image.Exif()
    exif[0x0112] = 6
    assert distance(read_picture(saved(tmp_path, image, exif=exif)), SEVEN) < 0.5


@pytest.mark.parametrize("factor", [0.1, 0.3, 3, 12])
def test_size_does_not_matter(tmp_path, factor):
    size = (int(400 * factor), int(300 * factor))
    image = Image.fromarray(seven()).resize(size, Image.Resampling.BOX)
    assert distance(read_picture(saved(tmp_path, image)), SEVEN) < 12
    # A picture so small has lost its strokes; from a third on the difference is the antialiasing.
    if factor >= 0.3:
        assert distance(read_picture(saved(tmp_path, image)), SEVEN) < 2.5


@pytest.mark.parametrize("shift", [(0, 0), (-40, -40), (30, 150), (-13, 77)])
def test_place_does_not_matter(shift):
    assert np.array_equal(picture_vector(np.roll(seven(), shift, axis=(0, 1))), SEVEN)


def test_grain_and_light_from_one_side_do_not_matter(tmp_path):
    rng = np.random.default_rng(0)
    page = 90 + seven() * 0.4 + rng.normal(0, 5, (300, 400)) + np.linspace(-30, 30, 400)
    image = Image.fromarray(np.clip(page, 0, 255).astype(np.uint8))
    path = saved(tmp_path, image, "p.jpg", quality=60)
    assert distance(read_picture(path), SEVEN) < 6


@pytest.mark.parametrize("shape", [(1, 40), (40, 1), (2, 2), (5, 3), (1, 400), (3000, 2)])
def test_odd_shapes_work(shape):
    page = np.full(shape, 200, dtype=np.uint8)
    page[shape[0] // 2, shape[1] // 2] = 10
    vector = picture_vector(page)
    assert vector.shape == (784,)
    assert vector.max() == 255


def test_ink_that_touches_the_border():
    page = np.full((60, 60), 255, dtype=np.uint8)
    page[:, 28:32] = 0
    grid = picture_vector(page).reshape(28, 28)
    assert np.flatnonzero(grid.any(axis=1)).tolist() == list(range(4, 24))


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (
            np.full((30, 40), 255),
            ["is blank: 40 x 30 pixels from 255 to 255", "dark digit on light"],
        ),
        (np.zeros((30, 40, 3)), ["is blank"]),
        (np.full((30, 40, 4), 0), ["is blank"]),
        (np.full((1, 1), 77), ["is blank"]),
        (np.full((30, 40), 200) + (np.arange(40) % 3), ["is blank"]),
    ],
)
def test_blank_pictures(picture, words):
    message = refusal(picture_vector, picture.astype(np.uint8), name="page")
    assert all(word in message for word in ["page", *words]), message


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (np.zeros(4, dtype=np.uint8), ["shape (4,)", "(height, width, 3)"]),
        (np.zeros((4, 4, 2), dtype=np.uint8), ["shape (4, 4, 2)"]),
        (np.zeros((0, 4), dtype=np.uint8), ["is empty", "(0, 4)"]),
        (np.zeros((4, 4), dtype=object), ["dtype object"]),
        (np.full((4, 4), 256), ["values from 256 to 256", "0 to 255"]),
        (np.full((4, 4), -1.0), ["values from -1"]),
        (np.full((4, 4), np.nan), ["values from nan"]),
    ],
)
def test_arrays_that_are_no_picture(picture, words):
    message = refusal(picture_vector, picture)
    assert all(word in message for word in words), message


@pytest.mark.parametrize("options", [{"image_shape": (0, 8)}, {"pixel_max": 256}, {"pixel_max": 0}])
def test_grids_that_cannot_be(options):
    message = refusal(picture_vector, seven(), **options)
    assert "must be positive" in message
    assert str(next(iter(options.values()))) in message


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a picture",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b"\x89PNG\r\n\x1a\n",
    ],
)
def test_files_that_are_no_picture(tmp_path, content):
    (tmp_path / "p.png").write_bytes(content)
    message = refusal(read_picture, tmp_path / "p.png")
    assert "p.png is no picture that can be read" in message
    assert "PNG, JPEG" in message


def test_a_picture_cut_short(tmp_path):
    path = saved(tmp_path, Image.fromarray(seven()))
    path.write_bytes(path.read_bytes()[:200])
    assert "no picture that can be read" in refusal(read_picture, path)


@pytest.mark.parametrize("side", [12_000, 20_000])
def test_a_picture_far_too_large_is_not_decoded(tmp_path, side):
    out = io.BytesIO()
    Image.new("1", (side, 10)).save(out, "PNG")
    raw = bytearray(out.getvalue())
    raw[20:24] = side.to_bytes(4, "big")  # the height, and the checksum to match
    raw[29:33] = zlib.crc32(raw[12:29]).to_bytes(4, "big")
    (tmp_path / "p.png").write_bytes(raw)
    message = refusal(read_picture, tmp_path / "p.png")
    assert "at most 100,000,000" in message
    assert "pixels" in message
    assert f"{side} x {side}" in message or str(side * side) in message


def test_a_missing_file():
    assert "No such file" in refusal(read_picture, "none.png")


def test_without_pillow_the_remedy_is_named(monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **options):
        if name == "PIL":
            raise ImportError("No module named 'PIL'")
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    assert "pip install 'fastmlp[images]'" in refusal(read_picture, "p.png")
    assert picture_vector(seven()).max() == 255  # arrays need no Pillow


def scene(digit, rng, *, full, smooth):
    """A digit of a data set on a page of 400 x 300, enlarged, coloured and shifted."""
    method = Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST
    large = Image.fromarray((digit * (255 / full)).astype(np.uint8)).resize((240, 240), method)
    share = np.zeros((300, 400, 1))
    top, left = rng.integers(0, 61), rng.integers(0, 161)
    share[top : top + 240, left : left + 240, 0] = np.asarray(large) / 255
    ink, paper = np.array([30, 20, 120]), np.array([245, 235, 200])
    if rng.integers(2):
        ink, paper = paper, ink
    return np.rint(paper * (1 - share) + ink * share).astype(np.uint8)


def come_back(digits, labels, options, *, full, smooth):
    """Mean distance from the originals, and the share whose nearest original is of their class."""
    rng = np.random.default_rng(3)
    flat = digits.reshape(len(digits), -1).astype(float)
    vectors = [
        picture_vector(scene(digit, rng, full=full, smooth=smooth), **options) for digit in digits
    ]
    away = np.array([np.abs(flat - vector).mean(axis=1) for vector in vectors])
    return np.diag(away).mean(), np.mean(labels[away.argmin(axis=1)] == labels)


@pytest.mark.parametrize(("smooth", "bound"), [(False, 2.0), (True, 8.0)])
def test_mnist_digits_come_back(mnist_folder, smooth, bound):
    """Measured on 200 test digits: 1.4 of 255 enlarged in squares, 6.2 enlarged smoothly.

    A shift by one pixel, which rounding the centre of mass can cause, is about 20.
    """
    data = load_data("mnist", data_dir=mnist_folder)
    digits, labels = data.x_test[:200].reshape(-1, 28, 28), data.y_test[:200]
    mean, right = come_back(digits, labels, {}, full=255, smooth=smooth)
    assert mean < bound
    assert right >= 0.98


@pytest.mark.parametrize(("smooth", "bound"), [(False, 0.8), (True, 2.0)])
def test_bundled_digits_come_back(smooth, bound):
    """Measured on 500 digits: 0.54 of 16 enlarged in squares, 1.42 enlarged smoothly.

    With 8 x 8 pixels a faint outer row more or less is an eighth of the height.
    """
    data = load_data("digits")
    digits, labels = data.x[:500].reshape(-1, 8, 8), data.y[:500]
    options = {"image_shape": data.image_shape, "pixel_max": data.pixel_max}
    mean, right = come_back(digits, labels, options, full=16, smooth=smooth)
    assert mean < bound
    assert right >= 0.92
