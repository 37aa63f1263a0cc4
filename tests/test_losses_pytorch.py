"""Losses against PyTorch, where that is installed: its own functions, focal losses written as the
article has them, and a loss of the caller's that is PyTorch's.
"""

from __future__ import annotations

import fastmlp
import numpy as np
import pytest
from fastmlp import _core

torch = pytest.importorskip("torch")
F = torch.nn.functional

RNG = np.random.default_rng(4)
X = RNG.normal(size=(31, 6))
LABELS = RNG.integers(0, 3, 31)
VALUES = RNG.normal(size=(31, 3))
SETS = (RNG.random((31, 3)) > 0.5).astype(float)


def focal(z, t, gamma):
    """Lin et al. (2017), section 3.2: -(1 - p_t)^gamma log p_t."""
    log_share = F.log_softmax(z, dim=1).gather(1, t[:, None])[:, 0]
    return (-((1 - log_share.exp()) ** gamma) * log_share).mean()


def binary_focal(z, t, gamma, alpha):
    share = torch.where(t == 1, torch.sigmoid(z), 1 - torch.sigmoid(z))
    factor = alpha * t + (1 - alpha) * (1 - t)
    return (-factor * (1 - share) ** gamma * share.log()).sum(dim=1).mean()


CASES = {
    "categorical_cross_entropy": (
        "softmax",
        LABELS,
        {"label_smoothing": 0.1},
        lambda z, t: F.cross_entropy(z, t, label_smoothing=0.1),
    ),
    "binary_cross_entropy": (
        "sigmoid",
        SETS,
        {},
        lambda z, t: F.binary_cross_entropy_with_logits(z, t, reduction="none").sum(1).mean(),
    ),
    "categorical_focal_cross_entropy": (
        "softmax",
        LABELS,
        {"gamma": 2.5},
        lambda z, t: focal(z, t, 2.5),
    ),
    "binary_focal_cross_entropy": (
        "sigmoid",
        SETS,
        {"gamma": 1.7, "alpha": 0.3},
        lambda z, t: binary_focal(z, t, 1.7, 0.3),
    ),
    "mean_squared_error": ("identity", VALUES, {}, F.mse_loss),
    "mean_absolute_error": ("identity", VALUES, {}, F.l1_loss),
    "huber": ("identity", VALUES, {"delta": 0.6}, lambda z, t: F.huber_loss(z, t, delta=0.6)),
    "poisson": ("identity", SETS, {}, lambda z, t: F.poisson_nll_loss(z, t, log_input=True)),
}


def gradient_of_engine(output, targets, loss, **options):
    network = _core.Network([6, 8, 3], ["tanh", output], "float64")
    network.initialize("glorot_uniform", 3, 1.0, "normal")
    before = network.parameters()
    trainer = _core.Trainer(
        network, X, targets, loss=loss, batch_size=31, learning_rate=1.0, shuffle=False, **options
    )
    value = trainer.run_epoch(0).loss
    trainer.close()
    after = network.parameters()
    found = [
        a - b for one, two in zip(before, after, strict=True) for a, b in zip(one, two, strict=True)
    ]
    return before, value, found


def gradient_of_pytorch(layers, targets, loss):
    tensors = [torch.tensor(one, requires_grad=True) for layer in layers for one in layer]
    w1, b1, w2, b2 = tensors
    z = torch.tanh(torch.tensor(X) @ w1 + b1) @ w2 + b2
    value = loss(z, torch.tensor(targets))
    value.backward()
    return value.item(), [one.grad.numpy() for one in tensors]


@pytest.mark.parametrize("loss", CASES)
def test_losses_and_gradients_are_pytorchs(loss):
    output, targets, constants, other = CASES[loss]
    layers, value, found = gradient_of_engine(output, targets, loss, loss_constants=constants)
    expected_value, expected = gradient_of_pytorch(layers, targets, other)
    assert value == pytest.approx(expected_value, rel=1e-13)
    for one, two in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, two, rtol=0, atol=1e-14)


def test_a_loss_of_pytorch_may_be_the_callers():
    def smooth_l1(y, t):
        outputs = torch.tensor(y, requires_grad=True)
        losses = F.smooth_l1_loss(outputs, torch.tensor(t), beta=0.3, reduction="none").mean(dim=1)
        losses.sum().backward()
        return losses.detach().numpy(), outputs.grad.numpy()

    layers, value, found = gradient_of_engine("identity", VALUES, smooth_l1)
    expected_value, expected = gradient_of_pytorch(
        layers, VALUES, lambda z, t: F.smooth_l1_loss(z, t, beta=0.3)
    )
    assert value == pytest.approx(expected_value, rel=1e-13)
    for one, two in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, two, rtol=0, atol=1e-14)
    model = fastmlp.train(X, VALUES, loss=smooth_l1, hidden=[8], epochs=2)
    assert model.history["loss"][1] < model.history["loss"][0]
