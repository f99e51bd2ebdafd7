"""NumPy: the CPU backend.

    with tg.use_device("cpu"):
        x = tg.zeros(3, 4)                               # x.data is a NumPy array

Where NumPy would pass several times over large arrays, it computes them in chunks that stay in the
cache: see `CHUNK`.
"""

from __future__ import annotations

import ctypes
import functools
import math
from collections.abc import Hashable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from . import philox
from .base import Array, Backend
from .convolution import Sizes
from .scratch import Scratch
from .softplus_sum import softplus_sum
from .stream import Stream

# What `a.sum()` and `a.max()` call after 0.1 and 2 us of Python. (Any: the stubs want literals.)
_sum: Any = np.add.reduce
_max: Any = np.maximum.reduce
_min: Any = np.minimum.reduce

CHUNK = 65_536
"""Elements per pass of an optimizer update: small enough that its working set stays in cache."""


LEAST_SQUARE = 1e-20
"""Sums of squares from here to its inverse lost nothing to underflow and overflow in float32."""


def keep_freed_memory() -> bool:
    """Ask the C library to keep what arrays free, for the next arrays; whether it agreed.

    glibc hands arrays of some MB back to the system when they are freed and asks for fresh pages
    for the next ones: thousands of page faults in each step of a convolutional network. This is
    a setting of the whole process, so it is the program's to choose, not the library's: the
    `tinygen` command and the benchmarks call it.
    """
    trim_threshold, mmap_threshold = -1, -3
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # not glibc
        return False
    return bool(mallopt(trim_threshold, 2**31 - 1) and mallopt(mmap_threshold, 32 * 2**20))


