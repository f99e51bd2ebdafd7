"""Pooling: the largest element or the mean of each window of an image.

The windows are any intervals of rows times any intervals of columns, so that regular, adaptive and
global pooling are one, and both go axis by axis. The mean is linear: a constant matrix for each axis.
The largest element's place in its window is a constant, and the first one counts where several are
largest, as in PyTorch. So every order of derivative is that of reading an element.
"""

from __future__ import annotations

import functools
from itertools import pairwise
from typing import Any

import numpy as np

from ..primitive import constant, primitive
from ..tensor import Tensor
from .convolution import per_axis
from .resampling import check_images, separable
from .shape import reshape

Intervals = tuple[tuple[int, int], ...]
"""(start, stop) of each window along one axis; what lies outside of the input is padding."""

_window_max = primitive("window_max", lambda xp, x, windows, axis: _largest(xp, x, windows, axis, False)[0],
                        lambda g, x, windows, axis: _into_windows(
                            g, _raw(_window_argmax(x, windows, axis)), windows, axis, x.shape[axis]))

# Each the other's transpose: read, or add to, the chosen element of every window.
_into_windows = primitive("into_windows", lambda xp, values, chosen, windows, axis, length:
                              _write_chosen(xp, values, chosen, windows, axis, length),
                          lambda g, chosen, windows, axis: _from_windows(g, chosen, windows, axis))

_from_windows = primitive("from_windows", lambda xp, x, chosen, windows, axis: _read_chosen(xp, x, chosen, windows, axis),
                          lambda g, x_shape, chosen, windows, axis:
                              _into_windows(g, chosen, windows, axis, x_shape[axis]))

_window_argmax = constant("window_argmax", lambda xp, x, windows, axis: _largest(xp, x, windows, axis, True)[1],
                          doc="The largest element of each window along an axis, counted from the window's start.")


def max_pool2d(x: Any, kernel: Any, *, stride: Any = None, padding: Any = 0) -> Any:
    """The largest element of each window; nan if there is one.

    Args:
        x: (N, C, H, W).
        kernel: the size of the windows, an int or (height, width).
        stride: their distance (default: the kernel). padding: rows and columns of -inf around x, at
            most half of the kernel.

    Returns:
        (N, C, OH, OW) with OH = (H + 2 padding - kernel) // stride + 1.
    """
    check_images("max_pool2d", x)
    return _pick(x, *_regular("max_pool2d", x, kernel, stride, padding))


def avg_pool2d(x: Any, kernel: Any, *, stride: Any = None, padding: Any = 0,
               count_include_pad: bool = True) -> Any:  # fmt: skip
    """The mean of each window.

    Args:
        x, kernel, stride, padding: as `max_pool2d`, the padding being zeros.
        count_include_pad: whether those zeros count in the divisor.
    """
    check_images("avg_pool2d", x)
    intervals = _regular("avg_pool2d", x, kernel, stride, padding)
    lengths = per_axis("avg_pool2d", "kernel", kernel, 2, 1) if count_include_pad else (0, 0)
    return _average(x, intervals, lengths)


def max_pool1d(x: Any, kernel: Any, *, stride: Any = None, padding: Any = 0) -> Any:
    """As `max_pool2d` with one axis: (N, C, L)."""
    return _with_one_axis("max_pool1d", x, kernel, stride, padding, _pick)


def avg_pool1d(x: Any, kernel: Any, *, stride: Any = None, padding: Any = 0,
               count_include_pad: bool = True) -> Any:  # fmt: skip
    """As `avg_pool2d` with one axis: (N, C, L)."""
    length = per_axis("avg_pool1d", "kernel", kernel, 1, 1)[0] if count_include_pad else 0
    return _with_one_axis("avg_pool1d", x, kernel, stride, padding,
                          lambda x, rows, columns: _average(x, (rows, columns), (0, length)))  # fmt: skip


def adaptive_avg_pool2d(x: Any, size: Any) -> Any:
    """The means of `size` windows that cover x (N, C, H, W): from floor(i H / OH) to ceil((i + 1) H / OH)."""
    check_images("adaptive_avg_pool2d", x)
    return _average(x, _adaptive("adaptive_avg_pool2d", x, size), (0, 0))


def adaptive_max_pool2d(x: Any, size: Any) -> Any:
    """The largest elements of the windows of `adaptive_avg_pool2d`."""
    check_images("adaptive_max_pool2d", x)
    return _pick(x, *_adaptive("adaptive_max_pool2d", x, size))


