"""The largest element of windows along one axis of images, one kernel each: see pooling.cu."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ..base import Array
from ..pooling import Intervals
from .launching import Launching
from .source import blocks_for

__all__ = ["Pooling"]

ORDER = (0, 2, 3, 1)
"""Of the axes (N, C, H, W) in memory."""


class Pooling(Launching):
    """Windows and what is chosen of them."""

    def window_max(self, x: Array, windows: Intervals, axis: int) -> Array:
        """The largest element of each window; nan if there is one."""
        if not self.fits(x):
            return super().window_max(x, windows, axis)
        best = self._like(x, axis, len(windows), x.dtype)
        self._run("window_max", x, windows, axis, best.size, best, None, self._channels_last(x))
        return _channels_first(best)

    def window_argmax(self, x: Array, windows: Intervals, axis: int) -> Array:
        """Its place in the window: the first of several."""
        if not self.fits(x):
            return super().window_argmax(x, windows, axis)
        chosen = self._like(x, axis, len(windows), "int32")
        self._run("window_max", x, windows, axis, chosen.size, None, chosen, self._channels_last(x))
        return _channels_first(chosen)

    def from_windows(self, x: Array, chosen: Array, windows: Intervals, axis: int) -> Array:
        """The chosen element of each window."""
        if not self.fits(x) or not self.holds(chosen):
            return super().from_windows(x, chosen, windows, axis)
        y = self._like(x, axis, len(windows), x.dtype)
        places = self._places(chosen)
        self._run("from_windows", x, windows, axis, y.size, y, self._channels_last(x), places)
        return _channels_first(y)

    def into_windows(
        self, values: Array, chosen: Array, windows: Intervals, axis: int, length: int
    ) -> Array:
        """Zeros of this length, with each window's value added to its chosen element."""
        if not self.fits(values) or not self.holds(chosen):
            return super().into_windows(values, chosen, windows, axis, length)
        y = self._like(values, axis, length, values.dtype)
        x = _channels_first(y)
        places = self._places(chosen)
        self._run("into_windows", x, windows, axis, y.size, y, self._channels_last(values), places)
        return x

    def _run(
        self, name: str, x: Array, windows: Intervals, axis: int, items: int, *arrays: Any
    ) -> None:
        """A kernel `(*arrays, items, windows on an axis of x)`."""
        length = x.shape[axis]
        inner = x.shape[1] * (x.shape[3] if axis == 2 else 1)
        table = _table(self, windows, length)
        self.launch(
            name, x.dtype, blocks_for(items), *arrays, items, table, len(windows), length, inner
        )

    def _like(self, x: Array, axis: int, length: int, dtype: Any) -> Array:
        """An array for x with another length along an axis: channels last in shape too."""
        shape = (*x.shape[:axis], length, *x.shape[axis + 1 :])
        return self.empty([shape[i] for i in ORDER], dtype=dtype)

    def _channels_last(self, x: Array) -> Array:
        """(N, C, H, W) to (N, H, W, C), dense."""
        return self.dense(x.transpose(ORDER))

    def _places(self, chosen: Array) -> Array:
        return self._channels_last(chosen.astype(np.int32, copy=False))


def _channels_first(x: Array) -> Array:
    """(N, H, W, C) seen as (N, C, H, W)."""
    return x.transpose(0, 3, 1, 2)


@functools.cache  # for good, as graphs that were recorded read it
def _table(xp: Any, windows: Intervals, length: int) -> Array:
    """What pooling.cu asks for, kept: while a step is being recorded nothing may be copied."""
    starts, stops = np.array(windows, "int64").T
    places = np.arange(length)[:, None]
    on = (starts <= places) & (places < stops)
    first = np.where(on.any(1), on.argmax(1), 1)
    last = np.where(on.any(1), len(windows) - 1 - on[:, ::-1].argmax(1), 0)
    return xp.from_host(np.concatenate([starts, stops, first, last]).astype("int64"))
