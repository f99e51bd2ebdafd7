"""Memory of a device, as numbers and as people write it: "4GB", "512 MiB", "50%".

    read_limit("50%", total=memory.total)                # bytes
    as_text(1_536)                                       # "1.50 KiB"

GB are 10^9 bytes, GiB 2^30.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Memory", "as_text", "read_limit"]

UNITS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
"""Prefixes of the byte, by the power of 1000 (GB), or of 1024 (GiB), that they stand for."""


@dataclass(frozen=True)
class Memory:
    """What a device's pool of memory holds, all in bytes.

    A pool keeps what arrays free for the next ones, so `reserved` only grows: read at the end of a
    run, it is the run's peak.
    """

    used: int
    """By arrays that are alive."""
    reserved: int
    """Taken from the device: used, and kept for the next arrays."""
    limit: int | None
    """The most that the pool may reserve; None: all that the device has."""
    total: int
    """The memory of the device."""

    def describe(self) -> str:
        """For a line of text."""
        limit = "no limit" if self.limit is None else f"limit {as_text(self.limit)}"
        return f"{as_text(self.used)} used, {as_text(self.reserved)} reserved, {limit}"


def as_text(size: int) -> str:
    """A number of bytes to three digits: "0 B", "1.46 MiB", "139 GiB"."""
    value, power = float(size), 0
    while value >= 999.5 and power < len(UNITS) - 1:
        value, power = value / 1024, power + 1
    unit = ("B", "KiB", "MiB", "GiB", "TiB")[power]
    return f"{value:.0f} B" if power == 0 else f"{value:#.3g}".rstrip(".") + f" {unit}"


def read_limit(text: str, total: int) -> int:
    """The bytes that "4GB" (10^9 each), "4 GiB" (2^30 each) or "50%" (of `total`) stand for.

    Raises:
        ValueError: it is none of these, nothing, or more than the device has.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*(?:(%)|([kmgt]?)(i?)b)\s*", text.lower())
    if match is None:
        raise ValueError(f"a limit is a size, such as 4GB or 512MiB, or a share, such as 50%, "
                         f"not {text!r}.")  # fmt: skip
    number, percent, prefix, binary = match.groups()
    unit = total / 100 if percent else (1024 if binary else 1000) ** UNITS[prefix]
    size = int(float(number) * unit)
    if not 1 <= size <= total:
        raise ValueError(
            f"the limit {text.strip()!r} must be more than nothing, and no more than the "
            f"{as_text(total)} that the device has."
        )
    return size
