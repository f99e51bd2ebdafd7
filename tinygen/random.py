"""Randomness, explicit: one seed, one stream of numbers, the same on every backend.

Everything that draws takes a `Generator`. The stream is Philox4x64-10 (Salmon et al., "Parallel
random numbers: as easy as 1, 2, 3", SC 2011), a function of (key, counter): block number `counter`
holds four 64-bit words. Each draw starts on a fresh block, so the whole state is those two numbers;
and a GPU computes its numbers itself, the same ones.
"""

from __future__ import annotations

import copy
from operator import index
from typing import Any

import numpy as np

from .backend import ARRAY_TYPES, NUMPY, Array, backend_for
from .backend.stream import Stream, words_of
from .parallel import team

__all__ = ["Generator"]


class Generator:
    """A stream of random numbers, drawn on `device`.

    Args:
        seed: any non-negative integer; the same seed gives the same numbers everywhere. (Normal
            numbers differ between devices in their last digits, as their logarithms and cosines
            do.)
        stream: numbers the independent streams of one seed: one for the noise, one for the order
            of the data, ...
        device: where the arrays are; None for the default device.

    Shapes are tuples or integers; floats come as float32 unless `dtype` says otherwise.
    """

    def __init__(self, seed: int, *, stream: int = 0, device: str | None = None) -> None:
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
            raise ValueError(f"Generator: seed must be a non-negative integer, not {seed!r}.")
        self.backend = backend_for(device)
        sequence = np.random.SeedSequence(int(seed), spawn_key=(int(stream),))
        first, second = sequence.generate_state(2, np.uint64).tolist()
        self._own = Stream((first, second))
        self._divided = False

    def on(self, device: str) -> Generator:
        """This very stream, drawn on another device: drawing from either moves both on."""
        view = copy.copy(self)
        view.backend = backend_for(device)
        return view

    def divide(self) -> None:
        """From now on each rank of the team gets its rows of what is drawn: (n, ...) of the n times
        as many that one process alone would draw, whose numbers these are.

        A counter makes that cheap: any rank computes its own rows and no others.
        """
        self._divided = True

    def whole(self) -> Generator:
        """This very stream for what is no row of a batch: all ranks get the same numbers."""
        view = copy.copy(self)
        view._divided = False
        return view

    @property
    def _stream(self) -> Stream:
        """Where the next draw begins, and which part of it this process computes."""
        own = self._own
        if self._divided:
            ranks = team()
            own.rank, own.size = ranks.rank, ranks.size
        else:
            own.rank, own.size = 0, 1
        return own

    def uniform(
        self, shape: Any = (), low: float = 0.0, high: float = 1.0, dtype: Any = "float32"
    ) -> Array:
        """Uniform numbers in [low, high); `high` itself only where rounding reaches it."""
        return self.backend.uniform(self._stream, _as_shape(shape), low, high - low, dtype)

    def normal(
        self, shape: Any = (), mean: float = 0.0, std: float = 1.0, dtype: Any = "float32"
    ) -> Array:
        """Normal numbers by the transform of Box and Muller (1958), one formula on every backend.

        A float32 uniform has 24 bits, so float32 normals end at 5.8 standard deviations (float64:
        8.6).
        """
        return self.backend.normal(self._stream, _as_shape(shape), mean, std, dtype)

    def bernoulli(self, p: Array) -> Array:
        """Ones with probability `p`, elementwise, else zeros; in the shape and dtype of `p`."""
        return self.backend.bernoulli(self._stream, self._as_array(p), False)

    def bernoulli_logits(self, log_odds: Array) -> Array:
        """Ones with probability sigmoid(log_odds), else zeros: `bernoulli`, one kernel on a GPU."""
        return self.backend.bernoulli(self._stream, self._as_array(log_odds), True)

    def integers(self, low: int, high: int, shape: Any = ()) -> Array:
        """Integers in [low, high), int64."""
        low, high = index(low), index(high)
        if high <= low:
            raise ValueError(f"integers: high must exceed low, not [{low}, {high}).")
        return self.backend.integers(self._stream, _as_shape(shape), low, high - low)

    def permutation(self, n: int) -> np.ndarray:
        """0, ..., n-1 in random order, on the host, where indices are used."""
        return np.argsort(NUMPY.uniform(self._stream, (n,), 0.0, 1.0, "float64"), kind="stable")

    def state_dict(self) -> dict[str, list[int]]:
        """Key and counter as plain integers, ready for JSON."""
        return {"key": list(self._stream.key), "counter": list(words_of(self._stream.counter))}

    def load_state_dict(self, state: dict[str, list[int]]) -> None:
        """Continue where another generator's `state_dict` was taken."""
        key, counter = ([int(word) for word in state[name]] for name in ("key", "counter"))
        if len(key) != 2 or len(counter) != 4:
            raise ValueError("Generator: a state has a key of 2 and a counter of 4 integers.")
        if not all(0 <= word < 2**64 for word in (*key, *counter)):
            raise ValueError("Generator: a state holds integers from 0 to 2^64 - 1.")
        self._stream.key = (key[0], key[1])
        self._stream.counter = sum(word << 64 * i for i, word in enumerate(counter))

    def _as_array(self, p: Any) -> Array:
        if isinstance(p, (int, float)):
            return self.backend.full((), p, dtype="float32")
        return p if type(p) in ARRAY_TYPES else p.data  # a Tensor's array


def _as_shape(shape: Any) -> tuple[int, ...]:
    return (int(shape),) if isinstance(shape, (int, np.integer)) else tuple(shape)