class NumpyBackend(Backend):
    """Arrays in host memory, computed by NumPy and its BLAS."""

    name = "numpy"
    library = np
    array_type = np.ndarray
    column_bytes = 1 << 22  # about what the caches hold

    def __init__(self) -> None:
        self._scratch = Scratch(limit=1 << 26)

    def scratch(
        self, name: Hashable, shape: tuple[int, ...], dtype: Any, zeros: bool = False
    ) -> AbstractContextManager[Array]:
        """An array to work in, as the last user of (name, shape, dtype) left it, or a new one.

        With `zeros`, new ones are zeros: what no user of the name writes stays so.
        """
        make = np.zeros if zeros else np.empty
        return self._scratch.use((name, shape, dtype), lambda: make(shape, dtype))

    def from_host(self, array: np.ndarray) -> Array:
        """A copy of `array`."""
        return np.array(array)

    def move(self, array: np.ndarray) -> Array:
        """The array itself."""
        return array

    def to_host(self, array: Array) -> np.ndarray:
        """The array itself."""
        return array

    def device_of(self, array: Array) -> str:
        """Always "cpu"."""
        return "cpu"

    def owner(self, array: Array) -> Any:
        """The array at the end of the chain of views."""
        while isinstance(array.base, np.ndarray):
            array = array.base
        return array

    def synchronize(self) -> None:
        """Nothing to wait for: NumPy returns when it is done."""

    def sum(self, x: Array, axis: Any = None, keepdims: bool = False) -> Array:
        """Sum over `axis`, in the dtype of `x`."""
        return _sum(x, axis=axis, keepdims=keepdims)

    def column_sum(self, x: Array) -> Array:
        """The sum over the first axis, as a product with a row of ones: 2.5 times as fast."""
        return _ones(len(x), x.dtype).dot(x)

    def amax(self, x: Array, axis: Any = None, keepdims: bool = False) -> Array:
        """Largest element along `axis`."""
        return _max(x, axis=axis, keepdims=keepdims)

    def amin(self, x: Array, axis: Any = None, keepdims: bool = False) -> Array:
        """Smallest element along `axis`."""
        return _min(x, axis=axis, keepdims=keepdims)

    def sum_products(self, a: Array, b: Array | None, axes: tuple[int, ...]) -> Array:
        """Sum of a * b (None: of a) over `axes`, in any memory layout, without a temporary.

        einsum adds up one number after the other in its inner loop, so that a long sum is taken in
        parts; and it is slow where that loop is short, so that a short inner axis is summed later.
        """
        letters = "abcdefgh"[: a.ndim]
        operands = (a,) if b is None else (a, b)
        later = None
        if len(axes) > 1 and a.size >= CHUNK:
            inner = min(range(a.ndim), key=lambda i: abs(a.strides[i]))
            short = inner in axes and a.shape[inner] < 64
            later = inner if short else 0 if 0 in axes else None
        kept = "".join(c for i, c in enumerate(letters) if i not in axes or i == later)
        formula = f"{','.join(letters for _ in operands)}->{kept}"
        if axes == (0,) and a.size >= CHUNK:
            parts = range(0, len(a), 512)
            return sum(np.einsum(formula, *(x[i : i + 512] for x in operands)) for i in parts)
        y = np.asarray(np.einsum(formula, *operands))
        return y if later is None else _sum(y, axis=kept.index(letters[later]))

    def relu(self, x: Array) -> Array:
        """max(x, 0): for large arrays against zeros, three times as fast as against a number."""
        return np.maximum(x, _zeros_like(x) if np.size(x) > 4096 else 0)

    def biased_relu(self, y: Array, bias: Array, slope: float) -> Array:
        """The (leaky) rectifier of y + bias, in place, for a matrix y."""
        y += bias
        other = slope * y if slope else _zeros_like(y) if y.size > 4096 else 0
        return np.maximum(y, other, out=y)

    def softplus_sum(self, x: Array) -> Array:
        """The sum of softplus over the first axis of a matrix."""
        return softplus_sum(x)

    def erf(self, x: Array) -> Array:
        """The error function to a relative error of 5e-16 (NumPy has none).

        Two least-maximum polynomials: erf(x)/x in x^2 below 1, and exp(x^2) erfc(x) in
        t = 1/(1 + x/2) from 1 to 6, beyond which erf is 1 to the last digit.
        """
        size = np.abs(x)
        t = 1.0 / (1.0 + 0.5 * np.minimum(size, 6.0))
        tail = 1.0 - np.exp(-(np.minimum(size, 6.0) ** 2)) * _polynomial(_ERFC_TAIL, t)
        centre = size * _polynomial(_ERF_CENTRE, np.minimum(size, 1.0) ** 2)
        return np.copysign(np.where(size < 1.0, centre, tail), x)

    def check_labels(self, labels: Array, classes: int) -> None:
        """Raise IndexError for labels outside 0..classes-1."""
        # Seen as unsigned, negative labels are the largest: one pass finds both kinds.
        if labels.size and _max(labels.view(_UNSIGNED[labels.itemsize])) >= classes:
            raise IndexError(
                f"labels must lie in 0..{classes - 1}, not {_min(labels)}..{_max(labels)}."
            )

    def scatter_add(self, values: Array, index: Any, shape: tuple[int, ...]) -> Array:
        """Zeros of `shape` with `values` added at `index`; repeated indices accumulate."""
        out = np.zeros(shape, dtype=values.dtype)
        if _visits_each_element_once(index):
            out[index] = values
        else:
            np.add.at(out, index, values)
        return out

    def uniform(self, stream: Stream, shape: Sizes, low: float, width: float, dtype: Any) -> Array:
        """low + width * u, for u uniform in [0, 1)."""
        u = philox.uniform(stream, shape, np.dtype(dtype))
        if (low, width) != (0.0, 1.0):
            u *= width
            u += low
        return u

    def normal(self, stream: Stream, shape: Sizes, mean: float, std: float, dtype: Any) -> Array:
        """Normal numbers by the transform of Box and Muller."""
        return philox.normal(stream, shape, mean, std, np.dtype(dtype))

    def integers(self, stream: Stream, shape: Sizes, low: int, count: int) -> Array:
        """int64 in low, ..., low + count - 1."""
        return philox.integers(stream, shape, low, count)

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
        """One step of SGD, in cache-sized chunks."""
        (lr,) = numbers
        scratch = np.empty(min(CHUNK, w.size), dtype=w.dtype)
        for start in range(0, w.size, CHUNK):
            part = slice(start, start + CHUNK)
            wi, gi = w[part], g[part]
            t = scratch[: wi.size]
            if weight_decay:
                np.multiply(wi, weight_decay, out=t)
                gi = np.add(gi, t, out=t)
            if velocity is not None:
                vi = velocity[part]
                vi *= momentum
                vi += gi
                gi = np.add(gi, momentum * vi, out=t) if nesterov else vi
            np.multiply(gi, lr, out=t)
            wi -= t

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
        """One step of Adam, in cache-sized chunks."""
        size, eps, shrink = numbers
        scratch = np.empty(min(CHUNK, w.size), dtype=w.dtype)
        for start in range(0, w.size, CHUNK):
            part = slice(start, start + CHUNK)
            wi, gi, mi, vi = w[part], g[part], m[part], v[part]
            t = scratch[: wi.size]
            if weight_decay:
                gi = gi + weight_decay * wi
            if shrink != 1.0:
                wi *= shrink
            mi *= beta1
            mi += gi
            vi *= beta2
            np.multiply(gi, gi, out=t)
            vi += t
            np.sqrt(vi, out=t)
            t += eps
            np.divide(mi, t, out=t)
            t *= size
            wi -= t

    def turn_from(self, g: Array, w: Array) -> None:
        """The part of g that is orthogonal to w, scaled to the length of g, for two vectors.

        Where the angle is not small, one projection is exact to the last digits, and Pythagoras
        knows the length of what is left.
        """
        along, square, length = float(w.dot(g)), float(w.dot(w)), float(g.dot(g))
        least = LEAST_SQUARE
        sine = 1.0 - along * along / max(square * length, least * least)
        if not (sine > 0.1 and square > least and least < length < 1.0 / least):
            super().turn_from(g, w)
            return
        scale = 1.0 / math.sqrt(sine)
        factor = scale * along / square
        scratch = np.empty(min(CHUNK, w.size), dtype=w.dtype)
        for start in range(0, w.size, CHUNK):
            gi, wi = g[start : start + CHUNK], w[start : start + CHUNK]
            gi *= scale
            gi -= np.multiply(wi, factor, out=scratch[: wi.size])

    def gram(self, rows: Array) -> Array:
        """The products of each row with each: one by one, which for a few is five times as fast."""
        if len(rows) > 8:
            return super().gram(rows)
        products = np.empty((len(rows), len(rows)), dtype=rows.dtype)
        for i, a in enumerate(rows):
            for j, b in enumerate(rows[: i + 1]):
                products[i, j] = products[j, i] = a.dot(b)
        return products

    def approach(self, a: Array, b: Array, numbers: tuple[float] | Array) -> None:
        """a += part * (b - a), in cache-sized chunks."""
        (part,) = numbers
        a, b = a.reshape(-1), b.reshape(-1)
        scratch = np.empty(min(CHUNK, a.size), dtype=a.dtype)
        for start in range(0, a.size, CHUNK):
            chunk = slice(start, start + CHUNK)
            t = np.subtract(b[chunk], a[chunk], out=scratch[: len(a[chunk])])
            t *= part
            a[chunk] += t


