"""The question `sparse`: what zero weights save a prediction, and from which share on.

One layer 1024-1024, pruned at random by weight and by block, on one thread. The dense way predicts
with the very same weights and has to give the same bits before anything is timed.
"""

from __future__ import annotations

import functools
import importlib
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.agreement import DisagreementError
from bench.harness import Options, QuestionSkippedError, Say, interleave
from bench.results import Measurement

WIDTH = 1024
BATCHES = (1, 64, 1000)
SHARES = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
QUICK_SHARES = (0.5, 0.9, 0.99)
BLOCK = 16  # units
DENSE = "dense"


def weights(share: float, by: str) -> NDArray[np.float32]:
    """Draw a matrix of which a share is zero, exactly."""
    rng = np.random.default_rng(7)
    width = WIDTH if by == "weight" else WIDTH // BLOCK
    gone = np.zeros(WIDTH * width, bool)
    gone[rng.permutation(gone.size)[: round(share * gone.size)]] = True
    kept = np.repeat(~gone.reshape(WIDTH, width), WIDTH // width, axis=1)
    drawn: NDArray[np.float32] = rng.standard_normal((WIDTH, WIDTH)).astype(np.float32)
    return np.where(kept, drawn, np.float32(0))


def network_of(core: Any, share: float, by: str, *, sparse: bool) -> Any:
    """Make a network of one layer; unless `sparse`, the engine reads all of its weights."""
    core.testing.allow(sparse=sparse)
    network = core.Network([WIDTH, WIDTH], ["identity"])
    network.set_parameters([(weights(share, by), np.zeros(WIDTH, np.float32))])
    core.testing.allow()
    return network


def turn_of(network: Any, x: NDArray[np.float32], options: Options) -> Callable[[], float]:
    """Return a function that takes a turn: seconds a call."""
    out = np.empty((len(x), WIDTH), np.float32)

    def seconds(calls: int) -> float:
        start = time.perf_counter()
        for _ in range(calls):
            network.predict(x, 1, out=out)
        return (time.perf_counter() - start) / calls

    once = min(seconds(1) for _ in range(3))
    return functools.partial(seconds, max(1, math.ceil(options.turn_at_least / once)))


def run_case(core: Any, batch: int, by: str, options: Options, say: Say) -> list[Measurement]:
    """Check and time all shares for one number of rows."""
    case = f"{WIDTH}-{WIDTH} by {by}, {batch} row{'s' if batch > 1 else ''}"
    say(f"{case} ...")
    x = np.random.default_rng(1).standard_normal((batch, WIDTH)).astype(np.float32)
    networks, ways = {}, {}
    for share in QUICK_SHARES if options.quick else SHARES:
        dense = network_of(core, share, by, sparse=False)
        network = network_of(core, share, by, sparse=True)
        if (network.predict(x, 1) != dense.predict(x, 1)).any():
            raise DisagreementError(f"core: {case}: {share:.0%} zeros change the outputs")
        networks[f"{share:.0%} zeros"] = network
        ways[f"{share:.0%} zeros"] = network.ways_to_predict[0]
        networks[DENSE], ways[DENSE] = dense, DENSE
    turns = interleave({name: turn_of(n, x, options) for name, n in networks.items()}, options)
    return [
        Measurement(
            question="sparse",
            case=case,
            contender=name,
            unit="s",
            turns=taken,
            threads=1,
            about={"way": ways[name]},
        )
        for name, taken in turns.items()
    ]


def run(options: Options, say: Say) -> list[Measurement]:
    """Measure both kinds of zeros for all numbers of rows.

    Raises
    ------
    DisagreementError
        If leaving out zeros changes an output.
    QuestionSkippedError
        If the core does not take part.
    """
    if "core" not in options.contenders:
        raise QuestionSkippedError("only the core is asked, and it does not take part")
    core: Any = importlib.import_module("fastmlp._core")
    cases = [(by, batch) for by in ("weight", "block") for batch in BATCHES]
    return [m for by, batch in cases for m in run_case(core, batch, by, options, say)]
