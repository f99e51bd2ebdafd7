"""The largest element of windows along one axis of images, on raw arrays.

Windows are any intervals; the places that are chosen count from a window's start, and lie inside.
Everything here uses only what NumPy and CuPy both have.
"""

from __future__ import annotations

import functools
from itertools import pairwise
from typing import Any

import numpy as np

Array = Any
Intervals = tuple[tuple[int, int], ...]
"""(start, stop) of each window along one axis; what lies outside of the input is padding."""


def largest(
    xp: Any, x: Array, windows: Intervals, axis: int, places: bool
) -> tuple[Array, Array | None]:
    """The largest element of each window, and if asked for its place in the window."""
    x = xp.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    elements = _elements(windows, x.shape[axis])
    whole = [len(inside) == len(windows) for inside, _ in elements]
    if whole[0]:
        best = x[_at(xp, axis, elements[0][1])]
        best = best if all(whole) else best.copy("K")  # since it is written to
    else:
        lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
        best = xp.full_like(x, lowest, shape=_with_length(x, axis, len(windows)))
    chosen: Any = (
        xp.zeros_like(best, dtype="int8" if len(elements) < 128 else "int32") if places else None
    )
    for k, (start, _) in enumerate(windows):
        if places and start < 0:
            chosen[_at(xp, axis, (k,))] = -start
    for i, (inside, seen) in list(enumerate(elements))[int(whole[0]) :]:
        at, rival = _at(xp, axis, inside), x[_at(xp, axis, seen)]
        if places:  # they only grow
            better = (rival > best[at]) | xp.isnan(rival)
            chosen[at] = xp.maximum(chosen[at], xp.multiply(better, i, dtype=chosen.dtype))
        if whole[i]:
            best = xp.maximum(best, rival)
        else:
            best[at] = xp.maximum(best[at], rival)
    return best, chosen


def from_windows(xp: Any, x: Array, chosen: Array, windows: Intervals, axis: int) -> Array:
    """The chosen element of each window."""
    y = xp.zeros_like(x, shape=_with_length(x, axis, len(windows)))
    for i, (inside, seen) in enumerate(_elements(windows, x.shape[axis])):
        at = _at(xp, axis, inside)
        y[at] += x[_at(xp, axis, seen)] * (chosen[at] == i)
    return y


def into_windows(
    xp: Any, values: Array, chosen: Array, windows: Intervals, axis: int, length: int
) -> Array:
    """Zeros of this length along the axis, with each window's value added to its chosen element."""
    x = xp.zeros_like(values, shape=_with_length(values, axis, length))
    disjoint = all(a[1] <= b[0] for a, b in pairwise(windows))
    for i, (inside, seen) in enumerate(_elements(windows, length)):
        at, to = _at(xp, axis, inside), _at(xp, axis, seen)
        mask = chosen[at] == i
        if disjoint and isinstance(to[axis], slice):
            xp.multiply(values[at], mask, out=x[to])
        elif len(set(seen)) == len(seen):
            x[to] += values[at] * mask
        else:  # adaptive windows, more than there are elements
            x += xp.scatter_add(values[at] * mask, to, x.shape)
    return x


def _with_length(x: Array, axis: int, length: int) -> tuple[int, ...]:
    return (*x.shape[:axis], length, *x.shape[axis + 1 :])


@functools.lru_cache(maxsize=64)
def _elements(windows: Intervals, size: int) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """For i = 0, 1, ... the windows whose element i is no padding, and where those elements are."""
    found = []
    for i in range(max(stop - start for start, stop in windows)):
        inside = [k for k, (start, stop) in enumerate(windows) if 0 <= start + i < min(stop, size)]
        found.append((tuple(inside), tuple(windows[k][0] + i for k in inside)))
    return found


def _at(xp: Any, axis: int, places: tuple[int, ...]) -> tuple:
    """The index of these places along an axis: a slice if they lie at equal distances."""
    before = (slice(None),) * axis
    if not places:
        return (*before, slice(0, 0))
    step = places[1] - places[0] if len(places) > 1 else 1
    if step > 0 and places == tuple(range(places[0], places[-1] + 1, step)):
        return (*before, slice(places[0], places[-1] + 1, step))
    return (*before, _on_device(xp, places))


@functools.cache  # for good, as graphs that were recorded read it
def _on_device(xp: Any, places: tuple[int, ...]) -> Array:
    """An index, kept: while a step is being recorded nothing may be copied to a device."""
    return xp.from_host(np.array(places))
