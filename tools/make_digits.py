"""Make python/fastmlp/data/digits.npz, the bundled data set, from the copy in scikit-learn.

A maintainer runs it in an environment with NumPy and scikit-learn: `python tools/make_digits.py`
writes the file, `--check` compares the one that is there. The sums pin the content, not the bytes
of the file, which depend on the release of zlib.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FILE = Path(__file__).resolve().parents[1] / "python" / "fastmlp" / "data" / "digits.npz"
SOURCE = (
    "E. Alpaydin, C. Kaynak (1998): Optical Recognition of Handwritten Digits, test part, "
    "UCI Machine Learning Repository, https://doi.org/10.24432/C50P49"
)
LICENCE = "CC BY 4.0, https://creativecommons.org/licenses/by/4.0/"
X_SHA256 = "f41633a8c5efa0f9d695e2b07a51c56cd4f9d68159f87b5a8cc38f5bd96173af"
Y_SHA256 = "d15c883020ea4c939151d5058401b6ddbd889e48a02d1fa1a32a9ce68d5a4bba"


def main() -> int:
    """Write or check the file; the exit code is 0 when the content is the pinned one."""
    parser = argparse.ArgumentParser(description="make or check the bundled digits")
    parser.add_argument("--check", action="store_true", help="compare the file, write nothing")
    arguments = parser.parse_args()
    if arguments.check:
        with np.load(FILE, allow_pickle=False) as arrays:
            x, y = arrays["x"], arrays["y"]
    else:
        x, y = original()
    if (sha256(x), sha256(y)) != (X_SHA256, Y_SHA256):
        print(f"not the pinned digits: x {sha256(x)}, y {sha256(y)}", file=sys.stderr)
        return 1
    if not arguments.check:
        # Strings as bytes keep the file small; x is (1797, 8, 8) uint8 from 0 to 16, y (1797,)
        # uint8.
        np.savez_compressed(
            FILE, x=x, y=y, source=np.bytes_(SOURCE.encode()), licence=np.bytes_(LICENCE.encode())
        )
    print(f"{FILE}: {x.shape} {x.dtype}, {FILE.stat().st_size} bytes")
    return 0


def original() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Take the images (1797, 8, 8) and labels (1797,) out of scikit-learn."""
    from sklearn.datasets import load_digits  # type: ignore[import-untyped,unused-ignore]

    digits = load_digits()
    return digits.images.astype(np.uint8), digits.target.astype(np.uint8)


def sha256(array: NDArray[Any]) -> str:
    """Hash the shape, the type and the values of an array."""
    head = f"{array.shape} {array.dtype.str} ".encode()
    return hashlib.sha256(head + array.tobytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
