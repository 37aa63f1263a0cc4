"""Pictures of learning rates: the sweep of the finder, and the losses of several trainings."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import COLOURS, new_figure, save, style

Array = NDArray[np.float64]
MARK = {"linestyle": "", "markersize": 7, "zorder": 3}


def sweep(
    rates: Array,
    losses: Array,
    smoothed: Array,
    marks: Mapping[str, float],
    path: str | os.PathLike[str] | None = None,
) -> Any:
    """Draw the losses of a sweep over its rates, and return the figure.

    Parameters
    ----------
    rates, losses, smoothed : ndarray, shape (steps,)
    marks : mapping
        Rates by what they are.
    path : path, optional
        A file for the picture.
    """
    with style():
        figure = new_figure()
        axes = figure.add_subplot()
        axes.plot(rates, losses, color="#bbbbbb", linewidth=0.8, label="loss of a step")
        axes.plot(rates, smoothed, color=COLOURS[0], label="smoothed")
        for colour, (name, rate) in zip(COLOURS[1:], marks.items(), strict=False):
            height = np.interp(np.log(rate), np.log(rates), smoothed)
            axes.plot([rate], [height], "o", color=colour, label=f"{name}: {rate:.3g}", **MARK)
        low, high = float(losses.min()), float(losses[: max(1, len(losses) // 4)].max())
        room = 0.1 * (high - low) or 1.0
        axes.set(
            xscale="log",
            xlabel="learning rate",
            ylabel="training loss",
            ylim=(low - room, high + room),
        )
        axes.legend()
        return save(figure, path)


def study(
    losses: Mapping[float, Array],
    diverged: Mapping[float, bool],
    path: str | os.PathLike[str] | None = None,
) -> Any:
    """Draw the losses of trainings over their steps, one line a rate, and return the figure.

    Parameters
    ----------
    losses : mapping of ndarray, shape (steps,)
        By learning rate; all begin at the same loss.
    diverged : mapping of bool
        Likewise: such a line is dashed, and ends with a cross: at the upper edge, which is twice
        the first loss, where it has gone beyond.
    path : path, optional
        A file for the picture.
    """
    with style():
        figure = new_figure()
        axes = figure.add_subplot()
        edge = 2 * max(abs(values[0]) for values in losses.values() if len(values))
        for at, (rate, values) in enumerate(losses.items()):
            colour, bad = COLOURS[at % len(COLOURS)], diverged[rate]
            beyond = ~(values <= edge)
            end = int(beyond.argmax()) + 1 if bad and beyond.any() else len(values)
            label = f"{rate:g}" + (" (diverged)" if bad else "")
            dashes = "--" if bad else "-"
            steps, shown = np.arange(1, end + 1), np.fmin(values[:end], edge)
            axes.plot(steps, shown, dashes, color=colour, linewidth=1.2, label=label)
            if bad:
                axes.plot(steps[-1:], shown[-1:], "x", color=colour, clip_on=False, **MARK)
        axes.set(xlabel="training step", ylabel="training loss", ylim=(None, edge))
        axes.legend(title="learning rate")
        return save(figure, path)
