"""All tasks in all spaces: means over draws, with 95% confidence intervals.

    print(scorecard([Space("mine", train, test), *baselines(data, 64)], data, seed=0).describe())

`tinygen scorecard RUN` prints such a table for a finished run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...data import Dataset
from ..estimate import Estimate
from .classification import few_labels, linear_probe, nearest_neighbours
from .clustering import clustering
from .outliers import outliers
from .reduction import reduction
from .view import DRAWS, Space, View, views

__all__ = ["Card", "over_draws", "scorecard"]

Task = Callable[[View], dict[str, float]]

WITH_LABELS: tuple[Task, ...] = (
    linear_probe,
    nearest_neighbours,
    few_labels,
    clustering,
    outliers,
)
WITHOUT: tuple[Task, ...] = (reduction,)


@dataclass(frozen=True)
class Card:
    """Estimates by measure and space, in the order of the tasks; and what was left out, and why.

    Each is a mean over `draws` draws of examples.

    >>> from tinygen.metrics import Estimate
    >>> print(Card({"probe": {"mine": Estimate(0.9, 0.01, 0.88, 0.92)}}, 5, ()).describe())
           mine
    probe  0.900 +- 0.020
    """

    figures: Mapping[str, Mapping[str, Estimate]]
    draws: int
    left_out: tuple[str, ...]

    def describe(self) -> str:
        """A table: a line for each measure, a column for each space."""
        spaces = list(next(iter(self.figures.values())))
        rows = [["", *spaces]]
        for name, found in self.figures.items():
            rows.append([name, *(_cell(found[s]) if s in found else "" for s in spaces)])
        widths = [max(len(row[i]) for row in rows) + 2 for i in range(len(rows[0]))]
        padded = [[c.ljust(w) for c, w in zip(row, widths, strict=True)] for row in rows]
        return "\n".join(["".join(cells).rstrip() for cells in padded] + list(self.left_out))

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "draws": self.draws,
            "figures": {
                name: {space: estimate.as_dict() for space, estimate in found.items()}
                for name, found in self.figures.items()
            },
            "left_out": list(self.left_out),
        }


def scorecard(
    spaces: Sequence[Space],
    data: Dataset,
    seed: int,
    draws: int | None = None,
    note: Callable[[str], None] = lambda text: None,
) -> Card:
    """Every task that suits the data, in every space.

    The interval is of the choice of examples, not of another training of the model; where the data
    is so small that draws overlap, it is too narrow.

    Args:
        spaces: of the same examples as `data`; the first is what is judged, others stand beside it.
        seed: of the draws. draws: how many; None for 5.
        note: is told how it goes.

    Raises:
        ValueError: features are not all finite.
        ConfigError: scikit-learn is not installed.

    >>> two = tg.data.from_arrays("two", rng.normal((40, 2)))
    >>> spaces = [Space("inputs", two.train, two.test)]
    >>> list(scorecard(spaces, two, seed=0, draws=2).figures)
    ['variance of inputs explained by 2']
    """
    from threadpoolctl import threadpool_limits  # which scikit-learn brings along

    draws, labelled = draws or DRAWS, data.n_classes > 1
    tasks = WITHOUT + (WITH_LABELS if labelled else ())
    figures: dict[str, dict[str, Estimate]] = {}
    for space in spaces:
        note(f"{space.name}: {draws} draws")
        if not (np.isfinite(space.train).all() and np.isfinite(space.test).all()):
            raise ValueError(f"the features by {space.name} are not all finite: train anew.")
        found: dict[str, list[float]] = {}
        with threadpool_limits(1):  # on so few examples threads wait longer than they work
            for view in views(space, data, seed, draws):
                for name, value in (item for task in tasks for item in task(view).items()):
                    found.setdefault(name, []).append(value)
        for name, values in found.items():
            figures.setdefault(name, {})[space.name] = over_draws(values)
    missing = () if labelled else ("Without labels no class can be told, found or held out.",)
    return Card(figures, draws, missing)


def over_draws(values: Sequence[float]) -> Estimate:
    """Their mean, its standard error, and its interval by Student's distribution."""
    from scipy.stats import t  # which scikit-learn brings along

    mean = float(np.mean(values))
    if len(values) < 2:
        return Estimate(mean, math.nan, math.nan, math.nan)
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    reach = float(t.ppf(0.975, len(values) - 1)) * error
    return Estimate(mean, error, mean - reach, mean + reach)


def _cell(estimate: Estimate) -> str:
    """The mean and half the width of its interval."""
    if math.isnan(estimate.error):
        return f"{estimate.value:.3f}"
    return f"{estimate.value:.3f} +- {(estimate.high - estimate.low) / 2:.3f}"
