"""The sources of the kernels, `*.cu` in this folder, and how work is divided among threads."""

from __future__ import annotations

import functools
from pathlib import Path

__all__ = ["BLOCKS", "THREADS", "blocks_for", "options", "source"]

THREADS = 256
"""In a block; `common.cu` says the same."""

BLOCKS = 4096
"""At most so many at a time: more items than threads are taken in turns."""


@functools.cache
def source() -> str:
    """All of them as one, what they share first; Real is a macro that the compiler is given."""
    folder = Path(__file__).parent
    names = ["common.cu", *sorted({p.name for p in folder.glob("*.cu")} - {"common.cu"})]
    return "\n".join((folder / name).read_text(encoding="utf-8") for name in names)


def options(real: str) -> tuple[str, ...]:
    """What NVRTC is given to compile them for Real = "float" or "double".

    A product and a sum are rounded one after the other, as NumPy does: joined into one instruction
    they would make other numbers of the same random bits.
    """
    return f"-DReal={real}", "--std=c++17", "--fmad=false"


def blocks_for(items: int) -> int:
    """How many blocks take so many items, a thread each."""
    return max(1, min(-(-items // THREADS), BLOCKS))
