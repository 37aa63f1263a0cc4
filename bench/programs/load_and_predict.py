"""Imports a library, loads a model, predicts one row, then many; says when, and with what memory.

``python load_and_predict.py MODULE MODEL ROWS OUTPUTS``: MODULE is one of loading/; ROWS is an .npy
file (rows, inputs) in float32; OUTPUTS is written after everything was measured.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from bench.programs.stamps import Stamps

STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")
RESET_PEAK = "5"


def memory(field: str) -> int | None:
    """Return a field of this process's status in bytes; None where the system has none."""
    if not STATUS.exists():
        return None
    lines = (line.partition(":") for line in STATUS.read_text().splitlines())
    kilobytes = next(value for name, _, value in lines if name == field)
    return int(kilobytes.split()[0]) * 1024


def growth(work: Any) -> tuple[Any, int | None]:
    """Return what the work returns, and how far memory rose above its level while it went on."""
    before = memory("VmRSS")
    try:
        CLEAR.write_text(RESET_PEAK)
    except OSError:
        before = None
    found = work()
    after = memory("VmHWM")
    return found, None if before is None or after is None else after - before


def main(module: str, model: str, rows_file: str, outputs_file: str) -> None:
    """Do it."""
    stamps = Stamps()
    library: Any = importlib.import_module(module)
    stamps.mark("import")
    import numpy as np

    one = np.load(rows_file, mmap_mode="r")[:1].copy()
    stamps.mark("row")
    predict = library.load(model)
    stamps.mark("load")
    first = predict(one)
    stamps.mark("first prediction")
    rest, peak = memory("VmRSS"), memory("VmHWM")
    rows = np.load(rows_file)
    outputs, rise = growth(lambda: predict(rows))
    stamps.tell(rest=rest, peak=peak, rise=rise)
    np.save(outputs_file, np.concatenate([first, outputs]))


if __name__ == "__main__":
    main(*sys.argv[1:5])
