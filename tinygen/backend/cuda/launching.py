"""What the methods in this folder ask of a device: to launch a kernel by its name."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base import Array, Backend

__all__ = ["Launching", "has_kernels", "memory_order"]

MOST_ELEMENTS = 2**31


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

    def holds(self, x: Any) -> bool:
        """Whether x is an array of this kind of device."""
        return type(x) is self.array_type

    def fits(self, *arrays: Any) -> bool:
        """Whether kernels can take them: this device's, of one type of floats, not empty.

        They count elements in 32 bits where they divide.
        """
        return all(self.holds(x) and 0 < x.size < MOST_ELEMENTS for x in arrays) and has_kernels(
            *arrays
        )

    def dense(self, x: Array) -> Array:
        """x, row by row in memory: itself, or a copy."""
        return x if x.flags.c_contiguous else self.library.ascontiguousarray(x)


def has_kernels(*arrays: Array) -> bool:
    """Whether all of them are of one type that the kernels are compiled for."""
    dtype = arrays[0].dtype
    return dtype in _REALS and all(x.dtype == dtype for x in arrays[1:])


def memory_order(x: Array) -> tuple[int, ...]:
    """The axes of x as they lie in memory, those with the longest strides first.

    An array in which each element follows the one before, in whatever order of its axes, becomes
    dense when it is transposed to this order.
    """
    axes = range(x.ndim)
    if x.flags.c_contiguous:
        return tuple(axes)
    return tuple(sorted(axes, key=lambda i: -abs(x.strides[i])))


_REALS = (np.dtype("float32"), np.dtype("float64"))
