"""Two-dimensional convolution and its two gradients on raw arrays, by copies and matrix products.

Arrays are (N, C, H, W) in shape and channels-last in memory: results are transposed views of
(N, H, W, C) arrays, and elementwise operations keep that. So one strided copy lays the windows out
as the rows of a matrix, the columns of "im2col", and products with the weight, read as
(O, KH KW C) filters, are all that is left:

    y  (N OH OW, O)        =  columns (N OH OW, KH KW C)  @  filters transposed
    w' (O, KH KW C)        =  y' transposed  @  columns
    x' (N, H, W, C)        =  the columns y' @ filters, each added to the window that it lies on

This goes block by block: columns that fit in the cache are still there when the product reads them.
Everything here uses only what NumPy and CuPy both have.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, NamedTuple

Array = Any
Sizes = tuple[int, ...]
"""Of the height and the width."""

FEW_CHANNELS = 8
"""Below so many, the innermost loops of the copies run along the width, not the channels."""


class Geometry(NamedTuple):
    """How windows lie on the input, by axis (height, width). They fit it exactly:

        input + before + after  =  (output - 1) * stride + dilation * (kernel - 1) + 1

    where `padding` is (before, after) for each axis. Where a stride leaves a remainder that no
    window reaches, `after` is smaller by it, and may be negative. So the sizes of any two of input,
    kernel and output give the third.
    """

    stride: Sizes
    padding: tuple[Sizes, Sizes]
    dilation: Sizes
    groups: int

    def output(self, size: Sizes, kernel: Sizes) -> Sizes:
        """The height and width of the output."""
        axes = zip(size, kernel, self.stride, self.padding, self.dilation, strict=True)
        return tuple((n + sum(p) - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in axes)

    def input(self, output: Sizes, kernel: Sizes) -> Sizes:
        """The height and width of the input."""
        axes = zip(output, kernel, self.stride, self.padding, self.dilation, strict=True)
        return tuple((n - 1) * s + d * (k - 1) + 1 - sum(p) for n, k, s, p, d in axes)

    def kernel(self, size: Sizes, output: Sizes) -> Sizes:
        """The height and width of the kernel."""
        axes = zip(size, output, self.stride, self.padding, self.dilation, strict=True)
        return tuple((n + sum(p) - 1 - (m - 1) * s) // d + 1 for n, m, s, p, d in axes)

    def columns_are_the_input(self, size: Sizes, kernel: Sizes) -> bool:
        """Whether there is nothing to lay out: 1x1 with stride 1, or one window over all of it."""
        pointwise = kernel == (1, 1) and self.stride == (1, 1)
        return self.padding == ((0, 0), (0, 0)) and (
            pointwise or (kernel == size and self.dilation == (1, 1))
        )


# -- the family of three ---------------------------------------------------------------------------


def conv2d(xp: Any, x: Array, w: Array, geometry: Geometry) -> Array:
    """y = x * w: (N, C, H, W) and (O, C / groups, KH, KW) to (N, O, OH, OW)."""
    if geometry.groups > 1:
        return _by_group(xp, conv2d, x, 1, w, 0, geometry, 1)
    n, out, kernel = len(x), len(w), w.shape[2:]
    size = geometry.output(x.shape[2:], kernel)
    y = xp.empty((n * math.prod(size), out), xp.result_type(x.dtype, w.dtype))
    filters = _filters(w).T
    for rows, columns in _columns(xp, x, kernel, size, geometry):
        xp.matmul(columns, filters, out=y[rows])
    return y.reshape(n, *size, out).transpose(0, 3, 1, 2)


def conv2d_weight(xp: Any, x: Array, g: Array, geometry: Geometry) -> Array:
    """The w' with <w', w> = <g, x * w>: x and (N, O, OH, OW) to (O, C / groups, KH, KW)."""
    if geometry.groups > 1:
        return _by_group(xp, conv2d_weight, x, 1, g, 1, geometry, 0)
    c, out, size = x.shape[1], g.shape[1], g.shape[2:]
    kernel = geometry.kernel(x.shape[2:], size)
    g = _rows(g)
    w = None
    for rows, columns in _columns(xp, x, kernel, size, geometry):
        part = xp.matmul(g[rows].T, columns)
        w = part if w is None else xp.add(w, part, out=w)
    result = xp.zeros((out, c, *kernel), xp.result_type(x.dtype, g.dtype))
    if w is not None:
        w = w.reshape(out, *kernel, c)
        for i in range(kernel[0]):  # one offset at a time, the inner loop runs along the channels
            for j in range(kernel[1]):
                result[:, :, i, j] = w[:, i, j]
    return result


def conv2d_input(xp: Any, g: Array, w: Array, geometry: Geometry) -> Array:
    """The x' with <x', x> = <g, x * w>: (N, O, OH, OW) and w to (N, C, H, W)."""
    if geometry.groups > 1:
        return _by_group(xp, conv2d_input, g, 1, w, 0, geometry, 1)
    n, out, *_ = g.shape
    c, size, kernel = w.shape[1], g.shape[2:], w.shape[2:]
    h, w_ = geometry.input(size, kernel)
    if geometry.columns_are_the_input((h, w_), kernel):
        return xp.matmul(_rows(g), _filters(w)).reshape(n, h, w_, c).transpose(0, 3, 1, 2)
    if geometry.stride == (1, 1) and out <= 2 * c:  # else adding up is faster than reading more
        turned = w[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)
        return conv2d(xp, g, turned, _turned(geometry, kernel))
    dtype = xp.result_type(g.dtype, w.dtype)
    g, filters = _rows(g), _filters(w)
    x = xp.empty((n, h, w_, c), dtype)
    for blocks in _blocks(xp, n, size, filters.shape[1], dtype):
        _add_up(xp, x[blocks[0].images], blocks, g, filters, kernel, geometry)
    return x.transpose(0, 3, 1, 2)


def _turned(geometry: Geometry, kernel: Sizes) -> Geometry:
    """The geometry of the convolution by the kernel turned round that undoes one of stride 1."""
    axes = zip(geometry.padding, geometry.dilation, kernel, strict=True)
    top_bottom, left_right = (tuple(d * (k - 1) - p for p in pads) for pads, d, k in axes)
    return geometry._replace(padding=(top_bottom, left_right))


def _by_group(xp: Any, function: Any, a: Array, a_axis: int, b: Array, b_axis: int,
              geometry: Geometry, axis: int) -> Array:  # fmt: skip
    """One group after the other, the results side by side along `axis`."""
    groups = range(geometry.groups)
    single = geometry._replace(groups=1)
    parts = [
        function(xp, _part(a, a_axis, i, len(groups)), _part(b, b_axis, i, len(groups)), single)
        for i in groups
    ]
    return xp.concatenate(parts, axis)


def _part(x: Array, axis: int, i: int, groups: int) -> Array:
    width = x.shape[axis] // groups
    return x[(slice(None),) * axis + (slice(i * width, (i + 1) * width),)]


def _filters(w: Array) -> Array:
    """(O, C, KH, KW) to a matrix (O, KH KW C)."""
    return w.transpose(0, 2, 3, 1).reshape(len(w), math.prod(w.shape[1:]))


def _rows(g: Array) -> Array:
    """(N, O, OH, OW) to a matrix (N OH OW, O), without a copy if the memory is channels-last."""
    n, o, h, w = g.shape
    return g.transpose(0, 2, 3, 1).reshape(n * h * w, o)


# -- block by block --------------------------------------------------------------------------------


class _Block(NamedTuple):
    """Some rows of windows of some images: `rows` of the matrix of all windows (N OH OW, ...)."""

    images: slice
    lines: slice
    rows: slice


def _blocks(xp: Any, n: int, size: Sizes, depth: int, dtype: Any) -> list[list[_Block]]:
    """All windows in blocks of `xp.column_bytes` of columns each, those of one image together.

    A block is of several whole images, or of one image or a part of one.
    """
    h, w = size
    windows = max(1, xp.column_bytes // max(depth * dtype.itemsize, 1))
    images = max(1, windows // (h * w))
    lines = h if images > 1 else min(h, max(1, windows // w))
    blocks = []
    for i in range(0, n, images):
        j = min(i + images, n)
        ends = [(k, min(k + lines, h)) for k in range(0, h, lines)]
        blocks.append(
            [
                _Block(slice(i, j), slice(a, b), slice((i * h + a) * w, ((j - 1) * h + b) * w))
                for a, b in ends
            ]
        )
    return blocks


def _columns(
    xp: Any, x: Array, kernel: Sizes, size: Sizes, geometry: Geometry
) -> Iterator[tuple[slice, Array]]:
    """The windows of x as some rows of a matrix (N OH OW, KH KW C): their slice, and the rows.

    All blocks share one buffer: use each before taking the next.
    """
    n, c, h, w = x.shape
    depth = math.prod(kernel) * c
    if geometry.columns_are_the_input((h, w), kernel):
        yield slice(None), x.transpose(0, 2, 3, 1).reshape(n * math.prod(size), depth)
        return
    for blocks in _blocks(xp, n, size, depth, x.dtype):
        with _padded(xp, x.transpose(0, 2, 3, 1)[blocks[0].images], geometry) as padded:
            for block in blocks:
                windows = _windows(xp, padded, kernel, size, geometry)[:, block.lines]
                with _column_buffer(xp, windows.shape, x.dtype) as buffer:
                    buffer[...] = windows
                    yield block.rows, _as_matrix(buffer)


def _add_up(xp: Any, x: Array, blocks: list[_Block], g: Array, filters: Array,
            kernel: Sizes, geometry: Geometry) -> None:  # fmt: skip
    """Write the gradient of the blocks' images, (N, H, W, C), into x."""
    width = geometry.output(x.shape[1:3], kernel)[1]
    with _accumulator(xp, x, geometry) as whole:
        for block in blocks:
            height = block.lines.stop - block.lines.start
            shape = (len(x), height, width, *kernel, x.shape[3])
            with _column_buffer(xp, shape, x.dtype) as buffer:
                xp.matmul(g[block.rows], filters, out=_as_matrix(buffer))
                _add_windows(xp, whole, buffer, block.lines.start * geometry.stride[0], geometry)


