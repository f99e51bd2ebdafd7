"""Convolution and its gradients by two kernels and matrix products: see convolution.cu.

What is computed, and how it lies in memory, is what `tinygen.backend.convolution` says; the groups
share one matrix of columns.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from ..base import Array
from ..convolution import Geometry, Sizes
from .products import Products
from .source import blocks_for

__all__ = ["Convolution"]

LANES = 8
"""Threads that copy the channels of a pixel: 32 bytes of float32, the least that memory moves."""


class Block(NamedTuple):
    """Some lines of windows of some images, and which windows of all they are."""

    images: slice
    lines: slice
    windows: slice


class Windows(NamedTuple):
    """All windows of a kernel on images."""

    images: int
    channels: int
    size: Sizes
    kernel: Sizes
    output: Sizes
    geometry: Geometry

    @property
    def depth(self) -> int:
        """Numbers in a window of one group."""
        return math.prod(self.kernel) * self.channels // self.geometry.groups

    @property
    def row(self) -> int:
        """Numbers in a window: a row of the matrix of columns."""
        return self.depth * self.geometry.groups

    @property
    def are_the_input(self) -> bool:
        """Whether the columns are the images as they lie in memory."""
        return self.geometry.columns_are_the_input(self.size, self.kernel) and (
            self.geometry.groups == 1 or self.kernel == (1, 1)
        )

    def blocks(self, rows: int) -> Iterator[Block]:
        """Blocks of so many rows at most, but one line: whole images, or parts of one."""
        h, w = self.output
        images = max(1, rows // (h * w))
        lines = h if images > 1 else min(h, max(1, rows // w))
        for i in range(0, self.images, images):
            j = min(i + images, self.images)
            for a in range(0, h, lines):
                b = min(a + lines, h)
                windows = slice((i * h + a) * w, ((j - 1) * h + b) * w)
                yield Block(slice(i, j), slice(a, b), windows)

    def arguments(self, lines: slice) -> tuple[int, ...]:
        """WINDOWS of convolution.cu."""
        g = self.geometry
        (top, _), (left, _) = g.padding
        return (
            lines.start, lines.stop - lines.start, self.output[1], *self.size, self.channels,
            g.groups, *self.kernel, *g.stride, top, left, *g.dilation,
        )  # fmt: skip


class Convolution(Products):
    """The family of three."""

    def conv2d(self, x: Array, w: Array, geometry: Geometry) -> Array:
        """y = x * w: (N, C, H, W) and (O, C / groups, KH, KW) to (N, O, OH, OW)."""
        if not self.fits(x, w):
            return super().conv2d(x, w, geometry)
        output = geometry.output(x.shape[2:], w.shape[2:])
        windows = Windows(len(x), x.shape[1], x.shape[2:], w.shape[2:], output, geometry)
        filters = _filters(w)
        y = self.empty((len(x) * math.prod(output), len(w)), dtype=x.dtype)
        for block, columns in self._columns(x, windows):
            for inner, outer in _groups(windows, len(w)):
                self.matmul(columns[:, inner], filters[outer].T, out=y[block.windows, outer])
        return _images(y, len(x), output)

    def conv2d_weight(self, x: Array, g: Array, geometry: Geometry) -> Array:
        """The gradient of <g, x * w> in w: x and (N, O, OH, OW) to (O, C / groups, KH, KW)."""
        if not self.fits(x, g):
            return super().conv2d_weight(x, g, geometry)
        kernel = geometry.kernel(x.shape[2:], g.shape[2:])
        windows = Windows(len(x), x.shape[1], x.shape[2:], kernel, g.shape[2:], geometry)
        out = g.shape[1]
        rows = self._matrix(g)
        w = None
        for block, columns in self._columns(x, windows):
            part = self.empty((out, windows.depth), dtype=x.dtype)
            for inner, outer in _groups(windows, out):
                self.matmul(rows[block.windows, outer].T, columns[:, inner], out=part[outer])
            w = part if w is None else self.add(w, part, out=w)
        return _images(w, out, kernel)

    def conv2d_input(self, g: Array, w: Array, geometry: Geometry) -> Array:
        """The gradient of <g, x * w> in x: (N, O, OH, OW) and w to (N, C, H, W)."""
        size = geometry.input(g.shape[2:], w.shape[2:])
        if not self.fits(g, w) or 0 in size:
            return super().conv2d_input(g, w, geometry)
        n, out = g.shape[:2]
        channels = w.shape[1] * geometry.groups
        windows = Windows(n, channels, size, w.shape[2:], g.shape[2:], geometry)
        rows, filters = self._matrix(g), _filters(w)
        x = self.empty((n, *size, channels), dtype=g.dtype)
        for block in windows.blocks(self._most_rows(windows, g.dtype)):
            part = rows[block.windows]
            columns = (
                x[block.images]
                if windows.are_the_input
                else self.empty((len(part), windows.row), dtype=x.dtype)
            )
            columns = columns.reshape(len(part), windows.row)
            for inner, outer in _groups(windows, out):
                self.matmul(part[:, outer], filters[outer], out=columns[:, inner])
            if not windows.are_the_input:
                self._add_up(x[block.images], columns, windows, block.lines)
        return x.transpose(0, 3, 1, 2)

    def _columns(self, x: Array, windows: Windows) -> Iterator[tuple[Block, Array]]:
        """The windows of x, block by block: (windows, row)."""
        x = self.dense(x.transpose(0, 2, 3, 1))
        depth = windows.channels // windows.geometry.groups
        lanes = min(LANES, 1 << (depth - 1).bit_length())
        most = (
            len(x) * math.prod(windows.output)
            if windows.are_the_input
            else self._most_rows(windows, x.dtype)
        )
        for block in windows.blocks(most):
            images = x[block.images]
            if windows.are_the_input:
                yield block, images.reshape(-1, windows.row)
                continue
            count = block.windows.stop - block.windows.start
            columns = self.empty((count, windows.row), dtype=x.dtype)
            cells = columns.size // depth
            self.launch(
                "im2col", x.dtype, blocks_for(cells * lanes),
                columns, images, cells, lanes, *windows.arguments(block.lines),
            )  # fmt: skip
            yield block, columns

    def _add_up(self, x: Array, columns: Array, windows: Windows, lines: slice) -> None:
        """Write into x the sums of its elements' places in the columns, or add those of a part."""
        self.launch(
            "col2im", x.dtype, blocks_for(x.size),
            x, columns, x.size, int(lines.start > 0), *windows.arguments(lines),
        )  # fmt: skip

    def _most_rows(self, windows: Windows, dtype: Any) -> int:
        return max(1, self.column_bytes // (windows.row * dtype.itemsize))

    def _matrix(self, g: Array) -> Array:
        """(N, O, OH, OW) to a matrix (N OH OW, O), copied only if it is not channels-last."""
        return self.dense(g.transpose(0, 2, 3, 1)).reshape(-1, g.shape[1])


def _filters(w: Array) -> Array:
    """(O, C, KH, KW) to a matrix (O, KH KW C)."""
    return w.transpose(0, 2, 3, 1).reshape(len(w), -1)


def _images(matrix: Array, n: int, size: Sizes) -> Array:
    """(N H W, C) or (N, H W C) to (N, C, H, W), channels-last in memory."""
    return matrix.reshape(n, *size, -1).transpose(0, 3, 1, 2)


def _groups(windows: Windows, out: int) -> Iterator[tuple[slice, slice]]:
    """Where each group stands in a row of columns, and among the channels of the output."""
    groups, depth = windows.geometry.groups, windows.depth
    for i in range(groups):
        yield (
            slice(i * depth, (i + 1) * depth),
            slice(i * (out // groups), (i + 1) * (out // groups)),
        )
