"""The Frechet distance between the features of two sets, each taken for a Gaussian.

Heusel et al., "GANs trained by a two time-scale update rule converge to a local Nash equilibrium"
(2017), eq. 6, after Dowson and Landau (1982), eq. 4:

    d^2 = |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))

C1 C2 is not symmetric, and a general matrix root of it returns complex noise where C1 or C2 is
nearly singular. Its trace needs no such root: with C = S^2 for symmetric S, the eigenvalues of
C1 C2 are the squared singular values of S1 S2, so tr (C1 C2)^(1/2) is the sum of the latter.
"""

from __future__ import annotations

import numpy as np

from .rows import check_pair

__all__ = ["frechet_distance", "gaussian_frechet_distance"]

BLOCK = 4096
"""Rows in float64 at a time: all memory beyond the inputs is this many rows and a few (D, D)."""


def frechet_distance(x: np.ndarray, y: np.ndarray) -> float:
    """d^2 between features x (N, D) and y (M, D), in squared units of the features, from 0.

    Estimated from few examples it is too large, by about as much for every set of that size: read
    it beside a floor of as many. Raises ValueError for fewer than D + 1 examples, which leave a
    covariance without full rank. The cost is O((N + M) D^2 + D^3). Heusel et al., "GANs trained by
    a two time-scale update rule converge to a local Nash equilibrium" (2017), eq. 6.

    >>> x = np.random.default_rng(0).normal(size=(100, 2))
    >>> round(frechet_distance(x, x + [3.0, 4.0]), 4)  # squared: 3^2 + 4^2
    25.0
    """
    x, y = check_pair("frechet_distance", x, y, at_least=1)
    needed = x.shape[1] + 1
    if min(len(x), len(y)) < needed:
        raise ValueError(
            f"frechet_distance: {len(x)} and {len(y)} examples are too few for the covariance of "
            f"{x.shape[1]} features; give at least {needed} of each, or fewer features."
        )
    return gaussian_frechet_distance(*_moments(x), *_moments(y))


def gaussian_frechet_distance(
    mean1: np.ndarray, covariance1: np.ndarray, mean2: np.ndarray, covariance2: np.ndarray
) -> float:
    """d^2 between Gaussians of means (D,) and covariances (D, D), which may be singular.

    Dowson and Landau (1982), eq. 4. In squared units of the numbers.

    >>> gaussian_frechet_distance(np.zeros(2), np.eye(2), np.array([3.0, 4.0]), 4.0 * np.eye(2))
    27.0
    """
    product = _symmetric_root(covariance1) @ _symmetric_root(covariance2)
    shared = np.linalg.svd(product, compute_uv=False).sum()
    apart = ((np.asarray(mean1) - mean2) ** 2).sum()
    # Rounding alone can take the distance of equals below zero.
    return max(0.0, float(apart + np.trace(covariance1) + np.trace(covariance2) - 2 * shared))


def _symmetric_root(covariance: np.ndarray) -> np.ndarray:
    """S with S S = C and S symmetric, in float64."""
    values, vectors = np.linalg.eigh(np.asarray(covariance, np.float64))
    return (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T


def _moments(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean (D,) and the unbiased covariance (D, D), in float64."""
    mean = rows.mean(0, dtype=np.float64)
    covariance = np.zeros((len(mean), len(mean)))
    for start in range(0, len(rows), BLOCK):
        centred = rows[start : start + BLOCK] - mean
        covariance += centred.T @ centred
    return mean, covariance / (len(rows) - 1)
