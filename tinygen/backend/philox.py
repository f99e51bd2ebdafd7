"""Random numbers on the host, from NumPy's own Philox4x64-10; `cuda/random.cu` gives the same."""

from __future__ import annotations

import math
import threading

import numpy as np

from .convolution import Sizes
from .stream import Stream

__all__ = ["integers", "normal", "uniform"]

_local = threading.local()


def raw(stream: Stream, words: int, first: int = 0, total: int | None = None) -> np.ndarray:
    """Words `first`, ... of the stream's next draw, which has `total` words, uint64."""
    blocks = -(-(first + words if total is None else total) // 4)
    skipped, within = divmod(first, 4)
    counter = stream.take(blocks, skipped)
    if not hasattr(_local, "philox"):
        _local.philox = np.random.Philox(0)
        _local.state = _local.philox.state
        _local.state["buffer_pos"] = 4  # nothing is left of an earlier block
    philox, state = _local.philox, _local.state
    state["state"]["key"][:] = stream.key
    state["state"]["counter"][:] = counter
    philox.state = state
    return philox.random_raw(words + within)[within:]


def uniform(stream: Stream, shape: Sizes, dtype: np.dtype) -> np.ndarray:
    """Uniform in [0, 1): 24 bits of half a word (the low half first), or 53 bits of a word."""
    count = math.prod(shape)
    first, total = stream.span(count)
    return _uniform(stream, count, dtype, first, total).reshape(shape)


def _uniform(stream: Stream, count: int, dtype: np.dtype, first: int, total: int) -> np.ndarray:
    """Numbers `first`, ... of a draw of `total`: (count,)."""
    if dtype.itemsize > 4:
        words = raw(stream, count, first, total)
        words >>= np.uint64(11)
        u = words.astype(dtype)
        u *= 2.0**-53
        return u
    odd = first % 2
    words = raw(stream, (odd + count + 1) // 2, first // 2, (total + 1) // 2)
    halves = words.view(np.uint32)[odd : odd + count]
    halves >>= np.uint32(8)
    u = halves.astype(np.float32)
    u *= 2.0**-24
    return u.astype(dtype, copy=False)


def normal(stream: Stream, shape: Sizes, mean: float, std: float, dtype: np.dtype) -> np.ndarray:
    """The transform of Box and Muller (1958); three times as fast in NumPy as its ziggurat."""
    count = math.prod(shape)
    if stream.size > 1:
        return _part_of_normal(stream, count, mean, std, dtype).reshape(shape)
    half = (count + 1) // 2
    u = _uniform(stream, 2 * half, dtype, 0, 2 * half).reshape(2, half)
    radius, angle = _polar(u[0], u[1], std)
    z = np.empty((2, half), dtype=u.dtype)
    np.cos(angle, out=z[0])
    np.sin(angle, out=z[1])
    z *= radius
    if mean:
        z += mean
    return z.reshape(-1)[:count].reshape(shape)


def _part_of_normal(
    stream: Stream, count: int, mean: float, std: float, dtype: np.dtype
) -> np.ndarray:
    """This rank's numbers of a draw: cosines in its first half, sines of the same in the second."""
    first, total = stream.span(count)
    half = (total + 1) // 2
    start, parts = stream.counter, []
    for wave, low, high in (
        (np.cos, first, min(first + count, half)),
        (np.sin, max(first, half) - half, first + count - half),
    ):
        n = max(0, high - low)
        halves = []
        for begin in (low, half + low):
            stream.counter = start  # all are of one draw
            halves.append(_uniform(stream, n, dtype, begin, 2 * half))
        radius, angle = _polar(halves[0], halves[1], std)
        parts.append(radius * wave(angle))
    z = np.concatenate(parts)
    return z + z.dtype.type(mean) if mean else z


def _polar(radius: np.ndarray, angle: np.ndarray, std: float) -> tuple[np.ndarray, np.ndarray]:
    """From uniforms to the radii and angles of points in the plane, in place."""
    np.subtract(1.0, radius, out=radius)  # (0, 1]: the logarithm stays finite
    np.log(radius, out=radius)
    radius *= -2.0 * std * std
    np.sqrt(radius, out=radius)
    angle *= 2.0 * math.pi
    return radius, angle


def integers(stream: Stream, shape: Sizes, low: int, count: int) -> np.ndarray:
    """low + the upper word of (random word) * count: uniform to one part in 2^64 / count."""
    numbers = math.prod(shape)
    words = raw(stream, numbers, *stream.span(numbers))
    high, low_half = words >> np.uint64(32), words & np.uint64(2**32 - 1)
    a, b = np.uint64(count >> 32), np.uint64(count & (2**32 - 1))
    middle = high * b + (low_half * b >> np.uint64(32))
    other = low_half * a + (middle & np.uint64(2**32 - 1))
    upper = high * a + (middle >> np.uint64(32)) + (other >> np.uint64(32))
    return (upper.view(np.int64) + low).reshape(shape)
