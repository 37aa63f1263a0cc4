"""The question `machine`: what this machine can do at most, as the engine's own loops measure it.

Arithmetic in registers on the instruction set that the engine chose, memory that no cache holds,
a barrier, and the way of a cache line between two threads. Shares of the peak relate to these.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from bench.harness import Options, QuestionSkippedError, Say, interleave
from bench.machine import usable_cores
from bench.results import Measurement

OPERATIONS = ("fma",)  # of the engine's kernel table
# A peak is the best of many short windows: whoever else runs on the machine leaves some of them.
WINDOW_SECONDS, WINDOWS = 0.004, 25
MEMORY_SECONDS = 0.1


def run(options: Options, say: Say) -> list[Measurement]:
    """Measure with the engine, on one thread and on all.

    Raises
    ------
    QuestionSkippedError
        If the engine is not installed.
    """
    try:
        core: Any = importlib.import_module("fastmlp._core")
    except ImportError as error:
        raise QuestionSkippedError(f"the engine measures it: {error}; pip install .") from None
    say("arithmetic, memory, threads ...")
    counts = sorted({1, options.threads or usable_cores()})
    isa = core.cpu_info()["isa_chosen"]
    rows: dict[tuple[str, str, str, int], Callable[[], float]] = {}
    for threads in counts:
        for name in OPERATIONS:
            rows["arithmetic", name, "flop/s", threads] = _operation(core, name, threads)
        for name, writes in (("memory read", False), ("memory read and write", True)):
            rows["memory", name, "bytes/s", threads] = _memory(core, writes, threads)
    if counts[-1] > 1:
        rows["threads", "barrier", "s", counts[-1]] = _barrier(core, counts[-1])
        rows["threads", "core to core, one way", "s", 2] = core.testing.ping_pong_seconds
    turns = interleave({f"{key}": turn for key, turn in rows.items()}, options)
    return [
        Measurement(
            question="machine",
            case=case,
            contender=f"{what}, {'1 thread' if threads == 1 else f'{threads} threads'}",
            unit=unit,
            turns=turns[f"{case, what, unit, threads}"],
            threads=threads,
            about={"what": what, "isa": isa},
        )
        for case, what, unit, threads in rows
    ]


def _operation(core: Any, name: str, threads: int) -> Callable[[], float]:
    def best() -> float:
        rate = core.testing.operation_rate
        return max(float(rate(name, threads, WINDOW_SECONDS)) for _ in range(WINDOWS))

    return best


def _memory(core: Any, writes: bool, threads: int) -> Callable[[], float]:
    return lambda: float(core.testing.memory_rate(writes, threads, MEMORY_SECONDS))


def _barrier(core: Any, threads: int) -> Callable[[], float]:
    return lambda: float(core.testing.barrier_seconds(threads, WINDOW_SECONDS))
