"""Random numbers on the host, from NumPy's own Philox4x64-10; `cuda/random.cu` gives the same."""

from __future__ import annotations

import math
import threading

import numpy as np

from .convolution import Sizes
from .stream import Stream

__all__ = ["integers", "normal", "uniform"]

_local = threading.local()


def raw(stream: Stream, words: int) -> np.ndarray:
    """The next so many words of the stream, uint64."""
    counter = stream.take(-(-words // 4))
    if not hasattr(_local, "philox"):
        _local.philox = np.random.Philox(0)
        _local.state = _local.philox.state
        _local.state["buffer_pos"] = 4  # nothing is left of an earlier block
    philox, state = _local.philox, _local.state
    state["state"]["key"][:] = stream.key
    state["state"]["counter"][:] = counter
    philox.state = state
    return philox.random_raw(words)


def uniform(stream: Stream, shape: Sizes, dtype: np.dtype) -> np.ndarray:
    """Uniform in [0, 1): 24 bits of half a word (the low half first), or 53 bits of a word."""
    count = math.prod(shape)
    if dtype.itemsize > 4:
        words = raw(stream, count)
        words >>= np.uint64(11)
        u = words.astype(dtype).reshape(shape)
        u *= 2.0**-53
        return u
    halves = raw(stream, (count + 1) // 2).view(np.uint32)[:count]
    halves >>= np.uint32(8)
    u = halves.astype(np.float32).reshape(shape)
    u *= 2.0**-24
    return u.astype(dtype, copy=False)


def normal(stream: Stream, shape: Sizes, mean: float, std: float, dtype: np.dtype) -> np.ndarray:
    """The transform of Box and Muller (1958); three times as fast in NumPy as its ziggurat."""
    count = math.prod(shape)
    half = (count + 1) // 2
    u = uniform(stream, (2, half), dtype)
    radius, angle = u[0], u[1]
    np.subtract(1.0, radius, out=radius)  # (0, 1]: the logarithm stays finite
    np.log(radius, out=radius)
    radius *= -2.0 * std * std
    np.sqrt(radius, out=radius)
    angle *= 2.0 * math.pi
    z = np.empty((2, half), dtype=u.dtype)
    np.cos(angle, out=z[0])
    np.sin(angle, out=z[1])
    z *= radius
    if mean:
        z += mean
    return z.reshape(-1)[:count].reshape(shape)


def integers(stream: Stream, shape: Sizes, low: int, count: int) -> np.ndarray:
    """low + the upper word of (random word) * count: uniform to one part in 2^64 / count."""
    words = raw(stream, math.prod(shape))
    high, low_half = words >> np.uint64(32), words & np.uint64(2**32 - 1)
    a, b = np.uint64(count >> 32), np.uint64(count & (2**32 - 1))
    middle = high * b + (low_half * b >> np.uint64(32))
    other = low_half * a + (middle & np.uint64(2**32 - 1))
    upper = high * a + (middle >> np.uint64(32)) + (other >> np.uint64(32))
    return (upper.view(np.int64) + low).reshape(shape)
