"""What a contender is, and the table of those that can take part.

A contender is a module with `build` and `describe`; its process (worker.py) imports it by name. A
new peer is one more module and one more row of `CONTENDERS`.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Sequence
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
        """Make a contender at the problem's initial weights; `threads` None: its own default.

        Raises
        ------
        UnsupportedProblemError
            If this contender cannot train this problem.
        """

    def describe(self) -> dict[str, Any]:
        """Return the versions and settings that belong into a report."""


class UnsupportedProblemError(NotImplementedError):
    """A contender cannot train this problem; it sits the case out, which the report says."""


@dataclasses.dataclass(frozen=True)
class ContenderSpec:
    """A row of the table.

    Attributes
    ----------
    name : the word for it on the command line and in results
    module : what its process imports
    build : the module's function that makes it; two contenders may share a module
    install : the command that installs what it needs
    trains : it can train (else it only predicts)
    whole_epochs : an epoch is one call, so its steps are never cut short
    mixed : products have bf16 factors, and so it is held to a wider bound
    """

    name: str
    module: str
    build: str = "build"
    install: str = "pip install '.[peers]'"
    trains: bool = True
    whole_epochs: bool = False
    mixed: bool = False


CORE = "bench.contenders.core"
TORCH = "bench.contenders.torch_mlp"
CONTENDERS = (
    ContenderSpec("core", CORE, install="pip install .", whole_epochs=True),
    ContenderSpec("core_dense", CORE, "build_dense", "pip install .", whole_epochs=True),
    ContenderSpec("core_bf16", CORE, "build_bf16", "pip install .", whole_epochs=True, mixed=True),
    ContenderSpec("numpy", "bench.contenders.numpy_mlp", install="pip install numpy"),
    ContenderSpec("torch", TORCH),
    ContenderSpec("torch_compile", TORCH, "build_compiled"),
    ContenderSpec("torch_bf16", TORCH, "build_bf16", mixed=True),
    ContenderSpec("jax", "bench.contenders.jax_mlp"),
    ContenderSpec("sklearn", "bench.contenders.sklearn_mlp"),
    ContenderSpec("onnxruntime", "bench.contenders.onnxruntime_mlp", trains=False),
    ContenderSpec("deck", "bench.contenders.deck", install="pip install numpy"),
)


def chosen(names: Sequence[str] | None) -> list[ContenderSpec]:
    """Return the named contenders in that order; all for None.

    Raises
    ------
    ValueError
        For a name that is not in the table; the message suggests the nearest one.
    """
    known = {spec.name: spec for spec in CONTENDERS}
    for name in names or ():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"no contender {name!r}; there are {', '.join(known)}{hint}")
    return [known[name] for name in dict.fromkeys(known if names is None else names)]
