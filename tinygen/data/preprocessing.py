"""Data made ready for a network without bounds on its output: cleaned and standardised.

    rows, done = preprocess(rows)                        # (N, D), of mean 0
    samples = done.undo(samples)                         # in the units of the data again

Rows that repeat an earlier one, and constant ones, are dropped.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import DataError

LEAST_SPREAD = 0.1
"""Of the greatest: a pixel that hardly ever differs from its mean would be all noise otherwise."""


@dataclass(frozen=True, eq=False)
class Preprocessing:
    """What was done to the rows (N, D) of a training part, and how to undo it.

    mean, std: (D,), of the cleaned rows; no std is below `LEAST_SPREAD` of the greatest. dropped:
    rows left out in cleaning. bounds: of the data, where it has any, which undone samples keep to.
    """

    mean: NDArray[np.float32]
    std: NDArray[np.float32]
    dropped: int
    bounds: tuple[float, float] | None

    def apply(self, rows: NDArray[Any]) -> NDArray[np.float32]:
        """(rows - mean) / std."""
        return ((rows - self.mean) / self.std).astype(np.float32)

    def undo(self, rows: NDArray[Any]) -> NDArray[np.float32]:
        """The inverse, clipped to the bounds."""
        own = (rows * self.std + self.mean).astype(np.float32)
        return own if self.bounds is None else own.clip(*self.bounds)

    def record(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "cleaning": "repeated and constant examples are left out",
            "dropped": self.dropped,
            "scaling": "each feature less its mean, over its standard deviation",
            "mean": self.mean.tolist(),
            "std": self.std.tolist(),
            "bounds": self.bounds,
        }


def preprocess(
    rows: NDArray[np.float32], bounds: tuple[float, float] | None = None
) -> tuple[NDArray[np.float32], Preprocessing]:
    """The rows (N, D), cleaned and standardised, in their order; and what was done to them.

    Cleaning drops rows that repeat an earlier one and, where there are several features, rows that
    are constant, such as blank images. (That all values are finite was checked on loading.)
    """
    _, first = np.unique(rows, axis=0, return_index=True)
    varied = np.ptp(rows, axis=1) > 0 if rows.shape[1] > 1 else np.ones(len(rows), bool)
    kept = np.sort(first[varied[first]])
    if len(kept) < 2:
        raise DataError(f"of {len(rows)} examples cleaning leaves {len(kept)}: give varied ones.")
    clean = rows[kept]
    std = clean.std(0, dtype=np.float64)
    std = np.maximum(std, LEAST_SPREAD * std.max())
    done = Preprocessing(
        clean.mean(0, dtype=np.float64).astype(np.float32),
        std.astype(np.float32),
        len(rows) - len(kept),
        bounds,
    )
    return done.apply(clean), done
