"""Sums over the ranks that train together, with derivatives: see `tinygen.parallel`.

Each rank has a loss of its own rows, and what is minimised is the mean of all ranks' losses. So what
one rank's part of a sum does to *all* losses is its gradient: the rule is the operation itself, and so
is the rule of that. With one rank it is the identity.
"""

from __future__ import annotations

import math
from typing import Any

from ..parallel import team
from ..primitive import primitive
from .elementwise import sqrt
from .normalization import _affine_of, _inverse_std, _raw, sum_over, sum_products
from .reductions import mean
from .shape import reshape

sum_across = primitive("sum_across", lambda xp, x: _summed(xp, x),
                       lambda g: sum_across(g),
                       doc="The sum over all ranks of arrays of one shape, on each of them.")


def mean_across(x: Any) -> Any:
    """The mean over all ranks of arrays of one shape, on each of them; `x` itself if there is one rank.

    What is not linear in the mean of a batch, such as its square, needs it before, and not after.
    """
    ranks = team().size
    return x if ranks == 1 else sum_across(x) * (1.0 / ranks)


def std_across(x: Any) -> Any:
    """The standard deviation of all elements of all ranks' arrays, 0-d; `x.std()` if there is one rank."""
    if team().size == 1:
        return x.std()
    d = x - mean_across(mean(x))
    return sqrt(mean_across(mean(d * d)))


def batch_norm_across(x: Any, weight: Any, bias: Any, eps: float = 1e-5) -> tuple[Any, Any, Any]:
    """`batch_norm` by the statistics of all ranks' rows together: what one process would compute.

    Mean and squares are summed one after the other, which is two calls and exact; E[x^2] - E[x]^2 would
    be one, and lose what float32 has where the mean is large.

    Args:
        x: (N, C) or (N, C, ...), this rank's rows. weight, bias: (C,), or None for 1 and 0.

    Returns:
        y in the shape of x; the mean and the sum of squared distances from it, (C,), both constant.
    """
    shape = (x.shape[1], *(1,) * (x.ndim - 2))
    count = x.shape[0] * math.prod(x.shape[2:]) * team().size
    mean = sum_across(sum_over(x, shape)) * (1.0 / count)
    d = x - mean
    squares = sum_across(sum_products(d, d, shape))
    r = _inverse_std(squares, count, eps)
    y = _affine_of(d, r, weight, bias, shape)
    return y, reshape(_raw(mean), -1), reshape(_raw(squares), -1)


def _summed(xp: Any, x: Any) -> Any:
    y = xp.zeros(x.shape, dtype=x.dtype)  # an array, and contiguous, also where x is a NumPy scalar
    y[...] = x
    team().all_reduce(y)
    return y
