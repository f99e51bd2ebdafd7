"""Your own data, by its path: a folder of images, arrays, or a table.

    load_own("photos/"), load_own("mine.npz"), load_own("table.csv")

The path's ending tells the kind; a folder holds images.
"""

import os
from collections.abc import Callable
from pathlib import Path

from .dataset import Dataset
from .errors import DataError
from .images import load_images
from .npz import load_npy, load_npz
from .table import load_csv

READERS: dict[str, Callable[[str], Dataset]] = {
    ".npy": load_npy,
    ".npz": load_npz,
    ".csv": load_csv,
}


def looks_like_a_path(name: str) -> bool:
    """Whether a dataset of this name would be a file or folder, which need not exist."""
    if os.path.splitext(name)[1].lower() in READERS or os.sep in name:
        return True
    return os.path.exists(name)


def load_own(path: str) -> Dataset:
    """The dataset at this path. Raises DataError for what is none, cannot be read or is damaged."""
    if os.path.isdir(path):
        return load_images(path)
    if not os.path.exists(path):
        raise DataError(f"{path}: cannot be read (No such file or directory): check the path.")
    suffix = Path(path).suffix.lower()
    if suffix not in READERS:
        raise DataError(
            f"{path} is of no known kind: give a folder of images, or a file {', '.join(READERS)}."
        )
    return READERS[suffix](path)
