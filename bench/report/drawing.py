"""How charts look: colours by contender, figures without a background, SVG for a page in any theme.

The colours of a chart are variables of the page (`--k0072b2`), so that one SVG suits light and
dark: `stylesheet` declares them. Text is drawn as paths: no font of the reader can clip it.
"""

from __future__ import annotations

import importlib
import io
import math
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from bench.report.figures import is_core

# Okabe and Ito's colours, which the colour-blind can tell apart, completed by greys; the second is
# for a dark page.
CONTENDER_COLOURS = {
    "core": ("#0072b2", "#4aa8e0"),
    "numpy": ("#e69f00", "#e69f00"),
    "torch": ("#d55e00", "#f0803c"),
    "torch_compile": ("#cc79a7", "#d98fb8"),
    "jax": ("#009e73", "#1fbf92"),
    "sklearn": ("#8c6d31", "#b8985a"),
    "onnxruntime": ("#5b4a9e", "#9c8be0"),
    "onnxruntime_bound": ("#a99bd6", "#c7bdf0"),
    "deck": ("#8a8a8a", "#9a9a9a"),
}
VARIANTS = (("#56b4e9", "#8fd0f5"), ("#1b4f72", "#7fa8c9"), ("#7fb3d5", "#b5d5ea"))  # of the core
OTHERS = (("#b5bd00", "#d4db3a"), ("#4d4d4d", "#c4c4c4"), ("#a6611a", "#d08a45"))
INK, FAINT, GROUND = "#010203", "#040506", "#070809"  # stand for text, grid lines and ground
SLOWER, SAME, FASTER = "#b35806", "#f7f7f7", "#2166ac"  # the heat maps': orange, white, blue
STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.linewidth": 0.7,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "hatch.linewidth": 0.6,
    "svg.fonttype": "path",
}
WIDTH = 8.6  # inches; the page shows them as they are, or scrolls


class MatplotlibMissingError(RuntimeError):
    """No chart can be drawn; the message says what to install."""


class Chart(NamedTuple):
    """A picture for the page: its name (unique on it), what it shows, how to read it."""

    name: str
    title: str
    caption: str
    svg: str


def check_matplotlib() -> None:
    """Find out whether charts can be drawn.

    Raises
    ------
    MatplotlibMissingError
        If matplotlib cannot be imported.
    """
    try:
        importlib.import_module("matplotlib.figure")
    except ImportError as error:
        raise MatplotlibMissingError(
            f"The charts need matplotlib ({error}); install it with: pip install 'fastmlp[bench]'"
        ) from error


def new_figure(height: float, width: float = WIDTH) -> Any:
    """Return an empty figure in inches, to be drawn on within `style`."""
    module = importlib.import_module("matplotlib.figure")
    return module.Figure(figsize=(width, height), layout="constrained")


def style() -> Any:
    """Return the context in which figures are made and saved."""
    return importlib.import_module("matplotlib").rc_context(STYLE)


def colours_of(names: Sequence[str]) -> dict[str, str]:
    """Return a colour for each contender: always the same for those that are known.

    Examples
    --------
    >>> colours_of(["torch", "core", "core_bf16"])
    {'torch': '#d55e00', 'core': '#0072b2', 'core_bf16': '#56b4e9'}
    """
    variants, others = 0, 0
    chosen = {}
    for name in names:
        if name in CONTENDER_COLOURS:
            chosen[name] = CONTENDER_COLOURS[name][0]
        elif is_core(name):
            chosen[name] = VARIANTS[variants % len(VARIANTS)][0]
            variants += 1
        else:
            chosen[name] = OTHERS[others % len(OTHERS)][0]
            others += 1
    return chosen


def shade(ratio: float, most: float = 4.0) -> tuple[str, str]:
    """Return the colour of a ratio in a heat map, and the ink that can be read on it.

    Parameters
    ----------
    most : float
        The ratio from which on (and its inverse) the colour stays the same.

    Examples
    --------
    >>> shade(1.0), shade(100.0)
    (('#f7f7f7', '#111111'), ('#2166ac', '#ffffff'))
    """
    place = max(-1.0, min(1.0, math.log(ratio) / math.log(most))) if ratio > 0 else -1.0
    ends = [int((FASTER if place > 0 else SLOWER)[i : i + 2], 16) for i in (1, 3, 5)]
    middle = [int(SAME[i : i + 2], 16) for i in (1, 3, 5)]
    mixed = [round(m + abs(place) * (e - m)) for m, e in zip(middle, ends, strict=True)]
    luminance = 0.299 * mixed[0] + 0.587 * mixed[1] + 0.114 * mixed[2]
    return "#" + "".join(f"{c:02x}" for c in mixed), "#ffffff" if luminance < 140 else "#111111"


def stylesheet(dark: bool) -> str:
    """Return the declarations of the colours of charts."""
    pairs = [*CONTENDER_COLOURS.values(), *VARIANTS, *OTHERS]
    return "".join(f"--k{light[1:]}:{(light, night)[dark]};" for light, night in pairs)


def to_svg(figure: Any, name: str, title: str) -> str:
    """Return the figure as SVG to be put into a page: ids of its own, the page's colours."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\sxmlns(:xlink)?="[^"]*"', "", text)
    text = text.replace("xlink:href=", "href=")
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", text)
    head, body = text.split(">", 1)
    size = re.search(r'width="([\d.]+)pt"', head)
    width = ""
    if size:  # a narrow screen scrolls rather than shrink the words out of sight
        natural = float(size[1])
        width = f' style="min-width:{0.8 * natural:.0f}pt;max-width:{1.15 * natural:.0f}pt"'
    head = re.sub(r'\s(width|height)="[^"]*"', "", head)
    label = title.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    text = f'{head} role="img" aria-label="{label}"{width}>{body}'
    return _with_page_colours(text).strip()


def _with_page_colours(svg: str) -> str:
    """Replace the stand-ins by what the page declares."""
    svg = svg.replace(INK, "currentColor").replace(FAINT, "var(--faint)")
    svg = svg.replace(GROUND, "var(--ground)")
    pairs = [*CONTENDER_COLOURS.values(), *VARIANTS, *OTHERS]
    for light, _ in pairs:
        svg = svg.replace(light, f"var(--k{light[1:]})")
    return svg
