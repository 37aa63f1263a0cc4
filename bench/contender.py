"""What a contender is, and the list of those that can take part.

A contender is a module with `build` and `describe`; its process (worker.py) imports it by name. A
new peer is one more module and one more row of `CONTENDERS`.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Protocol

from bench.problem import Parameters, Problem


class Contender(Protocol):
    """A network in training on one problem, batches in the given order, over and over."""

    def train(self, steps: int) -> None:
        """Take `steps` more steps; the data set starts again when it is used up."""

    def parameters(self) -> Parameters:
        """Return (W, b) per layer, float32, W (inputs, outputs)."""

    def close(self) -> None:
        """Release what the process should not hold while another contender is built."""


class ContenderModule(Protocol):
    """What the module of a contender offers."""

    def build(self, problem: Problem, threads: int | None) -> Contender:
        """Make a contender at the problem's initial weights; `threads` None: its own default."""

    def describe(self) -> dict[str, Any]:
        """Return the versions and settings that belong into a report."""


@dataclasses.dataclass(frozen=True)
class ContenderSpec:
    """A row of the list.

    Attributes
    ----------
    name : the word for it on the command line and in results
    module : what its process imports
    whole_epochs : an epoch is one call, so its steps are never cut short
    """

    name: str
    module: str
    whole_epochs: bool = False


CONTENDERS = (
    ContenderSpec("core", "bench.core_mlp", whole_epochs=True),
    ContenderSpec("numpy", "bench.numpy_mlp"),
    ContenderSpec("deck", "bench.deck_mlp"),
)
