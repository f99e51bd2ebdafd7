"""Randomness, explicit: one seed, one stream of numbers, the same on every backend.

Everything that draws takes a `Generator`. The stream is Philox4x64-10 (Salmon et al., "Parallel
random numbers: as easy as 1, 2, 3", SC 2011), a function of (key, counter): block number `counter`
holds four 64-bit words. Each draw starts on a fresh block, so the whole state is those two numbers;
and a GPU computes its numbers itself, the same ones.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from operator import index
from typing import Any

import numpy as np

from .backend import ARRAY_TYPES, NUMPY, Array, backend_for
from .backend.stream import Stream, words_of
from .parallel import team
from .parallel.team import ALONE

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

    Raises:
        ValueError: the seed is negative or no integer.
        DeviceError: the device does not exist or cannot be used.

    >>> rng = tg.Generator(0)
    >>> rng.integers(0, 10, 3), rng.normal((2, 3)).shape
    (array([7, 0, 4]), (2, 3))
    >>> tg.Generator(0).integers(0, 10, 3)
    array([7, 0, 4])
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

    @contextmanager
    def stacked(self, batches: int) -> Iterator[None]:
        """Inside, a draw (batches * n, ...) is for so many batches one after the other, and a rank
        gets its n rows of each: one process has all rows of the first before those of the next.
        """
        before, self._own.batches = self._own.batches, batches
        try:
            yield
        finally:
            self._own.batches = before

    def _draw(self, shape: tuple[int, ...], draw: Callable[..., Array]) -> Array:
        """What draw(stream, shape, rows) gives: all of it, or this rank's part.

        rows: a slice of the first axis, where the ranks' parts of several batches are drawn one by
            one; None for all.
        """
        own = self._own
        ranks = team() if self._divided else ALONE
        own.rank, own.size = ranks.rank, ranks.size
        if ranks.size == 1 or own.batches == 1:
            return draw(own, shape, None)
        each, left = divmod(shape[0] if shape else 1, own.batches)
        if left:
            raise ValueError(f"Generator: {shape} is no stack of {own.batches} batches.")
        start, found = own.counter, []
        for i in range(own.batches):
            own.counter = start  # all are of one draw
            own.rank, own.size = i * ranks.size + ranks.rank, own.batches * ranks.size
            rows = slice(i * each, (i + 1) * each)
            found.append(draw(own, (each, *shape[1:]), rows))
        return self.backend.concatenate(found)

    def uniform(
        self, shape: Any = (), low: float = 0.0, high: float = 1.0, dtype: Any = "float32"
    ) -> Array:
        """Uniform numbers in [low, high); `high` itself only where rounding reaches it."""
        return self._draw(
            _as_shape(shape),
            lambda stream, shape, _: self.backend.uniform(stream, shape, low, high - low, dtype),
        )

    def normal(
        self, shape: Any = (), mean: float = 0.0, std: float = 1.0, dtype: Any = "float32"
    ) -> Array:
        """Normal numbers by the transform of Box and Muller (1958), one formula on every backend.

        A float32 uniform has 24 bits, so float32 normals end at 5.8 standard deviations (float64:
        8.6).
        """
        return self._draw(
            _as_shape(shape),
            lambda stream, shape, _: self.backend.normal(stream, shape, mean, std, dtype),
        )

    def bernoulli(self, p: Array) -> Array:
        """Ones with probability `p`, elementwise, else zeros; in the shape and dtype of `p`."""
        return self._zeros_and_ones(self._as_array(p), False)

    def bernoulli_logits(self, log_odds: Array) -> Array:
        """Ones with probability sigmoid(log_odds), else zeros: `bernoulli`, one kernel on a GPU."""
        return self._zeros_and_ones(self._as_array(log_odds), True)

    def _zeros_and_ones(self, p: Array, log_odds: bool) -> Array:
        return self._draw(
            p.shape,
            lambda stream, _, rows: self.backend.bernoulli(
                stream, p if rows is None else p[rows], log_odds
            ),
        )

    def integers(self, low: int, high: int, shape: Any = ()) -> Array:
        """Integers in [low, high), int64. Raises ValueError unless high exceeds low."""
        low, high = index(low), index(high)
        if high <= low:
            raise ValueError(f"integers: high must exceed low, not [{low}, {high}).")
        return self._draw(
            _as_shape(shape),
            lambda stream, shape, _: self.backend.integers(stream, shape, low, high - low),
        )

    def permutation(self, n: int) -> np.ndarray:
        """0, ..., n-1 in random order, on the host, where indices are used; alike on all ranks."""
        self._own.rank, self._own.size = 0, 1
        return np.argsort(NUMPY.uniform(self._own, (n,), 0.0, 1.0, "float64"), kind="stable")

    def state_dict(self) -> dict[str, list[int]]:
        """Key and counter as plain integers, ready for JSON."""
        return {"key": list(self._own.key), "counter": list(words_of(self._own.counter))}

    def load_state_dict(self, state: dict[str, list[int]]) -> None:
        """Continue where another generator's `state_dict` was taken.

        Raises:
            ValueError: these are not a key of 2 and a counter of 4 words of 64 bits.
        """
        key, counter = ([int(word) for word in state[name]] for name in ("key", "counter"))
        if len(key) != 2 or len(counter) != 4:
            raise ValueError("Generator: a state has a key of 2 and a counter of 4 integers.")
        if not all(0 <= word < 2**64 for word in (*key, *counter)):
            raise ValueError("Generator: a state holds integers from 0 to 2^64 - 1.")
        self._own.key = (key[0], key[1])
        self._own.counter = sum(word << 64 * i for i, word in enumerate(counter))

    def _as_array(self, p: Any) -> Array:
        if isinstance(p, (int, float)):
            return self.backend.full((), p, dtype="float32")
        return p if type(p) in ARRAY_TYPES else p.data  # a Tensor's array


def _as_shape(shape: Any) -> tuple[int, ...]:
    return (int(shape),) if isinstance(shape, (int, np.integer)) else tuple(shape)
