"""Input scaling against plain NumPy, constant and extreme features; the engine does the same."""

from __future__ import annotations

import numpy as np
import pytest
from fastmlp import _core
from fastmlp.errors import ConfigError
from fastmlp.model import scaling
from fastmlp.model.scaling import InputScaling, mean_and_deviation


def test_auto_depends_on_the_kind_of_number() -> None:
    pictures = np.array([[0, 16], [8, 4]], np.uint8)
    assert InputScaling.fit(pictures).kind == "unit"
    assert InputScaling.fit(pictures.astype(np.float32)).kind == "none"
    assert InputScaling.fit(pictures.astype(np.float64)).shift is None


def test_unit_divides_by_the_full_pixel() -> None:
    pictures = np.array([[0, 16], [8, 4]], np.uint8)
    fitted = InputScaling.fit(pictures, "unit", pixel_max=16)
    np.testing.assert_array_equal(fitted.apply(pictures), [[0, 1], [0.5, 0.25]])
    np.testing.assert_array_equal(InputScaling.fit(pictures).apply(pictures), pictures / 255)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("rows", [1, 2, 100, 101])
def test_standard_gives_mean_0_and_deviation_1(
    dtype: type, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scaling, "BLOCK", 7 * 3)  # many blocks, the last not full
    x = np.random.default_rng(rows).integers(0, 200, (rows, 3)).astype(dtype)
    before = x.copy()
    mean, deviation = mean_and_deviation(x)
    wide = x.astype(np.float64)
    expected = wide.std(axis=0)
    expected[expected == 0] = 1
    np.testing.assert_allclose(mean, wide.mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(deviation, expected, rtol=1e-13)
    np.testing.assert_array_equal(x, before)
    scaled = InputScaling.fit(x, "standard").apply(x)
    np.testing.assert_allclose(scaled, (wide - wide.mean(axis=0)) / expected, atol=1e-12)


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e300, -7e-310])
def test_a_constant_feature_is_only_shifted(constant: float) -> None:
    x = np.column_stack([np.full(30, constant), np.arange(30.0)])
    fitted = InputScaling.fit(x, "standard")
    assert fitted.scale is not None
    assert fitted.scale[0] == 1
    np.testing.assert_allclose(fitted.apply(x)[:, 0], 0, atol=abs(constant) * 1e-14)


def test_numbers_near_the_largest_do_not_overflow() -> None:
    x = np.array([[1.7e308, 1e-300], [-1.7e308, 3e-300]])
    fitted = InputScaling.fit(x, "standard")
    np.testing.assert_allclose(fitted.apply(x / 2), [[0.5, -1.5], [-0.5, -0.5]], rtol=1e-12)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ConfigError, match="scaling must be one of auto, none, unit, standard"):
        InputScaling.fit(np.zeros((2, 2)), "minmax")


def test_the_engine_scales_rows_as_apply_does() -> None:
    x = np.random.default_rng(0).normal(50, 20, (40, 5))
    fitted = InputScaling.fit(x, "standard")
    network = _core.Network([5, 5], ["identity"], "float64")
    network.set_parameters([(np.eye(5), np.zeros(5))])
    network.set_input_scaling(fitted.shift, fitted.scale)
    np.testing.assert_allclose(network.predict(x), fitted.apply(x), rtol=1e-14, atol=1e-14)
