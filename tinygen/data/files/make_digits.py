"""Writes digits.npz from scikit-learn's copy of the UCI digits: python make_digits.py."""

from importlib import import_module
from pathlib import Path

import numpy as np


def main() -> None:
    """Write digits.npz beside this script."""
    # By name: scikit-learn is no dependency of tinygen, and its absence must not fail mypy.
    digits = import_module("sklearn.datasets").load_digits()
    images = digits.images.astype(np.uint8)
    labels = digits.target.astype(np.uint8)
    if not np.array_equal(images, digits.images):
        raise SystemExit("scikit-learn's digits are no longer integers: uint8 would lose them.")
    np.savez_compressed(Path(__file__).with_name("digits.npz"), images=images, labels=labels)


if __name__ == "__main__":
    main()
