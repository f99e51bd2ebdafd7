"""Precision, recall, density, coverage and nearest neighbours: oracles, copies, bad input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from tinygen.metrics import prdc
from tinygen.metrics.neighbours import comparable, nearest, radii

RNG = np.random.default_rng(0)


def by_definition(real, fake, k):
    """As Naeem et al. define them, with open balls."""
    of_real, of_fake = (np.sort(cdist(a, a), axis=1)[:, k] for a in (real, fake))
    apart = cdist(real, fake)
    inside = apart < of_real[:, None]
    return (inside.any(0).mean(), (apart < of_fake).any(1).mean(), inside.sum(0).mean() / k,
            inside.any(1).mean())  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@given(n=st.integers(7, 60), m=st.integers(7, 60), width=st.integers(1, 300),
       k=st.integers(1, 6), shift=st.floats(0, 2))  # fmt: skip
def test_the_definition(dtype, n, m, width, k, shift):
    rng = np.random.default_rng(n * m * width)
    real = rng.normal(size=(n, width)).astype(dtype)
    fake = (rng.normal(size=(m, width)) + shift).astype(dtype)
    np.testing.assert_allclose(prdc(real, fake, k), by_definition(real, fake, k), atol=1e-12)


@pytest.mark.parametrize("rows", [1, 7, 10**9])
def test_blocks_make_no_difference(monkeypatch, rows):
    monkeypatch.setattr("tinygen.metrics.neighbours.BLOCK_ELEMENTS", rows * 90)
    real, fake = RNG.normal(size=(100, 3)), RNG.normal(size=(90, 3)) + 0.5
    np.testing.assert_allclose(prdc(real, fake), by_definition(real, fake, 5), atol=1e-12)


@pytest.mark.parametrize("copies", [1, 2, 10])
@pytest.mark.parametrize("width", [2, 600])
@pytest.mark.parametrize("offset", [0, 1000])
def test_a_set_against_itself_whatever_its_duplicates(copies, width, offset):
    rows = RNG.normal(size=(50, width)).astype("float32") + np.float32(offset)
    rows = np.repeat(rows, copies, axis=0)
    found = prdc(rows, RNG.permutation(rows))
    assert (found.precision, found.recall, found.coverage) == (1, 1, 1)
    if copies == 1:  # a neighbour on the border of a ball may be rounded into it
        assert found.density == pytest.approx(1, abs=0.01)


def test_sets_far_apart():
    real = RNG.normal(size=(50, 4))
    assert prdc(real, real + 100) == (0, 0, 0, 0)


def test_one_sample_repeated_is_precise_and_covers_little():
    real = RNG.normal(size=(200, 2))
    inside = prdc(real, np.repeat(real[:1] + 1e-3, 50, axis=0))
    assert inside.precision == 1
    assert inside.recall == 0
    assert 0 < inside.coverage < 0.2
    copied = prdc(real, np.repeat(real[:1], 50, axis=0))
    assert (copied.precision, copied.recall) == (1, 1 / 200)


def test_an_outlier_fools_precision_and_not_density():
    """Naeem et al., figure 2."""
    real = np.concatenate([RNG.normal(size=(100, 2)), [[40.0, 0.0]]])
    fake = np.array([30.0, 0.0]) + RNG.normal(size=(100, 2))
    found = prdc(real, fake)
    assert found.precision == 1
    assert found.density < 0.3
    assert found.coverage < 0.05


def test_half_the_modes_are_covered_by_half():
    centres = np.repeat([[0.0, 0.0], [100.0, 0.0]], 500, axis=0)
    real = centres + RNG.normal(size=(1000, 2))
    fake = RNG.normal(size=(1000, 2))
    found = prdc(real, fake)
    assert found.coverage == pytest.approx(0.5, abs=0.02)
    assert found.recall == pytest.approx(0.5, abs=0.03)
    assert found.precision > 0.95


def test_neighbours_by_brute_force():
    x, y = RNG.normal(size=(60, 5)), RNG.normal(size=(20_000, 5))
    apart = cdist(x, y)
    np.testing.assert_allclose(nearest(x, y), apart.min(1), rtol=1e-9)
    within = np.sort(cdist(x, x), axis=1)
    for k in (1, 4):
        np.testing.assert_allclose(radii(comparable(x, x)[0], k), within[:, k] ** 2, rtol=1e-9)


def test_copies_far_from_the_origin_are_at_distance_zero():
    y = RNG.normal(size=(300, 400)).astype("float32") + 500
    assert (nearest(y[:50], y) == 0).all()


@pytest.mark.parametrize(
    ("real", "fake", "k", "message"),
    [
        (RNG.normal(size=(5, 2)), RNG.normal(size=(9, 2)), 5, "holds 5 examples; give at least 6"),
        (RNG.normal(size=(9, 2)), RNG.normal(size=(5, 2)), 5, "the second set holds 5 examples"),
        (RNG.normal(size=(9, 2)), RNG.normal(size=(9, 3)), 5, "2 and 3 numbers an example"),
        (RNG.normal(size=(9, 2)), np.full((9, 2), np.nan), 5, "nan or infinite"),
        (RNG.normal(size=(9, 2, 2)), RNG.normal(size=(9, 2)), 5, r"rows, \(N, D\)"),
        (RNG.normal(size=(9, 2)), RNG.normal(size=(9, 2)), 0, "k must be at least 1, not 0"),
    ],
)
def test_what_cannot_be_compared_is_refused(real, fake, k, message):
    with pytest.raises(ValueError, match=message):
        prdc(real, fake, k)
