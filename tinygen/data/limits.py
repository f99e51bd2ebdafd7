"""How much data fits: asked before anything is allocated, for a header may promise anything.

    check_size(60_000 * 784, "mine.npz")                 # DataError where memory is too small

A container's limit and that of `ulimit -v` count too.
"""

import os
from contextlib import suppress
from pathlib import Path

from .errors import DataError

BYTES_PER_VALUE = 16
"""While it is read and split: once as stored (at most 8 bytes), twice as float32."""

CONTROL_GROUP = Path("/sys/fs/cgroup/memory.max")


def check_size(values: int, where: str) -> None:
    """Raise DataError when so many numbers cannot be held in this machine's memory."""
    needed, there_is = values * BYTES_PER_VALUE, memory()
    if needed > there_is:
        raise DataError(
            f"{where}: {values:,} numbers need {needed / 2**30:,.1f} GiB while they are read, and"
            f" this machine has {there_is / 2**30:,.1f} GiB: take fewer examples or smaller ones."
        )


def memory() -> int:
    """Bytes that this process may use: the machine's, or less by a container or `ulimit -v`."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    with suppress(OSError, ValueError):  # no such file, or "max"
        limits.append(int(CONTROL_GROUP.read_text()))
    try:
        import resource
    except ImportError:  # on Windows
        return min(limits)
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY:
        limits.append(limit)
    return min(limits)
