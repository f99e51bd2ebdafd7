"""Paths between latent vectors: what a generator makes on the way from one draw to another.

    z = spherical_path(start, end, points=8)             # (N, D) each, to (N, 8, D)

White, "Sampling generative networks" (2016): along the sphere, since normal vectors lie near one.
"""

from __future__ import annotations

import numpy as np

__all__ = ["spherical_path"]


def spherical_path(start: np.ndarray, end: np.ndarray, points: int) -> np.ndarray:
    """`points` vectors from each `start` to its `end`, both included: (N, points, D).

    White, "Sampling generative networks" (2016), section 2.1: with t from 0 to 1 and the angle w
    between the two,

        z(t) = (sin((1 - t) w) start + sin(t w) end) / sin(w)

    Normal vectors of many dimensions lie near a sphere. On a straight line the norm would fall to
    0.7 of theirs, where the generator was never trained. Vectors in one direction, or in opposite
    ones, for which sin(w) is 0, are joined by the line.

    Args:
        start, end: (N, D).
        points: at least 2, else ValueError.

    >>> spherical_path(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]), 3).round(4)
    array([[[1.    , 0.    ],
            [0.7071, 0.7071],
            [0.    , 1.    ]]])
    """
    if points < 2:
        raise ValueError(f"spherical_path: points must be at least 2, not {points}.")
    a, b = start.astype(np.float64), end.astype(np.float64)
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    cosine = (a * b).sum(1) / np.where(norms > 0, norms, 1.0)
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))[:, None, None]
    sine = np.sin(angle)
    t = np.linspace(0.0, 1.0, points)[:, None]
    on_line = sine < 1e-6
    divisor = np.where(on_line, 1.0, sine)
    of_start = np.where(on_line, 1 - t, np.sin((1 - t) * angle) / divisor)
    of_end = np.where(on_line, t, np.sin(t * angle) / divisor)
    return (of_start * a[:, None] + of_end * b[:, None]).astype(start.dtype)
