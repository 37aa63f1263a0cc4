"""When a program had finished each of its parts, on the clock that its parent reads too."""

from __future__ import annotations

import time


class Stamps:
    """Moments of a monotonic clock, which all processes of the machine share.

    Examples
    --------
    >>> stamps = Stamps()
    >>> stamps.mark("import")
    >>> stamps.tell(correct=9)
    {"moments": {"import": ...}, "figures": {"correct": 9}}
    """

    def __init__(self) -> None:
        self._moments: dict[str, float] = {}

    def mark(self, part: str) -> None:
        """Note that a part has ended now."""
        self._moments[part] = time.monotonic()

    def tell(self, **figures: float | None) -> None:
        """Print moments and figures as one line of JSON."""
        import json  # only now: no part pays for it

        print(json.dumps({"moments": self._moments, "figures": figures}), flush=True)
