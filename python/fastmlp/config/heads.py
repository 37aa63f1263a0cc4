"""The tables [heads.NAME]: what each head of a network learns, where it has several.

Which heads there are, their targets say; what is left out here is decided from them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import ConfigError
from .catalog import ACTIVATIONS, CONSTANTS, CUSTOM_LOSS, LOSS_CONSTANTS, LOSS_OUTPUTS
from .keys import choice, nearest, one_activation, real
from .section import Section, key
from .sections import TARGET_SCALINGS, TASKS
from .training import constant_key, settle_constants

# What a head says instead of the sections, where they have the same key.
OWN_KEYS = {"data": ("task", "target_scaling"), "network": ("output_activation",)}
OWN_KEYS |= {"training": ("loss", *CONSTANTS)}
ONE_OUTPUT_KEYS = ("class_weight", "mixup", "test_each_epoch")  # of [training]: not for heads
NAMED_LOSSES = tuple(name for name in LOSS_OUTPUTS if name != CUSTOM_LOSS)


@dataclass(frozen=True, kw_only=True)
class HeadConfig(Section):
    """What one head learns (table ``[heads.NAME]``).

    Examples
    --------
    >>> HeadConfig(loss="huber").delta
    1.0
    >>> HeadConfig(weight=-1)
    Traceback (most recent call last):
    fastmlp.errors.ConfigError: weight must be a number at least 0; got -1
    """

    weight: float = key(1.0, real(0, 1e30), "of the head's loss in the sum")
    task: str = key("auto", choice(TASKS), "what the target is")
    target_scaling: str = key("auto", choice(TARGET_SCALINGS), "targets of a regression")
    output_activation: str | Mapping[str, Any] = key(
        "auto", one_activation(("auto", *ACTIVATIONS)), "of the head's units"
    )
    loss: str = key("auto", choice(("auto", *NAMED_LOSSES)), "what is made small")
    delta: float | None = constant_key("delta")
    quantile: float | tuple[float, ...] | None = constant_key("quantile")
    label_smoothing: float | None = constant_key("label_smoothing")
    gamma: float | None = constant_key("gamma")
    alpha: float | None = constant_key("alpha")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.loss != "auto":
            settle_constants(self, self.loss)

    @classmethod
    def of(cls, config: Any, weight: float) -> HeadConfig:
        """Return the head that the configuration of a network with one output describes."""
        own = {
            key: getattr(getattr(config, at), key) for at, keys in OWN_KEYS.items() for key in keys
        }
        return cls(weight=weight, **own)

    def loss_constants(self) -> dict[str, Any]:
        """Return the constants of the loss, which is decided."""
        return {name: getattr(self, name) for name in LOSS_CONSTANTS[self.loss]}

    def as_dict(self) -> dict[str, Any]:
        """Return the keys as JSON can hold them."""
        keys = dataclasses.asdict(self)
        return {key: list(v) if isinstance(v, tuple) else v for key, v in keys.items()}


class HeadConfigs(Mapping[str, HeadConfig]):
    """The heads by name, in their order: a mapping that does not change.

    Examples
    --------
    >>> heads = HeadConfigs({"digit": {}, "parity": {"weight": 0.3}})
    >>> list(heads), heads["parity"].weight
    (['digit', 'parity'], 0.3)
    >>> HeadConfigs({"parity": {"wieght": 0.3}})
    Traceback (most recent call last):
    fastmlp.errors.ConfigError: heads.parity has no key 'wieght' - did you mean 'weight'?
    """

    __slots__ = ("_heads",)

    def __init__(self, heads: object = ()) -> None:
        if heads == ():
            heads = {}
        if not isinstance(heads, Mapping):
            raise ConfigError(
                f"heads must be a mapping of names to what each head has; got {heads!r}"
            )
        self._heads = {_name(name): _head(str(name), one) for name, one in heads.items()}

    def __getitem__(self, name: str) -> HeadConfig:
        return self._heads[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._heads)

    def __len__(self) -> int:
        return len(self._heads)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HeadConfigs) and list(self.items()) == list(other.items())

    def __hash__(self) -> int:
        return hash(tuple(self.items()))

    def __repr__(self) -> str:
        return repr(self._heads)


def _name(name: object) -> str:
    if not isinstance(name, str) or not name:
        raise ConfigError(f"heads: a name must be a text that is not empty; got {name!r}")
    return name


def _head(name: str, values: object) -> HeadConfig:
    if isinstance(values, HeadConfig):
        return values
    if not isinstance(values, Mapping):
        raise ConfigError(f"heads.{name} must be a table such as {{'weight': 0.3}}; got {values!r}")
    keys = [one.name for one in dataclasses.fields(HeadConfig)]
    for given in values:
        if given not in keys:
            raise ConfigError(f"heads.{name} has no key {given!r}{nearest(given, keys)}")
    try:
        return HeadConfig(**values)
    except ConfigError as error:
        raise ConfigError(f"heads.{name}: {error}") from None
