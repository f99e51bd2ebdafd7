"""The Frechet distance, against its closed form, SciPy's matrix root, and pictures made worse."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import scipy.linalg

import tinygen as tg
from tinygen.data import load
from tinygen.metrics import Judge, frechet_distance, gaussian_frechet_distance

RNG = np.random.default_rng(0)


def covariance(size: int, rank: int | None = None) -> np.ndarray:
    factor = RNG.normal(size=(size, rank or size))
    return factor @ factor.T


def test_gaussians_that_commute_have_a_closed_form():
    """The same eigenvectors: |m1 - m2|^2 + the sum of (s1 - s2)^2 over standard deviations."""
    axes = np.linalg.qr(RNG.normal(size=(60, 60)))[0]
    of_1, of_2 = RNG.uniform(0, 3, (2, 60))
    means = RNG.normal(size=(2, 60))
    found = gaussian_frechet_distance(
        means[0], (axes * of_1**2) @ axes.T, means[1], (axes * of_2**2) @ axes.T
    )
    assert found == pytest.approx(((means[0] - means[1]) ** 2).sum() + ((of_1 - of_2) ** 2).sum(),
                                  abs=1e-6)  # fmt: skip


def test_other_gaussians_agree_with_the_matrix_root():
    first, second = covariance(20), covariance(20)
    zero = np.zeros(20)
    wanted = np.trace(first + second - 2 * scipy.linalg.sqrtm(first @ second).real)
    assert gaussian_frechet_distance(zero, first, zero, second) == pytest.approx(wanted, abs=1e-6)


def test_singular_covariances_are_no_trouble():
    """Of ranks 3 and 5 of 40; a Gaussian is at distance 0 of itself, and all of it from a point."""
    first, second, zero = covariance(40, 3), covariance(40, 5), np.zeros(40)
    assert gaussian_frechet_distance(zero, first, zero, first) == pytest.approx(0, abs=1e-6)
    of_point = gaussian_frechet_distance(zero, first, zero, np.zeros((40, 40)))
    assert of_point == pytest.approx(np.trace(first), rel=1e-9)
    one_way, other = (gaussian_frechet_distance(zero, a, zero, b)
                      for a, b in ((first, second), (second, first)))  # fmt: skip
    assert one_way == pytest.approx(other, abs=1e-5)


def test_features_are_taken_for_a_gaussian_of_their_moments():
    x = RNG.normal(size=(50, 4)).astype("float32") @ RNG.normal(size=(4, 4)).astype("float32")
    y = (RNG.normal(size=(60, 4)) * [1, 2, 3, 4] + 10).astype("float32")
    wide = [a.astype("float64") for a in (x, y)]
    moments = [(a.mean(0), np.cov(a.T)) for a in wide]
    wanted = gaussian_frechet_distance(*moments[0], *moments[1])
    assert frechet_distance(x, y) == pytest.approx(wanted, rel=1e-9)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-6)


def test_many_draws_of_one_distribution_are_near():
    few, many = (frechet_distance(*RNG.normal(size=(2, n, 8))) for n in (50, 50_000))
    assert many < 0.002
    assert few > 0.1


@pytest.fixture(scope="module")
def judged():
    digits = load("digits")
    return Judge(digits, tg.Generator(0)), digits.train


def noisy(images, level):
    return np.clip(images + level * np.random.default_rng(1).normal(size=images.shape), 0, 1)


def blurred(images, level):
    for _ in range(level):
        images = sum(np.roll(images, step, axis) for axis in (1, 2) for step in (-1, 0, 1)) / 6
    return images


def blacked_out(images, level):
    images = images.copy()
    images[:, :level, :level] = 0
    return images


@pytest.mark.parametrize(
    ("damaged", "levels"),
    [(noisy, (0, 0.1, 0.2, 0.4, 0.8)), (blurred, (0, 1, 2, 4)), (blacked_out, (0, 2, 4, 6, 8))],
)
def test_digits_made_worse_are_farther_away(judged, damaged, levels):
    judge, images = judged
    flat = [damaged(images, level).reshape(-1, 64).astype("float32") for level in levels]
    found = [frechet_distance(judge.features(flat[0]), judge.features(rows)) for rows in flat]
    assert found[0] == pytest.approx(0, abs=1e-6)
    assert all(b > 1.2 * a + 0.1 for a, b in pairwise(found)), found


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (RNG.normal(size=(10, 10)), RNG.normal(size=(50, 10)), "10 and 50 examples are too few"),
        (RNG.normal(size=(9, 3)), RNG.normal(size=(9, 4)), "3 and 4 numbers an example"),
        (np.full((9, 3), np.nan), RNG.normal(size=(9, 3)), "the first set holds nan"),
        (RNG.normal(size=(9, 3)), np.full((9, 3), np.inf), "the second set holds nan or infinite"),
        (RNG.normal(size=9), RNG.normal(size=9), r"shape \(9,\); give floats as rows"),
        (np.ones((9, 3), int), np.ones((9, 3)), "int64 of shape"),
    ],
)
def test_what_cannot_be_compared_is_refused(x, y, message):
    with pytest.raises(ValueError, match=message):
        frechet_distance(x, y)
