"""What one key of the configuration accepts: a kind checks a value and reads the text of a flag.

The names to choose from are catalog.py's. Which keys exist stands in sections.py and
training.py.
"""

from __future__ import annotations

import difflib
import math
import numbers
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from .. import _core
from ..errors import ConfigError
from .catalog import CONSTANTS, FAMILIES, HYPERPARAMETERS, LOSS_CONSTANTS, UNLIMITED, UPDATE_OPTIONS


def nearest(name: object, choices: Iterable[str]) -> str:
    """Return `` - did you mean 'x'?`` for the choice nearest to `name`, or nothing.

    Examples
    --------
    >>> nearest("sigmod", ["relu", "sigmoid"])
    " - did you mean 'sigmoid'?"
    >>> nearest("zzz", ["relu", "sigmoid"])
    ''
    """
    by_lower = {choice.lower(): choice for choice in choices}
    key = str(name).strip().lower().replace(" ", "_")
    close = difflib.get_close_matches(key, by_lower, n=1, cutoff=0.55)
    return f" - did you mean {by_lower[close[0]]!r}?" if close else ""


@dataclass(frozen=True)
class Kind:
    """What a key accepts.

    Parameters
    ----------
    shown : str
        What stands for a value in a flag's help.
    check : callable
        Takes the name of the key and a value; returns the value as the configuration keeps it, or
        raises ConfigError.
    read : callable
        Takes the text of a flag; returns what it means, or the text itself for `check` to refuse.
    """

    shown: str
    check: Callable[[str, object], object]
    read: Callable[[str], object] = str


def whole(least: int, most: int = 2**63 - 1) -> Kind:
    """Accept a whole number in [least, most].

    Examples
    --------
    >>> whole(1).check("epochs", 0)
    Traceback (most recent call last):
    fastmlp.errors.ConfigError: epochs must be a whole number, at least 1; got 0
    """

    def check(key: str, value: object) -> int:
        number = _as_whole(value)
        if number is None or not least <= number <= most:
            too_large = number is not None and number > most
            limit = f"at most {most}" if too_large else f"at least {least}"
            raise ConfigError(f"{key} must be a whole number, {limit}; got {value!r}")
        return number

    return Kind("N", check, _read_whole)


def real(low: float, high: float = math.inf, *, closed: bool = True) -> Kind:
    """Accept a finite number from `low` (itself only when `closed`) up to, and without, `high`."""

    def check(key: str, value: object) -> float:
        is_real = type(value) is float or (
            isinstance(value, numbers.Real) and not isinstance(value, bool)
        )
        number = float(value) if is_real else math.nan  # type: ignore[arg-type]
        enough = number >= low if closed else number > low
        if not (enough and number < high and math.isfinite(number)):
            limit = f"at least {low:g}" if closed else f"greater than {low:g}"
            is_told = high < UNLIMITED or (math.isfinite(high) and high <= number < math.inf)
            limit += f" and below {high:g}" if is_told else ""
            raise ConfigError(f"{key} must be a number {limit}; got {value!r}")
        return number

    def read(text: str) -> object:
        try:
            return float(text)
        except ValueError:
            return text

    return Kind("X", check, read)


def hyperparameter(name: str, *, closed: bool = True) -> Kind:
    """Accept what every optimizer or schedule that has the hyperparameter `name` accepts.

    Examples
    --------
    >>> hyperparameter("beta_1").check("beta_1", 1.5)
    Traceback (most recent call last):
    fastmlp.errors.ConfigError: beta_1 must be a number at least 0 and below 1; got 1.5
    """
    about = HYPERPARAMETERS.get(name) or UPDATE_OPTIONS[name]
    if about["takes"] == "flag":
        return flag()
    if about["takes"] == "whole":
        return whole(int(about["least"]), int(about["below"]) - 1)
    return real(about["least"], about["below"], closed=closed)


def default_of(about: _core.HyperparameterRow) -> float | bool:
    """Return the default of a hyperparameter as the configuration keeps it."""
    kind: type[float | bool] = {"flag": bool, "whole": int}.get(about["takes"], float)
    return kind(about["default"])


def defaults_by_choice(name: str) -> str:
    """Return the defaults of the hyperparameter `name`, as a help text says them.

    Examples
    --------
    >>> defaults_by_choice("beta_1"), defaults_by_choice("cycles")
    ('adam, adamw, nadam, lion 0.9', 'coslog 4')
    >>> defaults_by_choice("warmup_epochs")
    '0'
    """
    (rows,) = (rows for rows in FAMILIES.values() if any(name in own for own in rows.values()))
    by_default: dict[str, list[str]] = {}
    for choice_name, own in rows.items():
        if name in own:
            by_default.setdefault(f"{own[name]['default']:g}", []).append(choice_name)
    if list(by_default.values()) == [list(rows)]:
        return next(iter(by_default))
    return "; ".join(f"{', '.join(names)} {default}" for default, names in by_default.items())


