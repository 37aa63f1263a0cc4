"""Pruning: the share is exact to one weight, what went stays away, and units that nobody reads can
be taken out without changing a bit.
"""

from __future__ import annotations

import itertools

import fastmlp
import numpy as np
import pytest
from fastmlp.model.pruning import BLOCK, pruned_masks

RNG = np.random.default_rng(5)


@pytest.fixture(scope="module")
def trained():
    data = fastmlp.load_data("digits")
    return fastmlp.train(data, hidden=[100, 60], optimizer="adam", epochs=10, seed=1)


def smallest(sizes, count):
    """Places of the `count` smallest, of equal ones the first: a sort in plain Python."""
    order = sorted(range(sizes.size), key=lambda at: (sizes.flat[at], at))
    return set(order[:count])


@pytest.mark.parametrize("share", [0.0, 0.001, 0.37, 0.9, 0.9999])
def test_the_smallest_weights_go_and_no_other(share):
    weight = RNG.normal(size=(31, 17)).astype("float32")
    weight[3] = weight[4] = 0.25  # equal ones
    (mask,) = pruned_masks([weight], [None], share, "weight")
    gone = set(np.flatnonzero(~mask))
    assert gone == smallest(np.abs(weight), int(share * weight.size + 0.5))


@pytest.mark.parametrize("units", [16, 40, 5])
def test_the_smallest_blocks_go(units):
    weight = RNG.normal(size=(30, units)).astype("float32")
    (mask,) = pruned_masks([weight], [None], 0.6, "block")
    starts = range(0, units, BLOCK)
    means = np.stack(
        [(weight[:, s : s + BLOCK].astype("f8") ** 2).mean(axis=1) for s in starts], axis=1
    )
    gone = smallest(means, int(0.6 * means.size + 0.5))
    for at in range(means.size):
        row, block = divmod(at, means.shape[1])
        own = mask[row, block * BLOCK : (block + 1) * BLOCK]
        assert (not own.any()) if at in gone else own.all()


def test_what_is_gone_already_goes_first_and_counts():
    weight = RNG.normal(size=(20, 20))
    mask = RNG.random((20, 20)) < 0.5
    weight[mask] = 0.001  # smaller than what the mask leaves out would be
    (half,) = pruned_masks([weight], [mask], 0.75, "weight")
    assert (half & ~mask).sum() == 0
    assert (~half).sum() == 300
    (same,) = pruned_masks([weight * half], [half], 0.75, "weight")
    assert (same == half).all()
    (fewer,) = pruned_masks([weight * half], [half], 0.1, "weight")
    assert (fewer == half).all()


@pytest.mark.parametrize("by", ["weight", "block"])
def test_a_pruned_model_has_the_share_and_stays_what_it_was(trained, by, tmp_path):
    before = [tuple(one.copy() for one in layer) for layer in trained.parameters]
    pruned = trained.prune(0.9, by=by)
    for layer, old, zeros in zip(pruned.parameters, before, pruned.sparsity, strict=True):
        weight, bias, mask = layer
        assert (weight == old[0] * mask).all()
        assert (bias == old[1]).all()
        if by == "weight":
            assert (weight == 0).sum() == int(0.9 * weight.size + 0.5)
        assert abs(zeros - 0.9) < 0.03
    after = [one for layer in trained.parameters for one in layer]
    flat = [one for layer in before for one in layer]
    assert all((a == b).all() for a, b in zip(flat, after, strict=True))
    pruned.save(tmp_path / "pruned.safetensors")
    loaded = fastmlp.load(tmp_path / "pruned.safetensors")
    assert loaded.sparsity == pruned.sparsity
    assert loaded.config == trained.config
    only = trained.prune(0.5, by=by, layers=[1])
    assert only.sparsity[0] == 0.0 == only.sparsity[2]
    assert only.sparsity[1] > 0.45


def test_fine_tuning_keeps_the_zeros(trained):
    data = fastmlp.load_data("digits")
    pruned = trained.prune(0.9)
    fine = fastmlp.train(data, init=pruned, config=trained.config.replace(epochs=3))
    for old, new in zip(pruned.parameters, fine.parameters, strict=True):
        assert (old[2] == new[2]).all()
        assert (new[0][new[2] == 0] == 0).all()
        assert (new[0] != old[0]).any()
    assert fine.sparsity == pruned.sparsity


def test_nine_of_ten_weights_can_go(trained):
    """On digits, 359 test rows: 96.7 % before, 29.0 % when pruned, 95.3 % fine-tuned. The bound
    leaves six rows more than that.
    """
    data = fastmlp.load_data("digits")
    options = trained.config.replace(epochs=20, learning_rate=0.003)
    fine = fastmlp.train(data, init=trained.prune(0.9), config=options)
    parts = fastmlp.training.split_dataset(data, trained.config)
    accuracies = [
        model.evaluate(parts.x_test, parts.y_test).accuracy
        for model in (trained, trained.prune(0.9), fine)
    ]
    assert accuracies[2] > accuracies[0] - 0.03
    assert accuracies[2] > accuracies[1]