def _add_windows(xp: Any, whole: Array, columns: Array, top: int, geometry: Geometry) -> None:
    """Add columns (N, OH, OW, KH, KW, C) to their windows of `whole`, the first being at `top`.

    Where the stride divides the kernel, stride x stride offsets at a time: they do not overlap.
    """
    n, oh, ow, kh, kw, c = columns.shape
    (sh, sw), (dh, dw) = geometry.stride, geometry.dilation
    merged = c >= FEW_CHANNELS
    bh = sh if merged and dh == 1 and kh % sh == 0 else 1
    bw = sw if merged and dw == 1 and kw % sw == 0 else 1
    sn, sy, sx, sc = whole.strides
    for i in range(0, kh, bh):
        for j in range(0, kw, bw):
            target = xp.lib.stride_tricks.as_strided(
                whole[:, top + i * dh :, j * dw :],
                (n, oh, bh, ow, bw, c),
                (sn, sy * sh, sy * dh, sx * sw, sx * dw, sc),
            )
            part = columns[:, :, :, i : i + bh, j : j + bw]
            target += part.transpose(0, 1, 3, 2, 4, 5)


def _windows(xp: Any, padded: Array, kernel: Sizes, size: Sizes, geometry: Geometry) -> Array:
    """A view (N, OH, OW, KH, KW, C) of a padded input (N, H, W, C)."""
    sn, sy, sx, sc = padded.strides
    (sh, sw), (dh, dw) = geometry.stride, geometry.dilation
    return xp.lib.stride_tricks.as_strided(
        padded,
        (len(padded), *size, *kernel, padded.shape[3]),
        (sn, sy * sh, sx * sw, sy * dh, sx * dw, sc),
    )


