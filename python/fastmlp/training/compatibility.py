"""Choices of a configuration that do not go together, whatever the data."""

from __future__ import annotations

from ..config import Config
from ..config.catalog import LEARNED, MAXOUT, OVER_SAMPLES
from ..config.keys import activation_name
from ..errors import ConfigError


def require_compatible(config: Config) -> None:
    """Refuse what the engine does not do at once.

    Raises
    ------
    ConfigError
        It names both choices.
    """
    if config.training.precision != "full" and config.network.dtype != "float32":
        raise ConfigError(
            f"precision {config.training.precision!r} needs dtype 'float32'; "
            f"got {config.network.dtype!r}"
        )
    _require_ties_fit(config)
    _require_dropout_fits(config)
    _require_structure_fits(config)


def _require_ties_fit(config: Config) -> None:
    network, chosen = config.network, config.training
    if (network.tied or network.tied_transposed) and chosen.precision != "full":
        raise ConfigError(f"tied layers need precision 'full'; got {chosen.precision!r}")
    if (network.tied or network.tied_transposed) and network.init_scaling != "none":
        raise ConfigError(f"init_scaling={network.init_scaling!r} does not go with tied layers")
    if network.tied_transposed and chosen.max_norm is not None:
        raise ConfigError(
            "max_norm limits columns of W, which are rows where it is tied_transposed; leave out "
            "one of them"
        )
    if network.tied_transposed and chosen.is_full_batch:
        raise ConfigError(f"tied_transposed does not go with optimizer {chosen.optimizer!r}")


def _require_dropout_fits(config: Config) -> None:
    hidden, chosen = len(config.network.hidden), config.training
    if not isinstance(chosen.dropout, float) and len(chosen.dropout) != hidden:
        raise ConfigError(
            f"dropout names {len(chosen.dropout)} layers and hidden {hidden}; "
            "give one share for all hidden layers or one for each"
        )
    if chosen.dropout_schedule != "constant" and not any(chosen.dropout_rates(hidden)):
        raise ConfigError(f"dropout_schedule {chosen.dropout_schedule!r} needs dropout, which is 0")


def _require_structure_fits(config: Config) -> None:
    chosen, names = config.training, set(map(activation_name, config.network.normalizations()))
    activations = set(map(activation_name, config.network.hidden_activations()))
    has_pieces = MAXOUT in activations
    if chosen.precision != "full":
        for name in sorted(activations & (LEARNED | {MAXOUT})):
            raise ConfigError(
                f"activation {name!r} needs precision 'full'; got {chosen.precision!r}"
            )
        if config.network.structure():
            raise ConfigError(
                f"normalization and skips need precision 'full'; got {chosen.precision!r}"
            )
    limited = {
        "connections": config.network.connections is not None,
        "prune": bool(chosen.prune),
        "init_scaling": config.network.init_scaling != "none",
    }
    if has_pieces and any(limited.values()):
        named = ", ".join(name for name, is_chosen in limited.items() if is_chosen)
        raise ConfigError(f"{named} is not for maxout, whose units have several sums each")
    if names & OVER_SAMPLES and chosen.batch_size == 1:
        raise ConfigError("normalization 'batch' needs batch_size 2 or more; got 1")
