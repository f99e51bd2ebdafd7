"""A classifier as judge of samples: which classes do they show, and how clearly?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import nn, optim
from ..autograd import grad
from ..backend import BACKEND_OF, host
from ..data import BatchLoader, Dataset
from ..ops import softmax, softmax_cross_entropy
from ..primitive import no_grad
from ..random import Generator
from ..tensor import Tensor

__all__ = ["Judge", "Judgement"]


@dataclass(frozen=True)
class Judgement:
    """What a judge says of samples.

    shares: (n_classes,) how much of the samples it takes for each class. confidence: the mean over
    samples of the probability of the likeliest class. real_confidence: the same of held-out data.
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
    """A two-layer perceptron, trained on a labelled dataset with Adam and a falling rate.

    Args:
        data: flattened on the way in; a `dropout` of its pixels stands in for more of them.
        rng: draws weights and batches.
        epochs: passes over the training data; None takes 150,000 examples' worth for small data
            and at least 8 epochs.
    """

    def __init__(
        self, data: Dataset, rng: Generator, *, hidden: int = 256, epochs: int | None = None
    ) -> None:
        self.n_classes = data.n_classes
        train, self._test = data.flat()
        self._test_labels = data.test_labels
        self.network = nn.Sequential(
            nn.Dropout(0.1, rng=rng),
            nn.Linear(data.n_features, hidden, rng=rng),
            nn.ReLU(),
            nn.Dropout(0.3, rng=rng),
            nn.Linear(hidden, data.n_classes, rng=rng),
        )
        batch = min(64, len(train))
        loader = BatchLoader((train, data.train_labels), batch, rng)
        epochs = max(8, 150_000 // len(train)) if epochs is None else epochs
        steps = epochs * len(loader)
        optimizer = optim.Adam(
            self.network.named_parameters(), lr=optim.schedules.cosine(2e-3, steps)
        )
        backend = BACKEND_OF[type(optimizer.params[0].data)]
        for _ in range(steps):
            images, labels = (backend.from_host(a) for a in loader.next_batch())
            loss = softmax_cross_entropy(self.network(Tensor(images)), labels)
            optimizer.step(grad(loss, optimizer.params))
        self.network.eval()
        of_test = self.probabilities(self._test)
        self.accuracy = float((of_test.argmax(1) == self._test_labels).mean())
        self.real_confidence = float(of_test.max(1).mean())

    def probabilities(self, samples: np.ndarray) -> np.ndarray:
        """Of each class, for samples (N, features) in the data's units: (N, n_classes)."""
        backend = BACKEND_OF[type(next(iter(self.network.parameters())).data)]
        parts = []
        with no_grad():
            for start in range(0, len(samples), 4096):
                x = Tensor(backend.from_host(samples[start : start + 4096]))
                parts.append(host(softmax(self.network(x)).data))
        return np.concatenate(parts)

    def judge(self, samples: np.ndarray) -> Judgement:
        """What this judge says of samples (N, features)."""
        p = self.probabilities(samples)
        shares = np.bincount(p.argmax(1), minlength=self.n_classes) / len(p)
        return Judgement(shares, float(p.max(1).mean()), self.real_confidence, self.accuracy)
