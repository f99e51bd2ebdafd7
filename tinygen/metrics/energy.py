"""The energy distance between two sets of examples: a metric without parameters, for any data.

Szekely and Rizzo, "Energy statistics: a class of statistics based on distances" (2013), eq. 5:

    E(X, Y) = 2 E|x - y| - E|x - x'| - E|y - y'|

It is zero where both are drawn from one distribution, and positive otherwise.
"""

from __future__ import annotations

import math

import numpy as np

__all__ = ["energy_distance"]


def energy_distance(x: np.ndarray, y: np.ndarray) -> float:
    """E(X, Y) in the data's units, estimated from x (N, D) and y (M, D), N and M at least 2.

    The means within a set are over pairs of different examples, so that the estimate has no bias;
    chance may make it negative. nan where an example is not finite. The cost is O(D (N + M)^2).
    Szekely and Rizzo, "Energy statistics: a class of statistics based on distances" (2013), eq. 5.

    Raises:
        ValueError: a set holds fewer than 2 examples.

    >>> energy_distance(np.zeros((5, 2)), np.tile([3.0, 4.0], (5, 1)))
    10.0
    """
    if min(len(x), len(y)) < 2:
        raise ValueError(
            f"energy_distance: sets of {len(x)} and {len(y)} examples; give at least 2 of each."
        )
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return math.nan
    # Distances do not change with the origin, and small numbers lose fewer digits.
    centre = y.mean(0, dtype=np.float64)
    x, y = x - centre, y - centre
    n, m = len(x), len(y)
    within_x = _distances(x, x).sum() / (n * (n - 1))
    within_y = _distances(y, y).sum() / (m * (m - 1))
    return float(2 * _distances(x, y).mean() - within_x - within_y)


def _distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Of every pair, (N, M)."""
    squares = (x**2).sum(1)[:, None] + (y**2).sum(1) - 2 * x @ y.T
    if x is y:
        np.fill_diagonal(squares, 0.0)
    return np.sqrt(np.maximum(squares, 0.0))
