"""Your own arrays, from an .npz file."""

import zipfile
from os import PathLike, fspath
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from .dataset import Dataset, from_arrays
from .errors import DataError

KEYS = ("train", "train_labels", "test", "test_labels")


def load_npz(path: str | PathLike[str]) -> Dataset:
    """The dataset in an .npz file, named after the file.

    It holds `train`, and may hold `train_labels`, `test` and `test_labels`: the arguments of
    `from_arrays`. Raises DataError when the file cannot be read, is damaged, holds pickled objects
    or other names, or fails a check.
    """
    name = fspath(path)
    arrays = _read(name)
    if "train" not in arrays or not set(arrays) <= set(KEYS):
        found = ", ".join(sorted(arrays)) or "nothing"
        raise DataError(
            f"{name} holds {found}: save it with np.savez(path, train=...), to which train_labels,"
            " test and test_labels may be added."
        )
    return from_arrays(
        Path(name).stem,
        arrays["train"],
        arrays.get("train_labels"),
        arrays.get("test"),
        arrays.get("test_labels"),
    )


def _read(name: str) -> dict[str, NDArray[Any]]:
    with _open(name) as file:
        if not zipfile.is_zipfile(file):
            raise DataError(f"{name}: not an .npz file, or a truncated one: save it again.")
        file.seek(0)
        try:
            with zipfile.ZipFile(file) as archive:
                return {
                    member.removesuffix(".npy"): _read_member(archive, member)
                    for member in archive.namelist()
                }
        # On damaged bytes zipfile, zlib and NumPy raise a dozen unrelated types between them.
        except Exception as error:
            reason = str(error).split("\n")[0].rstrip(".") or type(error).__name__
            raise DataError(
                f"{name}: damaged or not plain arrays ({reason}): save it again."
            ) from error


def _read_member(archive: zipfile.ZipFile, member: str) -> NDArray[Any]:
    with archive.open(member) as file:
        array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
        # zipfile verifies its checksum at the member's end, which np.load need not reach: a damaged
        # shape would read as fewer examples.
        if file.read(1):
            raise ValueError(f"bytes remain after {member}")
    return array


def _open(name: str) -> IO[bytes]:
    try:
        return open(name, "rb")
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"{name}: cannot be read ({reason}): check the path.") from error
