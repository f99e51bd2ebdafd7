"""Random numbers on the device, the same as on the host: see random.cu."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..base import Array
from ..convolution import Sizes
from ..stream import Stream
from .launching import Launching, has_kernels
from .optimizers import by_value
from .source import blocks_for

__all__ = ["Random"]

WORDS_PER_BLOCK = 4


class Random(Launching):
    """Draws from a stream, one kernel each.

    Where ranks share a draw, uniforms, zeros and ones and integers begin within it; normals, whose
    halves belong together, are computed for all ranks and cut.
    """

    def uniform(self, stream: Stream, shape: Sizes, low: float, width: float, dtype: Any) -> Array:
        """low + width * u, for u uniform in [0, 1)."""
        dtype = np.dtype(dtype)
        out = self.empty(shape, dtype=dtype if dtype.itemsize > 2 else "float32")
        self._fill(stream, out, stream.span(out.size), low, width)
        return out.astype(dtype, copy=False)

    def normal(self, stream: Stream, shape: Sizes, mean: float, std: float, dtype: Any) -> Array:
        """Normal numbers by the transform of Box and Muller."""
        count = math.prod(shape)
        first, total = stream.span(count)
        half = (total + 1) // 2
        dtype = np.dtype(dtype)
        rows = self.empty((2 * half,), dtype=dtype if dtype.itemsize > 4 else "float32")
        self._fill(stream, rows, (0, rows.size), 0.0, 1.0)
        self.launch("box_muller", rows.dtype, blocks_for(half), rows, half, float(mean), float(std))
        return rows[first : first + count].reshape(shape).astype(dtype, copy=False)

    def bernoulli(self, stream: Stream, p: Array, log_odds: bool) -> Array:
        """Ones with probability p (or sigmoid(p)), else zeros; in the shape and dtype of p."""
        if not (self.holds(p) and has_kernels(p)):
            return super().bernoulli(stream, p, log_odds)
        p = self.dense(p)
        out = self.empty(p.shape, dtype=p.dtype)
        span = stream.span(p.size)
        blocks, arguments = self._draw(stream, p.size, span[1], p.dtype)
        self.launch(
            "bernoulli", p.dtype, blocks, out, p, p.size, span[0], int(log_odds), *arguments
        )
        return out

    def integers(self, stream: Stream, shape: Sizes, low: int, count: int) -> Array:
        """int64 in low, ..., low + count - 1."""
        out = self.empty(shape, dtype="int64")
        first, total = stream.span(out.size)
        blocks, arguments = self._draw(stream, out.size, total, np.dtype("float64"))
        numbers = (out, out.size, first, low, np.uint64(count))
        self.launch("integers", "float64", blocks, *numbers, *arguments)
        return out

    def _fill(
        self, stream: Stream, out: Array, span: tuple[int, int], low: float, width: float
    ) -> None:
        """Write uniforms: those from the first of `span` on, of a draw as long as its second."""
        blocks, arguments = self._draw(stream, out.size, span[1], out.dtype)
        numbers = (out, out.size, span[0], float(low), float(width))
        self.launch("uniform", out.dtype, blocks, *numbers, *arguments)

    def _draw(self, stream: Stream, count: int, total: int, dtype: Any) -> tuple[int, tuple]:
        """Blocks of threads for `count` numbers, and the kernel's arguments about the stream.

        The stream moves on by a draw of `total`.
        """
        per = WORDS_PER_BLOCK if dtype.itemsize > 4 else 2 * WORDS_PER_BLOCK
        taken = -(-total // per)
        counter, live = by_value(self.live(lambda: stream.take(taken), "uint64"), 4)
        threads = blocks_for(-(-count // per) + (count < total))
        return threads, (*map(np.uint64, (*stream.key, *counter)), live)
