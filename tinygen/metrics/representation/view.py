"""What a task is given: some training examples, some held-out ones, in one space of features.

    spaces = [Space("mine", train, test), *baselines(data, width=64)]
    for view in views(spaces[0], data, seed=0):
        linear_probe(view)                               # or any other task

A draw has the same examples in every space, so that spaces compare.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ...data import Dataset
from .estimators import fitted, sklearn

__all__ = ["DRAWS", "Space", "View", "baselines", "views"]

DRAWS = 5
MOST = 2_000
"""Examples in a draw, of training and of held-out ones each."""
SHARE = 0.8
"""Of a part that has fewer."""

PCA_WIDTH = 50


@dataclass(frozen=True)
class Space:
    """All examples of a dataset by their features: train (N, F), test (M, F), in their order.

    >>> Space("mine", train=np.zeros((10, 3)), test=np.zeros((5, 3))).width
    3
    """

    name: str
    train: np.ndarray
    test: np.ndarray

    @property
    def width(self) -> int:
        """F."""
        return self.train.shape[1]


@dataclass(frozen=True)
class View:
    """One draw. fit, test: features; *_inputs: the same examples as they are; n_classes: at least 2
    if there are labels to go by."""

    fit: np.ndarray
    fit_inputs: np.ndarray
    fit_labels: np.ndarray
    test: np.ndarray
    test_inputs: np.ndarray
    test_labels: np.ndarray
    n_classes: int
    seed: int


def baselines(data: Dataset, width: int) -> list[Space]:
    """The inputs as they are; and their principal components, as many as `width`, fitted on the
    training part: no more than 50, nor than a quarter of the inputs (or all, if they are few).

    Raises ConfigError where scikit-learn is not installed.

    >>> [(s.name, s.width) for s in baselines(tg.data.load("digits"), width=10)]
    [('pixels', 64), ('PCA of pixels', 10)]
    """
    train, test = data.flat()
    few = max(1, min(width, PCA_WIDTH, max(2, data.n_features // 4), *train.shape))
    pca = fitted(sklearn("decomposition").PCA(few, random_state=0), train[: 10 * MOST])
    kind = "pixels" if data.is_image else "columns"
    return [
        Space(kind, train, test),
        Space(f"PCA of {kind}", pca.transform(train), pca.transform(test)),
    ]


def views(space: Space, data: Dataset, seed: int, draws: int = DRAWS) -> Iterator[View]:
    """`draws` of them, the same examples in every space; they overlap only where there are too few.

    Features are centred, and divided by one number so that their mean squared length is 1: what
    distances say of each other stays, and a penalty means the same at any width.
    """
    train, test = data.flat()
    rng = np.random.RandomState(seed % 2**32)
    orders = rng.permutation(len(train)), rng.permutation(len(test))
    sizes = [min(MOST, max(1, round(SHARE * len(part)))) for part in (train, test)]
    for i in range(draws):
        a, b = (
            order.take(range(i * n, (i + 1) * n), mode="wrap")
            for order, n in zip(orders, sizes, strict=True)
        )
        fit, held = _scaled(space.train[a], space.test[b])
        yield View(
            fit, train[a], data.train_labels[a], held, test[b], data.test_labels[b],
            data.n_classes, seed + i,
        )  # fmt: skip


def _scaled(fit: np.ndarray, held: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    fit, held = fit.astype(np.float64), held.astype(np.float64)
    mean = fit.mean(0)
    length = float(np.sqrt(((fit - mean) ** 2).sum(1).mean())) or 1.0
    return (fit - mean) / length, (held - mean) / length
