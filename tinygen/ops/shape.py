"""Rearranging: nothing is computed here, only moved, repeated or cut.

Families close on themselves: reshape and transpose are their own, sum_to answers broadcast_to, and
concatenate answers slices.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from ..primitive import primitive, primitive_of_many
from .indexing import getitem, nth_axis

_reshape = primitive("reshape", lambda xp, x, shape: x.reshape(shape),
                     lambda g, x_shape: _reshape(g, x_shape))

_transpose = primitive("transpose", lambda xp, x, axes: x.transpose(axes),
                       lambda g, axes: _transpose(g, _inverse(axes)))

broadcast_to = primitive("broadcast_to", lambda xp, x, shape: xp.broadcast_to(x, shape),
                         lambda g, x_shape: sum_to(g, x_shape),
                         doc="Repeat along new axes and axes of length 1 until `shape` is reached.")

sum_to = primitive("sum_to", lambda xp, x, shape: _sum_to(xp, x, shape),
                   lambda g, x_shape: broadcast_to(g, x_shape),
                   doc="Sum over the axes along which `shape` would be broadcast to that of x.")

_flip = primitive("flip", lambda xp, x, axis: xp.flip(x, axis),
                  lambda g, axis: _flip(g, axis))

_repeat = primitive("repeat", lambda xp, x, times, axis: xp.repeat(x, times, axis=axis),
                    lambda g, x_shape, times, axis: _fold(g, x_shape, times, axis))

_pad = primitive("pad", lambda xp, x, widths, value: _padded(xp, x, widths, value),
                 lambda g, x_shape, widths: getitem(g, _inner(x_shape, widths)))

_concatenate = primitive_of_many("concatenate", lambda xp, axis, *arrays: xp.concatenate(arrays, axis),
                                 lambda g, i, axis, shapes: getitem(g, _section(i, axis, shapes)))


def reshape(x: Any, *shape: Any) -> Any:
    """The same elements, row by row, in another shape; one length may be -1.

    Raises ValueError where that has another number of elements.
    """
    return _reshape(x, _flat(shape))


def transpose(x: Any, *axes: Any) -> Any:
    """The axes in another order, as several integers or one tuple (default: reversed).

    Raises IndexError for an axis that is not there, ValueError where one is missing.
    """
    order = _flat(axes) if axes and axes[0] is not None else tuple(range(x.ndim))[::-1]
    return _transpose(x, tuple(nth_axis(a, x.ndim) for a in order))


def swapaxes(x: Any, a: int, b: int) -> Any:
    """Two axes exchanged; IndexError for one that is not there."""
    axes = list(range(x.ndim))
    a, b = nth_axis(a, x.ndim), nth_axis(b, x.ndim)
    axes[a], axes[b] = axes[b], axes[a]
    return _transpose(x, tuple(axes))


def expand_dims(x: Any, axis: int) -> Any:
    """A new axis of length 1, at `axis` of the result; IndexError if that is out of range."""
    at = nth_axis(axis, x.ndim + 1)
    return _reshape(x, (*x.shape[:at], 1, *x.shape[at:]))


def squeeze(x: Any, axis: int | tuple[int, ...] | None = None) -> Any:
    """Without axes of length 1: those in `axis` (ValueError if one is longer), or all of them."""
    if axis is None:
        return _reshape(x, tuple(n for n in x.shape if n != 1))
    axes = {nth_axis(a, x.ndim) for a in (axis if isinstance(axis, tuple) else (axis,))}
    if any(x.shape[a] != 1 for a in axes):
        raise ValueError(f"squeeze: only axes of length 1 can go, not {axis} of shape {x.shape}.")
    return _reshape(x, tuple(n for a, n in enumerate(x.shape) if a not in axes))


def flip(x: Any, axis: int | tuple[int, ...] | None = None) -> Any:
    """The elements in reverse order along `axis` (None: along all)."""
    return _flip(x, axis)


def repeat(x: Any, times: int, axis: int) -> Any:
    """Each element `times` times in a row, along `axis`, which becomes so many times as long.

    Raises IndexError for an axis that is not there.
    """
    return _repeat(x, times, nth_axis(axis, x.ndim))


def pad(x: Any, widths: Any, value: float = 0.0) -> Any:
    """A constant border: `widths` is an int, or (before, after) for every axis in order.

    Raises ValueError for negative widths, or where a pair is missing.
    """
    if isinstance(widths, int):
        widths = ((widths, widths),) * x.ndim
    widths = tuple((int(before), int(after)) for before, after in widths)
    if len(widths) != x.ndim or any(w < 0 for pair in widths for w in pair):
        raise ValueError(
            f"pad: needs one (before, after) pair of non-negative widths for each of the "
            f"{x.ndim} axes, not {widths}."
        )
    return _pad(x, widths, value)


def concatenate(arrays: Sequence[Any], axis: int = 0) -> Any:
    """Arrays of equal shape but along `axis`, one after the other; ValueError for none."""
    if len(arrays) == 0:
        raise ValueError("concatenate: needs at least one array.")
    return _concatenate(int(axis), *arrays)


def stack(arrays: Sequence[Any], axis: int = 0) -> Any:
    """Arrays of equal shape, along a new axis; ValueError for none."""
    return concatenate([expand_dims(a, axis) for a in arrays], axis)


def split(x: Any, sections: int | Sequence[int], axis: int = 0) -> list[Any]:
    """Cut along `axis` into equal parts (an int), or before the given positions (a sequence).

    Raises ValueError where equal parts do not come out even.
    """
    length = x.shape[axis]
    if isinstance(sections, int):
        if sections < 1 or length % sections:
            raise ValueError(f"split: length {length} does not divide into {sections} equal parts.")
        sections = range(length // sections, length, length // sections)
    bounds = [0, *sections, length]
    at = (slice(None),) * nth_axis(axis, x.ndim)
    return [getitem(x, (*at, slice(a, b))) for a, b in pairwise(bounds)]


# -- shared pieces ---------------------------------------------------------------------------------


def _flat(shape: tuple) -> tuple[int, ...]:
    """The arguments of f(2, 3) and of f((2, 3)) alike."""
    return tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape


def _inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(range(len(axes)), key=axes.__getitem__))


def _sum_to(xp: Any, x: Any, shape: tuple[int, ...]) -> Any:
    extra = x.ndim - len(shape)
    if extra:
        x = xp.sum(x, tuple(range(extra)), False)
    axes = tuple(i for i, n in enumerate(shape) if n == 1 and x.shape[i] != 1)
    return xp.sum(x, axes, True) if axes else x


def _fold(g: Any, shape: tuple[int, ...], times: int, axis: int) -> Any:
    folded = _reshape(g, (*shape[: axis + 1], times, *shape[axis + 1 :]))
    return _reshape(sum_to(folded, (*shape[: axis + 1], 1, *shape[axis + 1 :])), shape)


def _inner(shape: tuple[int, ...], widths: tuple) -> tuple[slice, ...]:
    return tuple(slice(before, before + n) for (before, _), n in zip(widths, shape, strict=True))


def _padded(xp: Any, x: Any, widths: tuple, value: float) -> Any:
    shape = tuple(before + n + after for (before, after), n in zip(widths, x.shape, strict=True))
    y = xp.zeros(shape, dtype=x.dtype) if value == 0 else xp.full(shape, value, dtype=x.dtype)
    y[_inner(x.shape, widths)] = x
    return y


def _section(i: int, axis: int, shapes: tuple) -> tuple[slice, ...]:
    axis %= len(shapes[i])
    start = sum(shape[axis] for shape in shapes[:i])
    return (slice(None),) * axis + (slice(start, start + shapes[i][axis]),)
