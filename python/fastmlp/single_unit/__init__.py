"""Models of a single layer by their own names, in scikit-learn's form, on the same engine."""

from .perceptron import Perceptron, PerceptronHistory
from .regression import LinearRegression, SoftmaxRegression

__all__ = ["LinearRegression", "Perceptron", "PerceptronHistory", "SoftmaxRegression"]
