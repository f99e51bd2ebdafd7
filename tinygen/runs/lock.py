"""One process at a time in a folder.

    with locked(folder):                                 # TakenError if another process has it
        ...

The system lifts the lock when the process ends, even if that is killed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .files import TakenError

__all__ = ["locked"]


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder for this process alone; however that ends, the lock ends with it.

    There is none on Windows, nor on network file systems that cannot lock a folder.

    Raises:
        TakenError: another process holds it.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks
            if not _taken(lambda: fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)):
                raise TakenError(
                    f"{folder} is in use by another process: wait until that ends, or stop it."
                )
        yield
    finally:
        os.close(handle)


def _taken(lock: Callable[[], None]) -> bool:
    """Whether the lock could be had.

    A process that was killed as it started another one lets go only when that one is running.
    """
    for _ in range(20):
        try:
            lock()
            return True
        except BlockingIOError:
            time.sleep(0.05)
    return False
