"""How well each feature by itself is met: for tables, where every column means something.

    kolmogorov_smirnov(samples, held_out)                # (N, D) and (M, D) to (D,), from 0 to 1

The Kolmogorov-Smirnov statistic of two samples; 1 is a column that does not overlap the data's.
"""

from __future__ import annotations

import numpy as np

__all__ = ["kolmogorov_smirnov"]


def kolmogorov_smirnov(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The greatest difference of the two distribution functions, feature by feature: (D,).

    0 for equal samples, 1 where the two do not overlap; 1 also where x is not finite. Chance alone
    gives about sqrt((N + M) / (N M)).

    Args:
        x, y: (N, D) and (M, D), N and M at least 1.
    """
    if min(len(x), len(y)) < 1 or x.shape[1:] != y.shape[1:]:
        raise ValueError(
            f"kolmogorov_smirnov: sets of shapes {x.shape} and {y.shape}; give at least one "
            "example of each, of as many features."
        )
    return np.array([_distance(a, b) for a, b in zip(x.T, y.T, strict=True)])


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    if not np.isfinite(a).all():
        return 1.0
    a, b = np.sort(a), np.sort(b)
    everywhere = np.concatenate([a, b])
    below = (np.searchsorted(part, everywhere, side="right") / len(part) for part in (a, b))
    return float(np.abs(np.subtract(*below)).max())
