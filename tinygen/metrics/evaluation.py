"""What suits a dataset, measured: the one evaluation that `train` and `evaluate` write.

    found = evaluate(data, trainer.sample, seed=0)
    print(found.words)                                   # found.results: the same for JSON

Which measures these are depends on the data: labels, a named mixture, the columns of a table.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..data import MIXTURES, Dataset
from ..random import Generator
from .energy import energy_distance
from .estimate import Measure
from .judge import Judge
from .kept import judges_folder
from .marginals import kolmogorov_smirnov
from .modes import SAMPLES, mode_coverage
from .resampling import GROUPS, jackknife
from .suite import ImageSuite, measurable

__all__ = ["Evaluation", "evaluate", "has_judge", "judge_of"]

JUDGES_STREAM = 100
PAIRED = 1_000
"""Examples on each side of a distance, at most: its cost grows with their square."""


@dataclass(frozen=True)
class Evaluation:
    """Named results, as JSON holds them, and the same in words for a terminal.

    >>> print(Evaluation({"energy_distance": 0.1}, "Energy distance: 0.1").words)
    Energy distance: 0.1
    """

    results: dict[str, Any]
    words: str


def has_judge(data: Dataset) -> bool:
    """Whether a classifier can judge samples of such data: labelled images."""
    return data.n_classes > 1 and data.is_image


def judge_of(data: Dataset) -> Judge:
    """The one judge of a dataset, the same for all models and seeds; trained once, and kept.

    For labelled images.

    >>> judge = judge_of(tg.data.load("digits"))
    >>> judge.accuracy > 0.9
    True
    """
    rng = Generator(0, stream=JUDGES_STREAM, device="cpu")
    return Judge(data, rng, kept_in=judges_folder())


def evaluate(data: Dataset, sample: Callable[[int], np.ndarray], seed: int) -> Evaluation:
    """Samples against held-out data.

    For labelled images, a classifier trained on the data says which classes it sees, and the
    measures of `ImageSuite` follow; for a named mixture, its modes are counted. For all data, the
    energy distance to the held-out examples stands beside that of as many training examples: what
    chance alone gives.

    Args:
        sample: n samples (n, ...) in the data's units.
        seed: of the choice of held-out and training examples, and of resampling.

    Returns:
        Results in the units of their measures: distances in the data's, shares from 0 to 1.

    >>> normal = np.random.default_rng(0).normal(size=(500, 2))
    >>> data = tg.data.from_arrays("mine", normal)
    >>> found = evaluate(data, lambda n: rng.normal((n, 2)), seed=0)
    >>> found.results["energy_distance"] < 0.1
    True
    """
    samples = sample(SAMPLES).reshape(SAMPLES, -1)
    results, words = _distance(data, samples, seed)
    if data.name in MIXTURES and data.origin is None:
        coverage = mode_coverage(samples, MIXTURES[data.name])
        results |= {
            "modes": coverage.modes,
            "modes_there_are": len(coverage.counts),
            "high_quality": round(coverage.high_quality, 4),
            "high_quality_error": round(_error_of_share(coverage.high_quality), 4),
            "reverse_kl": _finite(coverage.reverse_kl),
        }
        words = f"{coverage.describe()}\n{words}"
    if has_judge(data):
        judged, said = _judged(data, samples, seed)
        results |= judged
        words = f"{said}\n{words}"
    if data.origin and data.origin.columns:
        found, said = _marginals(data, samples)
        results |= found
        words = f"{words}\n{said}"
    return Evaluation({"samples": SAMPLES, **results}, words)


def _judged(data: Dataset, samples: np.ndarray, seed: int) -> tuple[dict[str, Any], str]:
    """What a classifier sees, and how its features are spread."""
    judge = judge_of(data)
    verdict = judge.judge(samples)
    results = {
        "classifier_accuracy": verdict.accuracy,
        "classifier_sha256": judge.sha256,
        "shares": [round(float(share), 4) for share in verdict.shares],
        "classes_present": verdict.classes_present,
        "mean_confidence": _finite(verdict.confidence),
        "mean_confidence_on_held_out_data": verdict.real_confidence,
    }
    words = f"{verdict.describe()}\n  its weights: sha256 {judge.sha256[:16]}"
    if not measurable(samples):
        return results, f"{words}\nNot measured further: samples are not finite, or far too large."
    suite = ImageSuite(data, judge, seed)
    measures = suite.measure(samples)
    results["measured_against"] = suite.n
    results |= {_key(measure.name): measure.as_dict() for measure in measures}
    title = f"{suite.n:,} samples against as many held-out examples, with standard errors:"
    table = [title, *_table(measures)] if measures else []
    return results, "\n".join([words, *table, *suite.left_out])


def _key(name: str) -> str:
    """As other results are called."""
    return name.lower().replace(",", "").replace(" ", "_")


def _table(measures: list[Measure]) -> list[str]:
    """A line each, under a header."""
    rows = [("", "samples", "training data", "best"), *(measure.cells() for measure in measures)]
    widths = [max(map(len, column)) + 2 for column in zip(*rows, strict=True)]
    padded = [[c.ljust(w) for c, w in zip(row, widths, strict=True)] for row in rows]
    return [f"  {''.join(cells).rstrip()}" for cells in padded]


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
    spread = ""
    if n >= 2 * GROUPS and math.isfinite(distance):
        [estimate] = jackknife(lambda x, y: [energy_distance(x, y)], samples[:n], held, seed=seed)
        results["energy_distance_error"] = estimate.error
        spread = f" +- {estimate.error:.4f}"
    return results, (
        f"Energy distance to {n} held-out examples: {distance:.4f}{spread} ({chance:.4f} for as "
        "many training examples)"
    )


def _marginals(data: Dataset, samples: np.ndarray) -> tuple[dict[str, Any], str]:
    """The Kolmogorov-Smirnov distance of each column of a table."""
    assert data.origin is not None
    train, test = data.flat()
    names = [column.name for column in data.origin.columns]
    distances, chance = (kolmogorov_smirnov(x, test) for x in (samples, train))
    worst = int(distances.argmax())
    results = {
        "kolmogorov_smirnov": dict(zip(names, distances.round(4).tolist(), strict=True)),
        "kolmogorov_smirnov_of_training_data": float(chance.mean()),
    }
    return results, (
        f"Kolmogorov-Smirnov distance of a column: {distances.mean():.3f} on average, at most "
        f"{distances[worst]:.3f} ({names[worst]}); {chance.mean():.3f} for the training data"
    )


def _error_of_share(share: float) -> float:
    """The standard error of a share of SAMPLES, by the binomial distribution."""
    return math.sqrt(share * (1 - share) / SAMPLES)


def _finite(value: float) -> float | None:
    """JSON has no nan."""
    return float(value) if math.isfinite(value) else None
