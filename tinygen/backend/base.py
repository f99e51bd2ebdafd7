"""What tinygen asks of an array library, once per library: the whole cost of a port is one file.

Everything that NumPy and CuPy spell alike is reached through attribute access (`xp.exp` is the
library's own `exp`); this class names only what they spell differently, what one of them lacks,
and what has a faster form than the obvious one.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from . import convolution
from .convolution import Geometry

Array = Any
"""A raw array of some backend: `numpy.ndarray`, `cupy.ndarray`, ..."""


class Backend:
    """One array library. Subclasses set `name`, `library`, `array_type` and fill in the methods."""

    name: str
    library: Any
    array_type: type

    def __getattr__(self, name: str) -> Any:
        """The library's own function, kept so that the next look-up is a plain attribute."""
        value = getattr(self.library, name)
        setattr(self, name, value)
        return value

    # -- moving between host and device ------------------------------------------------------

    def from_host(self, array: np.ndarray) -> Array:
        """Copy a host array to this device."""
        raise NotImplementedError

    def move(self, array: np.ndarray) -> Array:
        """A host array on this device: copied there, or as it is if this is the host."""
        return self.from_host(array)

    def to_host(self, array: Array) -> np.ndarray:
        """The array on the host; waits for the device (on the host itself: no copy)."""
        raise NotImplementedError

    def device_of(self, array: Array) -> str:
        """The name of the device that holds `array`: "cpu", "cuda:0", ..."""
        raise NotImplementedError

    def owner(self, array: Array) -> Any:
        """The object that owns the memory of `array`: the same object for all views of it."""
        raise NotImplementedError

    def current(self) -> AbstractContextManager[Any]:
        """Make this device the library's current one; the host has nothing to choose."""
        return nullcontext()

    def synchronize(self) -> None:
        """Wait until everything launched on the device has finished."""
        raise NotImplementedError

    # -- reductions: always 0-d arrays or arrays, never scalars --------------------------------

    def sum(self, x: Array, axis: Any = None, keepdims: bool = False) -> Array:
        """Sum over `axis` (None: all axes), in the dtype of `x`."""
        raise NotImplementedError

    def column_sum(self, x: Array) -> Array:
        """The sum over the first axis of a matrix."""
        return self.sum(x, 0)

    def amax(self, x: Array, axis: Any = None, keepdims: bool = False) -> Array:
        """Largest element along `axis`."""
        raise NotImplementedError

    def amin(self, x: Array, axis: Any = None, keepdims: bool = False) -> Array:
        """Smallest element along `axis`."""
        raise NotImplementedError

    def sum_products(self, a: Array, b: Array | None, axes: tuple[int, ...]) -> Array:
        """Sum of a * b (None: of a) over `axes`, which go; a and b have one shape."""
        return self.sum(a if b is None else a * b, axes)

    def relu(self, x: Array) -> Array:
        """max(x, 0), elementwise."""
        return self.maximum(x, 0)

    # -- special functions ---------------------------------------------------------------------

    def erf(self, x: Array) -> Array:
        """The error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x."""
        raise NotImplementedError

    def sigmoid(self, x: Array) -> Array:
        """1 / (1 + exp(-x)), exact to the last digits in both tails."""
        # exp(-x) overflows to inf for very negative x, and 1/inf = 0 is the right answer.
        with np.errstate(over="ignore"):
            y = self.exp(-x)
        return 1.0 / (1.0 + y)

    def softplus(self, x: Array) -> Array:
        """log(1 + exp(x)) without overflow. (`logaddexp(x, 0)` is nine times slower.)"""
        y = self.log1p(self.exp(-abs(x)))
        y += self.maximum(x, 0)
        return y

    # -- writing into arrays -------------------------------------------------------------------

    def check_labels(self, labels: Array, classes: int) -> None:
        """Raise IndexError for labels outside 0..classes-1, where looking costs no waiting."""

    def scatter_add(self, values: Array, index: Any, shape: tuple[int, ...]) -> Array:
        """Zeros of `shape` with `values` added at `index`; repeated indices accumulate."""
        raise NotImplementedError

    # -- convolution: see `tinygen.backend.convolution` ------------------------------------------

    column_bytes = 1 << 28
    """The largest block of columns; a GPU wants few large products."""

    def scratch(
        self, name: Hashable, shape: tuple[int, ...], dtype: Any, zeros: bool = False
    ) -> AbstractContextManager[Array]:
        """An array to work in, as the last user of (name, shape, dtype) left it, or a new one.

        With `zeros`, new ones are zeros: what no user of the name writes stays so.
        """
        make = self.zeros if zeros else self.empty
        return nullcontext(make(shape, dtype=dtype))  # a GPU's memory pool reuses by itself

    def conv2d(self, x: Array, w: Array, geometry: Geometry) -> Array:
        """y = x * w: (N, C, H, W) and (O, C / groups, KH, KW) to (N, O, OH, OW)."""
        return convolution.conv2d(self, x, w, geometry)

    def conv2d_input(self, g: Array, w: Array, geometry: Geometry) -> Array:
        """The gradient of <g, x * w> in x: (N, O, OH, OW) and w to (N, C, H, W)."""
        return convolution.conv2d_input(self, g, w, geometry)

    def conv2d_weight(self, x: Array, g: Array, geometry: Geometry) -> Array:
        """The gradient of <g, x * w> in w: x and (N, O, OH, OW) to (O, C / groups, KH, KW)."""
        return convolution.conv2d_weight(self, x, g, geometry)

    # -- fused optimizer updates on flat, contiguous buffers, all in place ------------------------

    def sgd_update(
        self,
        w: Array,
        g: Array,
        velocity: Array | None,
        lr: float,
        momentum: float,
        nesterov: bool,
        weight_decay: float,
    ) -> None:
        """One step of SGD: see `tinygen.optim.SGD` for the recurrence."""
        raise NotImplementedError

    def adam_update(
        self,
        w: Array,
        g: Array,
        m: Array,
        v: Array,
        lr: float,
        beta1: float,
        beta2: float,
        eps: float,
        step: int,
        weight_decay: float,
        decoupled: bool,
    ) -> None:
        """One step of Adam or AdamW: see `tinygen.optim.Adam` for the recurrence."""
        raise NotImplementedError


def adam_step_size(lr: float, beta1: float, beta2: float, step: int) -> tuple[float, float]:
    """All of Adam's scalars, folded into two: w -= size * m / (sqrt(v) + eps * root).

    For moments kept as plain sums, m = beta1 * m + d and v = beta2 * v + d^2, which saves two
    passes over the arrays against the averages (1 - beta1) * m and (1 - beta2) * v.
    """
    root = math.sqrt((1.0 - beta2**step) / (1.0 - beta2))
    return lr * (1.0 - beta1) / (1.0 - beta1**step) * root, root
