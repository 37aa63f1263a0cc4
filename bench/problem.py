"""Makes what all contenders of a shape are given: data and initial weights, from the seed alone.

Labels are drawn first and the inputs around them, so that no matrix product (whose last bit may
depend on the number of threads) decides anything: every process gets the same bits, and
`checksum` shows it.
"""

from __future__ import annotations

import dataclasses
import zlib

import numpy as np
import numpy.typing as npt

from bench.shapes import IMAGE_SIDE, Shape

Float32Array = npt.NDArray[np.float32]
Parameters = list[tuple[Float32Array, Float32Array]]

NONZERO_SHARE = 0.19  # of the pixels of MNIST
BUMP_WIDTH = 0.45  # of half an image: ink gathers in the middle, borders stay empty
ROWS_AT_ONCE = 4096  # keeps the temporaries of the drawing small


@dataclasses.dataclass(frozen=True)
class Problem:
    """The data and the initial weights of one shape.

    Attributes
    ----------
    x : float32 array (shape.rows, inputs), C-contiguous
    targets : float32 array (shape.rows, outputs); a single 1 a row if they are classes
    labels : int64 array (shape.rows,); None if the targets are values
    parameters : one (W, b) per layer, float32, W (inputs, outputs), b (outputs,)
    """

    shape: Shape
    x: Float32Array
    targets: Float32Array
    labels: npt.NDArray[np.int64] | None
    parameters: Parameters

    def head(self, steps: int) -> Problem:
        """Return the problem with an epoch of only the first `steps` steps (views, no copies)."""
        shape = dataclasses.replace(
            self.shape, steps=steps, check_steps=min(steps, self.shape.check_steps)
        )
        rows = shape.rows
        labels = None if self.labels is None else self.labels[:rows]
        return Problem(shape, self.x[:rows], self.targets[:rows], labels, self.parameters)

    def checksum(self) -> int:
        """Return a CRC-32 over data, targets and weights: equal in all processes of a run."""
        crc = zlib.crc32(self.targets.data, zlib.crc32(self.x.data))
        for weights, biases in self.parameters:
            crc = zlib.crc32(biases.data, zlib.crc32(weights.data, crc))
        return crc


def make_problem(shape: Shape) -> Problem:
    """Draw data and weights of a shape from its seed.

    Examples
    --------
    >>> from bench.shapes import load_shapes
    >>> problem = make_problem(load_shapes(["tiny"])[0])
    >>> problem.x.shape, problem.x.dtype, [w.shape for w, _ in problem.parameters]
    ((160000, 2), dtype('float32'), [(2, 16), (16, 16), (16, 2)])
    """
    rng = np.random.default_rng(shape.seed)
    if not shape.classes:
        x = rng.standard_normal((shape.rows, shape.sizes[0]), dtype=np.float32)
        return Problem(shape, x, _exponentials(x), None, _initial_parameters(rng, shape))
    labels = rng.integers(0, shape.sizes[-1], shape.rows, dtype=np.int64)
    draw = _images if shape.inputs == "images" else _normal_clouds
    x = draw(rng, labels, shape)
    targets = np.zeros((shape.rows, shape.sizes[-1]), dtype=np.float32)
    targets[np.arange(shape.rows), labels] = 1
    return Problem(shape, x, targets, labels, _initial_parameters(rng, shape))


def _normal_clouds(
    rng: np.random.Generator, labels: npt.NDArray[np.int64], shape: Shape
) -> Float32Array:
    """Draw one unit normal cloud per class: x (rows, inputs)."""
    centres = rng.standard_normal((shape.sizes[-1], shape.sizes[0]), dtype=np.float32)
    noise = rng.standard_normal((shape.rows, shape.sizes[0]), dtype=np.float32)
    return np.add(noise, centres[labels], out=noise)


def _images(rng: np.random.Generator, labels: npt.NDArray[np.int64], shape: Shape) -> Float32Array:
    """Draw pictures: a probability of ink per class and pixel, ink is 1..255, all over 255."""
    axis = np.linspace(-1, 1, IMAGE_SIDE)
    distance = axis[:, None] ** 2 + axis[None, :] ** 2
    ink = np.exp(-distance.reshape(-1) / (2 * BUMP_WIDTH**2))
    ink = ink * rng.uniform(0, 2, (shape.sizes[-1], IMAGE_SIDE**2))
    ink = np.minimum(ink * (NONZERO_SHARE / ink.mean()), 1).astype(np.float32)
    x = np.empty((shape.rows, IMAGE_SIDE**2), dtype=np.float32)
    for first in range(0, shape.rows, ROWS_AT_ONCE):
        rows = x[first : first + ROWS_AT_ONCE]
        inked = rng.random(rows.shape, dtype=np.float32) < ink[labels[first : first + len(rows)]]
        np.multiply(rng.integers(1, 256, rows.shape, dtype=np.uint8), inked, out=rows)
        np.divide(rows, np.float32(255), out=rows)
    return x


def _exponentials(x: Float32Array) -> Float32Array:
    """Return the exponential of each row as a 2 x 2 matrix A.

    With m = tr A / 2, B = A - m and B B = q: e^m (cosh sqrt(q) + sinh sqrt(q) / sqrt(q) B).
    """
    a, b, c, d = x.astype(np.float64).T
    mean, half = (a + d) / 2, (a - d) / 2
    q = half * half + b * c
    root = np.sqrt(np.abs(q))
    with np.errstate(divide="ignore", invalid="ignore"):
        cosh = np.where(q >= 0, np.cosh(root), np.cos(root))
        sinhc = np.where(q >= 0, np.sinh(root), np.sin(root)) / root
    sinhc[root == 0] = 1
    rows = np.stack([cosh + sinhc * half, sinhc * b, sinhc * c, cosh - sinhc * half], axis=1)
    result: Float32Array = (np.exp(mean)[:, None] * rows).astype(np.float32)
    return result


def _initial_parameters(rng: np.random.Generator, shape: Shape) -> Parameters:
    """Draw (W, b) per layer: N(0, 1) for both, or He's N(0, 2 / inputs) with biases of zero."""
    parameters: Parameters = []
    for inputs, outputs in zip(shape.sizes, shape.sizes[1:], strict=False):
        weights = rng.standard_normal((inputs, outputs), dtype=np.float32)
        biases = rng.standard_normal(outputs, dtype=np.float32)
        if shape.init == "he_normal":
            weights *= np.float32(np.sqrt(2 / inputs))
            biases[:] = 0
        parameters.append((weights, biases))
    return parameters
