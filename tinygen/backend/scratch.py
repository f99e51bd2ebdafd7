"""Work buffers that outlive a call: large ones are not mapped and cleared anew each time.

    scratch = Scratch(limit=1 << 26)                     # bytes, of all that is kept
    with scratch.use(key, lambda: np.empty(shape)) as buffer:
        ...                                              # its content is what the last use left

Beyond the limit the least recently used is forgotten first.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["Scratch"]


class Scratch:
    """Arrays kept by key, the least recently used forgotten beyond `limit` bytes.

    A buffer in use is not in the store: whoever asks for the same key meanwhile, such as another
    thread, gets one of its own.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.kept: dict[Hashable, Any] = {}

    @contextmanager
    def use(self, key: Hashable, make: Callable[[], Any]) -> Iterator[Any]:
        """The buffer kept under `key`, as it was left; if there is none, what `make` returns."""
        buffer = self.kept.pop(key, None)
        if buffer is None:
            buffer = make()
        yield buffer  # not put back after an error: it may be half-written
        if buffer.nbytes <= self.limit:
            self.kept[key] = buffer
            self._forget_the_oldest()

    def _forget_the_oldest(self) -> None:
        while sum(buffer.nbytes for buffer in list(self.kept.values())) > self.limit:
            self.kept.pop(next(iter(self.kept)), None)
