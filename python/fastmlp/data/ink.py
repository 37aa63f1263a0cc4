"""From the grey pixels of a picture of one digit to the small grid that a data set holds.

Paper is told from ink by the border of the picture; the ink is fitted into a box and placed by its
centre of mass, as MNIST was made. Opening files and turning colours to grey is left to images.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError

Grey = NDArray[np.float32]

# Weights of red, green and blue in grey (ITU-R BT.601).
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
# Least difference of ink and paper, of 255.
LEAST_CONTRAST = 10.0
# Ink below this share of the strongest does not count for the bounding box: the soft rim that
# enlarging leaves.
FAINT = 0.2
# A normal distribution has its standard deviation at this many median deviations.
SIGMA = 1.4826
# With fewer border pixels than this there is no saying how light falls.
MIN_BORDER = 200
# Grain of the paper, of 255, from which on single specks are to be expected.
LEAST_GRAIN = 1.0
# Pictures with sides from here on are smoothed before specks are told from ink.
SMOOTH_SIDE = 160


def picture_vector(
    picture: NDArray[Any],
    *,
    image_shape: tuple[int, int] = (28, 28),
    pixel_max: int = 255,
    name: str = "picture",
) -> NDArray[np.uint8]:
    """Make the pixels of a picture of one digit into the vector of a data set such as MNIST.

    Parameters
    ----------
    picture : ndarray, shape (height, width), (height, width, 3) or (height, width, 4)
        Grey, RGB or RGBA, from 0 to 255; dark on light or light on dark.
    image_shape : tuple of int
        Height and width of the pictures that the model knows.
    pixel_max : int
        The value of full ink: 255 for MNIST, 16 for the bundled digits.
    name : str
        What to call the picture in errors.

    Returns
    -------
    ndarray of uint8, shape (image_shape[0] * image_shape[1],)
        Light ink on a dark ground, 0 to `pixel_max`.

    Raises
    ------
    DataError
        If the array is no picture, or nothing can be seen in it.

    Examples
    --------
    >>> page = np.full((90, 60), 255, dtype=np.uint8)
    >>> page[20:70, 25:35] = 0
    >>> vector = picture_vector(page)
    >>> vector.shape, int(vector.max())
    ((784,), 255)
    >>> np.flatnonzero(vector.reshape(28, 28).any(axis=0)).tolist()
    [12, 13, 14, 15]
    """
    height, width = image_shape
    if not (height > 0 and width > 0 and 0 < pixel_max <= 255):
        raise DataError(
            f"image_shape {image_shape} and pixel_max {pixel_max} must be positive, and pixel_max "
            "at most 255"
        )
    grey = _to_grey(np.asarray(picture), name)
    ink = _crop(*_find_ink(grey, name))
    small = _fit(ink, _box(image_shape))
    # Antialiasing thins a fine line; the darkest spot is full ink in MNIST always.
    small *= pixel_max / small.max()
    grid = np.zeros(image_shape, dtype=np.uint8)
    top, left = _offset(small, image_shape)
    rows, columns = small.shape
    grid[top : top + rows, left : left + columns] = np.rint(small)
    return grid.ravel()


def _to_grey(array: NDArray[Any], name: str) -> Grey:
    """Check a picture and turn it to grey (height, width), on white where it is transparent."""
    flat = array.ndim == 2
    if array.dtype.kind not in "uif" or not (
        flat or (array.ndim == 3 and array.shape[2] in (3, 4))
    ):
        raise DataError(
            f"{name} has dtype {array.dtype} and shape {array.shape}; expected numbers of shape "
            "(height, width), (height, width, 3) or (height, width, 4)"
        )
    if array.size == 0:
        raise DataError(f"{name} is empty: shape {array.shape}")
    pixels = array.astype(np.float32)
    low, high = float(pixels.min()), float(pixels.max())
    if not (low >= 0 and high <= 255):
        raise DataError(f"{name} has values from {low:g} to {high:g}; expected 0 to 255")
    if flat:
        return pixels
    grey = np.asarray(pixels[:, :, :3] @ LUMA, dtype=np.float32)
    if pixels.shape[2] == 3:
        return grey
    alpha = pixels[:, :, 3] / 255
    on_black = (grey * alpha).astype(np.float32)
    on_white = (on_black + 255 * (1 - alpha)).astype(np.float32)
    # White ink on nothing shows on black only.
    return on_white if np.ptp(on_white) >= LEAST_CONTRAST else on_black


def _find_ink(grey: Grey, name: str) -> tuple[Grey, bool]:
    """Separate ink (1 where strongest) from paper (0), and tell whether the paper is grainy."""
    deviation, grain = _without_paper(grey)
    # The side with the more energy is the ink: dust on it or a reflection counts little.
    above = float(np.square(np.maximum(deviation, 0)).sum(dtype=np.float64))
    below = float(np.square(np.minimum(deviation, 0)).sum(dtype=np.float64))
    ink = (-deviation if below > above else deviation) - grain
    peak = float(ink.max())
    if peak < LEAST_CONTRAST:
        raise DataError(
            f"{name} is blank: {grey.shape[1]} x {grey.shape[0]} pixels from {grey.min():.0f} to "
            f"{grey.max():.0f} of 255, "
            "no ink to be told from the border; draw one dark digit on light paper or the reverse"
        )
    return np.clip(ink / peak, 0, 1), grain > LEAST_GRAIN


def _without_paper(grey: Grey) -> tuple[Grey, float]:
    """Take away the paper: the deviation from it, shape kept, and how far its grain goes.

    The paper is a plane through the border, because a lamp or a window lights one side more. Border
    pixels far off the plane are ink that touches the border; the second fit leaves them out.
    """
    height, width = grey.shape
    edge = max(1, min(height, width) // 20)
    rows, columns = np.ogrid[:height, :width]
    inner = (rows >= edge) & (rows < height - edge) & (columns >= edge) & (columns < width - edge)
    y, x = np.nonzero(~inner)
    border = grey[y, x].astype(np.float64)
    plane = np.array([float(np.median(border)), 0.0, 0.0])
    terms = np.stack([np.ones(len(y)), y / height, x / width], axis=1)
    for _ in range(2 if len(y) >= MIN_BORDER else 0):
        off = np.abs(border - terms @ plane)
        near = off <= max(3 * SIGMA * float(np.median(off)), 1.0)
        plane = np.linalg.lstsq(terms[near], border[near], rcond=None)[0]
    # Three standard deviations, estimated so that ink on the border does not matter.
    grain = 3 * SIGMA * float(np.median(np.abs(border - terms @ plane)))
    paper = plane[0] + plane[1] * rows / height + plane[2] * columns / width
    return (grey - paper).astype(np.float32), grain


def _crop(ink: Grey, grainy: bool) -> Grey:
    """Cut out the bounding box of the ink, which the specks of grainy paper do not widen."""
    seen = (_smooth(ink) if grainy else ink) > FAINT
    if not seen.any():
        seen = ink > FAINT
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _smooth(ink: Grey) -> Grey:
    """Average over 5 x 5 pixels, in a picture so large that they are about one of the grid."""
    if min(ink.shape) < SMOOTH_SIDE:
        return ink
    padded = np.pad(ink, 2)
    down = np.add.reduce([padded[i : i + ink.shape[0]] for i in range(5)])
    across = np.add.reduce([down[:, i : i + ink.shape[1]] for i in range(5)])
    return np.asarray(across / np.float32(25))


def _box(image_shape: tuple[int, int]) -> tuple[int, int]:
    """Return the height and width of the box that the digit is fitted into.

    MNIST fits digits into 20 of 28 pixels. A grid too coarse for margins is filled: digits of 8 x 8
    pixels are 8 high in every picture of the UCI set.
    """
    height, width = image_shape
    if min(image_shape) < 16:
        return height, width
    return round(height * 20 / 28), round(width * 20 / 28)


def _fit(ink: Grey, box: tuple[int, int]) -> Grey:
    """Scale to the largest size that fits into the box, keeping the aspect, with antialiasing."""
    height, width = ink.shape
    scale = min(box[0] / height, box[1] / width)
    rows = min(box[0], max(1, round(height * scale)))
    columns = min(box[1], max(1, round(width * scale)))
    small = _shares(height, rows) @ ink.astype(np.float64) @ _shares(width, columns).T
    return small.astype(np.float32)


def _shares(old: int, new: int) -> NDArray[np.float64]:
    """Return how much each of `old` pixels in a row gives to each of `new`, shape (new, old).

    Fewer pixels share the old ones out by area, as MNIST was made; more are interpolated, since
    areas would leave steps.
    """
    step = old / new
    at = np.arange(old)
    if new <= old:
        start = np.arange(new)[:, None] * step
        overlap = np.minimum(start + step, at + 1) - np.maximum(start, at)
        shares: NDArray[np.float64] = np.maximum(overlap, 0) / step
        return shares
    centre = np.clip((np.arange(new)[:, None] + 0.5) * step - 0.5, 0, old - 1)
    hats: NDArray[np.float64] = np.maximum(1 - np.abs(centre - at), 0)
    return hats


def _offset(small: Grey, image_shape: tuple[int, int]) -> tuple[int, int]:
    """Return the top left corner that brings the centre of mass to the middle, cutting nothing."""
    mass = float(small.sum())
    corner = []
    for axis in (0, 1):
        side, length = image_shape[axis], small.shape[axis]
        at = float((small.sum(axis=1 - axis) * np.arange(length)).sum()) / mass
        # MNIST has its centres of mass from 13.5 up to, not including, 14.5 of 0..27.
        middle = side / 2 if side >= 16 else (side - 1) / 2
        corner.append(min(max(int(np.ceil(middle - at - 0.5)), 0), side - length))
    return corner[0], corner[1]
