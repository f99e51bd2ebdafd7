"""Memorisation: do samples lie nearer to the training data than new data does?

The median distance of samples to their nearest training example over that of held-out examples, in
pixels. About 1 is a model that makes new examples as new ones are; about 0, one that copies.
"""

from __future__ import annotations

import numpy as np

from .neighbours import nearest
from .rows import check_pair

__all__ = ["MARK", "memorisation_ratio", "nearest_training_distances"]

MARK = 0.9, 1.3
"""Below it samples are suspiciously near to the training data; above it, far from all data."""


def nearest_training_distances(rows: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Of each of rows (N, D), to the nearest of train (M, D): (N,), in the data's units.

    The cost is O(N D M). Raises ValueError for sets that are not finite floats of one width.

    >>> nearest_training_distances(np.array([[0.0, 0.0]]), np.array([[3.0, 4.0], [6.0, 8.0]]))
    array([5.])
    """
    return nearest(*check_pair("nearest_training_distances", rows, train, at_least=1))


def memorisation_ratio(of_samples: np.ndarray, of_held_out: np.ndarray) -> float:
    """The ratio of the medians of two sets of such distances, (N,) and (M,).

    It is inf where the second one alone is 0, and 1 where both are.

    >>> memorisation_ratio(np.array([1.0, 2.0, 3.0]), np.array([4.0, 4.0]))
    0.5
    """
    above, below = float(np.median(of_samples)), float(np.median(of_held_out))
    if below == 0:
        return 1.0 if above == 0 else float("inf")
    return above / below
