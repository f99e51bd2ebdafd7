"""Statistics of activations without temporaries, in any memory layout: see normalization.cu."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..base import Array
from .activations import Activations
from .launching import memory_order
from .softmax import lanes_for
from .source import BLOCKS, THREADS, blocks_for

__all__ = ["Normalization"]

NEIGHBOURS = 32
"""Threads that read neighbours: a warp."""

MOST_RUNS = 2
"""Of those summed over, and of those kept: more of them are left to the library."""

ITEMS = 16
"""So many for each thread before a sum is taken in parts."""

JOBS = 512
"""Blocks that keep a large device busy."""


class Run(NamedTuple):
    """Axes that lie side by side in memory, all summed over or all kept."""

    summed: bool
    length: int
    stride: int


class Normalization(Activations):
    """Sums of products, standard deviations, scaling and shifting."""

    def sum_products(self, a: Array, b: Array | None, axes: tuple[int, ...]) -> Array:
        """Sum of a * b (None: of a) over `axes`, by one kernel, or two if few sums are long."""
        return self._sums(a, b, axes, 1.0)

    def mean_of(self, x: Array, axes: tuple[int, ...], count: int) -> Array:
        """The mean over `axes`, likewise."""
        return self._sums(x, None, axes, 1.0 / count)

    def inverse_std(self, squares: Array, count: int, eps: float) -> Array:
        """1 / sqrt(squares / count + eps)."""
        if not self.fits(squares):
            return super().inverse_std(squares, count, eps)
        return self.elementwise("inverse_std", squares, numbers=(1.0 / count, float(eps)))

    def inverse_std_slope(self, g: Array, y: Array, count: int) -> Array:
        """The slope of y = inverse_std(squares) times g."""
        if not self.fits(g, y) or g.shape != y.shape:
            return super().inverse_std_slope(g, y, count)
        return self.elementwise("inverse_std_slope", g, y, numbers=(-0.5 / count,))

    def track(
        self, mean: Array, var: Array, seen: Array, batch_mean: Array, squares: Array,
        count: int, momentum: float | None,
    ) -> None:  # fmt: skip
        """Move running statistics towards those of one more batch, in place."""
        kept = (mean, var)
        if momentum is None or not self.fits(*kept, batch_mean, squares) or seen.dtype != np.int64:
            super().track(mean, var, seen, batch_mean, squares, count, momentum)
            return
        self.launch(
            "track", mean.dtype, blocks_for(mean.size),
            *kept, seen, self.dense(batch_mean), self.dense(squares), mean.size,
            1.0 / (count - 1), float(momentum),
        )  # fmt: skip

    def scale_shift(self, x: Array, s: Array, shift: Array) -> Array:
        """x * s + shift, where both vary along axes of x that lie side by side."""
        if not self.fits(x, s, shift) or s.shape != shift.shape:
            return super().scale_shift(x, s, shift)
        shape = (1,) * (x.ndim - s.ndim) + s.shape
        order = memory_order(x)
        runs = _runs([(shape[i] == 1, x.shape[i]) for i in order])
        varying = [run for run in runs if not run.summed]
        if len(varying) != 1 or varying[0].length != s.size:
            return super().scale_shift(x, s, shift)
        s, shift = (v.reshape(shape) for v in (s, shift))
        x, s, shift = (self.dense(v.transpose(order)) for v in (x, s, shift))
        y = self.empty(x.shape, dtype=x.dtype)
        self.launch(
            "scale_shift", x.dtype, blocks_for(x.size),
            y, x, s, shift, x.size, varying[0].stride, s.size,
        )  # fmt: skip
        return y.transpose(sorted(range(y.ndim), key=order.__getitem__))

    def _sums(self, a: Array, b: Array | None, axes: tuple[int, ...], factor: float) -> Array:
        """`factor` times the sum of a * b (None: of a) over `axes`."""
        order = memory_order(a)
        runs = _runs([(i in axes, a.shape[i]) for i in order])
        summed = [run for run in runs if run.summed]
        fitting = self.fits(a) if b is None else self.fits(a, b) and a.shape == b.shape
        if not fitting or max(len(summed), len(runs) - len(summed)) > MOST_RUNS:
            total = super().sum_products(a, b, axes)
            return total if factor == 1.0 else total * factor
        a, b = (None if x is None else self.dense(x.transpose(order)) for x in (a, b))
        kept = [i for i in order if i not in axes]
        y = self._sum_runs(a, b, runs, factor).reshape([a.shape[order.index(i)] for i in kept])
        return y.transpose(sorted(range(len(kept)), key=kept.__getitem__))

    def _sum_runs(
        self, a: Array, b: Array | None, runs: list[Run], factor: float, jobs: int = JOBS
    ) -> Array:
        """The sums, in the order of the runs that are kept; by at most so many blocks, or one."""
        (k0, s0), (k1, s1) = _pair([run for run in runs if not run.summed])
        (r0, t0), (r1, t1) = _pair([run for run in runs if run.summed])
        outputs, items = k0 * k1, r0 * r1
        lanes, step = _division(outputs, items, not runs or runs[-1].summed)
        tiles = -(-outputs // (THREADS // lanes))
        parts = max(1, min(items // (lanes * ITEMS), jobs // tiles))
        sums = self.empty((parts, outputs), dtype=a.dtype)
        self.launch(
            "sum_products", a.dtype, min(tiles * parts, BLOCKS),
            sums, a, b, outputs, items, parts, lanes, step, k1, s0, s1, r1, t0, t1,
            factor if parts == 1 else 1.0,
        )  # fmt: skip
        if parts == 1:
            return sums
        rest = [Run(True, parts, outputs), Run(False, outputs, 1)]
        return self._sum_runs(sums, None, rest, factor, 1)


def _runs(axes: list[tuple[bool, int]]) -> list[Run]:
    """(Summed over or not, length) of each axis in the order of memory, as runs of equal ones."""
    runs: list[Run] = []
    stride = 1
    for summed, length in reversed(axes):
        if length == 1:
            continue
        if runs and runs[0].summed == summed:
            runs[0] = runs[0]._replace(length=runs[0].length * length)
        else:
            runs.insert(0, Run(summed, length, stride))
        stride *= length
    return runs


def _pair(runs: list[Run]) -> list[tuple[int, int]]:
    """(Length, stride) of the outer and of the inner run; one of length 1 for a missing one."""
    return [(1, 0)] * (2 - len(runs)) + [(run.length, run.stride) for run in runs]


def _division(outputs: int, items: int, neighbours_are_summed: bool) -> tuple[int, int]:
    """Threads that share one sum, and how far apart they lie in their block."""
    if neighbours_are_summed:
        return lanes_for(items), 1
    lanes = 1
    while lanes * 2 <= items and lanes * 2 * min(outputs, NEIGHBOURS) <= THREADS:
        lanes *= 2
    return lanes, THREADS // lanes
