"""Which learning rate: a sweep that finds one (finder.py), and several side by side (study.py)."""

from .finder import LearningRateSweep, find_learning_rate
from .study import LearningRateStudy, learning_rate_study

__all__ = ["LearningRateStudy", "LearningRateSweep", "find_learning_rate", "learning_rate_study"]