# -- buffers: channels-last in shape; in memory channels-first where the channels are few ----------


def _padded(xp: Any, x: Array, geometry: Geometry) -> AbstractContextManager[Array]:
    """x (N, H, W, C) with its padding: a work buffer, or a part of x if nothing is added."""
    (top, bottom), (left, right) = geometry.padding
    _, h, w, _ = x.shape
    x = x[:, max(-top, 0) : h + min(bottom, 0), max(-left, 0) : w + min(right, 0)]
    if max(top, bottom, left, right) <= 0:
        return nullcontext(x)
    return _bordered(xp, x, geometry)


@contextmanager
def _bordered(xp: Any, x: Array, geometry: Geometry) -> Iterator[Array]:
    top, left = (max(before, 0) for before, _ in geometry.padding)
    _, h, w, _ = x.shape
    # Whoever takes this buffer writes the same part of it, so the border stays zero.
    name = ("padded", top, left, h, w)
    shape = _padded_shape(x, geometry)
    with _buffer(xp, name, shape, x.dtype, (3, 0, 1, 2), zeros=True) as padded:
        padded[:, top : top + h, left : left + w] = x
        yield padded


@contextmanager
def _accumulator(xp: Any, x: Array, geometry: Geometry) -> Iterator[Array]:
    """Zeros in the shape of x (N, H, W, C) with its padding; what they become goes into x."""
    (top, bottom), (left, right) = geometry.padding
    _, h, w, c = x.shape
    if max(top, bottom, left, right) <= 0 and c >= FEW_CHANNELS:
        x[...] = 0
        yield x
        return
    shape = _padded_shape(x, geometry)
    with _buffer(xp, ("accumulator",), shape, x.dtype, (3, 0, 1, 2)) as whole:
        whole[...] = 0
        yield whole
        x[...] = whole[:, top : top + h, left : left + w]