def global_avg_pool2d(x: Any) -> Any:
    """The mean of each channel: (N, C, H, W) to (N, C)."""
    return reshape(adaptive_avg_pool2d(x, 1), x.shape[:2])


def global_max_pool2d(x: Any) -> Any:
    """The largest element of each channel: (N, C, H, W) to (N, C)."""
    return reshape(adaptive_max_pool2d(x, 1), x.shape[:2])


# -- windows ---------------------------------------------------------------------------------------


def _regular(name: str, x: Any, kernel: Any, stride: Any, padding: Any) -> list[Intervals]:
    """The windows along each of the last axes of x."""
    axes = x.ndim - 2
    kernel = per_axis(name, "kernel", kernel, axes, 1)
    stride = kernel if stride is None else per_axis(name, "stride", stride, axes, 1)
    padding = per_axis(name, "padding", padding, axes, 0)
    intervals = []
    for n, k, s, p in zip(x.shape[2:], kernel, stride, padding, strict=True):
        if 2 * p > k:
            raise ValueError(f"{name}: padding {p} is more than half of the kernel {k}, so that a window could see "
                             "nothing else.")  # fmt: skip
        if n + 2 * p < k or n == 0:
            raise ValueError(f"{name}: the kernel does not fit on the input: it spans {k}, the input with its padding "
                             f"{n + 2 * p} (input {x.shape}).")  # fmt: skip
        intervals.append(tuple((a, a + k) for a in range(-p, n + p - k + 1, s)))
    return intervals


def _adaptive(name: str, x: Any, size: Any) -> list[Intervals]:
    sizes = per_axis(name, "size", size, 2, 1)
    if 0 in x.shape[2:]:
        raise ValueError(f"{name}: there is nothing to pool in an input of shape {x.shape}.")
    return [
        tuple((i * n // m, -(-(i + 1) * n // m)) for i in range(m))
        for n, m in zip(x.shape[2:], sizes, strict=True)
    ]


def _with_one_axis(name: str, x: Any, kernel: Any, stride: Any, padding: Any, pool: Any) -> Any:
    if x.ndim != 3:
        raise ValueError(f"{name}: input must be (N, C, L), not of shape {x.shape}.")
    (columns,) = _regular(name, x, kernel, stride, padding)
    n, c, length = x.shape
    y = pool(reshape(x, (n, c, 1, length)), ((0, 1),), columns)
    return reshape(y, (n, c, len(columns)))


# -- the mean --------------------------------------------------------------------------------------


def _average(x: Any, intervals: Any, lengths: tuple[int, ...]) -> Any:
    return separable(x, *(
        _mean_weights(n, windows, length) for n, windows, length in zip(x.shape[2:], intervals, lengths, strict=True)
    ))  # fmt: skip


@functools.lru_cache(maxsize=64)
def _mean_weights(size: int, windows: Intervals, length: int) -> np.ndarray | None:
    """(windows, size): 1 / length (0: of the part that is no padding) inside each window."""
    weights = np.zeros((len(windows), size))
    for row, window in zip(weights, windows, strict=True):
        start, stop = max(window[0], 0), min(window[1], size)
        row[start:stop] = 1.0 / (length or stop - start)
    return None if size == len(windows) and (weights == np.eye(size)).all() else weights


# -- the largest element ---------------------------------------------------------------------------


def _pick(x: Any, rows: Intervals, columns: Intervals) -> Any:
    """Along each row first, so that of equal elements the one in the first row counts."""
    for axis, windows in ((3, columns), (2, rows)):
        if windows != tuple((i, i + 1) for i in range(x.shape[axis])):
            x = _window_max(x, windows, axis)
    return x


def _largest(xp: Any, x: Any, windows: Intervals, axis: int, places: bool) -> tuple[Any, Any]:
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
    chosen: Any = xp.zeros_like(best, dtype="int8" if len(elements) < 128 else "int32") if places else None
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


def _read_chosen(xp: Any, x: Any, chosen: Any, windows: Intervals, axis: int) -> Any:
    y = xp.zeros_like(x, shape=_with_length(x, axis, len(windows)))
    for i, (inside, seen) in enumerate(_elements(windows, x.shape[axis])):
        at = _at(xp, axis, inside)
        y[at] += x[_at(xp, axis, seen)] * (chosen[at] == i)
    return y


def _write_chosen(xp: Any, values: Any, chosen: Any, windows: Intervals, axis: int, length: int) -> Any:
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


def _with_length(x: Any, axis: int, length: int) -> tuple[int, ...]:
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
    return (*before, xp.from_host(np.array(places)))


def _raw(x: Any) -> Any:
    return x._data if type(x) is Tensor else x
