"""Softmax and its logarithm along the last axis, one kernel each: see softmax.cu."""

from __future__ import annotations

from ..base import Array
from .launching import Launching
from .source import THREADS, blocks_for

__all__ = ["Softmax", "lanes_for"]


class Softmax(Launching):
    """Rows of logits, and their slopes."""

    def softmax(self, x: Array, axis: int) -> Array:
        """exp(x) / sum(exp(x))."""
        if not self._last(axis, x):
            return super().softmax(x, axis)
        return self._by_row("softmax", x)

    def softmax_slope(self, g: Array, y: Array, axis: int) -> Array:
        """y * (g - sum(g * y))."""
        if not self._last(axis, g, y):
            return super().softmax_slope(g, y, axis)
        return self._by_row("softmax_slope", g, y)

    def log_softmax(self, x: Array, axis: int) -> Array:
        """x - log(sum(exp(x)))."""
        if not self._last(axis, x):
            return super().log_softmax(x, axis)
        return self._by_row("log_softmax", x)

    def log_softmax_slope(self, g: Array, y: Array, axis: int) -> Array:
        """g - exp(y) * sum(g)."""
        if not self._last(axis, g, y):
            return super().log_softmax_slope(g, y, axis)
        return self._by_row("log_softmax_slope", g, y)

    def _by_row(self, name: str, *arrays: Array) -> Array:
        """A kernel `(y, *arrays, rows, width, lanes)`."""
        first = arrays[0]
        y = self.empty(first.shape, dtype=first.dtype)
        width = first.shape[-1]
        rows, lanes = y.size // width, lanes_for(width)
        operands = [self.dense(x) for x in arrays]
        self.launch(name, y.dtype, blocks_for(rows * lanes), y, *operands, rows, width, lanes)
        return y

    def _last(self, axis: int, *arrays: Array) -> bool:
        """Whether kernels can take the arrays along this axis."""
        first = arrays[0]
        return (
            self.fits(*arrays)
            and first.ndim > 0
            and axis in (-1, first.ndim - 1)
            and all(x.shape == first.shape for x in arrays)
        )


def lanes_for(items: int) -> int:
    """Threads that share a sum of so many items: a power of two, 8 items or more for each."""
    lanes = 1
    while lanes < THREADS and lanes * 16 <= items:
        lanes *= 2
    return lanes
