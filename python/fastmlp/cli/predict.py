"""``fastmlp predict``: pictures, drawn with their probabilities, or the rows of a table, as CSV.

Reading pictures and tables is data/'s, drawing text.py's.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..atomic import atomic_write
from ..config.keys import column
from ..data import read_picture
from ..errors import ConfigError, DataError
from ..model import Model, load
from .columns import read_rows
from .text import as_json, bars, picture

HELP = "predict pictures or the rows of a table with a saved model"
PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm")
Array = NDArray[Any]
Entry = dict[
    str, Any
]  # of one picture or row: prediction, probabilities by class, file of a picture


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add MODEL, the files and where the result goes."""
    parser.add_argument("model", metavar="MODEL", help="file that fastmlp train saved")
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="pictures (.png .jpg ...), or one table (.csv .npy ...)",
    )
    parser.add_argument("--out", metavar="FILE", help="write the predictions to it, as CSV")
    parser.add_argument(
        "--target", type=column().read, metavar="COLUMN", help="column of the table to leave out"
    )
    parser.add_argument(
        "--header", choices=("auto", "yes", "no"), default="auto", help="of a table"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(options: argparse.Namespace) -> int:
    """Predict and print or write; return the exit code."""
    pictures = [name for name in options.files if name.lower().endswith(PICTURES)]
    if len(pictures) < len(options.files) and len(options.files) > 1:
        other = next(name for name in options.files if name not in pictures)
        raise ConfigError(
            f"{other} is taken for a table: one table, or pictures ({' '.join(PICTURES)})"
        )
    model = load(options.model)
    code = 0
    if pictures:
        entries, code = _predict_pictures(model, pictures, draw=not options.json)
    else:
        rows = read_rows(model, options.files[0], options.header, options.target)
        entries = predict_rows(model, rows)
    if options.out is not None:
        atomic_write(options.out, as_csv(entries).encode())
    if options.json:
        document = {"model": options.model, "predictions": entries}
        print(as_json(document))
    elif options.out is not None:
        print(f"{len(entries):,} predictions written to {options.out}")
    elif not pictures:
        print(as_csv(entries), end="")
    return code


def predict_rows(model: Model, rows: Array) -> list[Entry]:
    """Return prediction and, for classes that have them, probabilities of each row of features."""
    if model.heads:
        by_head: Any = model.predict(rows)
        said = {name: values.tolist() for name, values in by_head.items()}
        return [
            {"prediction": {name: values[at] for name, values in said.items()}}
            for at in range(len(rows))
        ]
    if model.classes is None or model.summary().layers[-1][2] not in ("softmax", "sigmoid"):
        return [{"prediction": value} for value in model.predict(rows).tolist()]
    names = [str(label) for label in model.classes.tolist()]
    shares = model.predict_proba(rows).astype(np.float64)
    return [
        {"prediction": label, "probabilities": dict(zip(names, row, strict=True))}
        for label, row in zip(model.predict(rows).tolist(), shares.tolist(), strict=True)
    ]


def _predict_pictures(model: Model, files: list[str], *, draw: bool) -> tuple[list[Entry], int]:
    """Return the entries, and 1 when a picture could not be read: the others go on."""
    shape = model.image_shape
    if shape is None:
        raise DataError("this model was not trained on pictures; give it a table of rows")
    entries: list[Entry] = []
    code = 0
    for name in files:
        try:
            vector = read_picture(name, image_shape=shape, pixel_max=model.pixel_max)
        except DataError as error:
            print(f"fastmlp: error: {error}", file=sys.stderr)
            code = 1
            continue
        entry = {"file": name} | predict_rows(model, vector[np.newaxis])[0]
        entries.append(entry)
        if draw:
            print(_drawing(entry, picture(vector, shape, model.pixel_max)))
    return entries, code


def _drawing(entry: Entry, drawn: str) -> str:
    shares = entry.get("probabilities", {})
    head = f"{Path(entry['file']).name}: {entry['prediction']}"
    return "\n".join([drawn, head, bars(list(shares), list(shares.values())) if shares else "", ""])


def as_csv(entries: list[Entry]) -> str:
    """Return the entries as CSV: file (of pictures), prediction, a column p(class) for each class.

    Of several heads a column for each, by its name.

    Examples
    --------
    >>> print(as_csv([{"prediction": "no", "probabilities": {"no": 0.75, "yes": 0.25}}]), end="")
    prediction,p(no),p(yes)
    no,0.75,0.25
    >>> print(as_csv([{"prediction": [1.5, 2.5]}]), end="")
    prediction 0,prediction 1
    1.5,2.5
    >>> print(as_csv([{"prediction": {"digit": 3, "ink": [0.5, 1.5]}}]), end="")
    digit,ink 0,ink 1
    3,0.5,1.5
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for at, entry in enumerate(entries):
        head, row = [], []
        if "file" in entry:
            head, row = ["file"], [entry["file"]]
        said = entry["prediction"]
        by_head = said if isinstance(said, dict) else {"prediction": said}
        several: list[Any] = []
        for name, values in by_head.items():
            is_list = isinstance(values, list)
            several += values if is_list else [values]
            head += [f"{name} {i}" for i in range(len(values))] if is_list else [name]
        head += [f"p({name})" for name in entry.get("probabilities", {})]
        if at == 0:
            writer.writerow(head)
        writer.writerow([*row, *several, *entry.get("probabilities", {}).values()])
    return out.getvalue()