def loss_constant(name: str) -> Kind:
    """Accept what the losses that have the constant `name` accept: a number, or one an output.

    Examples
    --------
    >>> loss_constant("quantile").check("quantile", [0.1, 0.9])
    (0.1, 0.9)
    >>> loss_constant("delta").check("delta", 0)
    Traceback (most recent call last):
    fastmlp.errors.ConfigError: delta must be a number at least 1e-20; got 0
    """
    about = CONSTANTS[name]
    one = real(about["least"], about["below"])
    if not about["for_each_output"]:
        return one

    def check(key: str, value: object) -> object:
        if not isinstance(value, list | tuple):
            return one.check(key, value)
        if not value:
            raise ConfigError(f"{key} must be a number or one for each output; got {value!r}")
        return tuple(one.check(f"{key}[{at}]", number) for at, number in enumerate(value))

    def read(text: str) -> object:
        parts = [one.read(part) for part in text.split(",")]
        return parts if len(parts) > 1 else parts[0]

    return Kind("X[,...]", check, read)


def defaults_by_loss(name: str) -> str:
    """Return the defaults of the constant `name`, as a help text says them.

    Examples
    --------
    >>> defaults_by_loss("delta")
    'huber 1'
    """
    rows = {loss: own[name] for loss, own in LOSS_CONSTANTS.items() if name in own}
    return ", ".join(f"{loss} {row['default']:g}" for loss, row in rows.items())


def flag() -> Kind:
    """Accept true or false."""

    def check(key: str, value: object) -> bool:
        if not isinstance(value, bool):
            raise ConfigError(f"{key} must be true or false; got {value!r}")
        return value

    return Kind("", check)


def text() -> Kind:
    """Accept any text that is not empty."""

    def check(key: str, value: object) -> str:
        if not isinstance(value, str) or not value:
            raise ConfigError(f"{key} must be a text that is not empty; got {value!r}")
        return value

    return Kind("TEXT", check)


def column() -> Kind:
    """Accept a column of a table: its name, or its number from 0 (from the end when negative)."""

    def check(key: str, value: object) -> str | int:
        number = _as_whole(value)
        if number is None and (not isinstance(value, str) or not value):
            raise ConfigError(f"{key} must be the name or the number of a column; got {value!r}")
        return str(value) if number is None else number

    return Kind("COLUMN", check, _read_whole)


def choice(names: Iterable[str]) -> Kind:
    """Accept one of some names."""
    choices = tuple(names)

    def check(key: str, value: object) -> str:
        if not isinstance(value, str) or value not in choices:
            hint = nearest(value, choices) if isinstance(value, str) else ""
            raise ConfigError(f"{key} must be one of {', '.join(choices)}; got {value!r}{hint}")
        return value

    return Kind("|".join(choices), check)


def figure(names: Iterable[str]) -> Kind:
    """Accept one of some figures, or that of one head: the figure, "_" and the head's name.

    Examples
    --------
    >>> figure(["val_loss"]).check("monitor", "val_loss_digit")
    'val_loss_digit'
    """
    one = choice(names)
    choices = tuple(names)

    def check(key: str, value: object) -> object:
        is_of_head = isinstance(value, str) and any(value.startswith(f"{n}_") for n in choices)
        return value if is_of_head else one.check(key, value)

    return Kind(one.shown + "[_HEAD]", check)


def widths() -> Kind:
    """Accept a list of layer widths; an empty list is a network without a hidden layer."""
    one = whole(1, 2**31 - 1)

    def check(key: str, value: object) -> tuple[object, ...]:
        if not isinstance(value, list | tuple):
            hint = f"; write [{value}] for one layer" if _as_whole(value) else ""
            raise ConfigError(f"{key} must be a list of widths such as [128]; got {value!r}{hint}")
        return tuple(one.check(f"{key}[{at}]", width) for at, width in enumerate(value))

    def read(text: str) -> object:
        parts = [] if text.strip() in ("", "none") else text.split(",")
        return [_read_whole(part) for part in parts]

    return Kind("N,N,...", check, read)


