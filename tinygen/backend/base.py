"""What tinygen asks of an array library, once per library: the whole cost of a port is one file.

Everything that NumPy and CuPy spell alike is reached through attribute access (`xp.exp` is the
library's own `exp`); this class names only what they spell differently, what one of them lacks,
and what has a faster form than the obvious one.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager, nullcontext
from time import perf_counter
from typing import Any

import numpy as np

from . import convolution, pooling
from .convolution import Geometry, Sizes
from .formulas import Formulas
from .memory import Memory
from .pooling import Intervals
from .stream import Stream

Array = Any
"""A raw array of some backend: `numpy.ndarray`, `cupy.ndarray`, ..."""


def parallel(dtype: Any) -> float:
    """The sine of the least angle between vectors of this type that is told from rounding."""
    return 8.0 * float(np.finfo(dtype).eps)


class Backend(Formulas):
    """One array library. Subclasses set `name`, `library`, `array_type` and fill in the methods."""

    name: str
    library: Any
    array_type: type
    records = False
    """Whether steps can be recorded and replayed: see `tinygen.replay`."""

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

    def make_current(self) -> None:
        """Make this device the library's current one for good: a program's choice."""

    def synchronize(self) -> None:
        """Wait until everything launched on the device has finished."""
        raise NotImplementedError

    # -- the device itself: see `tinygen.backend.cuda_device` ------------------------------------

    def facts(self) -> dict[str, Any]:
        """Name, driver and abilities of a device that is not the host."""
        return {}

    def memory(self) -> Memory | None:
        """The state of the pool that arrays are taken from; the host has none."""
        return None

    def limit_memory(self, size: int) -> None:
        """Let the pool reserve no more than so many bytes; only where there is one."""
        raise NotImplementedError

    def seconds(self, work: Callable[[], object]) -> float:
        """How long `work()` takes on an idle device, until all that it launched has finished."""
        self.synchronize()
        start = perf_counter()
        work()
        self.synchronize()
        return perf_counter() - start

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

    def dot(self, a: Array, b: Array) -> Array:
        """The product of two matrices; `matmul` takes stacks of them."""
        return a.dot(b)

    # -- special functions ---------------------------------------------------------------------

    def erf(self, x: Array) -> Array:
        """The error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x."""
        raise NotImplementedError

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

    # -- pooling along one axis of images: see `tinygen.backend.pooling` ---------------------------

    def window_max(self, x: Array, windows: Intervals, axis: int) -> Array:
        """The largest element of each window; nan if there is one."""
        return pooling.largest(self, x, windows, axis, False)[0]

    def window_argmax(self, x: Array, windows: Intervals, axis: int) -> Array:
        """Its place in the window: the first of several."""
        return pooling.largest(self, x, windows, axis, True)[1]

    def from_windows(self, x: Array, chosen: Array, windows: Intervals, axis: int) -> Array:
        """The chosen element of each window."""
        return pooling.from_windows(self, x, chosen, windows, axis)

    def into_windows(
        self, values: Array, chosen: Array, windows: Intervals, axis: int, length: int
    ) -> Array:
        """Zeros of this length, with each window's value added to its chosen element."""
        return pooling.into_windows(self, values, chosen, windows, axis, length)

    # -- numbers that change from step to step ---------------------------------------------------

    def live(self, compute: Callable[[], tuple], dtype: str = "float64") -> Any:
        """What `compute()` returns: learning rates and counters, which a step moves on.

        Within a step that is being recorded (see `tinygen.backend.cuda.graphs`) it is an array of
        `dtype` on the device, which holds what `compute` returns at each replay.
        """
        return compute()

    # -- random numbers: a function of (key, counter) ----------------------------------------------

    def uniform(self, stream: Stream, shape: Sizes, low: float, width: float, dtype: Any) -> Array:
        """low + width * u, for u uniform in [0, 1)."""
        raise NotImplementedError

    def normal(self, stream: Stream, shape: Sizes, mean: float, std: float, dtype: Any) -> Array:
        """Normal numbers by the transform of Box and Muller."""
        raise NotImplementedError

    def bernoulli(self, stream: Stream, p: Array, log_odds: bool) -> Array:
        """Ones with probability p (or sigmoid(p)), else zeros; in the shape and dtype of p."""
        u = self.uniform(stream, p.shape, 0.0, 1.0, p.dtype)
        return (u < (self.sigmoid(p) if log_odds else p)).astype(p.dtype)

    def integers(self, stream: Stream, shape: Sizes, low: int, count: int) -> Array:
        """int64 in low, ..., low + count - 1."""
        raise NotImplementedError

    # -- updates of flat, contiguous buffers, all in place -----------------------------------------

    def sgd_update(
        self,
        w: Array,
        g: Array,
        velocity: Array | None,
        numbers: tuple[float] | Array,
        momentum: float,
        nesterov: bool,
        weight_decay: float,
    ) -> None:
        """One step of SGD (see `tinygen.optim.SGD`); `numbers` is (learning rate,), from `live`."""
        raise NotImplementedError

    def adam_update(
        self,
        w: Array,
        g: Array,
        m: Array,
        v: Array,
        numbers: tuple[float, float, float] | Array,
        beta1: float,
        beta2: float,
        weight_decay: float,
    ) -> None:
        """One step of Adam with (size, eps, shrink) = `numbers`, from `live`:

            d = g + weight_decay * w;  m = beta1 * m + d;  v = beta2 * v + d * d
            w = shrink * w - size * m / (sqrt(v) + eps)

        `tinygen.optim.Adam` folds its scalars into these three.
        """
        raise NotImplementedError

    def cosine(self, a: Array, b: Array) -> Array:
        """The cosine of the angle between two vectors, without axes; 0 if one of them is 0."""
        a, b = (x / self.maximum(self.amax(abs(x)), self.least(x)) for x in (a, b))
        lengths = self.sqrt(self.sum(a * a) * self.sum(b * b))
        return self.sum(a * b) / self.maximum(lengths, self.least(a))

    def turn_from(self, g: Array, w: Array) -> None:
        """The part of g that is orthogonal to w, scaled to the length of g, for two vectors.

        g becomes 0 if it is parallel to w to the last digits, and stays as it is if w is 0.
        """
        # Numbers up to 1, whose squares do not underflow. What rounding leaves along w after the
        # first subtraction is large beside a small rest, so there is a second one.
        size = self.maximum(self.amax(abs(g)), self.least(g))
        unit = w / self.maximum(self.amax(abs(w)), self.least(w))
        square = self.maximum(self.sum(unit * unit), self.least(w))
        rest = g / size
        length = self.sqrt(self.sum(rest * rest))
        for _ in range(2):
            rest -= unit * (self.sum(unit * rest) / square)
        left = self.sqrt(self.sum(rest * rest))
        known = (left > length * parallel(g.dtype)).astype(g.dtype)
        rest *= known * (size * length / self.maximum(left, self.least(g)))
        g[...] = self.where(self.amax(abs(unit)) > 0, rest, g)

    def gram(self, rows: Array) -> Array:
        """The products of each row with each, for a few long rows: (t, n) to (t, t)."""
        return self.dot(rows, rows.T)

    def least(self, x: Array) -> float:
        """The least positive number of an array's type that has all its digits."""
        return float(np.finfo(x.dtype).tiny)

    def approach(self, a: Array, b: Array, numbers: tuple[float] | Array) -> None:
        """a += part * (b - a), in place; `numbers` is (part,), from `live`."""
        raise NotImplementedError
