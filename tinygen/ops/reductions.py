"""Sums, extremes and what is made of them.

`axis` is None (all axes), an integer or a tuple of integers; `keepdims` keeps reduced axes with
length 1.
"""

from __future__ import annotations

import math
from typing import Any

from ..primitive import constant, primitive
from .arithmetic import power, where
from .elementwise import absolute, exp, isfinite, sqrt, square
from .indexing import getitem, nth_axis
from .shape import broadcast_to, concatenate, flip, reshape

Axis = int | tuple[int, ...] | None

_sum = primitive("sum", lambda xp, x, axis, keepdims: xp.sum(x, axis, keepdims),
                 lambda g, x_shape, axis: broadcast_to(keep_axes(g, x_shape, axis), x_shape))

# Ties share the cotangent equally. Which elements are largest is a constant.
_max = primitive("max", lambda xp, x, axis, keepdims: xp.amax(x, axis, keepdims),
                 lambda g, y, x, axis: _to_extremes(g, y, x, axis))

_min = primitive("min", lambda xp, x, axis, keepdims: xp.amin(x, axis, keepdims),
                 lambda g, y, x, axis: _to_extremes(g, y, x, axis))

_cumsum = primitive("cumsum", lambda xp, x, axis: xp.cumsum(x, axis=axis),
                    lambda g, axis: flip(_cumsum(flip(g, axis), axis), axis))

_logsumexp = primitive("logsumexp", lambda xp, x, axis, keepdims: _stable_logsumexp(xp, x, axis, keepdims),
                       lambda g, y, x, x_shape, axis:
                           keep_axes(g, x_shape, axis) * exp(x - _finite(keep_axes(y, x_shape, axis))))

_softmax = primitive("softmax", lambda xp, x, axis: xp.softmax(x, axis),
                     lambda g, y, axis: _softmax_slope(g, y, axis))

_softmax_slope = primitive("softmax_slope", lambda xp, u, p, axis: xp.softmax_slope(u, p, axis),
                           lambda g, p, axis: _softmax_slope(g, p, axis),
                           lambda g, u, p, axis: g * (u - _sum(u * p, axis, True)) - u * _sum(g * p, axis, True))

_log_softmax = primitive("log_softmax", lambda xp, x, axis: xp.log_softmax(x, axis),
                         lambda g, y, axis: _log_softmax_slope(g, y, axis))

_log_softmax_slope = primitive("log_softmax_slope", lambda xp, u, logs, axis: xp.log_softmax_slope(u, logs, axis),
                               lambda g, logs, axis: g - _sum(g * exp(logs), axis, True),
                               lambda g, u, logs, axis: -g * exp(logs) * _sum(u, axis, True))

# The derivative of the length of a zero vector is taken as 0, the smallest of its subgradients.
_norm = primitive("norm", lambda xp, x, axis, keepdims: xp.sqrt(xp.sum(x * x, axis, keepdims)),
                  lambda g, y, x, x_shape, axis:
                      keep_axes(g, x_shape, axis) * (x / _nonzero(keep_axes(y, x_shape, axis))))

argmax = constant("argmax", lambda xp, x, axis=None: xp.argmax(x, axis=axis),
                  doc="Where the largest element along `axis` is, the first of several (None: in the flattened array).")
argmin = constant("argmin", lambda xp, x, axis=None: xp.argmin(x, axis=axis),
                  doc="Where the smallest element along `axis` is, the first of several (None: in the flattened array).")


