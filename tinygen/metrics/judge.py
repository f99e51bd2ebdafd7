"""A classifier as judge of samples: which classes do they show, and how clearly?

    judge = Judge(data, rng)                             # trained on the labelled data
    print(judge.judge(samples).describe())

Scores of judges with different weights do not compare, so `sha256` goes with them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import nn
from ..backend import BACKEND_OF, host
from ..data import Dataset
from ..primitive import no_grad
from ..random import Generator
from ..tensor import Tensor
from .classifier import classifier_for
from .kept import identity, keep, restored, weights_sha256

__all__ = ["Judge", "Judgement"]

AT_ONCE = 1024
"""Samples judged at a time: the memory of their maps is bounded."""


@dataclass(frozen=True)
class Judgement:
    """What a judge says of samples.

    shares: (n_classes,) how much of the samples it takes for each class. confidence: the mean over
    samples of the probability of the likeliest class. real_confidence: the same of held-out data.
    accuracy: the judge's own, the share of held-out examples that it is right about.

    >>> says = Judgement(np.array([0.5, 0.5]), 0.9, real_confidence=0.95, accuracy=0.99)
    >>> says.confidence
    0.9
    """

    shares: np.ndarray
    confidence: float
    real_confidence: float
    accuracy: float

    @property
    def classes_present(self) -> int:
        """Classes with at least one sample in a hundred."""
        return int((self.shares >= 0.01).sum())

    def describe(self) -> str:
        """Three lines for a terminal."""
        shares = "  ".join(f"{c}: {100 * share:.0f}%" for c, share in enumerate(self.shares))
        return (
            f"A classifier trained by tinygen ({100 * self.accuracy:.1f}% right on held-out data) "
            f"takes the samples for\n  {shares}\n"
            f"  {self.classes_present} of {len(self.shares)} classes present; mean confidence "
            f"{100 * self.confidence:.1f}% (on held-out data {100 * self.real_confidence:.1f}%)"
        )


class Judge:
    """A classifier of a labelled dataset, trained on it by tinygen: see `classifier_for`.

    accuracy, real_confidence: on the held-out examples, from 0 to 1. sha256: of its weights; scores
    of judges whose hashes differ are not to be compared.

    Args:
        rng: draws weights and batches.
        epochs: passes over the training data; None for enough of them.
        kept_in: a folder where judges are kept; one that is there already is not trained again.

    >>> judge = Judge(tg.data.load("digits"), rng, epochs=1)
    >>> judge.accuracy > 0.5
    True
    """

    def __init__(
        self, data: Dataset, rng: Generator, *, epochs: int | None = None,
        kept_in: Path | None = None,
    ) -> None:  # fmt: skip
        self.n_classes = data.n_classes
        classifier = classifier_for(data, rng, epochs)
        self.network, self._shape = classifier.network, classifier.shape
        path = kept_in and kept_in / f"{identity(data, classifier, rng)}.safetensors"
        if path is None or not restored(self.network, path):
            classifier.train(data, rng)
            if path is not None:
                keep(self.network, path)
        self.network.eval()
        self.sha256 = weights_sha256(self.network)
        of_test = self.probabilities(data.flat()[1])
        self.accuracy = float((of_test.argmax(1) == data.test_labels).mean())
        self.real_confidence = float(of_test.max(1).mean())

    def probabilities(self, samples: np.ndarray) -> np.ndarray:
        """Of each class, for samples (N, features) in the data's units: (N, n_classes)."""
        return self._through(nn.Sequential(self.network, nn.Softmax()), samples)

    def features(self, samples: np.ndarray) -> np.ndarray:
        """Of samples (N, features): the last hidden layer, (N, width), none of it negative."""
        return self._through(self.network[:-1], samples)

    def judge(self, samples: np.ndarray) -> Judgement:
        """What this judge says of samples (N, features)."""
        return self.judgement(self.probabilities(samples))

    def judgement(self, p: np.ndarray) -> Judgement:
        """The same, of the samples' `probabilities`."""
        shares = np.bincount(p.argmax(1), minlength=self.n_classes) / len(p)
        return Judgement(shares, float(p.max(1).mean()), self.real_confidence, self.accuracy)

    def _through(self, layers: nn.Module, samples: np.ndarray) -> np.ndarray:
        backend = BACKEND_OF[type(self.network.parameters()[0].data)]
        parts = []
        # What is not finite has probabilities that are nan, which says enough.
        with no_grad(), np.errstate(invalid="ignore", over="ignore"):
            for start in range(0, len(samples), AT_ONCE):
                rows = samples[start : start + AT_ONCE].reshape(-1, *self._shape)
                parts.append(host(layers(Tensor(backend.from_host(rows))).data))
        return np.concatenate(parts)
