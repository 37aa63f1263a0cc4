"""What scikit-learn's tools ask of an estimator: its parameters by name. Imports none of them."""

from __future__ import annotations

import importlib
import inspect
from typing import Any, Self

from ..config.keys import nearest
from ..errors import ConfigError, NotFittedError


class Estimator:
    """Parameters by name, so that clone, cross_val_score and grids of scikit-learn work.

    A subclass takes its parameters as keywords and keeps each under its own name; what it takes as
    ``**options`` it keeps in ``self.options``. `fit` sets names that end in an underscore.
    """

    kind: str  # "classifier" or "regressor"
    options: dict[str, Any]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return what the estimator was made with, by name; `deep` makes no difference."""
        return {name: getattr(self, name) for name in _named(type(self))} | self._options()

    def set_params(self, **params: Any) -> Self:
        """Change what the estimator was made with, for the next `fit`.

        Raises
        ------
        ConfigError
            A name that it does not have.
        """
        named, takes_more = _named(type(self)), hasattr(self, "options")
        for name in params:
            if name not in named and not takes_more:
                raise ConfigError(
                    f"{type(self).__name__} has no parameter {name!r}{nearest(name, named)}; it "
                    f"has {', '.join(named)}"
                )
        for name, value in params.items():
            if name in named:
                setattr(self, name, value)
            else:
                self.options[name] = value
        return self

    def _options(self) -> dict[str, Any]:
        return dict(getattr(self, "options", {}))

    @property
    def _estimator_type(self) -> str:
        """How versions of scikit-learn before 1.6 ask whether this is a classifier."""
        return self.kind

    def __sklearn_tags__(self) -> Any:
        """Say what kind of estimator this is; only scikit-learn calls it."""
        tags = importlib.import_module("sklearn.utils")
        is_classifier = self.kind == "classifier"
        return tags.Tags(
            estimator_type=self.kind,
            target_tags=tags.TargetTags(required=True),
            classifier_tags=tags.ClassifierTags() if is_classifier else None,
            regressor_tags=None if is_classifier else tags.RegressorTags(),
        )

    def _fitted(self, name: str) -> Any:
        """Return an attribute that `fit` sets."""
        if name not in vars(self):
            raise NotFittedError(f"this {type(self).__name__} has not been fitted; call fit first")
        return vars(self)[name]

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"{type(self).__name__}({shown})"


def _named(kind: type[Estimator]) -> tuple[str, ...]:
    """Return the names of the keywords that an estimator is made with."""
    parameters = inspect.signature(kind.__init__).parameters.values()
    return tuple(one.name for one in parameters if one.kind is one.KEYWORD_ONLY)