@pytest.mark.parametrize("activation", ["relu", "gelu", "prelu"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_units_that_nobody_reads_are_taken_out_bit_for_bit(activation, dtype):
    data = fastmlp.load_data("digits")
    model = fastmlp.train(data, hidden=[50, 40], activation=activation, dtype=dtype, epochs=3)
    small = model.prune(0.7, by="neuron")
    assert small.config.network.hidden == (15, 12)
    assert small.parameters[1][0].shape == (15, 12)
    masks = pruned_masks([layer[0] for layer in model.parameters], [None] * 3, 0.7, "neuron")
    layers = [
        (w * m.astype(w.dtype), b, *rest)
        for (w, b, *rest), m in zip(model.parameters, masks, strict=True)
    ]
    masked = fastmlp.train(
        data, init=layers, config=model.config.replace(learning_rate=1e-30, epochs=1)
    )
    for rows in (1, 3, 100):
        np.testing.assert_array_equal(
            small.predict_proba(data.x[:rows]), masked.predict_proba(data.x[:rows])
        )


def test_a_layer_keeps_one_unit_and_the_output_all():
    rows, labels = RNG.normal(size=(50, 4)), RNG.integers(0, 3, 50)
    model = fastmlp.train(rows, labels, hidden=[8, 1], epochs=1)
    small = model.prune(0.99, by="neuron")
    assert small.config.network.hidden == (1, 1)
    assert small.predict_proba(rows).shape == (50, 3)
    assert model.shrink().config == model.config


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"share": 1.0}, "share must be a number at least 0 and below 1; got 1.0"),
        ({"share": 0.5, "by": "row"}, "by must be one of weight, block, neuron; got 'row'"),
        ({"share": 0.5, "layers": [3]}, "layers names 3; layers to prune are 0 to 2"),
        (
            {"share": 0.5, "by": "neuron", "layers": [2]},
            "layers names 2; .* 0 to 1: the output layer is never pruned by neuron",
        ),
    ],
)
def test_what_prune_refuses(trained, arguments, message):
    with pytest.raises(fastmlp.ConfigError, match=message):
        trained.prune(**arguments)


SCHEDULE = {"prune": 0.8, "prune_start": 2, "prune_epochs": 3, "epochs": 6, "seed": 2}
OPTIONS = {"hidden": [64, 40], "optimizer": "adam", "batch_size": 50}


def tensors(model):
    return [one for layer in model.parameters for one in layer]


@pytest.mark.parametrize("by", ["weight", "block", "neuron"])
def test_the_share_grows_as_the_schedule_says(by):
    shares, models = [], []

    def see(epoch, model):
        models.append(model)
        shares.append(model.sparsity[0])
        assert all((layer[0][layer[2] == 0] == 0).all() for layer in model.parameters)

    data = fastmlp.load_data("digits")
    fastmlp.train(data, **OPTIONS, **SCHEDULE, prune_by=by, on_epoch=see)
    expected = [0, *(0.8 * (1 - (1 - i / 3) ** 3) for i in (1, 2, 3)), 0.8, 0.8]
    size = {"weight": 64 * 64, "block": 64 * 4, "neuron": 64}[by]
    assert np.abs(np.array(shares) - expected).max() <= 0.5 / size + 1e-12
    for early, late in itertools.pairwise(models):  # what went stays away
        for old, new in zip(early.parameters, late.parameters, strict=True):
            assert (new[2] <= old[2]).all()
    if by == "neuron":
        small = models[-1].shrink()
        assert small.config.network.hidden == (13, 8)
        x = data.x[:300]
        assert (small.predict_proba(x) == models[-1].predict_proba(x)).all()


@pytest.mark.parametrize("stopped", [1, 2, 4])
@pytest.mark.parametrize("averaging", ["none", "ema", "swa"])
def test_going_on_gives_the_bits_of_not_stopping(tmp_path, averaging, stopped):
    data = fastmlp.load_data("digits")
    options = {**OPTIONS, **SCHEDULE, "averaging": averaging, "clip_norm": 1.0}
    options |= {"swa_start": 3} if averaging == "swa" else {}
    whole = fastmlp.train(data, **options)

    class StopError(Exception):
        pass

    def stop(epoch, _):
        if epoch + 1 == stopped:
            raise StopError

    path = tmp_path / "run.safetensors"
    with pytest.raises(StopError):
        fastmlp.train(data, **options, checkpoint=path, on_epoch=stop)
    found = fastmlp.train(data, resume=path)
    assert all((a == b).all() for a, b in zip(tensors(found), tensors(whole), strict=True))
    assert all((layer[0][layer[2] == 0] == 0).all() for layer in whole.parameters)
    assert whole.sparsity[0] == pytest.approx(0.8, abs=1e-3)


def test_early_stopping_waits_until_all_is_pruned():
    data = fastmlp.load_data("digits")
    model = fastmlp.train(
        data, **OPTIONS, **{**SCHEDULE, "epochs": 12}, early_stopping=True, patience=2
    )
    assert model.sparsity[0] == pytest.approx(0.8, abs=1e-3)
    assert model.record["best_epoch"] >= 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prune": 1.0}, "prune must be a number at least 0 and below 1"),
        ({"prune": 0.5, "prune_by": "row"}, "prune_by must be one of weight, block, neuron"),
        ({"prune": 0.5, "epochs": 1}, "pruning begins in epoch 2 and takes 1; training has 1"),
        ({"prune": 0.5, "epochs": 5, "prune_epochs": 6}, "begins in epoch 2 and takes 6"),
        ({"prune": 0.5, "precision": "bf16"}, "need precision 'full'"),
    ],
)
def test_what_training_refuses(options, message):
    rows, labels = RNG.normal(size=(50, 4)), RNG.integers(0, 3, 50)
    with pytest.raises(fastmlp.ConfigError, match=message):
        fastmlp.train(rows, labels, hidden=[8], **options)
