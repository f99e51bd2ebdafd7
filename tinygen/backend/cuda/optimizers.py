"""One step of an update rule in one kernel, over all parameters: see optimizers.cu."""

from __future__ import annotations

from typing import Any

from ..base import Array, parallel
from .launching import Launching
from .source import THREADS, blocks_for

__all__ = ["Optimizers"]


class Optimizers(Launching):
    """SGD, Adam, and the approach of an average to its weights."""

    def sgd_update(
        self,
        w: Array,
        g: Array,
        velocity: Array | None,
        numbers: tuple[float] | Array,
        momentum: float,
        nesterov: bool,
        weight_decay: float,
    ) -> None:
        """One step of SGD."""
        (lr,), live = by_value(numbers, 1)
        self.launch(
            "sgd", w.dtype, blocks_for(w.size),
            w, g, velocity, w.size, float(lr), float(momentum), int(nesterov),
            float(weight_decay), live,
        )  # fmt: skip

    def adam_update(
        self,
        w: Array,
        g: Array,
        m: Array,
        v: Array,
        numbers: tuple[float, float, float] | Array,
        beta1: float,
        beta2: float,
        weight_decay: float,
    ) -> None:
        """One step of Adam or AdamW."""
        (size, eps, shrink), live = by_value(numbers, 3)
        self.launch(
            "adam", w.dtype, blocks_for(w.size),
            w, g, m, v, w.size,
            *map(float, (beta1, beta2, weight_decay, size, eps, shrink)), live,
        )  # fmt: skip

    def turn_from(self, g: Array, w: Array) -> None:
        """The part of g that is orthogonal to w, scaled to the length of g, for two vectors."""
        if not self.fits(g, w):
            super().turn_from(g, w)
            return
        blocks = min(blocks_for(g.size), THREADS)  # whose sums one block can add up
        before, after = (self.empty(3 * blocks, dtype="float64") for _ in range(2))
        self.launch("turn_products", g.dtype, blocks, before, g, w, g.size)
        self.launch("turn_once", g.dtype, blocks, after, g, w, g.size, before, blocks)
        self.launch(
            "turn_again", g.dtype, blocks,
            g, w, g.size, before, after, blocks, parallel(g.dtype),
        )  # fmt: skip

    def approach(self, a: Array, b: Array, numbers: tuple[float] | Array) -> None:
        """a += part * (b - a)."""
        (part,), live = by_value(numbers, 1)
        self.launch(
            "approach", a.dtype, blocks_for(a.size),
            a, self.dense(b), a.size, float(part), live,
        )  # fmt: skip


def by_value(numbers: Any, count: int) -> tuple[tuple, Array | None]:
    """What `Backend.live` gave, as numbers and the array that holds them instead (or None)."""
    return (numbers, None) if isinstance(numbers, tuple) else ((0,) * count, numbers)
