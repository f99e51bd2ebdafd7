"""MNIST and Fashion-MNIST, from a folder of yours or downloaded once.

Each has 60,000 training and 10,000 test images of 28x28. Sources: LeCun et al., "Gradient-based
learning applied to document recognition", 1998; Xiao, Rasul and Vollgraf, "Fashion-MNIST", 2017,
arXiv:1708.07747.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .download import cache_folder, fetch
from .errors import DataError
from .idx import check_pair, read_idx

N_CLASSES = 10
IMAGE_SHAPE = (28, 28)
TRAIN_IMAGES = "train-images-idx3-ubyte.gz"
TRAIN_LABELS = "train-labels-idx1-ubyte.gz"
TEST_IMAGES = "t10k-images-idx3-ubyte.gz"
TEST_LABELS = "t10k-labels-idx1-ubyte.gz"

Arrays = tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]


@dataclass(frozen=True)
class Source:
    """Where a dataset is published: base URLs, and the SHA-256 of each gzipped file there."""

    mirrors: tuple[str, ...]
    sha256: dict[str, str]


# The hashes are those of TensorFlow Datasets (url_checksums/mnist.txt and fashion_mnist.txt). They
# are of the mirrors' own .gz files: the same images compressed anew hash differently.
SOURCES: dict[str, Source] = {
    "mnist": Source(
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        sha256={
            TRAIN_IMAGES: "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            TRAIN_LABELS: "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            TEST_IMAGES: "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            TEST_LABELS: "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        },
    ),
    "fashion-mnist": Source(
        mirrors=(
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
        ),
        sha256={
            TRAIN_IMAGES: "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            TRAIN_LABELS: "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            TEST_IMAGES: "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            TEST_LABELS: "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        },
    ),
}


def load_mnist(name: str = "mnist") -> Arrays:
    """Training images (N, 28, 28) in 0..255, training labels (N,) in 0..9, then the same for test.

    name: "mnist" or "fashion-mnist". Each file is looked for in `$TINYGEN_DATA/<name>/`, gzipped or
    plain, and taken there as it is; then in the cache; then it is downloaded and its hash checked.
    Raises DataError when a file can be had nowhere or is malformed.
    """
    paths = {filename: find_file(name, filename) for filename in SOURCES[name].sha256}
    train_images, train_labels = _read_pair(paths[TRAIN_IMAGES], paths[TRAIN_LABELS])
    test_images, test_labels = _read_pair(paths[TEST_IMAGES], paths[TEST_LABELS])
    return train_images, train_labels, test_images, test_labels


def find_file(name: str, filename: str) -> Path:
    """The path of one gzipped file, or its plain form in `$TINYGEN_DATA`; downloaded if need be."""
    own = _own_folder()
    if own is not None:
        gzipped = own / name / filename
        for candidate in (gzipped, gzipped.with_suffix("")):
            if candidate.is_file():
                return candidate
    source = SOURCES[name]
    if own is None:
        remedy = f"put the four files in a folder {name}/ and set TINYGEN_DATA to its parent"
    else:
        remedy = f"put the four files in {own / name}, where TINYGEN_DATA points"
    folder = cache_folder() / name
    return fetch(filename, source.sha256[filename], source.mirrors, folder, remedy)


def _own_folder() -> Path | None:
    setting = os.environ.get("TINYGEN_DATA")
    if not setting:
        return None
    folder = Path(setting).expanduser()
    if not folder.is_dir():
        raise DataError(f"TINYGEN_DATA is {setting!r}, which is no folder: correct or unset it.")
    return folder


def _read_pair(images_path: Path, labels_path: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    images, labels = read_idx(images_path), read_idx(labels_path)
    check_pair(images, labels, f"{images_path} and {labels_path.name}")
    if images.shape[1:] != IMAGE_SHAPE:
        raise DataError(
            f"{images_path}: images of {images.shape[1:]} pixels, expected {IMAGE_SHAPE}: this is"
            " another dataset."
        )
    return images, labels
