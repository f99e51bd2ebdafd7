"""What is trained on: named datasets, your own arrays, Gaussian mixtures, and batches of them.

    data = tg.data.load("mnist")                         # or "photos/", "table.csv", "mine.npz"
    batches = tg.data.BatchLoader((data.train, data.train_labels), 64, rng)
    images, labels = batches.next_batch()                # NumPy arrays (64, ...) and (64,)

Images are float32 in [0, 1]. What cannot be used is a `DataError`: one sentence that says why.
"""

from .catalogue import LOADERS, load, located
from .dataset import Dataset, from_arrays
from .errors import DataError
from .idx import read_idx
from .images import load_images
from .loader import BatchLoader
from .mixtures import GRID, MIXTURES, RING, Mixture, sample_mixture
from .npz import load_npy, load_npz
from .resizing import resized
from .table import load_csv

__all__ = [
    "GRID",
    "LOADERS",
    "MIXTURES",
    "RING",
    "BatchLoader",
    "DataError",
    "Dataset",
    "Mixture",
    "from_arrays",
    "load",
    "load_csv",
    "load_images",
    "load_npy",
    "load_npz",
    "located",
    "read_idx",
    "resized",
    "sample_mixture",
]
