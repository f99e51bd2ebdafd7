"""Attention, as a composition: every order of derivative follows from matmul and softmax."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .arithmetic import where
from .linalg import matmul
from .reductions import softmax
from .shape import swapaxes


def scaled_dot_product_attention(query: Any, key: Any, value: Any, mask: Any = None, bias: Any = None,
                                 dropout: Any = None) -> Any:  # fmt: skip
    """softmax(query key^T / sqrt(E) + bias) value, where the softmax runs over the keys.

    Vaswani et al. 2017, "Attention is all you need", eq. 1.

    Args:
        query: (..., L, E). key: (..., S, E). value: (..., S, F).
        mask: booleans that broadcast to (..., L, S): True where a query may see a key. A query that may
            see none sees all of them equally (where PyTorch gives NaN).
        bias: added to the scores, of which it broadcasts to the shape.
        dropout: a function applied to the weights.

    Returns:
        (..., L, F).

    Raises:
        ValueError: the lengths E or S differ.
    """
    if query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2]:
        raise ValueError(
            f"scaled_dot_product_attention: query (..., L, E), key (..., S, E) and value (..., S, F) do not fit: "
            f"they are {query.shape}, {key.shape} and {value.shape}."
        )
    scores = matmul(query * (1.0 / math.sqrt(query.shape[-1])), swapaxes(key, -1, -2))
    if bias is not None:
        scores = scores + bias
    if mask is not None:
        scores = where(mask, scores, -0.25 * float(np.finfo(scores.dtype).max))
    weights = softmax(scores, -1)
    return matmul(weights if dropout is None else dropout(weights), value)
