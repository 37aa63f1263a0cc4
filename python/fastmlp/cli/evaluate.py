"""``fastmlp evaluate``: a saved model measured on data whose targets are known.

Rows that it learned from are kept out where they can be told.
The figures are evaluation.py's, their look text.py's.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..config.keys import column
from ..data import Dataset, load_data
from ..errors import ConfigError
from ..model import Model, load
from ..training import fingerprint, split_dataset
from .columns import is_text_table, match_columns, target_of
from .text import as_json, confusion_table, figures

HELP = "measure a saved model on data with known targets"
PARTS = ("auto", "all", "training", "validation", "test")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add MODEL, DATA and how to read them."""
    parser.add_argument("model", metavar="MODEL", help="file that fastmlp train saved")
    parser.add_argument("data", metavar="DATA", help="data set or path, as for fastmlp train")
    parser.add_argument("--data-dir", metavar="DIR", help="folder of a built-in data set's files")
    parser.add_argument("--target", type=column().read, metavar="COLUMN", help="target column")
    parser.add_argument(
        "--header", choices=("auto", "yes", "no"), default="auto", help="of a table"
    )
    parser.add_argument(
        "--part",
        choices=PARTS,
        default="auto",
        help="rows to use; auto: test rows where the data have or were split for some, else all",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(options: argparse.Namespace) -> int:
    """Evaluate and print; return the exit code."""
    model = load(options.model)
    data = _load(model, options)
    x, y, part = choose_rows(model, data, options.part)
    x = match_columns(model, x, data.feature_names, options.data)
    evaluation = model.evaluate(x, y)
    if options.json:
        head = {"model": options.model, "data": options.data, "part": part}
        print(as_json(head | evaluation.as_dict()))
        return 0
    print(f"{Path(options.model).name} on {options.data}, {part} rows: {figures(evaluation)}")
    table = confusion_table(evaluation)
    if table:
        print(table)
    return 0


def _load(model: Model, options: argparse.Namespace) -> Dataset:
    target = options.target
    if target is None and is_text_table(options.data):
        target = target_of(model)
    data_dir = options.data_dir
    if data_dir is None and options.data == model.config.data.source:
        data_dir = model.config.data.data_dir
    return load_data(options.data, data_dir=data_dir, target=target, header=options.header)


def choose_rows(model: Model, data: Dataset, part: str) -> tuple[Any, Any, str]:
    """Return rows, targets and the name of the part.

    The training's own split is made again from its seed when the data are those that it was trained
    on.
    """
    if data.x_test is not None and part in ("auto", "test"):
        return data.x_test, data.y_test, "test"
    trained_on_it = part != "all" and fingerprint(data) == model.record.get("data_sha256")
    if part == "all" or (part == "auto" and not trained_on_it):
        return data.x, data.y, "all"
    if not trained_on_it:
        raise ConfigError(f"--part {part}: the model was not trained on these data; use --part all")
    parts = split_dataset(data, model.config)
    part = part if part != "auto" else ("all" if parts.x_test is None else "test")
    if part == "all":
        return data.x, data.y, part
    names = {"training": "train"}
    x = getattr(parts, f"x_{names.get(part, part)}")
    if x is None:
        raise ConfigError(f"--part {part}: the training kept no rows for it; use --part all")
    return x, getattr(parts, f"y_{names.get(part, part)}"), part
