"""The embedded digits: 1,797 images of 8x8 pixels, enough to try any model in seconds, offline.

    images, labels = load_digits()                       # (1797, 8, 8) in 0..16, (1797,) in 0..9
    train, test = stratified_split(labels)               # row numbers, the same everywhere

They are part of the package: nothing is downloaded.
"""

import io
from importlib import resources

import numpy as np
from numpy.typing import NDArray

N_CLASSES = 10
MAX_PIXEL = 16
TEST_FRACTION = 0.2
SPLIT_SEED = 0


def load_digits() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Images (1797, 8, 8) in 0..16 and labels (1797,) in 0..9, exactly as scikit-learn has them.

    Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI, 1998,
    doi:10.24432/C50P49, CC BY 4.0; see files/README.md.
    """
    stored = resources.files(__package__).joinpath("files", "digits.npz").read_bytes()
    with np.load(io.BytesIO(stored), allow_pickle=False) as arrays:
        return arrays["images"], arrays["labels"]


def stratified_split(
    labels: NDArray[np.integer], test_fraction: float = TEST_FRACTION, seed: int = SPLIT_SEED
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Row numbers of a training and a test part, each class cut in the same proportion.

    labels: (N,). Returns two sorted, disjoint arrays that together hold 0..N-1. The same labels and
    seed give the same split on every machine and NumPy version.
    """
    # RandomState, not default_rng: NEP 19 freezes its stream, and a split must never move.
    shuffler = np.random.RandomState(seed)
    is_test = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        n_test = round(len(rows) * test_fraction)
        is_test[shuffler.permutation(rows)[:n_test]] = True
    return np.flatnonzero(~is_test), np.flatnonzero(is_test)
