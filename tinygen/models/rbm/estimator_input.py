"""What users hand to an estimator, as a matrix or refused, in the words scikit-learn has for it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...data import DataError

__all__ = ["as_matrix"]


def as_matrix(x: Any, where: str, features: int | None, dtype: str) -> np.ndarray:
    """Rows (N, features) in `dtype`, finite.

    Args:
        features: how many there must be; None for any number from 1.

    Raises:
        DataError: for sparse, complex, one-dimensional or empty input, text, NaN, another width.
    """
    if hasattr(x, "toarray"):
        raise DataError(f"{where}: sparse data was passed, dense data is required: use .toarray().")
    try:
        rows = np.asarray(x)
        if np.iscomplexobj(rows):
            raise DataError(f"{where}: Complex data not supported; pass real numbers.")
        rows = rows.astype(dtype)
    except (TypeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise type(error)(f"{where}: X cannot be read as numbers ({error}).") from None
    if rows.ndim != 2:
        raise DataError(
            f"{where}: Expected 2D array, got an array of shape {rows.shape} instead. Reshape your "
            "data: X.reshape(-1, 1) if it has one feature, X.reshape(1, -1) if it is one sample."
        )
    if len(rows) == 0 or rows.shape[1] == 0:
        what = "sample(s)" if len(rows) == 0 else "feature(s)"
        raise DataError(
            f"Found array with 0 {what} (shape={rows.shape}) while a minimum of 1 is required by "
            f"{where}."
        )
    if features is not None and rows.shape[1] != features:
        raise DataError(
            f"X has {rows.shape[1]} features, but {where.partition('.')[0]} is expecting "
            f"{features} features as input."
        )
    if not np.isfinite(rows).all():
        raise DataError(
            f"{where}: Input X contains NaN, infinity or a value too large for {dtype}: remove or "
            "replace those rows."
        )
    return rows
