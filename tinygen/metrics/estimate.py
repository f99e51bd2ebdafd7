"""A number that was measured, and how far to trust it.

    estimate = bootstrap(lambda x: x.mean(), rows, seed=0)
    estimate.value, estimate.error, (estimate.low, estimate.high)

`Measure` puts a floor beside it: what training data gets in the place of samples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

__all__ = ["Estimate", "Measure"]


@dataclass(frozen=True)
class Estimate:
    """value, its standard error, and the ends of its 95% confidence interval, all in its units.

    >>> bootstrap(lambda x: x.mean(), np.ones(10), seed=0)
    Estimate(value=1.0, error=0.0, low=1.0, high=1.0)
    """

    value: float
    error: float
    low: float
    high: float

    def within(self, least: float, most: float) -> Estimate:
        """With an interval that leaves out what cannot be."""
        return Estimate(self.value, self.error, max(self.low, least), min(self.high, most))

    def about(self, value: float) -> Estimate:
        """With the same error of another value, which is not negative."""
        shift = value - self.value
        moved = Estimate(value, self.error, self.low + shift, self.high + shift)
        return moved.within(0.0, math.inf)

    def as_dict(self) -> dict[str, Any]:
        """For JSON, which has no nan: five significant digits, and the interval as a pair."""
        value, error, *interval = (_rounded(v) for v in vars(self).values())
        return {"value": value, "error": error, "interval": interval}


@dataclass(frozen=True)
class Measure:
    """A line of a table. floor: of training data in place of samples. best: in words.

    >>> Measure("distance", Estimate(1.25, 0.1, 1.05, 1.45), floor=0.5, best="0").cells()
    ('distance', '1.250 +- 0.100', '0.500', '0')
    """

    name: str
    estimate: Estimate
    floor: float
    best: str

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {**self.estimate.as_dict(), "training_data": _rounded(self.floor)}

    def cells(self) -> tuple[str, str, str, str]:
        """Name, value with its error, floor, best: as many decimals as the error makes sense of."""
        value, error = self.estimate.value, self.estimate.error
        digits = 3 if max(abs(value), error, abs(self.floor)) < 10 else 2
        return (
            self.name, f"{value:.{digits}f} +- {error:.{digits}f}", f"{self.floor:.{digits}f}",
            self.best,
        )  # fmt: skip


def _rounded(value: float) -> float | None:
    return float(f"{value:.5g}") if math.isfinite(value) else None
