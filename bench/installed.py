"""How many bytes an installed distribution has on disk, alone and with what it requires."""

from __future__ import annotations

import importlib.metadata
import json
import re
from importlib.metadata import Distribution
from pathlib import Path

COMPILED = "__pycache__"


def bytes_on_disk(name: str) -> int:
    """Return the size of a distribution's files, compiled Python left out.

    Raises
    ------
    importlib.metadata.PackageNotFoundError
        If it is not installed.

    Examples
    --------
    >>> bytes_on_disk("numpy") > 1_000_000
    True
    """
    distribution = importlib.metadata.distribution(name)
    recorded = {Path(str(file.locate())) for file in distribution.files or ()}
    files = recorded | set(_editable_files(distribution))
    return sum(f.stat().st_size for f in files if f.is_file() and COMPILED not in f.parts)


def with_requirements(name: str) -> list[str]:
    """Return a distribution and all that is installed of what it requires, extras left out."""
    found: list[str] = []
    waiting = [name]
    while waiting:
        one = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if one in found:
            continue
        try:
            requires = importlib.metadata.requires(one) or []
        except importlib.metadata.PackageNotFoundError:
            continue  # for another platform, or not needed here
        found.append(one)
        waiting += [_name(line) for line in requires if "extra ==" not in line]
    return found


def _name(requirement: str) -> str:
    """Return the name that a requirement begins with."""
    match = re.match(r"[\w.-]+", requirement)
    return match[0] if match else requirement


def _editable_files(distribution: Distribution) -> list[Path]:
    """Return the Python files of one that is installed in place: its record does not name them."""
    text = distribution.read_text("direct_url.json")
    content = json.loads(text) if text else {}
    if not content.get("dir_info", {}).get("editable"):
        return []
    folder = Path(str(content["url"]).removeprefix("file://"))
    name = distribution.metadata["Name"]
    places = (folder / name, folder / "src" / name, folder / "python" / name)
    return [file for place in places if place.is_dir() for file in place.rglob("*")]
