"""Pooling: the largest element or the mean of each window of an image.

The windows are any intervals of rows times any intervals of columns, so that regular, adaptive and
global pooling are one. The mean is linear: a constant matrix for each axis. The largest element is
looked up: its place is a constant, and the first place counts where several are largest, as in
PyTorch. So every order of derivative is that of reading an element.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ..primitive import constant
from .convolution import per_axis
from .indexing import getitem
from .resampling import channels_first, channels_last, check_images, separable
from .shape import reshape

Intervals = tuple[tuple[int, int], ...]
"""(start, stop) of each window along one axis."""

_largest_places = constant("largest_places", lambda xp, x, rows, columns: _find_largest(xp, x, rows, columns))


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
    """Along each of the last axes of x, windows without the part that lies on the padding."""
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
        starts = range(-p, n + p - k + 1, s)
        intervals.append(tuple((max(a, 0), min(a + k, n)) for a in starts))
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
    """(windows, size): 1 / length (0: the window's own length) inside each window."""
    weights = np.zeros((len(windows), size))
    for row, (start, stop) in zip(weights, windows, strict=True):
        row[start:stop] = 1.0 / (length or stop - start)
    return None if size == len(windows) and (weights == np.eye(size)).all() else weights


# -- the largest element ---------------------------------------------------------------------------


def _pick(x: Any, rows: Intervals, columns: Intervals) -> Any:
    n, c, _, _ = x.shape
    places = _largest_places(x, rows, columns)
    picked = getitem(reshape(channels_last(x), (x.size,)), places)
    return channels_first(reshape(picked, (n, len(rows), len(columns), c)))


def _find_largest(xp: Any, x: Any, rows: Intervals, columns: Intervals) -> Any:
    """Places in x, flattened channels-last, of each window's largest element: (N OH OW C,)."""
    x = x.transpose(0, 2, 3, 1)
    n, h, w, c = x.shape
    oh, ow = len(rows), len(columns)
    best, across = _largest_along(xp, x, columns, 2)  # in each row first, so that ties go to the first row
    _, down = _largest_along(xp, best, rows, 1)
    image = xp.arange(n).reshape(n, 1, 1, 1)
    channel = xp.arange(c)
    row = image * h + _positions(xp, rows, down, (1, oh, 1, 1))
    column = across.reshape(-1)[(row * ow + xp.arange(ow).reshape(ow, 1)) * c + channel]
    return ((row * w + _positions(xp, columns, column, (1, 1, ow, 1))) * c + channel).reshape(-1)


def _largest_along(xp: Any, x: Any, windows: Intervals, axis: int) -> tuple[Any, Any]:
    """The largest element of each window along an axis, and its offset in the window."""
    before = (slice(None),) * axis
    best = x[(*before, _nth(xp, windows, 0))]
    offset = xp.zeros(best.shape, dtype="int32")
    for i in range(1, max(stop - start for start, stop in windows)):
        rival = x[(*before, _nth(xp, windows, i))]
        better = (rival > best) | xp.isnan(rival)
        offset = xp.maximum(offset, xp.multiply(better, i, dtype="int32"))  # i exceeds what is there
        best = xp.maximum(best, rival)
    return best, offset


def _nth(xp: Any, windows: Intervals, i: int) -> Any:
    """The i-th element of each window, or its last: a slice if they lie at equal distances."""
    places = [min(start + i, stop - 1) for start, stop in windows]
    step = places[1] - places[0] if len(places) > 1 else 1
    if step > 0 and places == list(range(places[0], places[-1] + 1, step)):
        return slice(places[0], places[-1] + 1, step)
    return xp.from_host(np.array(places))


def _positions(xp: Any, windows: Intervals, offset: Any, shape: tuple[int, ...]) -> Any:
    starts, stops = (xp.from_host(np.array(ends)).reshape(shape) for ends in zip(*windows, strict=True))
    return xp.minimum(starts + offset, stops - 1)
