"""The named datasets: `load("digits")`, `load("mnist")`, ...

    data = load("mnist")                                 # downloaded once, then kept
    ring = load("ring", rng)                             # drawn, so it needs a generator
    mine = load("photos/")                               # your own, by its path

`LOADERS` has the names.
"""

import difflib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..random import Generator
from . import digits, mnist
from .dataset import Dataset, from_arrays
from .errors import DataError
from .mixtures import MIXTURES
from .own import load_own, looks_like_a_path

# PacGAN (2018), section 4.1: trained on 100,000 points, judged on 2,500.
MIXTURE_TRAIN = 100_000
MIXTURE_TEST = 2_500


def load(name: str, rng: Generator | None = None) -> Dataset:
    """A dataset by name: digits, mnist, fashion-mnist, ring, grid; or your own, by its path.

    Your own is a folder of images, or a file .npy, .npz or .csv. rng: draws `ring` and `grid`,
    which need it; the others are fixed and leave it alone. Raises DataError for an unknown name, a
    missing rng, or data that cannot be had or read.

    >>> load("digits").train.shape
    (1438, 8, 8)
    >>> load("ring", tg.Generator(0)).train.shape
    (100000, 2)
    """
    if name not in LOADERS:
        if looks_like_a_path(name):
            return load_own(name)
        known = ", ".join(LOADERS)
        nearest = difflib.get_close_matches(name.lower(), LOADERS, n=1)
        hint = f"; did you mean {nearest[0]}?" if nearest else "."
        raise DataError(
            f"unknown dataset {name!r}: use {known}, or the path of your own: a folder of"
            f" images, or a file .npy, .npz or .csv{hint}"
        )
    return LOADERS[name](name, rng)


def located(name: str) -> str:
    """A dataset's name as it is, or a path of your own data to be found again from anywhere.

    >>> located("digits")
    'digits'
    """
    is_path = name not in LOADERS and looks_like_a_path(name)
    return str(Path(name).absolute()) if is_path else name


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
