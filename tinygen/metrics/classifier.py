"""The networks that judge samples, and how they are trained on labelled data.

    classifier = classifier_for(data, rng)               # chosen by the size of the images
    classifier.train(data, rng)
    logits = classifier.network(x)                       # (N, n_classes)

`judge.py` judges by such a network; `kept.py` keeps what was trained.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .. import nn, optim
from ..autograd import grad
from ..backend import BACKEND_OF, host
from ..data import BatchLoader, Dataset
from ..ops import softmax_cross_entropy
from ..random import Generator
from ..tensor import Tensor

__all__ = ["VERSION", "Classifier", "classifier_for"]

VERSION = 1
"""Of all in this file that decides the weights: raise it with any change, and none that was kept
before is taken for one of these."""

CONVOLVED_FROM = 16
"""Pixels of the shorter side from which neighbouring pixels are worth a convolution."""
BATCH = 64


@dataclass(frozen=True)
class Classifier:
    """A network and how it is trained.

    network: from inputs (N, *shape) to logits (N, n_classes); all but its last layer give features.
    lr: the rate that falls to 0 by a half cosine. shift: pixels by which a batch is moved, at most.
    """

    network: nn.Sequential
    shape: tuple[int, ...]
    epochs: int
    lr: float
    shift: int

    def train(self, data: Dataset, rng: Generator) -> None:
        """With Adam, on the training examples, in batches that `rng` draws."""
        examples = data.train.reshape(-1, *self.shape)
        loader = BatchLoader((examples, data.train_labels), min(BATCH, len(examples)), rng)
        steps = self.epochs * len(loader)
        shifts = host(rng.integers(0, 2 * self.shift + 1, (steps, 2)))
        optimizer = optim.Adam(
            self.network.named_parameters(), lr=optim.schedules.cosine(self.lr, steps)
        )
        backend = BACKEND_OF[type(optimizer.params[0].data)]
        for shift in shifts:
            images, labels = loader.next_batch()
            batch = backend.from_host(self._moved(images, *shift)), backend.from_host(labels)
            loss = softmax_cross_entropy(self.network(Tensor(batch[0])), batch[1])
            optimizer.step(grad(loss, optimizer.params))

    def _moved(self, images: np.ndarray, down: int, right: int) -> np.ndarray:
        """Images (N, C, H, W) by down - shift and right - shift pixels; their edge is repeated."""
        if not self.shift:
            return images
        height, width = images.shape[2:]
        border = (self.shift, self.shift)
        padded = np.pad(images, ((0, 0), (0, 0), border, border), mode="edge")
        return np.ascontiguousarray(padded[:, :, down : down + height, right : right + width])


def classifier_for(data: Dataset, rng: Generator, epochs: int | None = None) -> Classifier:
    """Untrained: what suits the size of the images.

    Args:
        rng: draws weights, and noise in training.
        epochs: passes over the data; None for as many as small data needs to be learned.
    """
    if min(data.shape[-2:]) >= CONVOLVED_FROM and len(data.shape) > 1:
        return Classifier(
            _convolutional(data, rng),
            (math.prod(data.shape[:-2]), *data.shape[-2:]),
            min(max(6, 60_000 // len(data.train)), 100) if epochs is None else epochs,
            lr=3e-3,
            shift=1,
        )
    return Classifier(
        _perceptron(data, rng),
        (data.n_features,),
        max(8, 150_000 // len(data.train)) if epochs is None else epochs,
        lr=2e-3,
        shift=0,
    )


def _perceptron(data: Dataset, rng: Generator, hidden: int = 256) -> nn.Sequential:
    """For few pixels: a `dropout` of them stands in for more data."""
    return nn.Sequential(
        nn.Dropout(0.1, rng=rng),
        nn.Linear(data.n_features, hidden, rng=rng),
        nn.ReLU(),
        nn.Dropout(0.3, rng=rng),
        nn.Linear(hidden, data.n_classes, rng=rng),
    )


def _convolutional(data: Dataset, rng: Generator, hidden: int = 128) -> nn.Sequential:
    """After LeCun et al. 1998; strides in place of its pooling take a third of the time."""
    channels = math.prod(data.shape[:-2])
    height, width = (-(-side // 4) for side in data.shape[-2:])
    return nn.Sequential(
        nn.Conv2d(channels, 16, 5, stride=2, padding=2, rng=rng),
        nn.ReLU(),
        nn.Conv2d(16, 32, 5, stride=2, padding=2, rng=rng),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.2, rng=rng),
        nn.Linear(32 * height * width, hidden, rng=rng),
        nn.ReLU(),
        nn.Dropout(0.2, rng=rng),
        nn.Linear(hidden, data.n_classes, rng=rng),
    )
