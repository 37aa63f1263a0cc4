"""MNIST with scikit-learn: ``python with_sklearn.py FOLDER SEED``."""

from __future__ import annotations

import importlib
import sys
import warnings
from typing import Any

import numpy as np

from bench.programs.mnist import BATCH, EPOCHS, HIDDEN, LEARNING_RATE, MOMENTUM
from bench.programs.mnist.idx import read_mnist
from bench.programs.stamps import Stamps


def main(folder: str, seed: int) -> None:
    """Train and predict."""
    stamps = Stamps()
    neural_network: Any = importlib.import_module("sklearn.neural_network")
    stamps.mark("import")
    x_train, y_train, x_test, y_test = read_mnist(folder)
    rows = x_train.astype(np.float32)
    rows /= 255
    test_rows = x_test.astype(np.float32)
    test_rows /= 255
    stamps.mark("load")
    warnings.simplefilter("ignore")  # five epochs do not converge
    model = neural_network.MLPClassifier(
        hidden_layer_sizes=(HIDDEN,),
        solver="sgd",
        alpha=0.0,
        batch_size=BATCH,
        learning_rate_init=LEARNING_RATE,
        momentum=MOMENTUM,
        nesterovs_momentum=False,
        max_iter=EPOCHS,
        random_state=seed,
    )
    model.fit(rows, y_train)
    stamps.mark("train")
    predicted = model.predict(test_rows)
    stamps.mark("predict")
    stamps.tell(correct=int((predicted == y_test).sum()))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
