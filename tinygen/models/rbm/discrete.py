"""Units with finitely many values: Bernoulli units, and softmax units for categories.

    RBM(Bernoulli(784), Bernoulli(500), rng=rng)               # as RBM(784, 500, rng=rng)
    RBM(Softmax(groups=20, classes=5), 100, rng=rng)           # 20 variables of 5 values each

Their states can be numbered, so small models of them have exact likelihoods (`enumeration.py`).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...backend import Array
from ...data import DataError
from ...ops import logsumexp, sigmoid, softmax, softplus, sum
from ...random import Generator
from .units import Units

__all__ = ["Bernoulli", "Softmax"]


class Bernoulli(Units):
    """Units that are 0 or 1, (N, n): E(s) = -bias . s, and P(s = 1) = sigmoid(x).

    Args, and errors: as `Units`. Other values are refused by `check`, with DataError.

    >>> Bernoulli(2).mean(np.array([[0.0, 100.0]], "float32"))
    array([[0.5, 1. ]], dtype=float32)
    """

    values = "0 or 1"

    def __init__(self, n: int, *, dtype: str = "float32", device: str | None = None) -> None:
        super().__init__(n, dtype=dtype, device=device)
        self.n_states = 2.0**n if n < 1000 else math.inf

    def mean(self, x: Any) -> Any:
        """sigmoid(x)."""
        return sigmoid(x)

    def sample(self, x: Array, rng: Generator) -> Array:
        """1 with probability sigmoid(x), else 0."""
        return rng.bernoulli_logits(x)

    def cumulant(self, x: Any) -> Any:
        """The sum of softplus(x)."""
        return sum(softplus(x), axis=1)

    def states(self, start: int, stop: int) -> Array:
        """The binary digits of the numbers, the lowest first."""
        xp = self.xp
        digits = xp.right_shift(xp.arange(start, stop).reshape(-1, 1), xp.arange(self.n))
        return (digits & 1).astype(self.bias.dtype)

    def base_rate(self, s: Array) -> Units:
        """Biases log(m / (1 - m)) of the smoothed means m = (5 + sum) / (10 + count)."""
        mean = (5.0 + self.xp.sum(s, 0)) / (10.0 + len(s))
        return self.with_parameters(bias=self.xp.log(mean / (1.0 - mean)))

    def alternatives(self, site: int, reach: tuple[float, float]) -> tuple[Array, float]:
        """0 and 1."""
        return self.xp.arange(2).reshape(2, 1).astype(self.bias.dtype), 0.0

    def check(self, s: np.ndarray, where: str) -> None:
        """Raise DataError where a value is neither 0 nor 1."""
        if not ((s == 0) | (s == 1)).all():
            raise DataError(
                f"{where} has values in [{s.min():.4g}, {s.max():.4g}], but Bernoulli units are "
                "0 or 1: threshold them, as in (x > 0.5), or take Gaussian units."
            )


class Softmax(Units):
    """Groups of k units of which exactly one is 1: a categorical variable, "one-hot", each.

    P(unit c of a group is on) = softmax of the group's k inputs (Salakhutdinov, Mnih and Hinton
    2007, "Restricted Boltzmann machines for collaborative filtering", eq. 1).

    Args:
        groups: categorical variables.
        classes: k, values of each. The layer has groups * classes units, group by group.

    Raises:
        ValueError: there are no groups, or fewer than two classes.

    >>> units = Softmax(groups=2, classes=3)
    >>> units.sample(np.zeros((1, 6), "float32"), rng).reshape(2, 3).sum(1)
    array([1., 1.], dtype=float32)
    """

    values = "one 1 in each group and else 0"

    def __init__(
        self, groups: int, classes: int, *, dtype: str = "float32", device: str | None = None
    ) -> None:
        if classes < 2:
            raise ValueError(f"Softmax: a group has at least 2 classes, not {classes}.")
        self.groups, self.classes = groups, classes
        super().__init__(groups * classes, dtype=dtype, device=device)
        self.n_states = float(classes) ** groups if groups < 300 else math.inf

    def _grouped(self, x: Any) -> Any:
        return x.reshape((-1, self.groups, self.classes))

    def mean(self, x: Any) -> Any:
        """The softmax of each group."""
        return softmax(self._grouped(x), axis=2).reshape((-1, self.n))

    def sample(self, x: Array, rng: Generator) -> Array:
        """One unit of each group."""
        xp = self.xp
        p = softmax(self._grouped(x), axis=2)
        u = rng.uniform((*p.shape[:2], 1), dtype=p.dtype)
        # Counting the thresholds below u gives one class even where rounding lets p sum to less.
        chosen = xp.sum((xp.cumsum(p, axis=2)[:, :, :-1] <= u).astype("int64"), 2, keepdims=True)
        return (chosen == xp.arange(self.classes)).astype(p.dtype).reshape(-1, self.n)

    def cumulant(self, x: Any) -> Any:
        """The sum of the groups' logsumexp."""
        return sum(logsumexp(self._grouped(x), axis=2), axis=1)

    def states(self, start: int, stop: int) -> Array:
        """The digits of the numbers to base k, the lowest first."""
        xp = self.xp
        powers = xp.power(self.classes, xp.arange(self.groups))
        digits = xp.floor_divide(xp.arange(start, stop).reshape(-1, 1), powers) % self.classes
        hot = digits.reshape(-1, self.groups, 1) == xp.arange(self.classes)
        return hot.astype(self.bias.dtype).reshape(-1, self.n)

    def base_rate(self, s: Array) -> Units:
        """Biases log(count + 1)."""
        return self.with_parameters(bias=self.xp.log(self.xp.sum(s, 0) + 1.0))

    @property
    def n_sites(self) -> int:
        """The groups."""
        return self.groups

    def columns(self, site: int) -> slice:
        """The columns of one group."""
        return slice(site * self.classes, (site + 1) * self.classes)

    def alternatives(self, site: int, reach: tuple[float, float]) -> tuple[Array, float]:
        """Each class."""
        return self.xp.eye(self.classes, dtype=self.bias.dtype), 0.0

    def check(self, s: np.ndarray, where: str) -> None:
        """Raise DataError where a group is not one-hot."""
        hot = ((s == 0) | (s == 1)).all() and (s.reshape(-1, self.classes).sum(1) == 1).all()
        if not hot:
            raise DataError(
                f"{where} is not one-hot in groups of {self.classes}: give each of the "
                f"{self.groups} variables {self.classes} columns, of which one is 1."
            )

    def extra_repr(self) -> str:
        """Groups and classes."""
        return f"{self.groups}, {self.classes}"
