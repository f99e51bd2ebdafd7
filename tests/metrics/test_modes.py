"""Mode coverage, on samplers of which it is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tinygen as tg
from tinygen.data import GRID, RING
from tinygen.metrics import mode_coverage


@pytest.mark.parametrize("mixture", [RING, GRID])
def test_the_mixture_itself_covers_itself_up_to_chance(mixture):
    """(K - 1) / 2N is the mean of the divergence of N exact draws: 0.0014 and 0.0048."""
    k = len(mixture.centres)
    of_many = [mode_coverage(mixture.sample(2500, tg.Generator(i))[0], mixture) for i in range(40)]
    assert all(coverage.modes == k for coverage in of_many)
    within_3 = 1 - math.exp(-4.5)  # of a Gaussian in the plane
    assert np.mean([c.high_quality for c in of_many]) == pytest.approx(within_3, abs=0.001)
    wanted = (k - 1) / (2 * 2500)
    assert np.mean([c.reverse_kl for c in of_many]) == pytest.approx(wanted, rel=0.15)


def test_three_modes_of_eight_unevenly():
    samples = RING.centres[[0] * 4 + [1] * 3 + [2]]
    coverage = mode_coverage(samples, RING)
    assert coverage.counts.tolist() == [4, 3, 1, 0, 0, 0, 0, 0]
    assert (coverage.modes, coverage.high_quality) == (3, 1.0)
    p = np.array([4, 3, 1]) / 8
    assert coverage.reverse_kl == pytest.approx((p * np.log(p / (1 / 8))).sum())
    assert "3 of 8 modes" in coverage.describe()


def test_three_standard_deviations_are_the_limit():
    near, far = RING.centres[0] + [[0.0299, 0], [0, 0.0301]]
    assert mode_coverage(np.array([near, far]), RING).counts.sum() == 1
    diagonal = RING.centres[0] + np.array([[0.0299, 0.0299]])  # of the distance, not of each axis
    assert mode_coverage(diagonal, RING).modes == 0


def test_a_collapsed_generator_and_one_that_diverged():
    collapsed = mode_coverage(np.repeat(RING.centres[:1], 100, 0), RING)
    assert (collapsed.modes, collapsed.reverse_kl) == (1, pytest.approx(math.log(8)))
    diverged = mode_coverage(np.full((10, 2), np.nan), RING)
    assert (diverged.modes, diverged.high_quality) == (0, 0.0)
    assert math.isnan(diverged.reverse_kl)


@pytest.mark.parametrize("shape", [(0, 2), (5, 3), (5,)])
def test_what_is_not_in_the_plane_is_refused(shape):
    with pytest.raises(ValueError, match="give points in the plane"):
        mode_coverage(np.zeros(shape), RING)
