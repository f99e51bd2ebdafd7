"""Error bars by resampling: the bootstrap for what is smooth, a jackknife for what is not.

The bootstrap draws as many examples anew, with repetition; what its statistics spread by, the
estimate does. Efron and Tibshirani, "An introduction to the bootstrap" (1993), chapters 6 and 13.

It is wrong where repetition itself changes the answer. A copied example is its own neighbour's
neighbour, so radii shrink and coverage falls; a third of the examples is missing, so a covariance
loses rank. For neighbours, covariances and sorted distances the examples are cut into groups
instead, and each statistic is of all groups but one, no example twice (chapter 11; the grouped
jackknife of Shao and Wu, "A general theory for jackknife variance estimation", 1989). All of its
statistics are of equally many examples, so that a bias that depends on their number cancels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from .estimate import Estimate

__all__ = ["bootstrap", "jackknife"]

RESAMPLES = 1_000
GROUPS = 10
T_QUANTILE = 2.262
"""97.5% of Student's distribution with GROUPS - 1 degrees of freedom."""


def bootstrap(
    statistic: Callable[..., float], *sets: np.ndarray, seed: int, resamples: int = RESAMPLES
) -> Estimate:
    """Of a smooth statistic of one or more independent sets of rows; a percentile interval.

    There is none where a resample's statistic is not finite. Efron and Tibshirani, "An introduction
    to the bootstrap" (1993), chapters 6 and 13.

    Args:
        statistic: of as many sets (N, ...) as are given, a number.
        resamples: drawn from each set, with repetition.

    Raises:
        ValueError: a set holds fewer than 2 examples.

    >>> found = bootstrap(lambda x: x.mean(), np.arange(10.0), seed=0)
    >>> found.value, found.low < 4.5 < found.high
    (4.5, True)
    """
    _check("bootstrap", sets, at_least=2)
    rng = np.random.RandomState(seed % 2**32)
    found = np.array([
        statistic(*(rows[rng.randint(0, len(rows), len(rows))] for rows in sets))
        for _ in range(resamples)
    ])  # fmt: skip
    if not np.isfinite(found).all():
        return Estimate(float(statistic(*sets)), math.nan, math.nan, math.nan)
    low, high = np.quantile(found, [0.025, 0.975])
    return Estimate(float(statistic(*sets)), float(found.std(ddof=1)), float(low), float(high))


def jackknife(
    statistic: Callable[..., Sequence[float]], *sets: np.ndarray, seed: int
) -> list[Estimate]:
    """Of a statistic of any number of values, each from all of the sets of rows.

    From every set the same group is left out at a time: the sets are independent, so that their
    variances add up. The cost is GROUPS + 1 statistics. Efron and Tibshirani (1993), chapter 11;
    Shao and Wu, "A general theory for jackknife variance estimation" (1989).

    Raises:
        ValueError: a set holds fewer than 20 examples, two for each group.

    >>> [found] = jackknife(lambda x: [x.mean()], np.arange(100.0), seed=0)
    >>> found.value, found.low < 49.5 < found.high
    (49.5, True)
    """
    _check("jackknife", sets, at_least=2 * GROUPS)
    rng = np.random.RandomState(seed % 2**32)
    groups = [rng.permutation(len(rows)) % GROUPS for rows in sets]
    whole = statistic(*sets)
    found = np.array([
        statistic(*(rows[group != left_out] for rows, group in zip(sets, groups, strict=True)))
        for left_out in range(GROUPS)
    ])  # fmt: skip
    errors = np.sqrt((GROUPS - 1) * found.var(0))
    return [
        Estimate(float(v), float(e), float(v - T_QUANTILE * e), float(v + T_QUANTILE * e))
        for v, e in zip(whole, errors, strict=True)
    ]


def _check(who: str, sets: Sequence[np.ndarray], at_least: int) -> None:
    fewest = min(map(len, sets))
    if fewest < at_least:
        raise ValueError(f"{who}: a set holds {fewest} examples; give at least {at_least}.")
