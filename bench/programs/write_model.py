"""Writes the file that load_and_predict.py loads: ``python write_model.py MODULE MODEL CASE``.

MODULE is one of loading/, CASE a `bench.prediction.Case` in JSON. Nobody times it.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

from bench.prediction import case_from_mapping, make_task

if __name__ == "__main__":
    task = make_task(case_from_mapping(json.loads(sys.argv[3])))
    importlib.import_module(sys.argv[1]).write(task, Path(sys.argv[2]))
