"""Opening files of your own, and telling their damage in one sentence.

    with open_plain(name) as file, damage_told(name, "an image"):
        ...                                              # any decoder's error becomes a DataError

So all readers of files tell a damaged one alike.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from .errors import DataError


def open_plain(name: str) -> IO[bytes]:
    """The file, to be read; a pipe or a device, which may never end, is refused."""
    if os.path.exists(name) and not os.path.isfile(name):
        raise DataError(f"{name}: cannot be read (it is no plain file): check the path.")
    try:
        return open(name, "rb")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{name}: cannot be read ({reason}): check the path.") from error


@contextmanager
def damage_told(name: str, kind: str) -> Iterator[None]:
    """Whatever goes wrong over the bytes of a damaged file, as a DataError: it is no `kind`.

    Decoders raise a dozen unrelated types between them.
    """
    try:
        yield
    except (DataError, MemoryError):
        raise
    except Exception as error:
        reason = first_line(error) or type(error).__name__
        raise DataError(f"{name}: damaged or not {kind} ({reason}): save it again.") from error


def first_line(error: Exception) -> str:
    """What an error says, short enough for a sentence."""
    return str(error).split("\n")[0].rstrip(".")[:200]
