"""Batches: shuffled, aligned, and resumable in the middle of an epoch.

    batches = BatchLoader((images, labels), 64, rng)
    x, y = batches.next_batch()                          # (64, ...) and (64,)
    batches.load_state_dict(state)                       # on from where `state_dict` was taken

A resumed loader gives the batches that the interrupted one would have given.
"""

import operator
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..parallel import team
from ..random import Generator
from .errors import DataError

Batch = tuple[NDArray[Any], ...]
SETTINGS = ("n_examples", "shuffle", "drop_last")


class BatchLoader:
    """Cuts aligned arrays into batches, in a new random order each epoch.

    `next_batch()` never ends; `for batch in loader` ends with the epoch. A batch is a tuple with
    one fresh array (batch_size, ...) for each of `arrays`.

    arrays: any number of arrays of one length N, as (images, labels). rng: the loader's own;
    nothing else may draw from it, or a resumed run would differ. shuffle: False keeps the order.
    drop_last: False ends an epoch with the shorter batch that is left over. Where several ranks
    train together all draw the same order, and each gets its rows of every batch. Raises DataError
    when the lengths differ, or batch_size is not in 1..N.

    >>> x, labels = np.zeros((10, 4)), np.arange(10)
    >>> [batch[1].shape for batch in BatchLoader((x, labels), 4, rng, drop_last=False)]
    [(4,), (4,), (2,)]
    """

    def __init__(
        self,
        arrays: Sequence[NDArray[Any]],
        batch_size: int,
        rng: Generator,
        shuffle: bool = True,
        drop_last: bool = True,
    ) -> None:
        self.arrays = _check_arrays(arrays)
        self.n_examples = len(self.arrays[0])
        self.batch_size = _check_batch_size(batch_size, self.n_examples)
        self.rng = rng
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.epoch = 0
        self._position = 0  # examples drawn in this epoch
        self._rng_at_start = rng.state_dict()
        self._order: NDArray[np.intp] | None = None

    def __len__(self) -> int:
        """Batches in an epoch."""
        whole, rest = divmod(self.n_examples, self.batch_size)
        return whole if self.drop_last or rest == 0 else whole + 1

    def __iter__(self) -> Iterator[Batch]:
        """The batches left in this epoch, or the next epoch's when this one is spent."""
        yield self.next_batch()
        while not self._spent():
            yield self.next_batch()

    def next_batch(self) -> Batch:
        """The next batch; a new epoch begins when the last one is spent."""
        if self._order is None:
            self._order = self._draw_order()
        elif self._spent():
            self.epoch += 1
            self._position = 0
            self._order = self._draw_order()
        rows = self._order[self._position : self._position + self.batch_size]
        self._position += len(rows)
        mine = team().part(rows)
        return tuple(array.take(mine, axis=0) for array in self.arrays)

    def state_dict(self) -> dict[str, Any]:
        """Where the loader stands: epoch, examples drawn in it, and the rng as the epoch began."""
        at_start = self.rng.state_dict() if self._order is None else self._rng_at_start
        return {
            "rng": at_start,
            "epoch": self.epoch,
            "position": self._position,
            **{name: getattr(self, name) for name in SETTINGS},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on exactly where `state_dict` was taken; with batches of another size if this is one.

        Raises DataError when the state is incomplete, or of a loader of other settings or data.
        """
        missing = {"rng", "epoch", "position", *SETTINGS} - set(state)
        if missing:
            raise DataError(f"the loader's state lacks {sorted(missing)}: use another checkpoint.")
        for name in SETTINGS:
            if state[name] != getattr(self, name):
                raise DataError(
                    f"the saved loader had {name} {state[name]}, this one has"
                    f" {getattr(self, name)}: resume with the same data and settings."
                )
        if not 0 <= state["position"] <= self.n_examples:
            raise DataError(
                f"the loader's state is at position {state['position']} of {self.n_examples}"
                " examples: use another checkpoint."
            )
        self.rng.load_state_dict(state["rng"])
        self.epoch = state["epoch"]
        self._position = state["position"]
        self._order = self._draw_order()

    def _spent(self) -> bool:
        """Whether nothing is left of this epoch, or less than a batch where that is dropped."""
        left = self.n_examples - self._position
        return left < (self.batch_size if self.drop_last else 1)

    def _draw_order(self) -> NDArray[np.intp]:
        self._rng_at_start = self.rng.state_dict()
        if not self.shuffle:
            return np.arange(self.n_examples)
        return self.rng.permutation(self.n_examples).astype(np.intp, copy=False)


def _check_arrays(arrays: Sequence[NDArray[Any]]) -> Batch:
    if isinstance(arrays, np.ndarray):
        raise DataError(
            f"arrays is one array of shape {arrays.shape}: give a tuple, as in (images,) or"
            " (images, labels)."
        )
    lengths = [len(array) for array in arrays]
    if len(set(lengths)) != 1:
        raise DataError(
            f"arrays have lengths {lengths}: give at least one array, and all of one length."
        )
    return tuple(arrays)


def _check_batch_size(batch_size: int, n_examples: int) -> int:
    if n_examples == 0:
        raise DataError("arrays are empty: give at least one example.")
    try:
        size = operator.index(batch_size)
    except TypeError:
        raise DataError(f"batch_size is {batch_size!r}: give an integer.") from None
    if not 1 <= size <= n_examples:
        raise DataError(
            f"batch_size is {size}, but there are {n_examples} examples: choose 1 to {n_examples}"
            f" (in a recipe, --set batch={n_examples})."
        )
    return size
