"""Randomness, explicit: one seed, one stream of numbers, the same on every backend.

Everything that draws takes a `Generator`. The stream is Philox4x64-10 (Salmon et al., "Parallel
random numbers: as easy as 1, 2, 3", SC 2011), a function of (key, counter): block number `counter`
holds four 64-bit words. Each draw starts on a fresh block, so the whole state is those two numbers.
"""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np

from .backend import ARRAY_TYPES, Array, backend_for

__all__ = ["Generator"]


class Generator:
    """A stream of random numbers, drawn on the host and delivered to `device`.

    Args:
        seed: any non-negative integer; the same seed gives the same numbers everywhere.
        stream: numbers the independent streams of one seed: one for the noise, one for the order
            of the data, ...
        device: where the arrays go; None for the default device.

    Shapes are tuples or integers; floats come as float32 unless `dtype` says otherwise.
    """

    def __init__(self, seed: int, *, stream: int = 0, device: str | None = None) -> None:
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
            raise ValueError(f"Generator: seed must be a non-negative integer, not {seed!r}.")
        self.backend = backend_for(device)
        sequence = np.random.SeedSequence(int(seed), spawn_key=(int(stream),))
        key = sequence.generate_state(2, np.uint64)
        self._philox = np.random.Philox(key=key)
        self._draw = np.random.Generator(self._philox)

    def on(self, device: str) -> Generator:
        """This very stream, delivered to another device: drawing from either moves both on."""
        view = copy.copy(self)
        view.backend = backend_for(device)
        return view

    def uniform(
        self, shape: Any = (), low: float = 0.0, high: float = 1.0, dtype: Any = "float32"
    ) -> Array:
        """Uniform numbers in [low, high); `high` itself only where rounding reaches it."""
        u = self._uniform(shape, dtype)
        if (low, high) != (0.0, 1.0):
            u *= high - low
            u += low
        return self._deliver(u)

    def normal(
        self, shape: Any = (), mean: float = 0.0, std: float = 1.0, dtype: Any = "float32"
    ) -> Array:
        """Normal numbers by the transform of Box and Muller (1958), one formula on every backend.

        Three times as fast in NumPy as its ziggurat. A float32 uniform has 24 bits, so float32
        normals end at 5.8 standard deviations (float64: 8.6).
        """
        shape = _as_shape(shape)
        count = math.prod(shape)
        half = (count + 1) // 2
        u = self._uniform((2, half), dtype)
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
        return self._deliver(z.reshape(-1)[:count].reshape(shape))

    def bernoulli(self, p: Array) -> Array:
        """Ones with probability `p`, elementwise, else zeros; in the shape and dtype of `p`."""
        p = np.asarray(p, "float32") if isinstance(p, (int, float)) else p
        p = p if type(p) in ARRAY_TYPES else p.data  # a Tensor's array
        u = self._uniform(p.shape, p.dtype)
        return (self._deliver(u) < p).astype(p.dtype)

    def integers(self, low: int, high: int, shape: Any = ()) -> Array:
        """Integers in [low, high), int64."""
        if high <= low:
            raise ValueError(f"integers: high must exceed low, not [{low}, {high}).")
        values = self._draw.integers(low, high, _as_shape(shape))
        self._align()
        return self._deliver(np.asarray(values))

    def permutation(self, n: int) -> np.ndarray:
        """0, ..., n-1 in random order, on the host, where indices are used."""
        order = self._draw.permutation(n)
        self._align()
        return order

    def state_dict(self) -> dict[str, list[int]]:
        """Key and counter as plain integers, ready for JSON."""
        state = self._philox.state["state"]
        return {"key": state["key"].tolist(), "counter": state["counter"].tolist()}

    def load_state_dict(self, state: dict[str, list[int]]) -> None:
        """Continue where another generator's `state_dict` was taken."""
        try:
            key, counter = (np.array(state[name], dtype=np.uint64) for name in ("key", "counter"))
        except OverflowError:
            raise ValueError("Generator: a state holds integers from 0 to 2^64 - 1.") from None
        if key.shape != (2,) or counter.shape != (4,):
            raise ValueError("Generator: a state has a key of 2 and a counter of 4 integers.")
        full = self._philox.state
        full["state"] = {"key": key, "counter": counter}
        self._philox.state = full
        self._align()

    def _uniform(self, shape: Any, dtype: Any) -> np.ndarray:
        shape = _as_shape(shape)
        if np.dtype(dtype) == np.float32:
            # What `self._draw.random` computes, number for number, in two thirds of its time:
            # 24 bits of each half of a word, the low half first.
            count = math.prod(shape)
            halves = self._philox.random_raw((count + 1) // 2).view(np.uint32)[:count]
            halves >>= np.uint32(8)
            u = halves.astype(np.float32).reshape(shape)
            u *= 2.0**-24
        else:
            u = np.asarray(self._draw.random(shape, dtype=np.dtype(dtype)))
        self._align()
        return u

    def _align(self) -> None:
        """Drop what is left of the current block, so that (key, counter) is the whole state."""
        state = self._philox.state
        state["buffer_pos"] = 4
        state["has_uint32"] = 0
        self._philox.state = state

    def _deliver(self, array: np.ndarray) -> Array:
        return self.backend.move(array)


def _as_shape(shape: Any) -> tuple[int, ...]:
    return (int(shape),) if isinstance(shape, (int, np.integer)) else tuple(shape)
