"""What suits a dataset, measured: the one evaluation that `train` and `evaluate` write."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..data import MIXTURES, Dataset
from ..random import Generator
from .energy import energy_distance
from .judge import Judge
from .modes import SAMPLES, mode_coverage

__all__ = ["Evaluation", "evaluate", "has_judge"]

JUDGES_STREAM = 100
PAIRED = 1_000
"""Examples on each side of a distance, at most: its cost grows with their square."""


@dataclass(frozen=True)
class Evaluation:
    """Named results, as JSON holds them, and the same in words for a terminal."""

    results: dict[str, Any]
    words: str


def has_judge(data: Dataset) -> bool:
    """Whether a classifier can judge samples of such data: labelled images."""
    return data.n_classes > 1 and data.is_image


def evaluate(data: Dataset, sample: Callable[[int], np.ndarray], seed: int) -> Evaluation:
    """Samples against held-out data.

    For labelled images, a classifier trained on the data says which classes it sees; for a named
    mixture, its modes are counted. For all data, the energy distance to the held-out examples
    stands beside that of as many training examples: what chance alone gives.

    Args:
        sample: n samples (n, ...) in the data's units.
        seed: of the classifier and of the choice of training examples.
    """
    samples = sample(SAMPLES).reshape(SAMPLES, -1)
    results, words = _distance(data, samples, seed)
    if data.name in MIXTURES and data.origin is None:
        coverage = mode_coverage(samples, MIXTURES[data.name])
        results |= {
            "modes": coverage.modes,
            "modes_there_are": len(coverage.counts),
            "high_quality": round(coverage.high_quality, 4),
            "reverse_kl": _finite(coverage.reverse_kl),
        }
        words = f"{coverage.describe()}\n{words}"
    if has_judge(data):
        judge = Judge(data, Generator(seed, stream=JUDGES_STREAM, device="cpu"))
        verdict = judge.judge(samples)
        results |= {
            "classifier_accuracy": verdict.accuracy,
            "shares": [round(float(share), 4) for share in verdict.shares],
            "classes_present": verdict.classes_present,
            "mean_confidence": _finite(verdict.confidence),
            "mean_confidence_on_held_out_data": verdict.real_confidence,
        }
        words = f"{verdict.describe()}\n{words}"
    return Evaluation({"samples": SAMPLES, **results}, words)


def _distance(data: Dataset, samples: np.ndarray, seed: int) -> tuple[dict[str, Any], str]:
    """The energy distance to held-out data; nothing where fewer than two are held out."""
    train, test = data.flat()
    n = min(PAIRED, len(train), len(test))
    if n < 2:
        return {}, f"There are too few held-out examples ({len(test)}) to measure a distance."
    choice = np.random.RandomState(seed % 2**32)
    held = test[choice.permutation(len(test))[:n]]
    chance = energy_distance(train[choice.permutation(len(train))[:n]], held)
    distance = energy_distance(samples[:n], held)
    results = {"energy_distance": _finite(distance), "energy_distance_of_training_data": chance}
    return results, (
        f"Energy distance to {n} held-out examples: {distance:.4f} ({chance:.4f} for as many "
        "training examples)"
    )


def _finite(value: float) -> float | None:
    """JSON has no nan."""
    return float(value) if math.isfinite(value) else None