def _padded_shape(x: Array, geometry: Geometry) -> tuple[int, ...]:
    n, h, w, c = x.shape
    more_h, more_w = (max(before, 0) + max(after, 0) for before, after in geometry.padding)
    return n, h + more_h, w + more_w, c


def _column_buffer(xp: Any, shape: tuple[int, ...], dtype: Any) -> AbstractContextManager[Array]:
    """A work buffer for windows (N, OH, OW, KH, KW, C)."""
    return _buffer(xp, ("columns",), shape, dtype, (3, 4, 5, 0, 1, 2))


@contextmanager
def _buffer(
    xp: Any,
    name: tuple,
    shape: tuple[int, ...],
    dtype: Any,
    order: tuple[int, ...],
    zeros: bool = False,
) -> Iterator[Array]:
    """A work buffer whose axes, if the channels are few, lie in memory in this order."""
    if shape[-1] >= FEW_CHANNELS:
        with xp.scratch(name, shape, dtype, zeros) as buffer:
            yield buffer
        return
    with xp.scratch(name, tuple(shape[i] for i in order), dtype, zeros) as buffer:
        yield buffer.transpose(tuple(order.index(i) for i in range(len(order))))


def _as_matrix(columns: Array) -> Array:
    """(N, OH, OW, KH, KW, C) as a matrix (N OH OW, KH KW C): a view, perhaps a transposed one."""
    windows, depth = math.prod(columns.shape[:3]), math.prod(columns.shape[3:])
    if columns.shape[-1] >= FEW_CHANNELS:
        return columns.reshape(windows, depth)
    return columns.transpose(3, 4, 5, 0, 1, 2).reshape(depth, windows).T
