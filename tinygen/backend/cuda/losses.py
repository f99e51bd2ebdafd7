"""Losses that are means, without temporaries: see losses.cu."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base import Array
from .launching import Launching
from .source import THREADS, blocks_for

__all__ = ["Losses"]

ITEMS = 16
"""So many for each thread before there is a second block."""


class Losses(Launching):
    """Binary cross-entropy of logits, and the loss of classes, each with its slope."""

    def bce_with_logits(self, x: Array, target: Any) -> Array:
        """The mean of softplus(x) - target * x."""
        if not self.fits(x) or (given := self._target(x, target)) is None:
            return super().bce_with_logits(x, target)
        return self._mean("bce_with_logits", x.size, 1.0 / x.size, self.dense(x), *given)

    def bce_slope(self, x: Array, target: Any, g: Array) -> Array:
        """(sigmoid(x) - target) * g / size."""
        if not self.fits(x, g) or g.ndim or (given := self._target(x, target)) is None:
            return super().bce_slope(x, target, g)
        y = self.empty(x.shape, dtype=x.dtype)
        self.launch(
            "bce_slope", x.dtype, blocks_for(x.size),
            y, self.dense(x), *given, g, x.size, 1.0 / x.size,
        )  # fmt: skip
        return y

    def class_loss(self, logs: Array, labels: Array) -> Array:
        """The mean of -logs[i, labels[i]]; nan if a label is none of the classes."""
        if not self.fits(logs) or not self._are_labels(labels):
            return super().class_loss(logs, labels)
        n, classes = logs.shape
        rows = self.dense(logs)
        return self._mean(
            "class_loss", n, -1.0 / n, rows, self._labels(labels), counts=(n, classes)
        )

    def class_loss_slope(self, g: Array, labels: Array, shape: tuple[int, ...]) -> Array:
        """-g / N at [i, labels[i]], else zeros."""
        n, classes = shape
        if not self.fits(g) or n * classes == 0 or not self._are_labels(labels):
            return super().class_loss_slope(g, labels, shape)
        y = self.empty(shape, dtype=g.dtype)
        self.launch(
            "class_loss_slope", g.dtype, blocks_for(y.size),
            y, g, self._labels(labels), n, classes, -1.0 / n,
        )  # fmt: skip
        return y

    def _target(self, x: Array, target: Any) -> tuple[Array | None, float] | None:
        """An array like x, or a number; None: neither."""
        if isinstance(target, (int, float)):
            return None, float(target)
        if self.holds(target) and target.shape == x.shape and self.fits(x, target):
            return self.dense(target), 0.0
        return None

    def _are_labels(self, labels: Any) -> bool:
        return self.holds(labels) and labels.dtype.kind in "iu"

    def _labels(self, labels: Array) -> Array:
        return self.dense(labels.astype(np.int64, copy=False))

    def _mean(
        self,
        name: str,
        n: int,
        factor: float,
        *arguments: Any,
        counts: tuple[int, ...] | None = None,
    ) -> Array:
        """What a kernel `(sums, *arguments, *counts, factor)` adds up over n items."""
        dtype = arguments[0].dtype
        blocks = min(blocks_for(-(-n // ITEMS)), THREADS)
        sums = self.empty(blocks, dtype=dtype)
        self.launch(name, dtype, blocks, sums, *arguments, *(counts or (n,)), factor)
        if blocks == 1:
            return sums.reshape(())
        total = self.empty((), dtype=dtype)
        self.launch("add_up", dtype, 1, total, sums, blocks)
        return total
