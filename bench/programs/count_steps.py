"""Trains a few epochs while callgrind counts; the arguments are a shape and the epochs.

questions/counts.py runs this under valgrind with counting off. It is turned on for the epochs
alone, after one that has warmed up.
"""

from __future__ import annotations

import os
import subprocess
import sys

from bench.contenders import core
from bench.problem import make_problem
from bench.shapes import load_shapes

STEPS = 4  # of an epoch: callgrind takes fifty times as long


def count(switch: str) -> None:
    """Turn counting on or off in this process."""
    subprocess.run(["callgrind_control", "-i", switch, str(os.getpid())], check=True)


def main() -> None:
    """Train one epoch, then some more that count."""
    name, epochs = sys.argv[1], int(sys.argv[2])
    contender = core.build(make_problem(load_shapes([name])[0]).head(STEPS), 1)
    contender.train(STEPS)
    count("on")
    contender.train(STEPS * epochs)
    count("off")


if __name__ == "__main__":
    main()
