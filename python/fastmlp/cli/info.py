"""``fastmlp info``: versions, and what the engine found on this machine and chose."""

from __future__ import annotations

import argparse
import platform
from typing import Any

import numpy as np

from .. import __version__, _core
from ..data import cache_folder
from .text import as_json

HELP = "show version, CPU, instruction sets found and chosen, caches and threads"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the one flag."""
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(options: argparse.Namespace) -> int:
    """Print; return the exit code."""
    facts = gather()
    print(as_json(facts) if options.json else as_text(facts))
    return 0


def gather() -> dict[str, Any]:
    """Return versions, folders and ``_core.cpu_info()``."""
    return {
        "fastmlp": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "data_cache": str(cache_folder()),
        "cpu": _core.cpu_info(),
    }


def as_text(facts: dict[str, Any]) -> str:
    """Return the facts as lines of name and value."""
    cpu = facts["cpu"]
    caches = (f"{name.upper()} {_size(size)}" for name, size in cpu["caches"].items())
    limits = (f"{name} {'none' if n is None else n}" for name, n in cpu["threads"].items())
    lines = {
        "fastmlp": facts["fastmlp"],
        "Python": f"{facts['python']}, NumPy {facts['numpy']}, {facts['system']}",
        "CPU": f"{cpu['model']} ({cpu['architecture']})",
        "instruction sets": f"{', '.join(cpu['isa_found'])}; chosen: {cpu['isa_chosen']}",
        "caches": ", ".join(caches),
        "threads": f"{', '.join(limits)} ({cpu['thread_backend']})",
        "downloads go to": facts["data_cache"],
    }
    return "\n".join(f"{name:<17} {value}" for name, value in lines.items())


def _size(size: int | None) -> str:
    if not size:
        return "unknown"
    return f"{size / 2**20:g} MiB" if size >= 2**20 else f"{size / 2**10:g} KiB"