_UNSIGNED = {n: np.dtype(f"u{n}") for n in (1, 2, 4, 8)}

MOST_ZEROS = 2**24
"""Elements that are kept of them at most: 64 MiB."""

_zeros = np.zeros(0, np.float32)


def _zeros_like(x: np.ndarray) -> Any:
    """Zeros in the shape and memory layout of x, if it is row by row or channels last; else 0."""
    global _zeros
    if type(x) is not np.ndarray or x.dtype != np.float32 or x.size > MOST_ZEROS:
        return 0
    zeros = _zeros
    if zeros.size < x.size:
        zeros = np.zeros(x.size, np.float32)
        zeros.flags.writeable = False
        _zeros = zeros
    if x.flags.c_contiguous:
        return zeros[: x.size].reshape(x.shape)
    if x.ndim == 4 and x.transpose(0, 2, 3, 1).flags.c_contiguous:
        n, c, h, w = x.shape
        return zeros[: x.size].reshape(n, h, w, c).transpose(0, 3, 1, 2)
    return 0


@functools.lru_cache(maxsize=64)
def _ones(n: int, dtype: np.dtype) -> np.ndarray:
    ones = np.ones(n, dtype=dtype)
    ones.flags.writeable = False
    return ones


def _visits_each_element_once(index: Any) -> bool:
    """True for ints, slices, None, ... and boolean masks: no element can be named twice."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        part is None
        or part is Ellipsis
        or isinstance(part, (int, slice, np.integer))
        or (isinstance(part, np.ndarray) and part.dtype == bool)
        for part in parts
    )


def _polynomial(coefficients: tuple[float, ...], x: Array) -> Array:
    """Horner's scheme; the last coefficient is the leading one."""
    y = x * coefficients[-1]
    for c in coefficients[-2:0:-1]:
        y += c
        y *= x
    y += coefficients[0]
    return y


_ERF_CENTRE = (
    1.1283791670955126,
    -0.3761263890318375,
    0.11283791670954879,
    -0.026866170645076792,
    0.0052239776248180145,
    -0.000854832698083379,
    0.0001205533111164271,
    -1.4925595266831182e-05,
    1.6461000484121368e-06,
    -1.6350312701054695e-07,
    1.4659775274047436e-08,
    -1.1372848856791674e-09,
    5.957176147748911e-11,
)
_ERFC_TAIL = (
    1.2965841302986556e-07,
    0.2820897599291754,
    0.28218525546082207,
    0.24583414322512834,
    0.1838751661873122,
    0.042165810841716535,
    0.16640235642296913,
    -0.5883804984529776,
    1.2007988921739574,
    -2.216111295830811,
    2.868911487616877,
    -2.3603463108671057,
    1.171209502392138,
    -0.29910874031127394,
    0.013174502501744024,
    0.007301134995856917,
)
