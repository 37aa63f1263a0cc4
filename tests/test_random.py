"""Random numbers are a function of the seed and the place: the published Philox vectors,
distributions, shuffles, initial weights.
"""

from __future__ import annotations

from math import erf

import numpy as np
import pytest
from fastmlp import _core


def test_philox_gives_the_published_values():
    """Known answers of Philox-4x32-10 (Random123's kat_vectors): zero counter and key; all bits
    set.
    """
    assert _core.testing.philox(0, 0, 0, 0, 0, 0) == [
        0x6627E8D5,
        0xE169C58D,
        0xBC57AC4C,
        0x9B00DBD8,
    ]
    ones = 0xFFFFFFFF
    assert _core.testing.philox(2**64 - 1, 0xFF, 0xFFFFFF, ones, ones, ones) == [
        0x408F276D,
        0x41C83B0E,
        0xA20BC7C6,
        0x6D5451FD,
    ]


@pytest.mark.parametrize("n", [0, 1, 2, 3, 10, 1001])
def test_a_permutation_holds_every_index_once(n):
    assert sorted(_core.permutation(n, 3, 5)) == list(range(n))


def test_permutations_differ_by_seed_and_epoch():
    orders = {
        _core.permutation(50, seed, epoch).tobytes() for seed in range(4) for epoch in range(4)
    }
    assert len(orders) == 16
    assert np.array_equal(_core.permutation(50, 2, 1), _core.permutation(50, 2, 1))


def test_every_order_of_four_is_equally_likely():
    """Chi-square over the 24 orders in 24,000 epochs: 23 degrees of freedom; 60 would come once in
    36,000.
    """
    counts: dict[bytes, int] = {}
    for epoch in range(24_000):
        key = _core.permutation(4, 0, epoch).tobytes()
        counts[key] = counts.get(key, 0) + 1
    assert len(counts) == 24
    assert sum((c - 1000) ** 2 / 1000 for c in counts.values()) < 60


def initialized(name, sizes, dtype="float64", seed=1, std=1.0, biases="zeros"):
    network = _core.Network(sizes, ["identity"] * (len(sizes) - 1), dtype)
    network.initialize(name, seed, std, biases)
    return network.parameters()


EXPECTED_STD = {
    "normal": lambda i, o: 0.3,
    "glorot_uniform": lambda i, o: np.sqrt(2 / (i + o)),
    "glorot_normal": lambda i, o: np.sqrt(2 / (i + o)),
    "he_uniform": lambda i, o: np.sqrt(2 / i),
    "he_normal": lambda i, o: np.sqrt(2 / i),
    "lecun_uniform": lambda i, o: np.sqrt(1 / i),
    "lecun_normal": lambda i, o: np.sqrt(1 / i),
    "uniform": lambda i, o: 0.3,
    "truncated_normal": lambda i, o: 0.3 * np.sqrt(1 - 4 * NORMAL_AT_2 / WITHIN_2),
}
NORMAL_AT_2, WITHIN_2 = np.exp(-2) / np.sqrt(2 * np.pi), erf(np.sqrt(2))


@pytest.mark.parametrize("name", EXPECTED_STD)
def test_initial_weights_follow_their_distribution(name):
    (w, b), _ = initialized(name, [400, 300, 5], std=0.3)
    std, n = EXPECTED_STD[name](400, 300), w.size
    assert abs(w.mean()) < 4 * std / np.sqrt(n)
    assert w.std() == pytest.approx(std, rel=4 / np.sqrt(2 * n))
    assert not b.any()
    assert not np.signbit(b).any()
    shape = np.sort((w / (0.3 if name == "truncated_normal" else std)).ravel())
    if name.endswith("uniform"):
        assert abs(shape).max() <= np.sqrt(3)
        distance = abs((shape / np.sqrt(3) + 1) / 2 - (np.arange(n) + 0.5) / n).max()
    else:
        exact = np.array([0.5 * (1 + erf(v / np.sqrt(2))) for v in shape[::97]])
        if name == "truncated_normal":
            assert abs(shape).max() <= 2
            exact = (exact - (1 - WITHIN_2) / 2) / WITHIN_2
        distance = abs(exact - (np.arange(n)[::97] + 0.5) / n).max()
    assert distance < 1.95 / np.sqrt(n)  # Kolmogorov and Smirnov: 1 in 1,000


@pytest.mark.parametrize("sizes", [(40, 30), (30, 40), (25, 25), (1, 7), (7, 1)], ids=str)
def test_orthogonal_weights_are_orthonormal_along_their_shorter_side(sizes):
    ((w, _),) = initialized("orthogonal", sizes)
    products = w @ w.T if sizes[0] <= sizes[1] else w.T @ w
    np.testing.assert_allclose(products, np.eye(min(sizes)), atol=1e-14)
    ((single, _),) = initialized("orthogonal", sizes, "float32")
    np.testing.assert_array_equal(single, w.astype("float32"))
    ((other, _),) = initialized("orthogonal", sizes, seed=2)
    assert not np.array_equal(w, other)


def test_orthogonal_weights_prefer_no_direction():
    """A random rotation: each entry has mean 0 and variance 1/n over many seeds."""
    n, seeds = 5, 2000
    found = np.array([initialized("orthogonal", (n, n), seed=s)[0][0] for s in range(seeds)])
    assert np.abs(found.mean(0)).max() < 5 / np.sqrt(n * seeds)
    np.testing.assert_allclose((found**2).mean(0), 1 / n, atol=5 * np.sqrt(2 / (n * n * seeds)))


def test_zeros_and_normal_biases():
    ((w, b),) = initialized("zeros", [3, 4])
    assert not w.any()
    assert not b.any()
    ((_, b),) = initialized("normal", [3, 4000], std=2.0, biases="normal")
    assert b.std() == pytest.approx(2.0, rel=0.05)


def test_weights_depend_on_the_seed_alone():
    """Not on the precision, nor on the layers behind; other seeds and layers differ."""
    narrow = initialized("normal", [6, 5, 4])
    assert np.array_equal(
        initialized("normal", [6, 5, 4], "float32")[0][0], narrow[0][0].astype("f4")
    )
    assert np.array_equal(initialized("normal", [6, 5, 9, 2])[0][0], narrow[0][0])
    assert not np.array_equal(initialized("normal", [6, 5, 4], seed=2)[0][0], narrow[0][0])
    square = initialized("normal", [5, 5, 5])
    assert not np.array_equal(square[0][0], square[1][0])


def test_large_seeds_are_all_different():
    seeds = [0, 1, 2**32, 2**32 + 1, 2**64 - 1]
    assert len({initialized("normal", [3, 3], seed=s)[0][0].tobytes() for s in seeds}) == len(seeds)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("normal", 0, 1e39), "its draws must be finite"),
        (("he", 0), "initializer 'he' is unknown; choose from: normal, truncated_normal"),
        (("normal", 0, -1.0), "standard deviation of the initializer is -1"),
        (("normal", 0, np.nan), "standard deviation of the initializer is nan"),
        (
            ("normal", 0, 1.0, "ones"),
            "bias initializer 'ones' is unknown; choose from: zeros, normal",
        ),
    ],
)
def test_wrong_initializers_are_refused_and_change_nothing(arguments, message):
    network = _core.Network([2, 2], ["identity"])
    network.initialize("normal", 3)
    before = network.parameters()[0][0]
    with pytest.raises(ValueError, match=message):
        network.initialize(*arguments)
    assert np.array_equal(network.parameters()[0][0], before)