def pairs() -> Kind:
    """Accept a list of pairs of layers, counted from 1, which may be empty.

    Examples
    --------
    >>> pairs().check("tied", [[1, 2]]), pairs().read("1-2,1-3")
    (((1, 2),), [[1, 2], [1, 3]])
    """
    one = whole(1, 2**31 - 1)

    def check(key: str, value: object) -> tuple[object, ...]:
        if not isinstance(value, list | tuple) or any(
            not isinstance(pair, list | tuple) or len(pair) != 2 for pair in value
        ):
            raise ConfigError(
                f"{key} must be a list of pairs of layers such as [[1, 2]]; got {value!r}"
            )
        return tuple(
            tuple(one.check(f"{key}[{at}]", layer) for layer in pair)
            for at, pair in enumerate(value)
        )

    def read(text: str) -> object:
        parts = [] if text.strip() in ("", "none") else text.split(",")
        return [[_read_whole(layer) for layer in part.split("-")] for part in parts]

    return Kind("A-B,...", check, read)


def number_per_layer(name: str) -> Kind:
    """Accept a list with one number for each layer, or an empty one."""
    one = hyperparameter(name)

    def check(key: str, value: object) -> tuple[object, ...]:
        if not isinstance(value, list | tuple):
            raise ConfigError(f"{key} must be a list with a number for each layer; got {value!r}")
        return tuple(one.check(f"{key}[{at}]", number) for at, number in enumerate(value))

    def read(text: str) -> object:
        parts = [] if text.strip() in ("", "none") else text.split(",")
        return [one.read(part) for part in parts]

    return Kind("X,X,...", check, read)


def per_layer(one: Kind) -> Kind:
    """Accept one value for all hidden layers, or a list with one for each."""

    def check(key: str, value: object) -> object:
        if isinstance(value, list | tuple):
            return tuple(one.check(f"{key}[{at}]", entry) for at, entry in enumerate(value))
        return one.check(key, value)

    def read(text: str) -> object:
        parts = re.split(r",(?![^(]*\))", text)  # not between constants
        return [one.read(part) for part in parts] if len(parts) > 1 else one.read(text)

    return Kind(one.shown + "[,...]", check, read)


def activation_name(text: str) -> str:
    """Return the name in the text of an activation.

    Examples
    --------
    >>> activation_name("elu(alpha=1)"), activation_name("relu")
    ('elu', 'relu')
    """
    return text.partition("(")[0].strip()


def one_activation(names: Iterable[str]) -> Kind:
    """Accept an activation of some names, and write it in full, with its constants.

    It is a name, a name with constants in parentheses, or a mapping of both.

    Examples
    --------
    >>> kind = one_activation(["relu", "leaky_relu"])
    >>> kind.check("activation", "leaky_relu")
    'leaky_relu(negative_slope=0.01)'
    >>> kind.check("activation", {"name": "leaky_relu", "negative_slope": 0.2})
    'leaky_relu(negative_slope=0.2)'
    >>> kind.check("activation", "relu(slope=2)")
    Traceback (most recent call last):
    fastmlp.errors.ConfigError: activation: activation 'relu' has no constant 'slope'; it has none
    """
    return with_constants(names, _core.activation, "an activation")


def with_constants(names: Iterable[str], in_full: Callable[[str], str], what: str) -> Kind:
    """Accept `what`, one of some names with constants; the engine writes it in full."""
    one = choice(names)

    def check(key: str, value: object) -> object:
        text = _textwith_constants(key, value, what) if isinstance(value, Mapping) else value
        if not isinstance(text, str):
            return one.check(key, text)
        one.check(key, activation_name(text))
        if text == "auto":
            return text
        try:
            return in_full(text)
        except ValueError as error:
            raise ConfigError(f"{key}: {error}") from None

    return Kind("NAME", check)


def _textwith_constants(key: str, value: Mapping[object, object], what: str) -> object:
    """Return the mapping of a name and constants as text."""
    constants = {str(name): number for name, number in value.items() if name != "name"}
    for name, number in constants.items():
        if not isinstance(number, numbers.Real) or isinstance(number, bool):
            raise ConfigError(f"{key}: {name} must be a number; got {number!r}")
    if not isinstance(value.get("name"), str):
        raise ConfigError(f"{key} must have the name of {what}; got {dict(value)!r}")
    shown = ", ".join(f"{name}={float(number)!r}" for name, number in constants.items())  # type: ignore[arg-type]
    return f"{value['name']}({shown})" if shown else value["name"]


def _as_whole(value: object) -> int | None:
    """Return `value` as an int when it is a whole number, NumPy's too; a bool is none."""
    if type(value) is int:
        return value
    is_whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    return int(value) if is_whole else None  # type: ignore[call-overload]


def _read_whole(text: str) -> object:
    try:
        return int(text)
    except ValueError:
        return text
