"""Kinds of keys for what layers have beside f(x W + b): normalizations and skip connections."""

from __future__ import annotations

from .. import _core
from ..errors import ConfigError
from .catalog import NORMALIZATIONS
from .keys import Kind, whole, with_constants


def one_normalization() -> Kind:
    """Accept a normalization and write it in full, with its constants.

    Examples
    --------
    >>> one_normalization().check("normalization", "batch(momentum=0.2)")
    'batch(momentum=0.2, epsilon=1e-05)'
    """
    return with_constants(NORMALIZATIONS, _core.normalization, "a normalization")


def skip_connections() -> Kind:
    """Accept a list of pairs [from, to] of layers, each pair once, `to` past the next of `from`.

    It is kept in ascending order, by `to` first.

    Examples
    --------
    >>> skip_connections().read("0-2,1-3")
    [[0, 2], [1, 3]]
    >>> skip_connections().check("skips", [[1, 2]])
    Traceback (most recent call last):
    fastmlp.errors.ConfigError: skips[0] goes from 1 to 2; it must go to 3 or later
    """

    def check(key: str, value: object) -> tuple[tuple[int, int], ...]:
        pairs: list[tuple[int, int]] = []
        for at, given in enumerate(value if isinstance(value, list | tuple) else (value,)):
            if not isinstance(given, list | tuple) or len(given) != 2:
                raise ConfigError(
                    f"{key} must be a list of pairs such as [[0, 2]], from a layer (0: the inputs) "
                    f"to a later one; got {value!r}"
                )
            pair = _checked_pair(f"{key}[{at}]", *given)
            if pair in pairs:
                raise ConfigError(f"{key} names {list(pair)} twice")
            pairs.append(pair)
        return tuple(sorted(pairs, key=lambda pair: pair[::-1]))

    def read(text: str) -> object:
        parts = [] if text.strip() in ("", "none") else text.split(",")
        return [[_LAYER.read(end) for end in part.split("-")] for part in parts]

    return Kind("FROM-TO,...", check, read)


_LAYER = whole(0, 2**31 - 1)


def _checked_pair(key: str, start: object, end: object) -> tuple[int, int]:
    first, last = _LAYER.check(key, start), _LAYER.check(key, end)
    assert isinstance(first, int)
    assert isinstance(last, int)
    if last < first + 2:
        raise ConfigError(f"{key} goes from {first} to {last}; it must go to {first + 2} or later")
    return first, last
