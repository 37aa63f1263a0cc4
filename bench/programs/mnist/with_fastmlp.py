"""MNIST with fastmlp: ``python with_fastmlp.py FOLDER SEED``."""

from __future__ import annotations

import sys

from bench.programs.mnist import BATCH, EPOCHS, HIDDEN, LEARNING_RATE, MOMENTUM
from bench.programs.stamps import Stamps


def main(folder: str, seed: int) -> None:
    """Train and predict."""
    stamps = Stamps()
    import fastmlp

    stamps.mark("import")
    data = fastmlp.load_data("mnist", data_dir=folder)
    stamps.mark("load")
    model = fastmlp.train(
        data,
        hidden=[HIDDEN],
        epochs=EPOCHS,
        batch_size=BATCH,
        learning_rate=LEARNING_RATE,
        momentum=MOMENTUM,
        validation_fraction=0.0,
        seed=seed,
    )
    stamps.mark("train")
    predicted = model.predict(data.x_test)
    stamps.mark("predict")
    stamps.tell(correct=int((predicted == data.y_test).sum()))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
