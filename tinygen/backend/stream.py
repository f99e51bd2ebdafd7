"""Where a stream of random numbers stands: a key, and a counter that every draw moves on.

The numbers are Philox4x64-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"):
block number i of four 64-bit words is a function of (key, counter + 1 + i), so that any device can
compute any of them. Each draw takes whole blocks.
"""

from __future__ import annotations

__all__ = ["Stream"]

WORD = 2**64 - 1
MASK = 2**256 - 1


class Stream:
    """A key of two words and a counter of four (here one number), as plain integers.

    Where `size` ranks share a draw, this one computes its part only: numbers `first`, ... of
    `span`. All ranks move the counter on by the whole draw, and so stay together. A draw may be for
    several `batches`, of each of which a rank has a part.
    """

    __slots__ = ("key", "counter", "rank", "size", "batches")

    def __init__(self, key: tuple[int, int], counter: int = 0) -> None:
        self.key = key
        self.counter = counter
        self.rank, self.size, self.batches = 0, 1, 1

    def span(self, count: int) -> tuple[int, int]:
        """Where this rank's `count` numbers begin in the draw of all ranks, and how many it has."""
        return self.rank * count, self.size * count

    def take(self, blocks: int, skipped: int = 0) -> tuple[int, ...]:
        """The words, lowest first, of the counter `skipped` blocks ahead; then move on `blocks`."""
        start = self.counter
        self.counter = (start + blocks) & MASK
        return words_of((start + skipped) & MASK)


def words_of(counter: int) -> tuple[int, ...]:
    """A counter as four words, lowest first."""
    return tuple(counter >> shift & WORD for shift in (0, 64, 128, 192))
