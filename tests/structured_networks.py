"""Networks with normalisation, skip connections and maxout for the tests, and their layers as
structured_reference.py has them.
"""

from __future__ import annotations

import numpy as np
import structured_reference as reference
from conftest import CATALOG
from fastmlp import _core

NORMALIZATIONS = [row["name"] for row in CATALOG["normalizations"]]
# Layers 0 (inputs) to 4 (outputs) of [4, 6, 5, 6, 3]: matrices and, from 1 to 3, none.
SIZES = [4, 6, 5, 6, 3]
SKIPS = {
    "no skips": [],
    "from the inputs": [[0, 2]],
    "same width": [[1, 3]],
    "to the outputs": [[2, 4]],
    "all": [[0, 2], [0, 3], [0, 4], [1, 3], [1, 4], [2, 4]],
}


def make(
    sizes=SIZES,
    *,
    activation="tanh",
    output="identity",
    normalization="none",
    skips=(),
    dtype="float32",
    seed=1,
):
    """A network whose every number is drawn, those that begin with 0 or 1 too."""
    hidden = len(sizes) - 2
    texts = [activation] * hidden if isinstance(activation, str) else list(activation)
    names = [normalization] * hidden if isinstance(normalization, str) else list(normalization)
    structure = {"normalization": names, "skips": [list(pair) for pair in skips]}
    network = _core.Network(sizes, [*texts, output], dtype, structure)
    network.initialize("normal", seed, 0.6, "normal")
    rng = np.random.default_rng(seed)
    drawn = []
    for layer, dictionary in zip(network.parameters(), as_dicts(network), strict=True):
        extras = [
            value + 0.3 * rng.normal(size=value.shape)
            if name in ("scale", "shift", "running_mean")
            else value
            for name, value in list(dictionary.items())[2:]
        ]
        drawn.append((*layer[:2], *extras))
    network.set_parameters(drawn)
    return network


def as_dicts(network, layers=None):
    """The layers of a network, or others in their shape, by name; copies."""
    return [
        {row["name"]: np.array(array) for row, array in zip(rows, arrays, strict=True)}
        for rows, arrays in zip(network.tensors, layers or network.parameters(), strict=True)
    ]


def structure_of(network):
    """Options of the reference's functions."""
    structure = network.structure
    hidden = len(network.sizes) - 2
    return {
        "normalization": structure.get("normalization", ["none"] * hidden),
        "skips": structure.get("skips", []),
    }


def expected_outputs(network, x, training=False):
    _, ys, _ = reference.forward(
        as_dicts(network), network.activations, x, **structure_of(network), training=training
    )
    return ys[-1]


def step(network, x, t, loss="half_squared_error", **options):
    """The gradient that the engine finds, by name, as the change of one step of size 1."""
    before = as_dicts(network)
    full = {"batch_size": len(x), "shuffle": False, "learning_rate": 1.0, **options}
    trainer = _core.Trainer(network, x, t, loss=loss, **full)
    measured = trainer.run_epoch(0)
    trainer.close()
    return measured.loss, [
        {name: old[name] - new[name] for name in old}
        for old, new in zip(before, as_dicts(network), strict=True)
    ]


def flat(layers):
    """All numbers of some layers as bytes."""
    return b"".join(array.tobytes() for layer in layers for array in layer)
