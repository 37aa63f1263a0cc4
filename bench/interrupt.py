"""How long training takes to answer Ctrl-C, in the middle of steps that are short and long.

Run it with ``python -m bench.interrupt``. A signal is sent to the process itself while an epoch
runs; the time is that from sending it to holding the exception, the worst of several.
"""

from __future__ import annotations

import os
import signal
import threading
import time

import numpy as np
from fastmlp import _core

# sizes, batch, rows: from steps of microseconds to steps of a second
CASES = (
    ((784, 30, 10), 10, 60_000),
    ((784, 512, 512, 10), 128, 60_000),
    ((784, 2048, 2048, 10), 512, 20_480),
    ((784, 2048, 2048, 10), 4096, 20_480),
    ((1024, 4096, 4096, 1000), 1024, 4096),
)


def answer_seconds(
    sizes: tuple[int, ...], batch: int, rows: int, threads: int, wait: float
) -> float:
    """Train, send the signal after `wait` seconds, and return how long the answer took."""
    rng = np.random.default_rng(0)
    x = rng.random((rows, sizes[0]), np.float32)
    t = rng.integers(0, sizes[-1], rows)
    network = _core.Network(sizes, ["relu"] * (len(sizes) - 2) + ["softmax"])
    network.initialize("he_normal", 0)
    trainer = _core.Trainer(
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


def main() -> None:
    """Print the worst answer of each case, on one thread and on all."""
    everything = _core.cpu_info()["threads"]["default"]
    for sizes, batch, rows in CASES:
        for threads in sorted({1, everything}):
            waits = (0.3 + 0.037 * i for i in range(4))
            worst = max(answer_seconds(sizes, batch, rows, threads, wait) for wait in waits)
            name = "-".join(map(str, sizes))
            print(f"{name}, batch {batch}, {threads} threads: {worst * 1000:.0f} ms", flush=True)


if __name__ == "__main__":
    main()
