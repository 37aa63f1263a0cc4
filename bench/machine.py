"""What is known of the machine: its cores, its environment, and how quickly its cores talk."""

from __future__ import annotations

import importlib
import os
import platform
from typing import Any

from bench.processes import THREAD_VARIABLES

NEAR_SECONDS = 120e-9  # one way between cores that share a cache, with room to spare


def usable_cores() -> int:
    """Return the cores that this process may run on.

    Examples
    --------
    >>> usable_cores() >= 1
    True
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def describe_machine() -> dict[str, Any]:
    """Return platform, cores and environment; `cpu` holds what the core knows, where installed."""
    known = {
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cores_usable": usable_cores(),
        "thread_variables": {key: os.environ[key] for key in THREAD_VARIABLES if key in os.environ},
    }
    try:
        core: Any = importlib.import_module("fastmlp._core")
    except ImportError:
        return known
    return {**known, "cpu": core.cpu_info()}


def core_distance() -> str | None:
    """Return "near" or "far": how quickly two cores talk now; None where only one thread may run.

    On a virtual machine two cores may be neighbours or not, and change that from minute to minute;
    what two threads gain depends on it.
    """
    core: Any = importlib.import_module("fastmlp._core")
    try:
        return "near" if core.testing.ping_pong_seconds() < NEAR_SECONDS else "far"
    except RuntimeError:
        return None
