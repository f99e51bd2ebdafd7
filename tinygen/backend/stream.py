"""Where a stream of random numbers stands: a key, and a counter that every draw moves on.

The numbers are Philox4x64-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"):
block number i of four 64-bit words is a function of (key, counter + 1 + i), so that any device can
compute any of them. Each draw takes whole blocks.
"""

from __future__ import annotations

__all__ = ["Stream"]

WORD = 2**64 - 1


class Stream:
    """A key of two words and a counter of four (here one number), as plain integers."""

    __slots__ = ("key", "counter")

    def __init__(self, key: tuple[int, int], counter: int = 0) -> None:
        self.key = key
        self.counter = counter

    def take(self, blocks: int) -> tuple[int, ...]:
        """The counter's words, lowest first; then move it on by so many blocks."""
        start = self.counter
        self.counter = (start + blocks) & (2**256 - 1)
        return words_of(start)


def words_of(counter: int) -> tuple[int, ...]:
    """A counter as four words, lowest first."""
    return tuple(counter >> shift & WORD for shift in (0, 64, 128, 192))
