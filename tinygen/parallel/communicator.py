"""What ranks say to one another: three verbs, and what is made of them.

    communicator.all_reduce(gradient)      # in place: the sum over all ranks, everywhere
    communicator.broadcast(weights)        # in place: what rank 0 has, everywhere
    communicator.barrier()                 # nobody goes on before all are here

All ranks must say the same things in the same order: a rank that is left out waits for ever.
"""

from __future__ import annotations

import numpy as np

from ..backend import BACKEND_OF, Array

__all__ = ["Alone", "Communicator"]


class Communicator:
    """Base of the implementations, which say the three verbs, `rank` and `size`.

    rank: which of the processes this is, from 0. size: how many there are. local_rank and
    local_size: the same of those on this machine. `share` and `part` raise ValueError for what the
    ranks cannot share evenly.

    >>> us = team()  # of one, unless mpiexec started this process
    >>> us.share(64), us.part(np.arange(4))
    (64, array([0, 1, 2, 3]))
    """

    rank = local_rank = 0
    size = local_size = 1

    def all_reduce(self, array: Array) -> None:
        """Put the sum of all ranks' arrays into each of them.

        Args:
            array: contiguous, of one shape and type everywhere.
        """
        raise NotImplementedError

    def broadcast(self, array: Array) -> None:
        """Put rank 0's values into all other ranks' arrays; `array` as for `all_reduce`."""
        raise NotImplementedError

    def barrier(self) -> None:
        """Wait until all ranks are here."""
        raise NotImplementedError

    def abort(self, code: int) -> None:
        """End all ranks' processes at once, this one with them."""
        raise NotImplementedError

    # -- made of the three -------------------------------------------------------------------------

    def average(self, array: Array) -> None:
        """Put the mean of all ranks' arrays into each of them."""
        if self.size > 1:
            self.all_reduce(array)
            array *= 1.0 / self.size

    def share(self, count: int, what: str = "rows") -> int:
        """This rank's part of so many things.

        Raises:
            ValueError: they cannot be shared evenly.
        """
        each, left = divmod(count, self.size)
        if left:
            raise ValueError(
                f"{count} {what} cannot be shared evenly by {self.size} ranks; take a multiple of "
                f"{self.size}."
            )
        return each

    def part(self, rows: Array, axis: int = 0) -> Array:
        """This rank's rows of an array that all ranks have: a view."""
        each = self.share(rows.shape[axis])
        mine = slice(self.rank * each, (self.rank + 1) * each)
        return rows[(slice(None),) * axis + (mine,)]

    def gather(self, rows: Array, axis: int = 0) -> Array:
        """The rows of all ranks in the order of the ranks, everywhere: what `part` took apart."""
        if self.size == 1:
            return rows
        xp = BACKEND_OF[type(rows)]
        shape = list(rows.shape)
        shape[axis] *= self.size
        whole = xp.zeros(tuple(shape), dtype=rows.dtype)
        self.part(whole, axis)[...] = rows
        self.all_reduce(whole)  # zeros change no value; -0.0 alone becomes 0.0
        return whole

    def agree(self, number: int | None) -> int | None:
        """The largest of what the ranks say; None if none of them says a number."""
        if self.size == 1:
            return number
        said = np.zeros(self.size, "int64")
        said[self.rank] = 0 if number is None else number + 1
        self.all_reduce(said)
        return int(said.max()) - 1 if said.any() else None

    def tell(self, content: bytes | None) -> bytes:
        """Rank 0's bytes, everywhere; what other ranks pass is not looked at."""
        if self.size == 1:
            return content or b""
        length = np.array([len(content or b"")], "int64")
        self.broadcast(length)
        buffer = np.empty(int(length[0]), "uint8")
        if self.rank == 0:
            buffer[...] = np.frombuffer(content or b"", "uint8")
        self.broadcast(buffer)
        return buffer.tobytes()


class Alone(Communicator):
    """A team of one: nothing needs to be said.

    >>> gradient = np.ones(2)
    >>> Alone().all_reduce(gradient)
    >>> gradient
    array([1., 1.])
    """

    def all_reduce(self, array: Array) -> None:
        """The sum over one rank."""

    def broadcast(self, array: Array) -> None:
        """Nobody listens."""

    def barrier(self) -> None:
        """Nobody is waited for."""

    def abort(self, code: int) -> None:
        """End this process."""
        raise SystemExit(code)
