"""Pictures of what is returned as numbers elsewhere: how they look, and how they are saved.

matplotlib draws them; it is imported here alone, and only once a picture is wanted.
"""

from __future__ import annotations

import importlib
import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from ..errors import ConfigError

# Okabe and Ito's colours, which are told apart by most eyes.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
STYLE = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "legend.frameon": False,
    "savefig.dpi": 150,
    "svg.hashsalt": "fastmlp",
}


def style() -> AbstractContextManager[None]:
    """Return the context in which figures are made and saved.

    Raises
    ------
    ConfigError
        matplotlib is not installed.
    """
    try:
        matplotlib: Any = importlib.import_module("matplotlib")
    except ImportError as error:
        raise ConfigError(
            f"pictures need matplotlib ({error}); install it with: pip install 'fastmlp[plot]'"
        ) from None
    context: AbstractContextManager[None] = matplotlib.rc_context(STYLE)
    return context


def new_figure(width: float = 7.0, height: float = 4.2) -> Any:
    """Return an empty figure of so many inches; no window opens."""
    return importlib.import_module("matplotlib.figure").Figure(
        figsize=(width, height), layout="constrained"
    )


def save(figure: Any, path: str | os.PathLike[str] | None) -> Any:
    """Write the figure to a file, where one is named; return it.

    Raises
    ------
    ConfigError
        The ending of the file is of no kind that can be written.
    """
    if path is not None:
        kinds = figure.canvas.get_supported_filetypes()
        if Path(path).suffix[1:].lower() not in kinds:
            raise ConfigError(f"{os.fspath(path)} must end in one of .{', .'.join(sorted(kinds))}")
        figure.savefig(path)
    return figure