def sum(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The sum over `axis`, in the dtype of `x`.

    Args:
        axis: an integer, several in a tuple, or None for all axes.
        keepdims: keep these axes, with length 1.
    """
    return _sum(x, axis, keepdims)


def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The mean over `axis`, as of `sum`; ValueError where there are no elements."""
    return _sum(x, axis, keepdims) * (1.0 / _count("mean", x, axis))


def var(x: Any, axis: Axis = None, keepdims: bool = False, ddof: int = 0) -> Any:
    """The variance: the sum of squared distances from the mean, over n - ddof.

    Args:
        axis, keepdims: as of `sum`. n counts the elements along these axes.

    Raises:
        ValueError: there are not more than `ddof` elements.
    """
    count = _count("var", x, axis)
    if count <= ddof:
        raise ValueError(f"var: {count} elements leave none to divide by with ddof={ddof}.")
    squares = square(x - mean(x, axis, keepdims=True))
    return _sum(squares, axis, keepdims) * (1.0 / (count - ddof))


def std(x: Any, axis: Axis = None, keepdims: bool = False, ddof: int = 0) -> Any:
    """The standard deviation, sqrt(var); arguments and errors as there.

    It has no derivative at var = 0: there the gradient is nan.
    """
    return sqrt(var(x, axis, keepdims, ddof))


def max(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The largest element over `axis`, as of `sum`; equally large ones share the cotangent."""
    return _max(x, axis, keepdims)


def min(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The smallest element over `axis`, as of `sum`; equally small ones share the cotangent."""
    return _min(x, axis, keepdims)


def prod(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The product, as a binary tree of multiplications: right at every order, zeros included.

    Arguments as of `sum`. (The usual rule, g * y / x, is 0/0 where an element is zero.)
    """
    shape = x.shape
    axes = _axes(axis, len(shape))
    kept = tuple(1 if i in axes else n for i, n in enumerate(shape))
    rest = tuple(n for i, n in enumerate(shape) if i not in axes)
    order = (*axes, *(i for i in range(len(shape)) if i not in axes))
    y = reshape(x.transpose(order), (math.prod(shape[i] for i in axes), *rest))
    while (n := y.shape[0]) > 1:
        product = getitem(y, slice(0, n // 2)) * getitem(y, slice(n // 2, n // 2 * 2))
        y = concatenate([product, getitem(y, slice(n - 1, n))]) if n % 2 else product
    if y.shape[0] == 0:
        y = _sum(y, 0, True) + 1.0  # a product of nothing is 1
    return reshape(y, kept if keepdims else rest)


def cumsum(x: Any, axis: int = 0) -> Any:
    """Running sums along `axis`, in the shape of x."""
    return _cumsum(x, axis)


def logsumexp(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """log(sum(exp(x))) over `axis`, as of `sum`, without overflow."""
    return _logsumexp(x, axis, keepdims)


def softmax(x: Any, axis: int = -1) -> Any:
    """exp(x) / sum(exp(x)) along `axis`, without overflow, in the shape of x."""
    return _softmax(x, axis)


def log_softmax(x: Any, axis: int = -1) -> Any:
    """x - logsumexp(x) along `axis`, in the shape of x."""
    return _log_softmax(x, axis)


def norm(x: Any, axis: Axis = None, keepdims: bool = False, ord: float = 2) -> Any:
    """The vector norm (sum |x|^ord)^(1/ord), over all of `axis` as one vector.

    Args:
        axis, keepdims: as of `sum`.
        ord: 1, 2, any positive number, or `math.inf` for the largest magnitude; else ValueError.
    """
    if ord == 2:
        return _norm(x, axis, keepdims)
    if ord == 1:
        return _sum(absolute(x), axis, keepdims)
    if ord == math.inf:
        return _max(absolute(x), axis, keepdims)
    if ord <= 0:
        raise ValueError(f"norm: ord must be positive, not {ord}.")
    return power(_sum(power(absolute(x), float(ord)), axis, keepdims), 1.0 / ord)


# -- shared pieces ---------------------------------------------------------------------------------


def keep_axes(g: Any, shape: tuple[int, ...], axis: Axis) -> Any:
    """A reduced array, with its reduced axes put back as axes of length 1."""
    axes = _axes(axis, len(shape))
    kept = tuple(1 if i in axes else n for i, n in enumerate(shape))
    return g if g.shape == kept else reshape(g, kept)


def _axes(axis: Axis, ndim: int) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(ndim))
    axes = axis if isinstance(axis, tuple) else (axis,)
    return tuple(nth_axis(a, ndim or 1) for a in axes)  # a number has an axis 0, as in NumPy


def _count(name: str, x: Any, axis: Axis) -> int:
    shape = getattr(x, "shape", ())
    try:
        count = math.prod(shape[a] for a in _axes(axis, len(shape)))
    except IndexError:
        raise ValueError(f"{name}: axis {axis} is not an axis of shape {shape}.") from None
    if count == 0:
        raise ValueError(f"{name}: no elements along axis {axis} of shape {shape}.")
    return count


def _to_extremes(g: Any, y: Any, x: Any, axis: Axis) -> Any:
    extreme = _extreme_shares(x, keep_axes(y, x.shape, axis), axis)
    return keep_axes(g, x.shape, axis) * extreme


_extreme_shares = constant(
    "extreme_shares",
    lambda xp, x, extreme, axis: (
        (x == extreme) / xp.sum((x == extreme).astype(x.dtype), axis, True)
    ),
    doc="1/k at the k elements of x that equal its extreme, 0 elsewhere.",
)


def _finite(y: Any) -> Any:
    return where(isfinite(y), y, 0.0)


def _nonzero(y: Any) -> Any:
    return where(y == 0, 1.0, y)


def _stable_logsumexp(xp: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
    top = xp.amax(x, axis, True)
    top = xp.where(xp.isfinite(top), top, 0)  # no terms at all: log(0) = -inf, not nan
    y = xp.log(xp.sum(xp.exp(x - top), axis, True)) + top
    return y if keepdims else xp.squeeze(y, axis=_axes(axis, x.ndim))

