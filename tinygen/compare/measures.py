"""What every model is measured by, and what real data gets by the same measures.

`Field(...).measure(sample)` gives the measures by name, `of_real_data()` the same of training
examples.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..data import MIXTURES, Dataset
from ..metrics import ImageSuite, energy_distance, judge_of, mode_coverage
from ..metrics.evaluation import has_judge

__all__ = ["Field", "Measures"]

Measures = Mapping[str, float]

SAMPLES = 2_500
PAIRED = 1_000
"""Examples on each side of an energy distance, whose cost grows with their square."""

SHOWN = ("classifier score", "Frechet distance", "precision", "coverage")
"""Of the measures in a classifier's features: one of each kind, since a table is narrow."""


class Field:
    """One judge and one choice of held-out examples for all models.

    Args:
        data: what all are trained on.
        seed: of the choice.
    """

    def __init__(self, data: Dataset, seed: int) -> None:
        self.data = data
        train, test = data.flat()
        choice = np.random.RandomState(seed % 2**32)
        n = min(PAIRED, len(train), len(test))
        self.held = test[choice.permutation(len(test))[:n]]
        self.chance = train[choice.permutation(len(train))[:n]]
        self.judge = self.suite = None
        if has_judge(data):
            self.judge = judge_of(data)
            self.suite = ImageSuite(data, self.judge, seed)

    def measure(self, sample: Callable[[int], np.ndarray]) -> dict[str, float]:
        """Of samples (n, ...) in the data's units."""
        rows = sample(SAMPLES).reshape(SAMPLES, -1)
        return self._of(rows, self.suite.values(rows) if self.suite else {})

    def of_real_data(self) -> dict[str, float]:
        """Of training examples: what a perfect model would get."""
        return self._of(self.chance, self.suite.floor if self.suite else {})

    def _of(self, rows: np.ndarray, in_features: Measures) -> dict[str, float]:
        found: dict[str, float] = {}
        if self.judge is not None:
            verdict = self.judge.judge(rows)
            shares = verdict.shares[verdict.shares > 0]
            found["confidence"] = verdict.confidence
            found["classes in effect"] = math.exp(-float((shares * np.log(shares)).sum()))
            found |= {name: in_features[name] for name in SHOWN if name in in_features}
        if self.data.name in MIXTURES and self.data.origin is None:
            coverage = mode_coverage(rows, MIXTURES[self.data.name])
            found["modes"] = float(coverage.modes)
            found["high quality"] = coverage.high_quality
        if len(self.held) > 1:
            found["energy distance"] = energy_distance(rows[: len(self.held)], self.held)
        return found

    def explanations(self) -> dict[str, Any]:
        """Each measure in a sentence."""
        known = {
            "confidence": "of a classifier in its likeliest class, on average over the samples",
            "classes in effect": "exp of the entropy of the classes that it sees; "
            f"{self.data.n_classes} where they are even",
            "classifier score": "exp of what a sample tells of its class, of at most "
            f"{self.data.n_classes}",
            "Frechet distance": "to held-out examples, in the classifier's features",
            "precision": "share of the samples that lie where held-out examples do",
            "coverage": "share of the held-out examples that have samples near them",
            "modes": "of the mixture, with a sample within 3 standard deviations",
            "high quality": "share of the samples within 3 standard deviations of a mode",
            "energy distance": f"to {len(self.held)} held-out examples; smaller is better",
        }
        return {name: known[name] for name in self.of_real_data()}
