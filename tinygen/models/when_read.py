"""What a training step reports but does not compute unless somebody looks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["WhenRead"]


class WhenRead:
    """A number that `float(x)` computes: what is not looked at costs nothing.

    >>> number = WhenRead(lambda: 42)
    >>> float(number)
    42.0
    """

    def __init__(self, compute: Callable[[], Any]) -> None:
        self._compute = compute

    def __float__(self) -> float:
        return float(self._compute())
