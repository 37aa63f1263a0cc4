"""How a run is measured, whatever the question: options, who is here, interleaved rounds."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bench.contenders import ContenderSpec, chosen
from bench.processes import ContenderMissingError, contender_worker
from bench.results import Turn

Say = Callable[[str], object]


class QuestionSkippedError(RuntimeError):
    """A question cannot be answered here; the message says why and what would help."""


@dataclasses.dataclass(frozen=True)
class Options:
    """How long and how to measure.

    Attributes
    ----------
    quick : every question does less
    rounds : turns of each contender
    threads : limit for all contenders alike; None: each runs at its own best number
    contenders : names of those that take part, in order
    named : the command named them, so that no question leaves one out
    shapes : names of the shapes that step and scaling run on; none: their own choice
    turn_at_least : seconds; a faster contender repeats epochs
    turn_at_most : seconds; a slower contender takes fewer steps, at least one (or a whole epoch)
    contender_at_most : seconds of a contender's turns on a shape; rounds go on without it
    pause : seconds before each turn, in which the threads of the one before stop spinning
    """

    quick: bool = False
    rounds: int = 5
    threads: int | None = None
    contenders: tuple[str, ...] = ()
    named: bool = False
    shapes: tuple[str, ...] = ()
    turn_at_least: float = 0.2
    turn_at_most: float = 1.0
    contender_at_most: float = 20.0
    pause: float = 0.05

    def trainers(self, without: Sequence[str] = ()) -> list[ContenderSpec]:
        """Return the contenders that can train; `without` some, unless the command named them."""
        left_out = () if self.named else without
        return [s for s in chosen(self.contenders) if s.trains and s.name not in left_out]


def survey(
    names: Sequence[str] | None, say: Say
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Return what each contender says of itself, and why the others are missing.

    Raises
    ------
    ContenderMissingError
        If one that was named is missing; without names those that are missing are skipped.
    """
    described: dict[str, dict[str, Any]] = {}
    skipped: dict[str, str] = {}
    with contextlib.ExitStack() as stack:  # all at once: most of it is importing
        workers = [stack.enter_context(contender_worker(spec, None)) for spec in chosen(names)]
        for worker in workers:
            try:
                described[worker.name] = worker.ask("describe")
            except ContenderMissingError as error:
                if names is not None:
                    raise
                skipped[worker.name] = str(error)
                say(f"skipped {error}")
    return described, skipped


def interleave(
    turns_of: Mapping[str, Callable[[], float]],
    options: Options,
    cores: Callable[[], str | None] = lambda: None,
) -> dict[str, list[Turn]]:
    """Let everyone take a turn a round: A B C, B C A, C A B, ...

    Parameters
    ----------
    turns_of : mapping from name to function
        Takes a turn and returns its value.
    options : Options
        Of it: rounds, contender_at_most, pause.
    cores : function
        Asked before each round, "near" or "far" for its turns; None: no matter.
    """
    turns: dict[str, list[Turn]] = {name: [] for name in turns_of}
    spent = dict.fromkeys(turns_of, 0.0)
    longest = dict.fromkeys(turns_of, 0.0)
    names = list(turns_of)
    for number in range(options.rounds):
        first = number % len(names)
        distance = cores()
        for name in [*names[first:], *names[:first]]:
            if turns[name] and spent[name] + longest[name] > options.contender_at_most:
                continue
            time.sleep(options.pause)
            start = time.perf_counter()
            turns[name].append(Turn(number, turns_of[name](), distance))
            seconds = time.perf_counter() - start
            spent[name] += seconds
            longest[name] = max(longest[name], seconds)
    return turns


def turn_steps(step_seconds: float, epoch: int, whole_epochs: bool, options: Options) -> int:
    """Return the steps of a turn: whole epochs, or fewer for a contender too slow for one.

    Examples
    --------
    >>> turn_steps(0.001, 100, True, Options(turn_at_least=0.25))
    300
    >>> turn_steps(0.3, 100, False, Options(turn_at_most=1.0))
    3
    """
    if step_seconds * epoch > options.turn_at_most and not whole_epochs:
        return max(1, int(options.turn_at_most / step_seconds))
    return epoch * max(1, math.ceil(options.turn_at_least / (step_seconds * epoch)))
