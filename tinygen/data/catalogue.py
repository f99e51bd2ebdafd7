"""The named datasets: `load("digits")`, `load("mnist")`, ..."""

import difflib
from collections.abc import Callable

import numpy as np

from ..random import Generator
from . import digits, mnist
from .dataset import Dataset, from_arrays
from .errors import DataError
from .mixtures import MIXTURES
from .npz import load_npz

# PacGAN (2018), section 4.1: trained on 100,000 points, judged on 2,500.
MIXTURE_TRAIN = 100_000
MIXTURE_TEST = 2_500


def load(name: str, rng: Generator | None = None) -> Dataset:
    """A dataset by name: digits, mnist, fashion-mnist, ring, grid, or the path of an .npz file.

    rng: draws `ring` and `grid`, which need it; the others are fixed and leave it alone. Raises
    DataError for an unknown name, a missing rng, or data that cannot be had or read.
    """
    if name.endswith(".npz"):
        return load_npz(name)
    if name not in LOADERS:
        known = ", ".join(LOADERS)
        nearest = difflib.get_close_matches(name.lower(), LOADERS, n=1)
        hint = f"; did you mean {nearest[0]}?" if nearest else "."
        raise DataError(f"unknown dataset {name!r}: use {known}, or the path of an .npz file{hint}")
    return LOADERS[name](name, rng)


def _load_digits(name: str, rng: Generator | None) -> Dataset:
    images, labels = digits.load_digits()
    train, test = digits.stratified_split(labels)
    pixels = np.divide(images, digits.MAX_PIXEL, dtype=np.float32)
    return from_arrays(
        name, pixels[train], labels[train], pixels[test], labels[test], n_classes=digits.N_CLASSES
    )


def _load_mnist(name: str, rng: Generator | None) -> Dataset:
    return from_arrays(name, *mnist.load_mnist(name), n_classes=mnist.N_CLASSES)


def _load_mixture(name: str, rng: Generator | None) -> Dataset:
    if rng is None:
        raise DataError(
            f"{name} is drawn, not stored: pass load({name!r}, rng=tg.Generator(seed))."
        )
    mixture = MIXTURES[name]
    train, train_modes = mixture.sample(MIXTURE_TRAIN, rng)
    test, test_modes = mixture.sample(MIXTURE_TEST, rng)
    return Dataset(name, train, train_modes, test, test_modes, len(mixture.centres))


LOADERS: dict[str, Callable[[str, Generator | None], Dataset]] = {
    "digits": _load_digits,
    "mnist": _load_mnist,
    "fashion-mnist": _load_mnist,
    "ring": _load_mixture,
    "grid": _load_mixture,
}
