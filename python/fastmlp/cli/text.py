"""What a terminal shows: confusion matrix, figures, a picture, bars. Strings in, strings out.

The figures come from evaluation.py, pictures from data/images.py.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..evaluation import Evaluation
from ..model.description import without_infinity
from ..model.heads import Evaluations

WIDEST = 25  # classes; a larger confusion matrix is told by its most frequent mistakes
MISTAKES = 10
TALL = 16  # rows of pixels; a taller picture is drawn two rows a line
BAR = 24  # characters of a full bar


def as_json(document: dict[str, Any]) -> str:
    """Return a document as one line of JSON; NaN and infinity become texts such as "nan".

    >>> as_json({"loss": float("nan"), "rows": 2})
    '{"loss": "nan", "rows": 2}'
    """
    return json.dumps(without_infinity(document), ensure_ascii=not can_show("é"), allow_nan=False)


def can_show(characters: str) -> bool:
    """Tell whether stdout's encoding has these characters."""
    try:
        characters.encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def percent(share: float) -> str:
    """Return a share as people read it.

    >>> percent(0.9721)
    '97.21 %'
    """
    return f"{100 * share:.2f} %"


def figures(evaluation: Evaluation | Evaluations) -> str:
    """Return the figures of an evaluation in a line.

    >>> figures(Evaluation(samples=200, loss=0.25, rmse=1.5, mae=1.25, r2=0.5))
    'RMSE 1.5, MAE 1.25, R2 0.5000, loss 0.2500 (200 rows)'
    """
    if isinstance(evaluation, Evaluations):
        heads = "; ".join(f"{name}: {figures(one)}" for name, one in evaluation.items())
        return f"loss {evaluation.loss:.4f}; {heads}"
    if evaluation.accuracy is not None:
        right = f"{evaluation.correct:,} / {evaluation.samples:,}"
        each = evaluation.label_accuracy
        labels = "" if each is None else f", of single labels {percent(each)}"
        accuracy = percent(evaluation.accuracy)
        return f"accuracy {accuracy} ({right}){labels}, loss {evaluation.loss:.4f}"
    return (
        f"RMSE {evaluation.rmse:.6g}, MAE {evaluation.mae:.6g}, R2 {evaluation.r2:.4f}, "
        f"loss {evaluation.loss:.4f} ({evaluation.samples:,} rows)"
    )


def confusion_table(evaluation: Evaluation | Evaluations) -> str:
    """Return the confusion matrix as a table, 0 as a dot; of many classes its largest mistakes."""
    if isinstance(evaluation, Evaluations):
        tables = {name: confusion_table(one) for name, one in evaluation.items()}
        return "\n".join(f"{name}: {table}" for name, table in tables.items() if table)
    if evaluation.confusion is None or evaluation.classes is None:
        return ""
    names = [str(label) for label in evaluation.classes.tolist()]
    if len(names) > WIDEST:
        return _mistakes(evaluation.confusion, names)
    cells = [[str(n) if n else "." for n in row] for row in evaluation.confusion.tolist()]
    width = max(len(cell) for row in [names, *cells] for cell in row) + 2
    lines = ["confusion matrix (a row: the true class, a column: what the model says)"]
    lines += [" " * (width + 2) + "".join(f"{name:>{width}}" for name in names)]
    for name, row in zip(names, cells, strict=True):
        lines += [f"{name:>{width}} |" + "".join(f"{cell:>{width}}" for cell in row)]
    return "\n".join(lines)


def _mistakes(confusion: NDArray[np.int64], names: Sequence[str]) -> str:
    wrong = confusion - np.diag(np.diag(confusion))
    largest = np.argsort(-wrong, axis=None, kind="stable")[:MISTAKES]
    pairs = [divmod(int(at), len(names)) for at in largest]
    lines = [
        f"{wrong[true, said]:>8,}  {names[true]} taken for {names[said]}"
        for true, said in pairs
        if wrong[true, said]
    ]
    return "\n".join([f"most frequent mistakes among {len(names)} classes", *lines])


def picture(vector: NDArray[Any], shape: tuple[int, int], pixel_max: int) -> str:
    """Return a picture (height * width,) of values 0 to pixel_max, drawn in characters.

    Examples
    --------
    >>> print(picture(np.array([0, 16, 16, 0]), (2, 2), 16).replace("█", "#"))
      ##
    ##
    """
    grey = vector.reshape(shape).astype(np.float64) / pixel_max
    wide = shape[0] <= TALL
    if not wide:
        if len(grey) % 2:
            grey = np.vstack([grey, np.zeros((1, shape[1]))])
        grey = (grey[0::2] + grey[1::2]) / 2
    ramp = " ░▒▓█" if can_show("░▒▓█") else " .:+#"
    levels = np.clip((grey * len(ramp)).astype(int), 0, len(ramp) - 1)
    rows = ("".join(ramp[level] * (2 if wide else 1) for level in row) for row in levels)
    return "\n".join(row.rstrip() for row in rows)


def bars(names: Sequence[str], probabilities: Sequence[float]) -> str:
    """Return a line for each class: its name, a bar and its probability.

    Examples
    --------
    >>> print(bars(["3", "8"], [0.75, 0.25]).replace("█", "#"))
    3  ##################        75.00 %
    8  ######                    25.00 %
    """
    full = "█" if can_show("█") else "#"
    width = max(len(name) for name in names)
    return "\n".join(
        f"{name:>{width}}  {full * round(BAR * share):<{BAR}}  {percent(share):>7}".rstrip()
        for name, share in zip(names, probabilities, strict=True)
    )
