"""The sliced Wasserstein distance: zero of a set with itself, a known shift, scales kept apart."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import convolve1d
from scipy.stats import wasserstein_distance

from tinygen.metrics import sliced_wasserstein
from tinygen.metrics.sliced import BINOMIAL, _blurred, _distance, _patches, pyramid

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(16, 16), (28, 28), (3, 32, 32), (1, 17, 31), (2, 29, 57)])
def test_a_set_is_at_distance_zero_of_itself_and_not_of_another(shape):
    x, y = RNG.random((2, 12, *shape), "float32")
    assert set(sliced_wasserstein(x, x, 3, directions=20).levels) == {0.0}
    found = sliced_wasserstein(x, y * y, 3, directions=20)
    assert all(level > 1 for level in found.levels)


@pytest.mark.parametrize(
    ("side", "sides"), [(16, [16]), (27, [27]), (28, [28, 14]), (32, [32, 16]), (64, [64, 32, 16])]
)
def test_levels_end_where_two_patches_fit(side, sides):
    x = RNG.random((3, side, side), "float32")
    found = sliced_wasserstein(x, x, 0, directions=4)
    assert found.sides == tuple((s, s) for s in sides)


@pytest.mark.parametrize("shape", [(32, 32), (29, 57)])
def test_the_pyramid_adds_up_to_the_image(shape):
    images = RNG.random((2, 3, *shape), "float32")
    *fine, rest = pyramid(images)
    for level in reversed(fine):
        apart = np.zeros(level.shape, "float32")
        apart[:, :, ::2, ::2] = 4 * rest
        rest = level + _blurred(apart)
    np.testing.assert_allclose(rest, images, atol=1e-6)


def test_the_filter_is_scipys_with_a_mirror():
    images = RNG.random((2, 2, 9, 12), "float32")
    wanted = convolve1d(convolve1d(images, BINOMIAL, 2, mode="mirror"), BINOMIAL, 3, mode="mirror")
    np.testing.assert_allclose(_blurred(images), wanted, atol=1e-6)


def test_a_constant_image_has_detail_at_the_coarsest_level_only():
    *fine, _ = pyramid(np.ones((1, 1, 64, 64), "float32"))
    assert all(np.abs(level).max() < 1e-6 for level in fine)


def test_a_shift_in_one_dimension_is_its_length():
    x = RNG.normal(size=(500, 1)).astype("float32")
    assert _distance(x, x + np.float32(0.7), 0, 5) == pytest.approx(0.7, rel=1e-5)
    y = RNG.normal(size=(500, 1)).astype("float32") * 2
    assert _distance(x, y, 0, 5) == pytest.approx(wasserstein_distance(x[:, 0], y[:, 0]), rel=1e-5)


def test_a_shift_in_many_dimensions_is_seen_by_its_mean_projection():
    """E |cos| of a random direction in D dimensions is sqrt(2 / (pi D)), nearly."""
    x = RNG.normal(size=(800, 40)).astype("float32")
    shift = np.zeros(40, "float32")
    shift[0] = 5
    wanted = 5 * (2 / (np.pi * 40)) ** 0.5
    assert _distance(x, x + shift, 0, 4000) == pytest.approx(wanted, rel=0.05)


def test_patches_are_pixels_of_the_image_normalised_by_channel():
    images = RNG.normal(size=(20, 3, 16, 16)).astype("float32") * [[[[1]], [[5]], [[9]]]] + 4
    patches = _patches(images.astype("float32"), 0).reshape(-1, 3, 49)
    assert len(patches) == 20 * 128
    np.testing.assert_allclose(patches.mean((0, 2)), 0, atol=1e-4)
    np.testing.assert_allclose(patches.std((0, 2)), 1, atol=1e-4)
    ramp = np.arange(256, dtype="float32").reshape(1, 1, 16, 16)
    steps = np.diff(_patches(ramp, 0).reshape(-1, 7, 7), axis=2)
    np.testing.assert_allclose(steps, steps[0, 0, 0], rtol=1e-3)


def test_noise_is_seen_where_it_is():
    """White noise on smooth images: in the fine level far more than in the coarse one."""
    rows, columns = np.mgrid[:32, :32] / 32
    phases = RNG.random((40, 2, 1, 1))
    x, y = (np.sin(6 * (rows + p[0]) + 4 * (columns + p[1])).astype("float32")
            for p in (phases.swapaxes(0, 1), 1 - phases.swapaxes(0, 1)))  # fmt: skip
    noise = RNG.normal(0, 0.1, y.shape).astype("float32")
    clean, noisy = (sliced_wasserstein(x, a, 0, directions=64).levels for a in (y, y + noise))
    assert noisy[0] > 2 * clean[0]
    assert noisy[1] < 1.5 * clean[1] + 20


def test_a_set_of_constant_images_is_finite():
    found = sliced_wasserstein(np.zeros((5, 16, 16)), RNG.random((5, 16, 16)), 0, directions=8)
    assert np.isfinite(found.levels).all()


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.zeros((5, 8, 8)), np.zeros((5, 8, 8)), "sides of at least 14 pixels"),
        (np.zeros((5, 16, 16)), np.zeros((6, 16, 16)), "give as many images of one size"),
        (np.zeros((5, 16, 16)), np.zeros((5, 3, 16, 16)), "give as many images of one size"),
        (np.full((5, 16, 16), np.nan), np.zeros((5, 16, 16)), "nan or infinite"),
        (np.zeros((0, 16, 16)), np.zeros((0, 16, 16)), r"shape \(0, 1, 16, 16\)"),
        (np.zeros((5, 256)), np.zeros((5, 256)), r"shape \(5, 256\)"),
    ],
)
def test_what_cannot_be_compared_is_refused(x, y, message):
    with pytest.raises(ValueError, match=message):
        sliced_wasserstein(x, y, 0)
