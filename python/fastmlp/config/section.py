"""What a section of the configuration is: keys with a kind, a default and a meaning."""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import field
from typing import Any

from .keys import Kind


def key(default: object, kind: Kind, meaning: str, *, optional: bool = False) -> Any:
    """One key of a section. With `optional`, None is allowed too and stands for "not chosen"."""
    return field(default=default, metadata={"kind": kind, "meaning": meaning, "optional": optional})


class Section:
    """Checks every key on construction and keeps it in one form (lists become tuples)."""

    def __post_init__(self) -> None:
        for name, kind, optional in keys_of(type(self)):  # type: ignore[arg-type]
            value = getattr(self, name)
            if not (value is None and optional):
                object.__setattr__(self, name, kind.check(name, value))


@functools.cache
def keys_of(section: type[Section]) -> tuple[tuple[str, Kind, bool], ...]:
    """Return name, kind and whether None is allowed, of each key of a section."""
    return tuple(
        (one.name, one.metadata["kind"], one.metadata["optional"])
        for one in dataclasses.fields(section)  # type: ignore[arg-type]
    )
