"""Your own images, from a folder: of one size each, with folders in it as their classes.

    photos/*.png                    images without classes
    photos/cats/*.jpg, .../dogs/*   two classes, named and numbered in the order of the alphabet
    photos/train/..., photos/test/  the same twice: what is trained on, and what is held out

Grey where all images are grey, in red, green and blue otherwise; pixels in [0, 1]. What is
transparent is laid over white; a camera's orientation mark is obeyed.
"""

import hashlib
import math
import os
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .dataset import Dataset, from_arrays
from .errors import DataError
from .limits import check_size
from .origin import BYTES, HELD_OUT_FIFTH, HELD_OUT_GIVEN, Origin
from .pixels import head, pixels, read_content

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".pgm", ".ppm")


@dataclass
class _Part:
    """Images that are read together; `classes` is empty where they lie in the folder itself."""

    files: list[Path]
    labels: list[int]
    classes: tuple[str, ...]


def load_images(path: str | PathLike[str]) -> Dataset:
    """The images in a folder, as a dataset named after it: (N, H, W) grey, or (N, 3, H, W).

    Without folders `train` and `test` in it, a fifth of every class is held out. Raises DataError
    for a file that is no image, is larger than it should be or of another size than the first, for
    images both beside and within folders, and for a part without any.

    >>> from PIL import Image
    >>> for i in range(5):
    ...     Image.new("L", (8, 8)).save(f"{i}.png")
    >>> load_images(".").train.shape
    (4, 8, 8)
    """
    folder = Path(path)
    split = all((folder / part).is_dir() for part in ("train", "test"))
    parts = [_find(folder / p) for p in ("train", "test")] if split else [_find(folder)]
    if len({part.classes for part in parts}) > 1:
        raise DataError(f"{folder}: train and test hold other classes: give both the same folders.")
    files = [file for part in parts for file in part.files]
    images, sha256 = _read_all(folder, files)
    n = len(parts[0].files)
    labels = [np.array(part.labels, np.int64) for part in parts] if parts[0].classes else None
    origin = Origin(
        path=str(folder.absolute()),
        sha256=sha256,
        scaling=BYTES,
        held_out=HELD_OUT_GIVEN if split else HELD_OUT_FIFTH,
    )
    return from_arrays(
        folder.resolve().name or "images",
        images[:n],
        labels[0] if labels else None,
        images[n:] if split else None,
        labels[1] if labels and split else None,
        classes=parts[0].classes,
        origin=origin,
    )


def _find(folder: Path) -> _Part:
    files, folders = _images_in(folder), _folders_in(folder)
    if files and folders:
        raise DataError(
            f"{folder} holds images and folders ({files[0].name}, {folders[0].name}): put every"
            " image into the folder of its class, or all beside one another."
        )
    if not files and not folders:
        raise DataError(f"{folder} holds no images: give files that end in {', '.join(SUFFIXES)}.")
    if files:
        return _Part(files, [0] * len(files), ())
    part = _Part([], [], tuple(f.name for f in folders))
    for label, inner in enumerate(folders):
        found = _images_in(inner)
        if not found:
            raise DataError(f"{inner} holds no images: fill or remove this class.")
        part.files += found
        part.labels += [label] * len(found)
    return part


def _images_in(folder: Path) -> list[Path]:
    return [p for p in _listed(folder) if p.suffix.lower() in SUFFIXES and not p.is_dir()]


def _folders_in(folder: Path) -> list[Path]:
    return [p for p in _listed(folder) if p.is_dir()]


def _listed(folder: Path) -> list[Path]:
    """What is in a folder and not hidden, in the order of the names' code points."""
    try:
        return sorted(p for p in folder.iterdir() if not p.name.startswith("."))
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"{folder}: cannot be read ({reason}): check the path.") from error


def _read_all(folder: Path, files: list[Path]) -> tuple[NDArray[np.uint8], str]:
    """(N, H, W) grey or (N, 3, H, W) bytes, and the hash of all names and contents."""
    width, height, grey = head(read_content(files[0]), files[0])
    for file in files[1:]:
        w, h, is_grey = head(read_content(file), file)
        grey = grey and is_grey
        if (w, h) != (width, height):
            raise DataError(
                f"{file} has {w} x {h} pixels and {files[0].name} {width} x {height}: give all"
                " images one size."
            )
    shape = (len(files), height, width) if grey else (len(files), 3, height, width)
    check_size(math.prod(shape), str(folder))
    images = np.empty(shape, np.uint8)
    digest = hashlib.sha256()
    for i, file in enumerate(files):
        content = read_content(file)
        images[i] = pixels(content, file, grey=grey)
        name = os.fsencode(file.relative_to(folder).as_posix())
        digest.update(b"%d %s %d\n" % (len(name), name, len(content)) + content)
    return images, digest.hexdigest()
