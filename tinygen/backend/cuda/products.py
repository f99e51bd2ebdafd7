"""Matrix products, as cuBLAS takes them: without copies of transposed or sliced operands."""

from __future__ import annotations

import math

import numpy as np

from ..base import Array
from .cublas import NORMAL, TRANSPOSED, Blas
from .launching import Launching, has_kernels
from .source import blocks_for

__all__ = ["Products"]


class Products(Launching):
    """`matmul` and `dot`."""

    tf32 = False
    """Whether float32 products may round their factors to 10 bits: see `set_matmul_precision`."""

    def blas(self) -> Blas:
        """The device's cuBLAS, queueing on the current stream."""
        raise NotImplementedError

    def dot(self, a: Array, b: Array) -> Array:
        """The product of two matrices."""
        return self.matmul(a, b)

    def matmul(self, a: Array, b: Array, out: Array | None = None) -> Array:
        """The products of stacks of matrices, (..., m, k) and (..., k, n) to (..., m, n).

        Args:
            out: where they go: (..., m, n), fastest where its rows are dense.
        """
        ours = self.holds(a) and self.holds(b) and has_kernels(a, b)
        if not ours or a.shape[-1] != b.shape[-2]:
            return self.library.matmul(a, b) if out is None else self.library.matmul(a, b, out=out)
        m, k, n = a.shape[-2], a.shape[-1], b.shape[-1]
        stack = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        count = math.prod(stack)
        y = self.empty((*stack, m, n), dtype=a.dtype) if out is None else out
        if y.size == 0:
            return y
        if k == 0:
            y[...] = 0
            return y
        by_rows = (y.strides[-1] == y.itemsize or n == 1) and y.strides[-2] > 0
        if not by_rows or not (y.ndim <= 3 or y.flags.c_contiguous):
            y[...] = self.matmul(a, b)
            return y
        flat = y.reshape(count, m, n)
        size = flat.itemsize
        # By columns, as cuBLAS reads memory, every matrix is its transpose: y' = b' a'.
        (a, a_layout), (b, b_layout) = self._operand(a, stack), self._operand(b, stack)
        self.blas().products(
            a.dtype == np.float64,
            (n, m, k),
            (self.address(b), *b_layout),
            (self.address(a), *a_layout),
            (self.address(flat), max(flat.strides[1] // size, n), flat.strides[0] // size),
            count,
        )
        return y

    def biased_relu(self, y: Array, bias: Array, slope: float) -> Array:
        """The (leaky) rectifier of y + bias, in place, for a matrix y."""
        if not self.fits(y, bias):
            return super().biased_relu(y, bias, slope)
        bias = self.dense(bias)
        self.launch(
            "biased_relu", y.dtype, blocks_for(y.size), y, bias, y.size, y.shape[1], float(slope)
        )
        return y

    def _operand(self, x: Array, stack: tuple[int, ...]) -> tuple[Array, tuple]:
        """A stack of matrices, copied only if it must be: transposed or not, and distances."""
        count = math.prod(x.shape[:-2])
        if count != 1 and x.shape[:-2] != stack:
            x = self.library.broadcast_to(x, (*stack, *x.shape[-2:]))
        x = x.reshape(-1, *x.shape[-2:])
        layout = _layout(x)
        if layout is None:
            x = self.library.ascontiguousarray(x)
            layout = NORMAL, x.shape[2]
        return x, (*layout, x.strides[0] // x.itemsize if count != 1 else 0)


def _layout(x: Array) -> tuple[int, int] | None:
    """Whether the rows of (count, r, c) are dense (or the columns), and how far they are apart."""
    _, r, c = x.shape
    if any(stride % x.itemsize for stride in x.strides):
        return None
    row, column = (stride // x.itemsize for stride in x.strides[1:])
    if (column == 1 or c == 1) and (r == 1 or row >= c):
        return NORMAL, row if r > 1 else c
    if (row == 1 or r == 1) and (c == 1 or column >= r):
        return TRANSPOSED, column if c > 1 else r
    return None
