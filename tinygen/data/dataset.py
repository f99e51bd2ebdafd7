"""A dataset: what is trained on, what is held out, and the checks that both must pass.

    data = from_arrays("mine", rows, labels)             # a fifth of every class is held out
    data.train, data.train_labels, data.test, data.test_labels

Images are float32 in [0, 1], and nothing is nan; otherwise `DataError` says what to do.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .digits import stratified_split
from .errors import DataError
from .origin import Origin
from .preprocessing import Preprocessing

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Examples and labels, split into a training and a test part.

    train, test: float32, (N, H, W) or (N, C, H, W) images in [0, 1], or (N, D) feature vectors in
    their own units. train_labels, test_labels: int64 (N,) in 0..n_classes-1; without labels all are
    0 and n_classes is 1. classes: their names, where they have any. origin: of your own data.
    preprocessing: what a recipe did to the training part, to be recorded; `train` is as it was.
    Raises DataError when an array is not what it should be.

    >>> digits = load("digits")
    >>> digits.train.shape, digits.test_labels.shape, digits.n_classes
    ((1438, 8, 8), (359,), 10)
    >>> digits.flat()[0].shape
    (1438, 64)
    """

    name: str
    train: Floats
    train_labels: Labels
    test: Floats
    test_labels: Labels
    n_classes: int
    classes: tuple[str, ...] = ()
    origin: Origin | None = None
    preprocessing: Preprocessing | None = None

    def __post_init__(self) -> None:
        for part, features, labels in (
            ("train", self.train, self.train_labels),
            ("test", self.test, self.test_labels),
        ):
            where = f"{self.name}: {part}"
            object.__setattr__(self, part, check_features(features, where))
            checked = check_labels(labels, len(features), where)
            object.__setattr__(self, f"{part}_labels", checked)
            if checked.max() >= self.n_classes:
                raise DataError(
                    f"{where} labels reach {checked.max()} but there are {self.n_classes} classes:"
                    f" number the classes 0..{self.n_classes - 1}."
                )
        if self.train.shape[1:] != self.test.shape[1:]:
            raise DataError(
                f"{self.name}: a training example has shape {self.train.shape[1:]} but a test"
                f" example {self.test.shape[1:]}: give both the same shape."
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one example."""
        return self.train.shape[1:]

    @property
    def is_image(self) -> bool:
        """Whether an example is an image, with pixels in [0, 1], or a vector of features."""
        return len(self.shape) > 1

    @property
    def n_features(self) -> int:
        """The length of one example when flattened."""
        return math.prod(self.shape)

    def flat(self) -> tuple[Floats, Floats]:
        """The training and test examples as rows: (N, n_features) views of `train` and `test`."""
        rows = (-1, self.n_features)
        return self.train.reshape(rows), self.test.reshape(rows)

    def in_own_units(self, samples: NDArray[Any]) -> NDArray[Any]:
        """Samples (N, ...) as the data was before it was scaled: for tables; images stay."""
        return self.origin.in_own_units(samples) if self.origin else samples

    def record(self) -> dict[str, Any]:
        """What a run says of its data, as JSON holds it."""
        return {
            "name": self.name,
            "training_examples": len(self.train),
            "held_out_examples": len(self.test),
            "shape": list(self.shape),
            "n_classes": self.n_classes,
            **({"classes": list(self.classes)} if self.classes else {}),
            **(self.origin.record() if self.origin else {}),
            **({"preprocessing": self.preprocessing.record()} if self.preprocessing else {}),
        }

    def describe(self) -> str:
        """One line: name, counts, shape, classes, range."""
        shape = "x".join(str(size) for size in self.shape)
        kind = f"images of {shape}" if self.is_image else f"points in {shape} dimensions"
        classes = f"{self.n_classes} classes" if self.n_classes > 1 else "no classes"
        low, high = float(self.train.min()), float(self.train.max())
        return (
            f"{self.name}: {len(self.train):,} training and {len(self.test):,} test {kind},"
            f" {classes}, values in [{low:.4g}, {high:.4g}]"
        )


def from_arrays(
    name: str,
    train: NDArray[Any],
    train_labels: NDArray[Any] | None = None,
    test: NDArray[Any] | None = None,
    test_labels: NDArray[Any] | None = None,
    *,
    n_classes: int | None = None,
    classes: tuple[str, ...] = (),
    origin: Origin | None = None,
) -> Dataset:
    """A dataset of your own arrays, checked.

    train, test: floats, or uint8 which is divided by 255; (N, D) rows, or (N, H, W) or (N, C, H, W)
    images. Labels: (N,) integers from 0. Without `test`, a fifth of every class is held out, the
    same one each time. n_classes: one more than the largest label, unless given. classes: their
    names. Raises DataError when an array is not what it should be.

    >>> mine = from_arrays("mine", np.zeros((10, 3), "float32"), np.arange(10) % 2)
    >>> mine.train.shape, mine.test.shape, mine.n_classes
    ((8, 3), (2, 3), 2)
    """
    train = check_features(train, f"{name}: train")
    labels = _labels_or_zeros(train_labels, train, f"{name}: train")
    if test is not None:
        if (train_labels is None) != (test_labels is None):
            raise DataError(
                f"{name}: only one of train and test has labels: label both or neither."
            )
        test = check_features(test, f"{name}: test")
        held_labels = _labels_or_zeros(test_labels, test, f"{name}: test")
    elif test_labels is not None:
        raise DataError(f"{name}: test_labels without test: give both or neither.")
    else:
        kept, held = stratified_split(labels)
        train, labels, test, held_labels = train[kept], labels[kept], train[held], labels[held]
    if n_classes is None:
        n_classes = 1 + int(max(labels.max(initial=0), held_labels.max(initial=0)))
    return Dataset(name, train, labels, test, held_labels, n_classes, classes, origin)


def _labels_or_zeros(labels: NDArray[Any] | None, features: Floats, where: str) -> Labels:
    if labels is None:
        return np.zeros(len(features), dtype=np.int64)
    return check_labels(labels, len(features), where)


def check_features(features: Any, where: str) -> Floats:
    """The examples as a float32 array, C-contiguous: uint8 divided by 255, floats cast.

    features: (N, D), (N, H, W) or (N, C, H, W); where: how an error calls it. Raises DataError for
    another rank or dtype, no examples, NaN or infinite values, or images outside [0, 1].
    """
    if not isinstance(features, np.ndarray):
        raise DataError(
            f"{where} is a {type(features).__name__}, not an array: convert it with np.asarray."
        )
    if features.ndim not in (2, 3, 4):
        raise DataError(
            f"{where} has shape {features.shape}: give rows (N, D) or images (N, H, W) or"
            " (N, C, H, W)."
        )
    if features.size == 0:
        raise DataError(f"{where} is empty, shape {features.shape}: give at least one example.")
    if features.dtype == np.uint8:
        return np.divide(features, 255, dtype=np.float32)
    if not np.issubdtype(features.dtype, np.floating):
        raise DataError(
            f"{where} has dtype {features.dtype}: give floats, or uint8 pixels in 0..255."
        )
    with np.errstate(over="ignore"):
        floats = np.ascontiguousarray(features, dtype=np.float32)
    low, high = float(floats.min()), float(floats.max())
    # A NaN makes both the minimum and the maximum NaN: two reductions see every bad value.
    if not (math.isfinite(low) and math.isfinite(high)):
        raise DataError(
            f"{where} holds NaN or infinite values (in float32): remove or replace those examples."
        )
    if floats.ndim > 2 and not (low >= 0 and high <= 1):
        raise DataError(
            f"{where} holds pixels in [{low:.4g}, {high:.4g}]: scale images to [0, 1], or store"
            " them as uint8."
        )
    return floats


def check_labels(labels: Any, n_examples: int, where: str) -> Labels:
    """The labels as int64; where: how an error calls the examples that they belong to.

    labels: (n_examples,) class numbers. Raises DataError for another rank, dtype or count, or a
    negative label.
    """
    if not isinstance(labels, np.ndarray) or labels.ndim != 1:
        raise DataError(
            f"{where} labels have shape {np.shape(labels)}: give a one-dimensional array of class"
            " numbers."
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise DataError(
            f"{where} labels have dtype {labels.dtype}: give integer class numbers, 0 upwards."
        )
    if len(labels) != n_examples:
        raise DataError(
            f"{where} has {n_examples} examples but {len(labels)} labels: give one label each."
        )
    classes = labels.astype(np.int64)
    if classes.min() < 0:
        raise DataError(f"{where} labels go down to {classes.min()}: number the classes from 0.")
    return classes
