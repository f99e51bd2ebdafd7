"""Normalisation, from a closed family of small operations: right at every order of derivative.

    d = centre(x, shape)                     # x minus its means
    r = inverse_std(sum_products(d, d, shape), count, eps)
    y = scale_shift(d, gamma * r, beta)

`shape` is that of the statistics: what is left of x's shape with 1 where an axis is averaged over.
No rule divides by gamma or by the variance alone, so gamma = 0 and constant inputs need no care.

A single node for the whole layer would have to compute mean and variance anew in each of its rules (it
may not capture them: that is how Chainer and DeZero come to wrong higher derivatives), which costs more
than it saves. Memory layout is left as it is: a channels-last activation stays one.
"""

from __future__ import annotations

import math
from typing import Any

from ..backend import BACKEND_OF
from ..primitive import primitive
from ..tensor import Tensor
from .shape import broadcast_to, reshape

_centre = primitive("centre", lambda xp, x, shape, mean: x - (_mean(xp, x, shape) if mean is None else mean),
                    lambda g, shape: _centre(g, shape, None))

_inverse_std = primitive("inverse_std", lambda xp, squares, count, eps: xp.inverse_std(squares, count, eps),
                         lambda g, y, count: _inverse_std_slope(g, y, count))

_inverse_std_slope = primitive("inverse_std_slope", lambda xp, u, r, count: xp.inverse_std_slope(u, r, count),
                               lambda g, r, count: _inverse_std_slope(g, r, count),
                               lambda g, u, r, count: g * u * (r * r * (-1.5 / count)))

scale = primitive("scale", lambda xp, x, s: x * s,
                  lambda g, s: scale(g, s),
                  lambda g, x, s_shape: sum_products(g, x, s_shape),
                  doc="x * s, where s has the shape of x with some axes of length 1, or missing in front.")

_scale_shift = primitive("scale_shift", lambda xp, x, s, shift: xp.scale_shift(x, s, shift),
                         lambda g, s: scale(g, s),
                         lambda g, x, s_shape: sum_products(g, x, s_shape),
                         lambda g, shift_shape: sum_over(g, shift_shape))

sum_products = primitive("sum_products", lambda xp, a, b, shape: xp.sum_products(a, b, _lost(a, shape)).reshape(shape),
                         lambda g, b: scale(b, g),
                         lambda g, a: scale(a, g),
                         doc="The sum of a * b (of one shape) over the axes along which `shape` is broadcast to it.")

sum_over = primitive("sum_over", lambda xp, x, shape: xp.sum_products(x, None, _lost(x, shape)).reshape(shape),
                     lambda g, x_shape: broadcast_to(g, x_shape),
                     doc="`sum_to`, where x is large: as fast as the memory layout of x allows.")


def batch_norm(x: Any, weight: Any, bias: Any, eps: float = 1e-5) -> tuple[Any, Any, Any]:
    """Each channel standardised over the batch, then scaled and shifted.

    Ioffe & Szegedy 2015, "Batch normalization", algorithm 1. (Their algorithm 2 divides the variance
    kept for evaluation by n - 1; so does `nn.BatchNorm2d`.)

    Args:
        x: (N, C) or (N, C, ...). weight, bias: (C,), or None for 1 and 0.

    Returns:
        y in the shape of x; the mean and the sum of squared distances from it, (C,), both constant.
    """
    shape = (x.shape[1], *(1,) * (x.ndim - 2))
    mean = mean_over(x, shape)
    d = _centre(x, shape, mean)
    squares = sum_products(d, d, shape)
    r = _inverse_std(squares, _count(x, shape), eps)
    return _affine_of(d, r, weight, bias, shape), mean.reshape(-1), _raw(squares).reshape(-1)


def batch_norm_with(x: Any, mean: Any, var: Any, weight: Any, bias: Any, eps: float = 1e-5) -> Any:
    """Batch normalisation by a given mean and variance, (C,): what a trained network does.

    The result has the shape of x. Ioffe & Szegedy 2015, "Batch normalization", algorithm 2.

    Args:
        x: (N, C) or (N, C, ...). weight, bias: (C,), or None for 1 and 0.
    """
    shape = (x.shape[1], *(1,) * (x.ndim - 2))
    s = _inverse_std(var, 1, eps)
    s = s if weight is None else weight * s
    shift = -(mean * s) if bias is None else bias - mean * s
    return _scale_shift(x, reshape(s, shape), reshape(shift, shape))


