"""What the tests share: where real data lies, the sweeps that the engine's own catalog spans, and
runs in a fresh process.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from fastmlp import _core

ROOT = Path(__file__).resolve().parent.parent
CATALOG = _core.catalog()
ISAS = _core.cpu_info()["isa_found"]
FMA_ISAS = [
    isa for isa in ISAS if isa != "portable" or _core.cpu_info()["architecture"] != "x86_64"
]


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder that holds mnist/ and tables/."""
    for folder in (os.environ.get("FASTMLP_DATA"), ROOT.parent / "shared" / "data"):
        if folder and (Path(folder) / "mnist").is_dir():
            return Path(folder)
    pytest.skip("real MNIST is not here: set FASTMLP_DATA to a folder that holds mnist/")


@pytest.fixture(scope="session")
def mnist_folder(data_folder: Path) -> Path:
    """The folder of the four IDX files."""
    return data_folder / "mnist"


@pytest.fixture
def team() -> Iterator[Callable[[int], None]]:
    """Force the number of threads, whatever the machine and the work."""
    yield _core.testing.force_team_size
    _core.testing.force_team_size(0)


def run_python(code: str, **environment: str) -> str:
    """Run code in a fresh interpreter, with extra environment variables, and return what it
    printed.
    """
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests"), **environment},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def integers(shape: tuple[int, ...], seed: int, dtype: str = "float32") -> np.ndarray:
    """Small integers: sums of their products are exact, so that results can be compared with ==."""
    return np.random.default_rng(seed).integers(-8, 9, shape).astype(dtype)
