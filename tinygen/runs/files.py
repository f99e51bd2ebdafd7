"""Files written whole or not at all, and their errors as one sentence.

    write_file(Path("found.json"), content)              # RunError on a full disk, say

The content goes to a file beside it, which is then renamed: a killed process leaves the old one.
"""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

__all__ = [
    "ELSEWHERE",
    "RunError",
    "TakenError",
    "explained",
    "npz_bytes",
    "sync",
    "write_file",
    "write_whole",
]

ELSEWHERE = "or name another place with --out"
"""How a remedy goes on where a command takes --out."""


class RunError(RuntimeError):
    """A run cannot begin or go on; one sentence says why and what to do."""


class TakenError(RunError):
    """A run's folder holds something already, or another process is at work in it."""


def write_file(path: Path, content: bytes) -> None:
    """Write a file of the user's naming, whole or not at all."""
    with explained(f"cannot write {path}"):
        write_whole(path, content)


def npz_bytes(**arrays: np.ndarray) -> bytes:
    """Named arrays as an .npz file's content."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def write_whole(path: Path, content: bytes) -> None:
    """The file with all of `content`, or, after an error or a kill, as it was before."""
    temporary = path.with_name(f".writing-{os.getpid()}-{path.name[-100:]}")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync(path.parent)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def sync(path: Path) -> None:
    """Let what was written there outlast a power cut: a file's content, or the names in a folder.

    (Windows does the latter by itself, and cannot be asked to.)
    """
    if os.name == "nt" and path.is_dir():
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def explained(failure: str, then: str = ELSEWHERE) -> Iterator[None]:
    """Tell an error of the file system as one sentence.

    Args:
        then: how the remedy goes on.
    """
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        remedy = "free some space" if full else "check the path"
        reason = error.strerror or str(error)
        raise RunError(f"{failure} ({reason}): {remedy} {then}.") from error
