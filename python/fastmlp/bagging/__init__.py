"""Bagging (LECTURES A9; L. Breiman, Machine Learning 24, 1996): models of bootstrap resamples."""

from .model import Bagging
from .train import bag

__all__ = ["Bagging", "bag"]
