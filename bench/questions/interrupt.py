"""The question `interrupt`: how long training takes to answer Ctrl-C, in short and long steps.

A signal is sent to the process itself while an epoch
runs; the time is that from sending it to holding the exception, the worst of several
stands beside the turns.
"""

from __future__ import annotations

import importlib
import os
import signal
import threading
import time
from typing import Any

import numpy as np

from bench.harness import Options, QuestionSkippedError, Say
from bench.results import Measurement, Turn

Case = tuple[tuple[int, ...], int, int]

# sizes, batch, rows: from steps of microseconds to steps of a second
CASES: tuple[Case, ...] = (
    ((784, 30, 10), 10, 60_000),
    ((784, 512, 512, 10), 128, 60_000),
    ((784, 2048, 2048, 10), 512, 20_480),
    ((784, 2048, 2048, 10), 4096, 20_480),
    ((1024, 4096, 4096, 1000), 1024, 4096),
)


def answer_seconds(core: Any, case: Case, threads: int, wait: float) -> float:
    """Train, send the signal after `wait` seconds, and return how long the answer took."""
    sizes, batch, rows = case
    rng = np.random.default_rng(0)
    x = rng.random((rows, sizes[0]), np.float32)
    t = rng.integers(0, sizes[-1], rows)
    network = core.Network(sizes, ["relu"] * (len(sizes) - 2) + ["softmax"])
    network.initialize("he_normal", 0)
    trainer = core.Trainer(
        network,
        x,
        t,
        loss="categorical_cross_entropy",
        learning_rate=0.001,
        batch_size=batch,
        threads=threads,
    )
    sent: list[float] = []

    def send() -> None:
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    threading.Timer(wait, send).start()
    try:
        for epoch in range(1_000_000):
            trainer.run_epoch(epoch)
    except KeyboardInterrupt:
        return time.perf_counter() - sent[0]
    raise RuntimeError("a million epochs ended before the signal came")


def run(options: Options, say: Say) -> list[Measurement]:
    """Measure each case on one thread and on all."""
    if "core" not in options.contenders:
        raise QuestionSkippedError("only the core is asked, and it does not take part")
    core: Any = importlib.import_module("fastmlp._core")
    everything = options.threads or core.cpu_info()["threads"]["default"]
    found = []
    for sizes, batch, rows in CASES[:2] if options.quick else CASES:
        name = f"{'-'.join(map(str, sizes))}, batch {batch}"
        for threads in sorted({1, everything}):
            say(f"{name}, {threads} threads ...")
            waits = [0.3 + 0.037 * i for i in range(2 if options.quick else 4)]
            turns = [
                Turn(i, answer_seconds(core, (sizes, batch, rows), threads, wait))
                for i, wait in enumerate(waits)
            ]
            worst = max(turn.value for turn in turns)
            about = {"worst": worst}
            found.append(
                Measurement("interrupt", name, "core", "s", turns, threads=threads, about=about)
            )
    return found
