"""What ``model.summary()`` returns: the layers as data, and as a table when printed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Summary:
    """Layers, shapes, activations and parameters of a model; printing it gives a table.

    Parameters
    ----------
    layers : tuple of (inputs, units, activation, parameters)
        One entry a layer; the activation with its constants.
    dtype : str
        Precision of the network.
    notes : tuple of str
        What happens before the first layer and after the last.
    """

    layers: tuple[tuple[int, int, str, int], ...]
    dtype: str
    notes: tuple[str, ...]

    @property
    def parameters(self) -> int:
        """All weights and biases."""
        return sum(layer[3] for layer in self.layers)

    def __repr__(self) -> str:
        wide = max(12, 2 + max(len(layer[2]) for layer in self.layers))
        lines = [f"{'layer':>5}  {'shape':<15}{'activation':<{wide}}{'parameters':>12}"]
        lines += [
            f"{at:>5}  {f'{inputs} -> {units}':<15}{activation:<{wide}}{count:>12,}"
            for at, (inputs, units, activation, count) in enumerate(self.layers, 1)
        ]
        size = _bytes(self.parameters * np.dtype(self.dtype).itemsize)
        lines += [f"{'total':>5}  {'':<15}{self.dtype:<{wide}}{self.parameters:>12,}  ({size})"]
        return "\n".join((*lines, *self.notes))


def _bytes(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"
