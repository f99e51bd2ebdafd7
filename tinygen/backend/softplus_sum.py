"""The sum of many softplus, as a few sweeps over arrays that stay in the cache."""

from __future__ import annotations

import math

import numpy as np

__all__ = ["softplus_sum"]

FACTORS = 8
"""Numbers from 1 to 2 whose product is taken before the logarithm: it is at most 256."""

ELEMENTS = 65_536
"""Of one sweep."""


def softplus_sum(x: np.ndarray) -> np.ndarray:
    """Sum of log(1 + exp(x)) over the first axis of a matrix (D, N): (N,).

        log(1 + exp(x)) = (x + |x|) / 2 + log(2) - log(1 + tanh(|x| / 2))

    Nothing can overflow there, and a tanh is twice as fast in NumPy as an exponential.
    """
    rows, columns = x.shape
    at_once = max(1, ELEMENTS // max(1, columns * FACTORS)) * FACTORS
    size, other = np.empty((2, min(rows, at_once), columns), dtype=x.dtype)
    total = np.full(columns, rows * math.log(2.0), dtype=x.dtype)
    for start in range(0, rows, at_once):
        part = x[start : start + at_once]
        a, b = size[: len(part)], other[: len(part)]
        np.abs(part, out=a)
        np.add(part, a, out=b)
        total += _column_sum(b, 0.5)
        a *= 0.5
        np.tanh(a, out=a)
        a += 1.0
        if len(a) % FACTORS == 0:
            b = b[: len(a) // FACTORS]
            a = np.multiply.reduce(a.reshape(FACTORS, *b.shape), axis=0, out=b)
        np.log(a, out=a)
        total -= _column_sum(a, 1.0)
    return total


def _column_sum(x: np.ndarray, weight: float) -> np.ndarray:
    """As a product with a row, which is faster than a sum."""
    return np.full(len(x), weight, dtype=x.dtype).dot(x)
