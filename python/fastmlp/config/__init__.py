"""The configuration: what can be chosen, in four sections; read from and written to TOML and JSON.

Which keys there are stands in sections.py; what "auto" becomes once the data are seen, in
training/decisions.py.
"""

from __future__ import annotations

import dataclasses
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from ..atomic import atomic_write
from ..errors import ConfigError
from .catalog import FAMILIES
from .full_batch import MEANS_NOTHING
from .heads import ONE_OUTPUT_KEYS, OWN_KEYS, HeadConfig, HeadConfigs
from .keys import nearest
from .sections import (
    KEYS,
    SECTIONS,
    AugmentationConfig,
    DataConfig,
    NetworkConfig,
)
from .training import COUNTS_WITH, TrainingConfig

FORMAT = 1  # of the JSON form: as_dict() writes it, from_dict() reads no other


def _unknown_key(key: str, section: str) -> str:
    """Say what is wrong with a key that `section` does not have."""
    if key in KEYS:
        return f"[{section}] has no key {key!r}: it belongs to [{KEYS[key][0]}]"
    here = [name for name, (home, _) in KEYS.items() if home == section]
    return f"[{section}] has no key {key!r}{nearest(key, here) or nearest(key, KEYS)}"


def _section_from(section: str, values: object, where: str) -> Any:
    """Return one section made of what a file says; `where` opens every error."""
    if section not in SECTIONS:
        if section in KEYS:
            home = KEYS[section][0]
            raise ConfigError(f"{where}: {section!r} is a key of [{home}]; write it under [{home}]")
        hint = nearest(section, SECTIONS) or f"; there are {', '.join(SECTIONS)}"
        raise ConfigError(f"{where}: no section [{section}]{hint}")
    if not isinstance(values, Mapping):
        raise ConfigError(f"{where}: {section!r} is a section: write [{section}] on its own line")
    for key in values:
        if KEYS.get(key, ("",))[0] != section:
            raise ConfigError(f"{where}: {_unknown_key(str(key), section)}")
    try:
        return SECTIONS[section](**values)
    except ConfigError as error:
        raise ConfigError(f"{where}: [{section}] {error}") from None


def _heads_from(values: object, where: str) -> HeadConfigs:
    """Return the tables [heads.NAME] of a file."""
    try:
        return HeadConfigs(values)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None


def _toml_key(name: str) -> str:
    return name if re.fullmatch("[A-Za-z0-9_-]+", name) else _toml(name)


