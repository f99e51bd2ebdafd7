"""What stands for the capture of a CUDA graph: operations noted on a tape, to be done again.

As on a GPU, an operation that is recorded leaves no trace until the tape is played; then it reads
and writes the same memory as when it was recorded, with the same numbers. (Here it has to be done
once to find the shape of its result; what it overwrote is put back.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

_tape: Tape | None = None


class Tape:
    """Recorded operations."""

    def __init__(self) -> None:
        self._operations: list[Callable[[], None]] = []
        self._before: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def note(self, function: Callable[[], Any], written: tuple[np.ndarray, ...]) -> Any:
        for array in written:
            self._before.setdefault(id(array), (array, array.copy()))
        with np.errstate(all="ignore"):  # the numbers of `live` come with the launch
            result = _as_arrays(function())
        self._operations.append(lambda: _write(result, function()))
        return result

    def undo(self) -> None:
        for array, values in reversed(self._before.values()):
            array[...] = values

    def launch(self) -> None:
        for operation in self._operations:
            operation()


def do(function: Callable[[], Any], *written: np.ndarray) -> Any:
    """What `function` returns: arrays, or None if it writes into the arrays named."""
    return _as_arrays(function()) if _tape is None else _tape.note(function, written)


def refuse(what: str) -> None:
    """A wait or an upload: CUDA allows none while it records."""
    if _tape is not None:
        raise RuntimeError(f"operation not permitted when stream is capturing ({what})")


def begin() -> None:
    """From here on everything is put on a tape."""
    global _tape
    _tape = Tape()


def end() -> Tape:
    """The tape; nothing of what is on it has happened."""
    global _tape
    assert _tape is not None
    tape, _tape = _tape, None
    tape.undo()
    return tape


def _as_arrays(result: Any) -> Any:
    if isinstance(result, np.generic):
        return np.asarray(result)
    if isinstance(result, (list, tuple)):
        return tuple(_as_arrays(part) for part in result)
    return result


def _write(place: Any, new: Any) -> None:
    if isinstance(place, tuple):
        for part, value in zip(place, new, strict=True):
            _write(part, value)
    elif isinstance(place, np.ndarray) and not np.may_share_memory(place, new):  # no view
        place[...] = new
