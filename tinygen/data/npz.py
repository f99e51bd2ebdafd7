"""Your own arrays, from an .npz or .npy file.

    np.savez("mine.npz", train=rows, train_labels=labels)        # test, test_labels: optional
    data = load_npz("mine.npz")

What others may have made is not trusted: pickled objects and damaged headers are refused.
"""

import math
import os
import zipfile
from os import PathLike, fspath
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from .dataset import Dataset, from_arrays
from .errors import DataError
from .limits import check_size
from .origin import AS_THEY_ARE, BYTES, HELD_OUT_FIFTH, HELD_OUT_GIVEN, Origin, sha256_of_file
from .reading import damage_told, open_plain

KEYS = ("train", "train_labels", "test", "test_labels")
PLAIN = "plain arrays"
COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
HEADER_READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def load_npz(path: str | PathLike[str]) -> Dataset:
    """The dataset in an .npz file, named after the file.

    It holds `train`, and may hold `train_labels`, `test` and `test_labels`: the arguments of
    `from_arrays`. Raises DataError when the file cannot be read, is damaged, holds pickled objects
    or other names, is larger than memory, or fails a check.

    >>> np.savez("mine.npz", train=np.zeros((10, 3)), test=np.zeros((5, 3)))
    >>> load_npz("mine.npz").test.shape
    (5, 3)
    """
    name = fspath(path)
    with open_plain(name) as file:
        if not zipfile.is_zipfile(file):
            raise DataError(f"{name}: not an .npz file, or a truncated one: save it again.")
        file.seek(0)
        with damage_told(name, PLAIN), zipfile.ZipFile(file) as archive:
            _check_names(name, [info.filename for info in archive.infolist()])
            arrays = {
                info.filename.removesuffix(".npy"): _read_member(archive, info, name)
                for info in archive.infolist()
            }
    return _dataset(name, arrays)


def load_npy(path: str | PathLike[str]) -> Dataset:
    """The dataset in an .npy file, named after the file: unlabelled, a fifth of it held out.

    The array is `train` of `from_arrays`: rows (N, D), or images (N, H, W) or (N, C, H, W).
    Raises DataError as `load_npz` does.

    >>> np.save("mine.npy", np.zeros((10, 3)))
    >>> load_npy("mine.npy").train.shape
    (8, 3)
    """
    name = fspath(path)
    with open_plain(name) as file, damage_told(name, PLAIN):
        array = _read_array(file, os.fstat(file.fileno()).st_size, name)
    return _dataset(name, {"train": array})


def _dataset(name: str, arrays: dict[str, NDArray[Any]]) -> Dataset:
    origin = Origin(
        path=str(Path(name).absolute()),
        sha256=sha256_of_file(name),
        scaling=BYTES if arrays["train"].dtype == np.uint8 else AS_THEY_ARE,
        held_out=HELD_OUT_GIVEN if "test" in arrays else HELD_OUT_FIFTH,
    )
    return from_arrays(
        Path(name).stem,
        arrays["train"],
        arrays.get("train_labels"),
        arrays.get("test"),
        arrays.get("test_labels"),
        origin=origin,
    )


def _check_names(name: str, members: list[str]) -> None:
    """Before anything is read: no name is ever used as a path, and only four are known."""
    keys = [member.removesuffix(".npy") for member in members]
    if "train" in keys and set(keys) <= set(KEYS) and len(set(keys)) == len(keys):
        return
    shown = [key if key.isidentifier() else repr(key) for key in sorted(keys)[:8]]
    found = ", ".join(key[:60] for key in shown) + (", ..." if len(keys) > 8 else "")
    raise DataError(
        f"{name} holds {found or 'nothing'}: save it with np.savez(path, train=...), to which"
        " train_labels, test and test_labels may be added."
    )


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> NDArray[Any]:
    if info.compress_type not in COMPRESSIONS:
        raise ValueError(f"{info.filename} is compressed in a way that NumPy does not write")
    with archive.open(info) as file:
        return _read_array(file, info.file_size, name)


def _read_array(file: IO[bytes], size: int, name: str) -> NDArray[Any]:
    """The array of an .npy file of `size` bytes, whose header is believed only so far."""
    version = npy.read_magic(file)
    if version not in HEADER_READERS:
        raise ValueError(f"its format {version} is not that of plain numbers")
    shape, _, dtype = HEADER_READERS[version](file)
    if dtype.hasobject:
        raise ValueError("it holds pickled objects")
    count = math.prod(shape)
    if count * dtype.itemsize > size:
        raise ValueError(f"shape {shape} needs more bytes than there are")
    check_size(count * max(1, dtype.itemsize // 8), name)
    file.seek(0)
    array: NDArray[Any] = npy.read_array(file, allow_pickle=False)
    # zipfile verifies its checksum at the member's end, which np.load need not reach: a damaged
    # shape would read as fewer examples.
    if file.read(1):
        raise ValueError("bytes remain after the array")
    return array
