"""MNIST with PyTorch, eager: ``python with_torch.py FOLDER SEED``."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from bench.programs.mnist import (
    BATCH,
    CLASSES,
    EPOCHS,
    FEATURES,
    HIDDEN,
    LEARNING_RATE,
    MOMENTUM,
)
from bench.programs.mnist.idx import read_mnist
from bench.programs.stamps import Stamps


def main(folder: str, seed: int) -> None:
    """Train and predict."""
    stamps = Stamps()
    torch: Any = importlib.import_module("torch")
    stamps.mark("import")
    x_train, y_train, x_test, y_test = (torch.tensor(array) for array in read_mnist(folder))
    x_train, x_test = x_train.float().div_(255), x_test.float().div_(255)
    y_train = y_train.long()
    stamps.mark("load")
    torch.manual_seed(seed)
    nn = torch.nn
    model = nn.Sequential(nn.Linear(FEATURES, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, CLASSES))
    train(torch, model, x_train, y_train)
    stamps.mark("train")
    with torch.inference_mode():
        predicted = model(x_test).argmax(1)
    stamps.mark("predict")
    stamps.tell(correct=int((predicted == y_test).sum()))


def train(torch: Any, model: Any, x: Any, y: Any) -> None:
    """Gather each batch by one call: no loader, no row by row."""
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM, fused=True)
    loss = torch.nn.CrossEntropyLoss()
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(x)).split(BATCH):
            loss(model(x[rows]), y[rows]).backward()
            optimizer.step()
            optimizer.zero_grad()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