def layer_norm(x: Any, weight: Any = None, bias: Any = None, *, axes: int = 1, eps: float = 1e-5) -> Any:
    """Each example standardised over its last `axes` axes, then scaled and shifted.

    Ba, Kiros & Hinton 2016, "Layer normalization", eq. 3 and 4.

    Args:
        x: of any shape, which the result has too.
        weight, bias: in the shape of the last `axes` axes, or None for 1 and 0.
    """
    cut = x.ndim - axes
    shape = (*x.shape[:cut], *(1,) * axes)
    d, r = _standard(x, shape, eps)
    y = scale(d, r)
    if bias is not None:
        return _scale_shift(y, weight, bias)
    return y if weight is None else scale(y, weight)


def group_norm(x: Any, groups: int, weight: Any = None, bias: Any = None, *, eps: float = 1e-5) -> Any:
    """Each group of channels of each example standardised, then each channel scaled and shifted.

    Wu & He 2018, "Group normalization", eq. 7. With as many groups as channels it is instance
    normalisation (Ulyanov, Vedaldi & Lempitsky 2016, eq. 3).

    Args:
        x: (N, C, ...), where `groups` divides C; the result has its shape.
        weight, bias: (C,), or None for 1 and 0.
    """
    n, channels, *rest = x.shape
    grouped = (n, groups, channels // groups, *rest)  # splitting an axis copies nothing
    shape = (n, groups, *(1,) * (len(rest) + 1))
    d, r = _standard(reshape(x, grouped), shape, eps)
    y = _affine_of(d, r, weight, bias, (groups, channels // groups, *(1,) * len(rest)))
    return reshape(y, x.shape)


def pixel_norm(x: Any, eps: float = 1e-8) -> Any:
    """The channels of each pixel, divided by their root mean square.

    Karras et al. 2018, "Progressive growing of GANs", section 4.2: b = a / sqrt(mean(a^2) + eps).

    Args:
        x: (N, C) or (N, C, ...); so is the result.
    """
    shape = (x.shape[0], 1, *x.shape[2:])
    return scale(x, _inverse_std(sum_products(x, x, shape), x.shape[1], eps))


def mean_over(x: Any, shape: tuple[int, ...]) -> Any:
    """The mean, as a raw array and thus a constant, in the shape of the statistics."""
    raw = _raw(x)
    return _mean(BACKEND_OF[type(raw)], raw, shape)


# -- plain compositions: what the tests compare with -----------------------------------------------


def batch_norm_reference(x: Any, weight: Any, bias: Any, eps: float = 1e-5) -> Any:
    """What `batch_norm` computes."""
    axes = (0, *range(2, x.ndim))
    shape = (x.shape[1], *(1,) * (x.ndim - 2))
    d = x - x.mean(axes, keepdims=True)
    return d / (x.var(axes, keepdims=True) + eps).sqrt() * reshape(weight, shape) + reshape(bias, shape)


def layer_norm_reference(x: Any, weight: Any, bias: Any, eps: float = 1e-5) -> Any:
    """What `layer_norm` computes, over the last axis."""
    d = x - x.mean(-1, keepdims=True)
    return d / (x.var(-1, keepdims=True) + eps).sqrt() * weight + bias


# -- shared pieces -----------------------------------------------------------------------------------


def _standard(x: Any, shape: tuple[int, ...], eps: float) -> tuple[Any, Any]:
    """x minus its means, and one over its standard deviations."""
    d = _centre(x, shape, None)
    return d, _inverse_std(sum_products(d, d, shape), _count(x, shape), eps)


def _affine_of(d: Any, r: Any, weight: Any, bias: Any, shape: tuple[int, ...]) -> Any:
    """d * r * weight + bias, in as few passes over d as there can be."""
    s = r if weight is None else r * reshape(weight, shape)
    return scale(d, s) if bias is None else _scale_shift(d, s, reshape(bias, shape))


def _mean(xp: Any, x: Any, shape: tuple[int, ...]) -> Any:
    return xp.mean_of(x, _lost(x, shape), _count(x, shape)).reshape(shape)


def _count(x: Any, shape: tuple[int, ...]) -> int:
    """How many elements of x each statistic is of."""
    return math.prod(x.shape[i] for i in _lost(x, shape))


def _lost(x: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The axes of x over which to sum for `shape`."""
    front = x.ndim - len(shape)
    return (*range(front), *(front + i for i, n in enumerate(shape) if n != x.shape[front + i]))


def _raw(x: Any) -> Any:
    return x._data if type(x) is Tensor else x
