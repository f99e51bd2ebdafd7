"""Where your own data came from and how it was scaled: what a run records of it.

    data.origin.record()                                 # path, SHA-256, scaling, columns
    data.in_own_units(samples)                           # a table's scaling undone

A run's record holds it, so that the same data can be found and told from other data later.
"""

import hashlib
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BYTES = "bytes divided by 255"
AS_THEY_ARE = "as they are"
STANDARDISED = "each column less its mean, over its standard deviation (of the training part)"

HELD_OUT_FIFTH = "a fifth of every class, drawn with seed 0"
HELD_OUT_GIVEN = "the test part that was given"


@dataclass(frozen=True)
class Column:
    """A column of a table, with the mean and standard deviation of its training part."""

    name: str
    mean: float
    std: float


@dataclass(frozen=True)
class Origin:
    """A file or folder, its content's hash, and what was done to it.

    scaling, held_out: one of the rules above, in words. columns: of a table, in order.
    """

    path: str
    sha256: str
    scaling: str
    held_out: str
    columns: tuple[Column, ...] = ()

    def record(self) -> dict[str, Any]:
        """As JSON holds it."""
        record = asdict(self)
        record["columns"] = list(record["columns"])
        return record if self.columns else {k: v for k, v in record.items() if k != "columns"}

    def in_own_units(self, samples: NDArray[Any]) -> NDArray[Any]:
        """Samples (N, ...) of a table in the units of its columns; others as they are."""
        if not self.columns:
            return samples
        mean, std = (np.array([getattr(c, k) for c in self.columns]) for k in ("mean", "std"))
        return (samples * std + mean).astype(np.float32)


def sha256_of_file(path: str) -> str:
    """Of a file's content, as `sha256sum` prints it."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
