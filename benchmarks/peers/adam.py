"""Adam for libraries that bring none: its formula, array by array, in place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygen.bench.problems import Array


class Adam:
    """Of arrays that it changes. problem: has `lr` and `betas`."""

    def __init__(self, arrays: Sequence[Array], problem: Any) -> None:
        self.arrays = arrays
        self.lr, (self.beta1, self.beta2) = problem.lr, problem.betas
        self.m, self.v = ([np.zeros_like(a) for a in arrays] for _ in range(2))
        self.t = 0

    def step(self, gradients: Sequence[Array]) -> None:
        self.t += 1
        root = math.sqrt(1.0 - self.beta2**self.t)
        size = self.lr * root / (1.0 - self.beta1**self.t)
        for w, g, m, v in zip(self.arrays, gradients, self.m, self.v, strict=True):
            m *= self.beta1
            m += (1.0 - self.beta1) * g
            v *= self.beta2
            v += (1.0 - self.beta2) * (g * g)
            w -= size * m / (np.sqrt(v) + 1e-8 * root)
