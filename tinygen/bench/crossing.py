"""The size from which one device is faster than another.

`overtaking(sizes, slower, faster)` finds it from the times of both devices, by interpolation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Crossing", "overtaking"]


@dataclass(frozen=True)
class Crossing:
    """Where the slower device of the smallest sizes gets ahead for good."""

    size: float | None
    """None: at the largest measured size it is still behind."""
    inside: bool
    """Whether the size lies between two measured ones; else it is ahead at all of them."""

    def describe(self, faster: str, slower: str, size_is: str) -> str:
        """For a line of text."""
        if self.size is None:
            return f"{faster} overtakes {slower} never in this range"
        if not self.inside:
            return f"{faster} is ahead of {slower} at every size"
        return f"{faster} overtakes {slower} at {as_number(self.size)} {size_is}"


def overtaking(sizes: Sequence[int], slower: Sequence[float], faster: Sequence[float]) -> Crossing:
    """From which size on the times `faster` are below the times `slower`, up to the largest size.

    Between two sizes, log(faster / slower) is taken as linear in log(size).

    Args:
        sizes: ascending, at least one.
    """
    lead = [math.log(f / s) for f, s in zip(faster, slower, strict=True)]
    if not lead or lead[-1] >= 0:
        return Crossing(None, False)
    behind = [i for i, value in enumerate(lead) if value >= 0]
    if not behind:
        return Crossing(float(sizes[0]), False)
    i = behind[-1]
    share = lead[i] / (lead[i] - lead[i + 1])
    return Crossing(sizes[i] * (sizes[i + 1] / sizes[i]) ** share, True)


def as_number(size: float) -> str:
    """To two digits, which is what an interpolated size is good for: "1,300"."""
    digits = 1 - math.floor(math.log10(size)) if size > 0 else 0
    return f"{round(size, digits):,.{max(0, digits if size < 10 else 0)}f}"
