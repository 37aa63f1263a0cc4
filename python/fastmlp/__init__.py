"""fastmlp: multilayer perceptrons with a fast C++ engine. `train` makes a Model, `load` reads one.

What stands here is public; everything else may move.
"""

from ._core import __version__
from .bagging import Bagging, bag
from .config import Config
from .config.sections import AugmentationConfig, DataConfig, NetworkConfig
from .config.training import TrainingConfig
from .data import Dataset, load_data
from .errors import (
    ConfigError,
    DataError,
    DivergedError,
    FastmlpError,
    InterruptedWarning,
    LossFunctionError,
    ModelFileError,
    NotFittedError,
    NotSeparableWarning,
)
from .evaluation import Evaluation, History
from .learning_rates import (
    LearningRateStudy,
    LearningRateSweep,
    find_learning_rate,
    learning_rate_study,
)
from .minimization import Minimization, minimize
from .model import Model, load
from .single_unit import LinearRegression, Perceptron, SoftmaxRegression
from .training import train

__all__ = [
    "AugmentationConfig",
    "Bagging",
    "Config",
    "ConfigError",
    "DataConfig",
    "DataError",
    "Dataset",
    "DivergedError",
    "Evaluation",
    "FastmlpError",
    "History",
    "InterruptedWarning",
    "LearningRateStudy",
    "LearningRateSweep",
    "LinearRegression",
    "LossFunctionError",
    "Minimization",
    "Model",
    "ModelFileError",
    "NetworkConfig",
    "NotFittedError",
    "NotSeparableWarning",
    "Perceptron",
    "SoftmaxRegression",
    "TrainingConfig",
    "__version__",
    "bag",
    "find_learning_rate",
    "learning_rate_study",
    "load",
    "load_data",
    "minimize",
    "train",
]
