"""Embedding: a table of vectors, read by number.

    vectors = nn.Embedding(10, 64, rng=rng)(labels)      # (N,) integers below 10 to (N, 64)

Rows that were not read have a gradient of 0.
"""

from __future__ import annotations

from typing import Any

from .. import ops
from ..backend import BACKEND_OF, backend_for
from ..random import Generator
from ..tensor import Tensor
from .module import Module

__all__ = ["Embedding"]


class Embedding(Module):
    """Rows of a table: integers of any shape (...) to (..., embedding_dim).

    Args:
        num_embeddings: rows of the table; indices are 0 to num_embeddings - 1. (They are checked on
            the CPU only: looking at them would make a GPU wait.)
        padding_idx: a row that starts as zeros and whose gradient is zero.
        rng: the weights are drawn from it, N(0, 1), on the host: the same on every device.

    Raises:
        ValueError: the table has no rows or columns, or `padding_idx` is none of its rows.
        TypeError, IndexError: when called, indices are no integers, or on the CPU out of range.

    >>> nn.Embedding(10, 4, rng=rng)(tg.tensor([3, 3, 0])).shape
    (3, 4)
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None,
        *, rng: Generator, dtype: Any = "float32", device: str | None = None,
    ) -> None:  # fmt: skip
        if num_embeddings < 1 or embedding_dim < 1:
            raise ValueError(
                f"Embedding: needs at least one row and one column, not {num_embeddings} and "
                f"{embedding_dim}."
            )
        if padding_idx is not None:
            if not -num_embeddings <= padding_idx < num_embeddings:
                raise ValueError(
                    f"Embedding: padding_idx {padding_idx} is not a row of {num_embeddings}."
                )
            padding_idx %= num_embeddings
        self.padding_idx = padding_idx
        values = rng.on("cpu").normal((num_embeddings, embedding_dim), dtype=dtype)
        if padding_idx is not None:
            values[padding_idx] = 0.0
        backend = rng.backend if device is None else backend_for(device)
        self.weight = Tensor(backend.from_host(values), requires_grad=True)

    def forward(self, indices: Any) -> Any:
        """(...) integers to (..., embedding_dim)."""
        raw = indices._data if isinstance(indices, Tensor) else indices
        if raw.dtype.kind not in "iu":
            raise TypeError(f"{self!r}: indices must be integers, not {raw.dtype}.")
        rows = self.weight.shape[0]
        if BACKEND_OF[type(raw)].name == "numpy" and raw.size and not (
            raw.min() >= 0 and raw.max() < rows
        ):  # fmt: skip
            raise IndexError(
                f"{self!r}: indices must be 0 to {rows - 1}, these go from {raw.min()} to "
                f"{raw.max()}."
            )
        y = ops.take(self.weight, raw)
        if self.padding_idx is None:
            return y
        padding = self.weight._data[self.padding_idx].copy()
        return ops.where((raw == self.padding_idx)[..., None], padding, y)

    def extra_repr(self) -> str:
        """The arguments."""
        rows, columns = self.weight.shape
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{rows}, {columns}{padding}"
