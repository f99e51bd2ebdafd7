"""What the methods in this folder ask of a device: to launch a kernel by its name."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base import Array, Backend

__all__ = ["Launching", "has_kernels"]


class Launching(Backend):
    """A backend that can launch the kernels in this folder."""

    def launch(self, name: str, dtype: Any, blocks: int, *arguments: Any) -> None:
        """Launch a kernel compiled for Real = `dtype`, float32 or float64.

        Args:
            blocks: of `THREADS` threads: see `blocks_for`.
            arguments: dense arrays (their memory is passed), None (a null pointer), integers (of 64
                bits, with a sign; `numpy.uint64` without) and floats (of 64 bits).
        """
        raise NotImplementedError

    def address(self, array: Array) -> int:
        """Of the array's first element, in the device's memory."""
        raise NotImplementedError

    def dense(self, x: Array) -> Array:
        """x, row by row in memory: itself, or a copy."""
        return x if x.flags.c_contiguous else self.library.ascontiguousarray(x)


def has_kernels(*arrays: Array) -> bool:
    """Whether all of them are of one type that the kernels are compiled for."""
    dtype = arrays[0].dtype
    return dtype in _REALS and all(x.dtype == dtype for x in arrays[1:])


_REALS = (np.dtype("float32"), np.dtype("float64"))
