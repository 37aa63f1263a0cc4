"""Compares trained weights before anything is timed: who trains something else is not timed.

Each step of each contender is held against reference.py, started from the contender's own weights
before that step, so that the bound stays a bound for one step. Two contenders within it after
step 1 lie within twice it of each other.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from bench.problem import Parameters, Problem
from bench.reference import LIMIT, Estimate, Gradients, Reference

MIXED_LIMIT = 0.035  # of the length of a change, a hidden layer: for bf16 factors


class DisagreementError(AssertionError):
    """A contender's weights are not those of the training step of its problem."""


@dataclasses.dataclass(frozen=True)
class Agreement:
    """How near a contender came.

    Attributes
    ----------
    steps : steps that were compared
    share_of_bound : largest deviation from float64 in units of what float32 may add (at most 1)
    deviation : largest deviation from float64 relative to the largest weight
    from_base : largest difference from the base contender's weights after the last step,
        relative to the largest weight
    """

    steps: int
    share_of_bound: float
    deviation: float
    from_base: float


def check_agreement(
    name: str,
    problem: Problem,
    after: list[Parameters],
    base: list[Parameters],
    first: Gradients | None = None,
) -> Agreement:
    """Hold the weights after steps 1, 2, ... against the reference.

    Parameters
    ----------
    name : str
        The contender, for the message.
    problem : Problem
        At least `len(after)` steps long.
    after, base : list of parameters
        The weights after each step of this contender and of the one it is compared with.
    first : gradients or None
        `reference_gradients` of the first step, the same for all contenders of a problem.

    Raises
    ------
    DisagreementError
        Naming contender, step, layer and element of the first weight outside the bound.
    """
    share = deviation = 0.0
    before = problem.parameters
    reference = Reference(problem, first)
    for step, parameters in enumerate(after):
        expected = reference.step(before)
        for layer, ((weights, biases), (w, b)) in enumerate(zip(parameters, expected, strict=True)):
            place = f"{name} on {problem.shape.title}: after step {step + 1}, layer {layer + 1},"
            for what, found, estimate in (("weight", weights, w), ("bias", biases[None, :], b)):
                share = max(share, _share_of_bound(f"{place} {what}", found, estimate))
                deviation = max(deviation, float(np.abs(found - estimate.value).max()))
        before = parameters
    return _agreement(after, base, share, deviation)


def check_mixed_agreement(
    name: str,
    problem: Problem,
    after: list[Parameters],
    base: list[Parameters],
    first: Gradients | None = None,
) -> Agreement:
    """Hold what each step changed, layer by layer, against the change that float64 makes.

    Factors of bf16 carry 8 bits, and a sum near zero may pass to the other side of a rectifier, so
    no bound holds for each weight; the changes as a whole are held to MIXED_LIMIT a hidden layer.
    Two factors are off by 2^-9 / sqrt(3) each, so a normal sum by 0.16 % of its deviation, and
    0.05 % of a layer's units pass over: 0.1 % of the active ones, and with them the root of that,
    3.2 %, of the length of what goes back. Else as `check_agreement`.
    """
    limit = MIXED_LIMIT * max(1, len(problem.shape.sizes) - 2)
    share = deviation = 0.0
    before = problem.parameters
    reference = Reference(problem, first)
    for step, parameters in enumerate(after):
        expected = reference.step(before)
        for layer, ((weights, _), (old, _), (w, _)) in enumerate(
            zip(parameters, before, expected, strict=True)
        ):
            apart = float(np.linalg.norm(weights - w.value))
            change = float(np.linalg.norm(w.value - old))
            if not apart <= limit * change:
                raise DisagreementError(
                    f"{name} on {problem.shape.title}: after step {step + 1}, layer {layer + 1}, "
                    f"the change of the weights is off by {apart / change:.3g} of it; bf16 factors "
                    f"explain at most {limit:.3g}. "
                    "This is not the same training step, so nothing was timed."
                )
            share = max(share, apart / (limit * change))
            deviation = max(deviation, float(np.abs(weights - w.value).max()))
        before = parameters
    return _agreement(after, base, share, deviation)


def _agreement(
    after: list[Parameters], base: list[Parameters], share: float, deviation: float
) -> Agreement:
    """Return the record of a contender that has passed."""
    scale = max(float(np.abs(weights).max()) for weights, _ in after[-1])
    apart = max(
        float(np.abs(mine - theirs).max())
        for layer, other in zip(after[-1], base[-1], strict=True)
        for mine, theirs in zip(layer, other, strict=True)
    )
    return Agreement(len(after), share, deviation / scale, apart / scale)


def _share_of_bound(place: str, found: np.ndarray, expected: Estimate) -> float:
    """Return the largest deviation in units of the bound; raise if it exceeds 1 or is no number."""
    if found.shape != expected.value.shape:
        raise DisagreementError(f"{place}: shape {found.shape}, not {expected.value.shape}")
    share = np.abs(found - expected.value) / (LIMIT * expected.sigma)
    worst = np.unravel_index(int(np.argmax(np.where(np.isnan(share), np.inf, share))), share.shape)
    if not share[worst] <= 1:
        element = ", ".join(str(int(i)) for i in worst)
        raise DisagreementError(
            f"{place} [{element}] is {found[worst]:.9g}, float64 gives "
            f"{expected.value[worst]:.9g}, and float32 rounding explains at most "
            f"{LIMIT * expected.sigma[worst]:.2g}. "
            "This is not the same training step, so nothing was timed."
        )
    return float(share[worst])
