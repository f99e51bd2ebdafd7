"""Paths on the sphere."""

from __future__ import annotations

import numpy as np
import pytest

from tinygen.models.latent import spherical_path

RNG = np.random.default_rng(0)


def test_a_path_begins_and_ends_where_it_should():
    a, b = RNG.normal(size=(2, 5, 20)).astype("float32")
    path = spherical_path(a, b, 7)
    assert (path.shape, path.dtype) == ((5, 7, 20), np.float32)
    np.testing.assert_allclose(path[:, 0], a, atol=1e-6)
    np.testing.assert_allclose(path[:, -1], b, atol=1e-6)


def test_between_vectors_of_one_length_it_stays_on_the_sphere_at_one_speed():
    a, b = RNG.normal(size=(2, 4, 10))
    a, b = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (a, b))
    path = spherical_path(a, b, 9)
    np.testing.assert_allclose(np.linalg.norm(path, axis=2), 1, rtol=1e-12)
    steps = np.linalg.norm(np.diff(path, axis=1), axis=2)
    np.testing.assert_allclose(steps, np.repeat(steps[:, :1], 8, 1), rtol=1e-9)


def test_a_quarter_turn_in_the_plane():
    path = spherical_path(np.array([[1.0, 0]]), np.array([[0, 1.0]]), 3)
    np.testing.assert_allclose(path[0, 1], np.sqrt([0.5, 0.5]))


@pytest.mark.parametrize("end", [[2.0, 0], [-1.0, 0]])
def test_vectors_in_one_direction_are_joined_by_the_line(end):
    path = spherical_path(np.array([[1.0, 0]]), np.array([end]), 3)
    np.testing.assert_allclose(path[0], np.linspace([1.0, 0], end, 3), atol=1e-12)


def test_a_path_has_two_points_at_least():
    with pytest.raises(ValueError, match="at least 2"):
        spherical_path(np.ones((1, 2)), np.ones((1, 2)), 1)
