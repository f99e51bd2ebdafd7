"""Pooling: the largest element or the mean of each window of an image.

The windows are any intervals of rows times any intervals of columns, so that regular, adaptive and
global pooling are one, and both go axis by axis. The mean is linear: a constant matrix for each axis.
The largest element's place in its window is a constant, and the first one counts where several are
largest, as in PyTorch. So every order of derivative is that of reading an element.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend.pooling import Intervals
from ..primitive import constant, primitive
from ..tensor import Tensor
from .convolution import per_axis
from .resampling import check_images, separable
from .shape import reshape

_window_max = primitive("window_max", lambda xp, x, windows, axis: xp.window_max(x, windows, axis),
                        lambda g, x, windows, axis: _into_windows(
                            g, _raw(_window_argmax(x, windows, axis)), windows, axis, x.shape[axis]))

# Each the other's transpose: read, or add to, the chosen element of every window.
_into_windows = primitive("into_windows", lambda xp, values, chosen, windows, axis, length:
                              xp.into_windows(values, chosen, windows, axis, length),
                          lambda g, chosen, windows, axis: _from_windows(g, chosen, windows, axis))

_from_windows = primitive("from_windows", lambda xp, x, chosen, windows, axis: xp.from_windows(x, chosen, windows, axis),
                          lambda g, x_shape, chosen, windows, axis:
                              _into_windows(g, chosen, windows, axis, x_shape[axis]))

_window_argmax = constant("window_argmax", lambda xp, x, windows, axis: xp.window_argmax(x, windows, axis),
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

    Raises:
        ValueError: x is no image, the kernel does not fit on it, or the padding is too much.
    """
    check_images("max_pool2d", x)
    return _pick(x, *_regular("max_pool2d", x, kernel, stride, padding))


def avg_pool2d(x: Any, kernel: Any, *, stride: Any = None, padding: Any = 0,
               count_include_pad: bool = True) -> Any:  # fmt: skip
    """The mean of each window.

    Args:
        x, kernel, stride, padding: as `max_pool2d`, the padding being zeros.
        count_include_pad: whether those zeros count in the divisor.

    Returns and raises as `max_pool2d`.
    """
    check_images("avg_pool2d", x)
    intervals = _regular("avg_pool2d", x, kernel, stride, padding)
    lengths = per_axis("avg_pool2d", "kernel", kernel, 2, 1) if count_include_pad else (0, 0)
    return _average(x, intervals, lengths)


def max_pool1d(x: Any, kernel: Any, *, stride: Any = None, padding: Any = 0) -> Any:
    """As `max_pool2d` with one axis: (N, C, L) to (N, C, OL); errors as there."""
    return _with_one_axis("max_pool1d", x, kernel, stride, padding, _pick)


def avg_pool1d(x: Any, kernel: Any, *, stride: Any = None, padding: Any = 0,
               count_include_pad: bool = True) -> Any:  # fmt: skip
    """As `avg_pool2d` with one axis: (N, C, L) to (N, C, OL); errors as there."""
    length = per_axis("avg_pool1d", "kernel", kernel, 1, 1)[0] if count_include_pad else 0
    return _with_one_axis("avg_pool1d", x, kernel, stride, padding,
                          lambda x, rows, columns: _average(x, (rows, columns), (0, length)))  # fmt: skip


def adaptive_avg_pool2d(x: Any, size: Any) -> Any:
    """The means of `size` windows that cover x (N, C, H, W).

    Along each axis they go from floor(i H / OH) to ceil((i + 1) H / OH).

    Args:
        size: OH and OW, an int or a pair.

    Returns:
        (N, C, OH, OW).

    Raises:
        ValueError: x is no image or has no pixels, or a size is below 1.
    """
    check_images("adaptive_avg_pool2d", x)
    return _average(x, _adaptive("adaptive_avg_pool2d", x, size), (0, 0))


def adaptive_max_pool2d(x: Any, size: Any) -> Any:
    """The largest elements of the windows of `adaptive_avg_pool2d`; shapes and errors as there."""
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
        (_mean_weights, n, windows, length)
        for n, windows, length in zip(x.shape[2:], intervals, lengths, strict=True)
    ))  # fmt: skip


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


def _raw(x: Any) -> Any:
    return x._data if type(x) is Tensor else x
