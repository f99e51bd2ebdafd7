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
    """Draws from a stream, one kernel each."""

    def uniform(self, stream: Stream, shape: Sizes, low: float, width: float, dtype: Any) -> Array:
        """low + width * u, for u uniform in [0, 1)."""
        dtype = np.dtype(dtype)
        out = self.empty(shape, dtype=dtype if dtype.itemsize > 2 else "float32")
        blocks, arguments = self._draw(stream, out.size, out.dtype)
        self.launch(
            "uniform", out.dtype, blocks, out, out.size, float(low), float(width), *arguments
        )
        return out.astype(dtype, copy=False)

    def normal(self, stream: Stream, shape: Sizes, mean: float, std: float, dtype: Any) -> Array:
        """Normal numbers by the transform of Box and Muller."""
        count = math.prod(shape)
        half = (count + 1) // 2
        dtype = np.dtype(dtype)
        rows = self.uniform(
            stream, (2 * half,), 0.0, 1.0, dtype if dtype.itemsize > 4 else "float32"
        )
        self.launch("box_muller", rows.dtype, blocks_for(half), rows, half, float(mean), float(std))
        return rows[:count].reshape(shape).astype(dtype, copy=False)

    def bernoulli(self, stream: Stream, p: Array, log_odds: bool) -> Array:
        """Ones with probability p (or sigmoid(p)), else zeros; in the shape and dtype of p."""
        if not (self.holds(p) and has_kernels(p)):
            return super().bernoulli(stream, p, log_odds)
        p = self.dense(p)
        out = self.empty(p.shape, dtype=p.dtype)
        blocks, arguments = self._draw(stream, p.size, p.dtype)
        self.launch("bernoulli", p.dtype, blocks, out, p, p.size, int(log_odds), *arguments)
        return out

    def integers(self, stream: Stream, shape: Sizes, low: int, count: int) -> Array:
        """int64 in low, ..., low + count - 1."""
        out = self.empty(shape, dtype="int64")
        blocks, arguments = self._draw(stream, out.size, np.dtype("float64"))
        self.launch("integers", "float64", blocks, out, out.size, low, np.uint64(count), *arguments)
        return out

    def _draw(self, stream: Stream, count: int, dtype: Any) -> tuple[int, tuple]:
        """Blocks of threads for so many numbers, and the kernel's arguments about the stream."""
        words = count if dtype.itemsize > 4 else -(-count // 2)
        taken = -(-words // WORDS_PER_BLOCK)
        counter, live = by_value(self.live(lambda: stream.take(taken), "uint64"), 4)
        return blocks_for(taken), (*map(np.uint64, (*stream.key, *counter)), live)
