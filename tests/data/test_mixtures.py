"""Mixtures: centres by their definition, samples by their moments."""

import math

import numpy as np
import pytest

from tinygen.data import GRID, RING, DataError, Mixture, load, sample_mixture
from tinygen.random import Generator


def generator(seed=0):
    return Generator(seed, device="cpu")


def test_ring_has_eight_modes_and_repeats_none():
    assert RING.centres.shape == (8, 2)
    assert RING.std == 0.01
    np.testing.assert_allclose(np.hypot(*RING.centres.T), 1.0, rtol=1e-15)
    angles = np.arctan2(RING.centres[:, 1], RING.centres[:, 0]) % (2 * math.pi)
    np.testing.assert_allclose(np.sort(angles), np.arange(8) * math.pi / 4, atol=1e-12)


def test_grid_is_five_by_five():
    coordinates = (-4, -2, 0, 2, 4)
    assert GRID.std == 0.05
    assert {tuple(centre) for centre in GRID.centres} == {
        (x, y) for x in coordinates for y in coordinates
    }
    assert len(GRID.centres) == 25


@pytest.mark.parametrize("mixture", [RING, GRID], ids=["ring", "grid"])
def test_moments(mixture):
    n = 50_000
    points, modes = mixture.sample(n, generator())
    assert points.dtype == np.float32
    assert modes.dtype == np.int64
    k = len(mixture.centres)
    expected = n / k
    chi_square = np.sum((np.bincount(modes, minlength=k) - expected) ** 2) / expected
    assert chi_square < k + 6 * math.sqrt(2 * k)

    residuals = (points - mixture.centres[modes]) / mixture.std
    np.testing.assert_allclose(residuals.mean(axis=0), 0, atol=5 / math.sqrt(n))
    np.testing.assert_allclose(np.cov(residuals.T), np.eye(2), atol=8 / math.sqrt(n))
    distances = np.linalg.norm(residuals, axis=1)
    # Rayleigh: within 3 standard deviations of the centre lie 1 - exp(-9/2) of the points.
    assert np.mean(distances <= 3) == pytest.approx(1 - math.exp(-4.5), abs=2e-3)


def test_sample_mixture_takes_a_name_or_a_mixture():
    by_name = sample_mixture("ring", 10, generator())
    np.testing.assert_array_equal(by_name, sample_mixture(RING, 10, generator()))
    np.testing.assert_array_equal(by_name, RING.sample(10, generator())[0])
    own = Mixture(np.array([[5.0, 5.0]]), std=1e-3)
    np.testing.assert_allclose(sample_mixture(own, 10, generator()), 5.0, atol=1e-2)


@pytest.mark.parametrize("name", ["ring", "grid"])
def test_as_a_dataset(name):
    dataset = load(name, rng=generator())
    assert dataset.train.shape == (100_000, 2)
    assert dataset.test.shape == (2_500, 2)
    assert dataset.n_classes == len(RING.centres if name == "ring" else GRID.centres)
    assert not dataset.is_image
    again = load(name, rng=generator())
    np.testing.assert_array_equal(dataset.train, again.train)
    assert not np.array_equal(dataset.train, load(name, rng=generator(1)).train)


def test_a_mixture_dataset_needs_a_generator():
    with pytest.raises(DataError, match=r"ring is drawn, not stored: pass load\('ring', rng="):
        load("ring")


def test_centres_cannot_be_moved():
    with pytest.raises(ValueError, match="read-only"):
        RING.centres[0] = 7.0


@pytest.mark.parametrize(
    ("centres", "std", "cause"),
    [
        (np.zeros((3, 3)), 1.0, r"shape \(3, 3\): give one \(x, y\) row per mode"),
        (np.zeros(2), 1.0, "shape"),
        (np.zeros((0, 2)), 1.0, "shape"),
        (np.array([[0.0, math.nan]]), 1.0, "NaN or infinite"),
        (np.zeros((1, 2)), 0.0, "std is 0.0"),
        (np.zeros((1, 2)), -1.0, "std is -1.0"),
        (np.zeros((1, 2)), math.inf, "std is inf"),
    ],
)
def test_bad_mixtures_are_refused(centres, std, cause):
    with pytest.raises(DataError, match=cause):
        Mixture(centres, std)


def test_bad_requests_are_refused():
    with pytest.raises(DataError, match="unknown mixture 'rign': use ring or grid"):
        sample_mixture("rign", 5, generator())
    with pytest.raises(DataError, match="cannot draw 0 points"):
        sample_mixture("ring", 0, generator())