def _toml(value: object) -> str:
    """Return a value of the configuration as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        plain = value.replace("\\", "\\\\").replace('"', '\\"')
        return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in plain) + '"'
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    return repr(value)


def _as_lists(value: object) -> object:
    """Return tuples, and those in them, as JSON gives them back."""
    return [_as_lists(one) for one in value] if isinstance(value, tuple) else value


@dataclass(frozen=True, kw_only=True)
class Config:
    """Everything that can be chosen, in four sections; what cannot be is refused when it is made.

    Parameters
    ----------
    data : DataConfig
        Source, target, scaling and split.
    network : NetworkConfig
        Layers, activations, first weights, precision.
    training : TrainingConfig
        Loss, optimizer, batches, epochs, seed.
    augmentation : AugmentationConfig
        How pictures are changed each time they are used.
    heads : mapping of HeadConfig
        What each head learns, by name, where the targets are several.

    Raises
    ------
    ConfigError
        A value of the wrong type or out of range, or a name that is not a choice (the nearest is
        suggested).

    Examples
    --------
    >>> config = Config().replace(hidden=[30], activation="sigmoid", epochs=30)
    >>> config.network.hidden, config.training.epochs
    ((30,), 30)
    >>> Config.from_toml(config.to_toml()) == config
    True
    >>> Config().replace(activation="sigmod")
    Traceback (most recent call last):
    ...
    fastmlp.errors.ConfigError: activation must be one of identity, ... did you mean 'sigmoid'?
    """

    data: DataConfig = field(default_factory=DataConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    heads: Mapping[str, HeadConfig] = field(default_factory=HeadConfigs)

    def __post_init__(self) -> None:
        for name, kind in SECTIONS.items():
            if not isinstance(getattr(self, name), kind):
                got = type(getattr(self, name)).__name__
                raise ConfigError(f"{name} must be a {kind.__name__}; got {got}")
        object.__setattr__(self, "heads", HeadConfigs(self.heads))
        if self.heads:
            self._leave_to_heads()
        rates, layers = len(self.training.layer_rates), len(self.network.hidden) + 1
        if rates not in (0, layers):
            raise ConfigError(
                f"layer_rates has {rates} numbers; the network has {layers} layers, the output's "
                "among them"
            )
        if self.training.is_full_batch and self.augmentation.chosen():
            raise ConfigError(
                f"augmentation does not go with optimizer {self.training.optimizer!r}, which needs "
                "the same loss of all rows at every evaluation"
            )

    def _leave_to_heads(self) -> None:
        """Refuse what each head says for itself."""
        plain = Config()
        for section, keys in OWN_KEYS.items():
            for key in keys:
                value = getattr(getattr(self, section), key)
                if value != getattr(getattr(plain, section), key):
                    head = next(iter(self.heads))
                    raise ConfigError(
                        f"{key}={value!r} is for a network with one output; with heads each has "
                        f"its own: heads={{{head!r}: {{{key!r}: {value!r}}}}}"
                    )
        for key in ONE_OUTPUT_KEYS:
            value = getattr(self.training, key)
            if value != getattr(plain.training, key):
                raise ConfigError(
                    f"{key}={value!r} is for a network with one output; this one has the heads "
                    f"{', '.join(self.heads)}"
                )

    def require_no_heads(self) -> None:
        """Refuse heads where there is one target.

        Raises
        ------
        ConfigError
            There are heads.
        """
        if self.heads:
            raise ConfigError(
                f"heads names {list(self.heads)}; y must be a mapping with targets for each of them"
            )

    def of_head(self, name: str) -> Config:
        """Return the configuration of a network whose one output is this head."""
        head = self.heads[name]
        plain = dataclasses.replace(self, heads=HeadConfigs())
        own = {key: getattr(head, key) for keys in OWN_KEYS.values() for key in keys}
        return plain.replace(**own)

    def replace(self, **values: object) -> Config:
        """Return a copy in which some keys, named without their section, have other values.

        Another optimizer or schedule starts from its own defaults: of the numbers of the former
        one only a penalty that both optimizers have stays. So does another loss, of whose
        constants none stays.

        Raises
        ------
        ConfigError
            An unknown key (the nearest is suggested), a value that its key refuses, or a key that
            counts only with another.
        """
        chosen: dict[str, dict[str, object]] = {}
        for key, value in values.items():
            if key == "heads":
                continue
            if key not in KEYS:
                raise ConfigError(f"unknown option {key!r}{nearest(key, (*KEYS, 'heads'))}")
            chosen.setdefault(KEYS[key][0], {})[key] = value
        for family in FAMILIES:
            if family in values:
                released = self.training.let_go(family, values[family])
                chosen["training"] = released | chosen["training"]
        if "loss" in values:
            own = chosen["training"]
            chosen["training"] = self.training.constants_let_go(values["loss"]) | own
        parts: dict[str, Any] = {
            section: dataclasses.replace(getattr(self, section), **keys)
            for section, keys in chosen.items()
        }
        if "heads" in values:
            parts["heads"] = HeadConfigs(values["heads"])
        replaced = dataclasses.replace(self, **parts)
        for key in COUNTS_WITH.keys() & values.keys():
            other, ones = COUNTS_WITH[key]
            if getattr(replaced.training, other) not in ones:
                shown = " or ".join(f"{other}={one!r}" for one in ones)
                raise ConfigError(f"{key}={values[key]!r} counts only with {shown}")
        wrong = next(iter(MEANS_NOTHING & values.keys()), None)
        if wrong is not None and replaced.training.is_full_batch:
            raise ConfigError(
                f"{wrong}={values[wrong]!r} does not go with optimizer "
                f"{replaced.training.optimizer!r}, which takes all rows at once"
            )
        return replaced

    def as_dict(self) -> dict[str, Any]:
        """Return the configuration as JSON can hold it; ``format`` is the version of this form."""
        sections = {name: dataclasses.asdict(getattr(self, name)) for name in SECTIONS}
        for keys in sections.values():
            keys.update({k: _as_lists(v) for k, v in keys.items() if isinstance(v, tuple)})
        if self.heads:
            sections["heads"] = {name: head.as_dict() for name, head in self.heads.items()}
        return {"format": FORMAT, **sections}

    @classmethod
    def from_dict(cls, values: object, where: str = "configuration") -> Self:
        """Return the configuration that ``as_dict()`` (or the sections of a TOML file) describes.

        Parameters
        ----------
        values : dict
            Sections, each a dict of keys; what is left out has its default.
        where : str
            What errors name: the file, for example.

        Raises
        ------
        ConfigError
            An unknown format, section or key, or a value that its key refuses.
        """
        if not isinstance(values, Mapping):
            raise ConfigError(f"{where}: expected sections, got {type(values).__name__}")
        form = values.get("format", FORMAT)
        if form != FORMAT:
            raise ConfigError(
                f"{where}: configuration format {form!r}; this version reads {FORMAT}"
            )
        sections = {name: part for name, part in values.items() if name != "format"}
        heads = _heads_from(sections.pop("heads", {}), where)
        parts = {name: _section_from(name, part, where) for name, part in sections.items()}
        try:
            return cls(**parts, heads=heads)
        except ConfigError as error:
            raise ConfigError(f"{where}: {error}") from None

    def to_toml(self) -> str:
        """Return the configuration as TOML, without the keys that are None; see `from_toml`."""
        lines: list[str] = []
        tables: dict[str, object] = {name: getattr(self, name) for name in SECTIONS}
        tables |= {f"heads.{_toml_key(name)}": head for name, head in self.heads.items()}
        for name, section in tables.items():
            values = vars(section)
            lines += [f"[{name}]"]
            lines += [
                f"{key} = {_toml(value)}" for key, value in values.items() if value is not None
            ]
            lines += [""]
        return "\n".join(lines)

    @classmethod
    def from_toml(cls, text: str, where: str = "configuration") -> Self:
        """Return the configuration that TOML text describes; errors open with `where`."""
        try:
            values = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{where}: this is not TOML: {error}") from None
        return cls.from_dict(values, where)

    @classmethod
    def read_toml(cls, path: str | os.PathLike[str]) -> Self:
        """Return the configuration in a TOML file.

        Raises
        ------
        ConfigError
            The file cannot be read, is not TOML (the line is named) or says what the configuration
            refuses.
        """
        try:
            text = Path(path).read_bytes().decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"cannot read the configuration {os.fspath(path)}: {error}") from None
        return cls.from_toml(text, os.fspath(path))

    def write_toml(self, path: str | os.PathLike[str]) -> None:
        """Write the configuration to a TOML file, whole or not at all."""
        atomic_write(path, self.to_toml().encode())
