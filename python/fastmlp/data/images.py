"""A picture file of one digit, of any size and colour, read as a vector like those of MNIST.

Decoding is Pillow's, an optional part of the installation; what becomes of the pixels is left to
ink.py.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from .bounded import open_binary
from .ink import picture_vector

if TYPE_CHECKING:
    from PIL import Image

# Formats that hold pixels and are decoded in this process; EPS, for one, would start an
# interpreter.
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
MAX_PIXELS = 100_000_000
# Pictures are reduced to about this side first: more pixels add nothing to a grid of 28.
WORKING_SIDE = 1024


def read_picture(
    path: str | os.PathLike[str],
    *,
    image_shape: tuple[int, int] = (28, 28),
    pixel_max: int = 255,
) -> NDArray[np.uint8]:
    """Read a picture file of one digit as the vector of a data set such as MNIST.

    Parameters
    ----------
    path : str or path
        A PNG, JPEG, GIF, BMP, TIFF, WebP or PPM file of any size and colour, dark on light or light
        on dark.
    image_shape : tuple of int
        Height and width of the pictures that the model knows.
    pixel_max : int
        The value of full ink: 255 for MNIST, 16 for the bundled digits.

    Returns
    -------
    ndarray of uint8, shape (height * width,)
        Light ink on a dark ground, 0 to `pixel_max`.

    Raises
    ------
    DataError
        If Pillow is not installed, the file is missing, no picture or far too large, or nothing can
        be seen in it.

    Examples
    --------
    >>> read_picture("no-such-picture.png")
    Traceback (most recent call last):
    fastmlp.errors.DataError: cannot read no-such-picture.png: No such file or directory
    """
    path = Path(path)
    pixels = _open_pixels(path)
    return picture_vector(pixels, image_shape=image_shape, pixel_max=pixel_max, name=str(path))


def _open_pixels(path: Path) -> NDArray[Any]:
    """Open a picture file upright, as grey, RGB or RGBA from 0 to 255."""
    try:
        from PIL import Image, ImageOps
    except ImportError as error:
        raise DataError(
            "reading pictures needs Pillow, which is not installed; pip install 'fastmlp[images]'"
        ) from error
    with open_binary(path) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of large pictures; the limit here is our own
        try:
            with Image.open(file, formats=FORMATS) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise DataError(
                        f"{path} has {image.width} x {image.height} pixels; at most "
                        f"{MAX_PIXELS:,} are read"
                    )
                image.load()
                return _pixels(ImageOps.exif_transpose(image))
        except DataError:
            raise
        except Image.DecompressionBombError as error:
            raise DataError(f"{path}: at most {MAX_PIXELS:,} pixels are read; {error}") from error
        # What Pillow raises for a damaged file depends on the format.
        except Exception as error:
            raise DataError(
                f"{path} is no picture that can be read ({error}); known are {', '.join(FORMATS)}"
            ) from error


def _pixels(image: Image.Image) -> NDArray[Any]:
    """Turn a Pillow image of any mode into an array, reduced when it is large."""
    factor = max(1, max(image.size) // WORKING_SIDE)
    if image.mode.startswith("I") or image.mode == "F":  # more than 8 bits a pixel
        deep = np.asarray(image.convert("F").reduce(factor), dtype=np.float32)
        low, high = float(deep.min()), float(deep.max())
        full = 65535.0 if image.mode.startswith("I") else 1.0
        if not (low >= 0 and high <= full):  # some other range: stretch what is there
            deep, full = deep - low, max(high - low, 1e-30)
        stretched: NDArray[np.float32] = np.clip(deep * np.float32(255.0 / full), 0.0, 255.0)
        return stretched
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        # Pillow weighs colours by their opacity here: pixels that cannot be seen do not count.
        return np.asarray(image.convert("RGBA").reduce(factor))
    return np.asarray(image.convert("L" if image.mode in ("1", "L") else "RGB").reduce(factor))
