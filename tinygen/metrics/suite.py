"""The measures of labelled images: each with its error, and with what real data gets by it.

Samples stand against as many held-out examples, in the features of a classifier of the data where
the literature takes Inception's, which knows nothing of digits. All of these depend on how many
examples there are, so each is shown beside its floor: the same measure of as many training
examples, which is what a perfect model would get.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from ..data import Dataset
from .estimate import Measure
from .frechet import frechet_distance
from .judge import Judge
from .pixels import PixelMeasures
from .prdc import PRDC, prdc
from .resampling import GROUPS, bootstrap, jackknife
from .score import classifier_score

__all__ = ["ImageSuite", "measurable"]

MOST = 2_500
"""Examples on each side, at most."""
FEWEST = 2 * GROUPS
"""On each side, for an error by leaving out groups."""
LARGEST = 1e6
"""Of a sample's pixels; those of data lie in [0, 1]. Far beyond it squares overflow."""
BEST = {"Frechet distance": "0", "precision": "1", "recall": "1", "density": "1", "coverage": "1"}


def measurable(rows: np.ndarray) -> bool:
    """Whether samples are numbers, and near enough to images to be compared with them."""
    # A comparison with nan is false.
    return bool(np.abs(rows).max() <= LARGEST)


class ImageSuite:
    """The measures, against one choice of held-out examples.

    n: how many of them; as many samples are measured. left_out: what cannot be measured, and why.

    Args:
        judge: of the same data; its features and probabilities are used.
        seed: of the choice, and of all resampling.

    >>> digits = tg.data.load("digits")
    >>> suite = ImageSuite(digits, Judge(digits, rng, epochs=1), seed=0)
    >>> suite.n, sorted(suite.values(digits.flat()[0]))[:3]
    (359, ['Frechet distance', 'classifier score', 'coverage'])
    """

    def __init__(self, data: Dataset, judge: Judge, seed: int) -> None:
        self._judge, self._seed = judge, seed
        self._best = {"classifier score": str(data.n_classes), **BEST}
        train, test = data.flat()
        choice = np.random.RandomState(seed % 2**32)
        self.n = min(MOST, len(train), len(test))
        self._held = test[choice.permutation(len(test))[: self.n]]
        self._chance = train[choice.permutation(len(train))[: self.n]]
        self._held_features = judge.features(self._held)
        self._pixels = PixelMeasures(data, self._held, self._chance, seed)
        self._choose(self._held_features.shape[1])

    def _choose(self, width: int) -> None:
        """What can be measured in features of so many numbers, with all groups but one."""
        needed = math.ceil((width + 1) * GROUPS / (GROUPS - 1))
        self._has_groups, self._has_rank = self.n >= FEWEST, self.n >= max(needed, FEWEST)
        self._names = ["classifier score"]
        self.left_out: list[str] = []
        for what, names, fewest in (
            ("Frechet distance", ["Frechet distance"], max(needed, FEWEST)),
            ("precision, recall, density and coverage", PRDC._fields, FEWEST),
        ):
            if self.n >= fewest:
                self._names += names
            else:
                self.left_out.append(
                    f"Not measured: {what}, for want of held-out examples ({self.n} of {fewest})."
                )

    def values(self, rows: np.ndarray) -> dict[str, float]:
        """Of samples (N, features), N at least `n`: the measures in features, without errors.

        All are nan where a sample is not `measurable`.
        """
        rows = rows[: self.n]
        if not measurable(rows):
            return dict.fromkeys(self._names, math.nan)
        score = classifier_score(self._judge.probabilities(rows))
        found = self._against(self._held_features, self._judge.features(rows))
        return dict(zip(self._names, (score, *found), strict=True))

    @cached_property
    def floor(self) -> dict[str, float]:
        """The same of training data: what a perfect model would get."""
        return self.values(self._chance)

    def measure(self, rows: np.ndarray) -> list[Measure]:
        """All measures of samples (N, features), N at least `n` and `measurable`, with errors.

        None where a single example is held out: it has no error.
        """
        if self.n < 2:
            return []
        rows = rows[: self.n]
        found = [bootstrap(classifier_score, self._judge.probabilities(rows), seed=self._seed)]
        if self._has_groups:
            features = self._judge.features(rows)
            found += jackknife(self._against, self._held_features, features, seed=self._seed)
        in_features = [
            Measure(name, estimate.within(*_ends(name)), self.floor[name], self._best[name])
            for name, estimate in zip(self._names, found, strict=True)
        ]
        return in_features + self._pixels.measure(rows)

    def _against(self, held: np.ndarray, features: np.ndarray) -> Sequence[float]:
        """Of features of samples against those of held-out examples: all but the score."""
        if not self._has_groups:
            return ()
        distance = [frechet_distance(held, features)] if self._has_rank else []
        return (*distance, *prdc(held, features))


def _ends(name: str) -> tuple[float, float]:
    """Between which a measure lies."""
    return (0.0, 1.0 if name in ("precision", "recall", "coverage") else math.inf)
