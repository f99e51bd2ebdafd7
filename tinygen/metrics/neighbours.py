"""Nearest neighbours by brute force, a block of distances at a time.

Squared distances are |x|^2 + |y|^2 - 2 x.y, whose products are one matrix product. That rounds: two
examples nearer than it can tell apart are taken for copies of one another, at distance 0 exactly,
so that duplicates are found whatever their size. From `WIDE` numbers an example on, rows in
float32 stay in float32; below it, where the product costs little, float64 tells finer distances.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

__all__ = ["comparable", "distance_blocks", "nearest", "radii"]

BLOCK_ELEMENTS = 1 << 22
"""Distances in a block, at most: 32 MB of float64; or a row of them, if that is more. Some three
blocks are held at a time."""
BLOCK_ROWS = 8192
"""Of a large set that are copied at a time."""
WIDE = 256
COPIES = 16
"""Squared distances below so many units of rounding are those of copies."""


def comparable(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both sets (N, D), (M, D) about one centre and in one dtype: small numbers lose less."""
    narrow = np.result_type(x, y) == np.float32 and x.shape[1] >= WIDE
    dtype = np.float32 if narrow else np.float64
    centre = y.mean(0, dtype=np.float64).astype(dtype)
    return x.astype(dtype) - centre, y.astype(dtype) - centre


def distance_blocks(x: np.ndarray, y: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """(rows of x, their squared distances (rows, M) to all of y), of sets that are `comparable`."""
    of_x, of_y = (np.einsum("nd,nd->n", a, a) for a in (x, y))
    step = max(1, BLOCK_ELEMENTS // len(y))
    rounding = COPIES * np.finfo(x.dtype).eps
    for start in range(0, len(x), step):
        rows = slice(start, start + step)
        norms = of_x[rows, None] + of_y
        squares = x[rows] @ y.T
        squares *= -2
        squares += norms
        norms *= rounding
        squares[squares <= norms] = 0
        yield rows, squares


def radii(x: np.ndarray, k: int) -> np.ndarray:
    """Squared distance of each of x (N, D) to its k-th nearest other, (N,); 1 <= k < N."""
    found = np.empty(len(x), x.dtype)
    for rows, squares in distance_blocks(x, x):
        # A row is at distance 0 from itself, so the k-th other is the one at place k.
        found[rows] = np.partition(squares, k, axis=1)[:, k]
    return found


def nearest(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Distance of each of x (N, D) to the nearest of y (M, D), (N,); M may be large.

    Found by the rounded squares, then computed anew by subtraction, which is exact near 0. Beyond
    the inputs it needs a block of distances, and a block of y.
    """
    found = np.full(len(x), np.inf)
    for start in range(0, len(y), BLOCK_ROWS):
        some = y[start : start + BLOCK_ROWS]
        for rows, squares in distance_blocks(*comparable(x, some)):
            apart = x[rows] - some[squares.argmin(1)].astype(np.float64)
            found[rows] = np.minimum(found[rows], np.sqrt((apart**2).sum(1)))
    return found
