"""Reads the four IDX files of MNIST for all programs but fastmlp's, which has its own reader."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import numpy.typing as npt

IMAGES_HEADER, LABELS_HEADER = 16, 8

Pixels = npt.NDArray[np.uint8]


def read_mnist(folder: str) -> tuple[Pixels, Pixels, Pixels, Pixels]:
    """Return x_train, y_train, x_test, y_test; x (samples, 784), y (samples,)."""
    return (*_part(folder, "train"), *_part(folder, "t10k"))


def _part(folder: str, name: str) -> tuple[Pixels, Pixels]:
    """Return x (samples, 784) and y (samples,) of a part."""
    images = gzip.decompress(Path(folder, f"{name}-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress(Path(folder, f"{name}-labels-idx1-ubyte.gz").read_bytes())
    y = np.frombuffer(labels, np.uint8, offset=LABELS_HEADER)
    return np.frombuffer(images, np.uint8, offset=IMAGES_HEADER).reshape(len(y), -1), y
