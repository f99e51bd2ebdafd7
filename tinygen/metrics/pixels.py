"""The measures that need no classifier: sliced distances of patches, and memorisation.

    for measure in PixelMeasures(data, held_out, training, seed=0).measure(samples):
        print(measure.cells())

`ImageSuite` adds them to what it measures in a classifier's features.
"""

from __future__ import annotations

import math

import numpy as np

from ..data import Dataset
from .estimate import Measure
from .memorisation import MARK, memorisation_ratio, nearest_training_distances
from .resampling import GROUPS, bootstrap, jackknife
from .sliced import COARSEST, sliced_wasserstein

__all__ = ["PixelMeasures"]

MOST = 1_000
"""Examples on each side, at most: the cost grows with their pixels."""
ROUGH = 64
"""Directions from which an error is told: it is that of the images, on the same directions."""


class PixelMeasures:
    """Against held-out examples (N, features); `chance` are as many training examples."""

    def __init__(self, data: Dataset, held: np.ndarray, chance: np.ndarray, seed: int) -> None:
        self._shape, self._train, self._seed = data.shape, data.flat()[0], seed
        self._held, self._chance = held[:MOST], chance[:MOST]

    def measure(self, rows: np.ndarray) -> list[Measure]:
        """Of samples (N, features), all finite, N at least as many as are held out and 2."""
        rows = rows[: len(self._held)]
        found = self._sliced(rows) if self._has_patches else []
        return found + self._memorised(rows)

    @property
    def _has_patches(self) -> bool:
        return min(self._shape[-2:]) >= COARSEST and len(self._held) >= 2 * GROUPS

    def _sliced(self, rows: np.ndarray) -> list[Measure]:
        samples, held, chance = (
            a.reshape(-1, math.prod(self._shape[:-2]), *self._shape[-2:])
            for a in (rows, self._held, self._chance)
        )
        whole = sliced_wasserstein(samples, held, self._seed)
        floor = sliced_wasserstein(chance, held, self._seed)

        def roughly(x: np.ndarray, y: np.ndarray) -> tuple[float, ...]:
            fewer = min(len(x), len(y))
            return sliced_wasserstein(x[:fewer], y[:fewer], self._seed, directions=ROUGH).levels

        errors = jackknife(roughly, samples, held, seed=self._seed)
        return [
            Measure(f"sliced Wasserstein, {height}x{width}", error.about(value), chance_value, "0")
            for (height, width), value, chance_value, error in zip(
                whole.sides, whole.levels, floor.levels, errors, strict=True
            )
        ]

    def _memorised(self, rows: np.ndarray) -> list[Measure]:
        near, usual = (nearest_training_distances(a, self._train) for a in (rows, self._held))
        ratio = bootstrap(memorisation_ratio, near, usual, seed=self._seed)
        # A training example is its own neighbour.
        return [Measure("memorisation", ratio, 0.0, f"{MARK[0]} to {MARK[1]}")]
