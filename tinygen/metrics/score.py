"""The score of Salimans et al.: are samples clear, and are all classes there?

Salimans et al., "Improved techniques for training GANs" (2016), section 4, with a classifier of the
data in place of Inception; on MNIST it is known as the MNIST score:

    exp E_x KL(p(y | x) || p(y))
"""

from __future__ import annotations

import numpy as np

from .rows import check_rows

__all__ = ["classifier_score"]


def classifier_score(probabilities: np.ndarray) -> float:
    """From 1 to K, of a classifier's probabilities (N, K): K where all classes are even and clear.

    p(y) is the mean over the samples themselves, so few of them score somewhat too high. Salimans
    et al., "Improved techniques for training GANs" (2016), section 4.

    Raises:
        ValueError: a row is no distribution of probabilities.

    >>> classifier_score(np.eye(4)), classifier_score(np.full((4, 4), 0.25))
    (4.0, 1.0)
    """
    p = check_rows("classifier_score", "probabilities", probabilities, 1).astype(np.float64)
    if p.min() < 0 or np.abs(p.sum(1) - 1).max() > 1e-3:
        raise ValueError("classifier_score: a row must be probabilities that sum to 1.")
    marginal = p.mean(0)
    information = _negative_entropy(p).mean() - _negative_entropy(marginal)
    return float(np.exp(information))


def _negative_entropy(p: np.ndarray) -> np.ndarray:
    """The sum of p log p over the last axis, in nats, with 0 log 0 = 0."""
    return (p * np.log(np.where(p > 0, p, 1.0))).sum(-1)
