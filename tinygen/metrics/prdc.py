"""Precision, recall, density and coverage: do samples lie where data does, and the reverse?

Kynkaanniemi et al., "Improved precision and recall metric for assessing generative models" (2019),
eq. 1 and 2; Naeem et al., "Reliable fidelity and diversity metrics for generative models" (2020),
eq. 3 to 5. Around each example lies a ball that reaches to its k-th nearest neighbour in its set.

Balls are open, as in Naeem et al.'s code, but hold their own centre: with k or more copies of an
example its ball has radius 0 and holds just these. So a set has precision, recall and coverage 1
against itself whatever its duplicates, and a generator that makes one sample only recalls nothing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .neighbours import comparable, distance_blocks, radii
from .rows import check_pair

__all__ = ["NEIGHBOURS", "PRDC", "prdc"]

NEIGHBOURS = 5
"""k, as Naeem et al. choose it in section 3.3."""


class PRDC(NamedTuple):
    """Shares in [0, 1], density from 0 on.

    precision: of the samples in the ball of an example. recall: of the examples in the ball of a
    sample. density: how many examples' balls hold a sample, over k. coverage: of the examples whose
    ball holds a sample.

    >>> x = np.arange(12.0).reshape(6, 2)
    >>> prdc(x, x + 100.0, k=2).coverage
    0.0
    """

    precision: float
    recall: float
    density: float
    coverage: float


def prdc(real: np.ndarray, fake: np.ndarray, k: int = NEIGHBOURS) -> PRDC:
    """Of samples `fake` (M, D) against examples `real` (N, D), N and M at least k + 1.

    All depend on N and M: compare only scores of as many. Of two draws of one distribution none is
    1, but what the floor says. The cost is O(D (N + M)^2); the memory, a block of distances.
    Kynkaanniemi et al. (2019), eq. 1 and 2; Naeem et al. (2020), eq. 3 to 5.

    Raises:
        ValueError: a set is too small, not finite or of another width, or k is below 1.

    >>> x = np.random.default_rng(0).normal(size=(50, 2))
    >>> prdc(x, x)
    PRDC(precision=1.0, recall=1.0, density=1.0, coverage=1.0)
    """
    if k < 1:
        raise ValueError(f"prdc: k must be at least 1, not {k}.")
    real, fake = comparable(*check_pair("prdc", real, fake, at_least=k + 1))
    # An open ball of the smallest radius there is holds its centre's copies and nothing else.
    smallest = np.finfo(real.dtype).tiny
    of_real, of_fake = (np.maximum(radii(a, k), smallest) for a in (real, fake))
    precise = np.zeros(len(fake), bool)
    holding = np.zeros(len(fake), np.int64)
    recalled, covered = np.zeros((2, len(real)), bool)
    for rows, squares in distance_blocks(real, fake):
        inside = squares < of_real[rows, None]
        precise |= inside.any(0)
        holding += inside.sum(0)
        covered[rows] = inside.any(1)
        recalled[rows] = (squares < of_fake).any(1)
    return PRDC(
        float(precise.mean()),
        float(recalled.mean()),
        float(holding.mean() / k),
        float(covered.mean()),
    )
