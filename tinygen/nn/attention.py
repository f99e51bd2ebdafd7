"""Attention: SelfAttention2d (SAGAN) and MultiheadAttention.

    y = nn.SelfAttention2d(64, rng=rng)(images)                  # (N, 64, H, W), as its input
    y = nn.MultiheadAttention(64, num_heads=4, rng=rng)(x)       # (N, L, 64) likewise

The first looks at all pixels of an image, the second at all places of a sequence, with masks.
"""

from __future__ import annotations

import math
from typing import Any

from .. import ops
from ..backend import BACKEND_OF
from ..random import Generator
from ..tensor import Tensor
from .convolution import Conv2d
from .init import uniform_parameter
from .layers import Dropout, Linear
from .module import Module

__all__ = ["MultiheadAttention", "SelfAttention2d"]


class SelfAttention2d(Module):
    """gamma * attention(x) + x over the pixels of an image: (N, C, H, W) to the same shape.

    Zhang et al. 2019, "Self-attention generative adversarial networks", section 3, eq. 1 to 3:
    1x1 convolutions f (keys), g (queries) and h (values) to C / reduction channels, and v back to
    C. gamma starts at 0, so that the layer starts as the identity; then f, g, h and v have no
    gradient in the first step, and gamma has. As in the article the scores are not divided by the
    root of their length. (The authors' code pools the keys and values 2x2 and gives h C / 2
    channels; the article does not.)

    Args:
        reduction: the article's 8; it must divide the channels.

    Raises:
        ValueError: it does not divide them, or the input has another shape.

    >>> nn.SelfAttention2d(16, rng=rng)(tg.ones(2, 16, 8, 8)).shape
    (2, 16, 8, 8)
    """

    def __init__(
        self, channels: int, reduction: int = 8,
        *, rng: Generator, dtype: Any = "float32", device: str | None = None,
    ) -> None:  # fmt: skip
        if channels < 1 or reduction < 1 or channels % reduction:
            raise ValueError(
                f"SelfAttention2d: reduction must divide the channels, not {reduction} and "
                f"{channels}."
            )
        self.channels, self.reduction = channels, reduction
        inner = channels // reduction
        self.f, self.g, self.h = (
            Conv2d(channels, inner, 1, bias=False, rng=rng, dtype=dtype, device=device)
            for _ in range(3)
        )
        self.v = Conv2d(inner, channels, 1, bias=False, rng=rng, dtype=dtype, device=device)
        backend = BACKEND_OF[type(self.v.weight._data)]
        self.gamma = Tensor(backend.zeros((1,), dtype=dtype), requires_grad=True)

    def forward(self, x: Any) -> Any:
        """The same shape."""
        if x.ndim != 4 or x.shape[1] != self.channels:
            raise ValueError(
                f"{self!r}: the input must be (N, {self.channels}, H, W), not {x.shape}."
            )
        n, _, height, width = x.shape
        keys, queries, values = (
            ops.reshape(ops.transpose(layer(x), 0, 2, 3, 1), (n, height * width, -1))
            for layer in (self.f, self.g, self.h)
        )
        weights = ops.softmax(ops.matmul(queries, ops.swapaxes(keys, 1, 2)), -1)
        seen = ops.reshape(ops.matmul(weights, values), (n, height, width, -1))
        return self.gamma * self.v(ops.transpose(seen, 0, 3, 1, 2)) + x

    def extra_repr(self) -> str:
        """The arguments."""
        return f"{self.channels}, reduction={self.reduction}"

    def __repr__(self) -> str:
        return f"SelfAttention2d({self.extra_repr()})"


class MultiheadAttention(Module):
    """Several attentions side by side: (N, L, embed_dim) to the same shape.

    Vaswani et al. 2017, "Attention is all you need", section 3.2.2. Names and layouts in a state
    are those of `torch.nn.MultiheadAttention(..., batch_first=True)`; the result is the output
    alone, without the weights that PyTorch returns beside it.

    Args:
        num_heads: must divide embed_dim.
        dropout: the probability of dropping a weight in training.
        rng: draws the first weights, and the dropout.

    Raises:
        ValueError: num_heads does not divide embed_dim, or an input or mask has another shape.

    >>> attention = nn.MultiheadAttention(8, num_heads=2, rng=rng)
    >>> x = tg.ones(3, 5, 8)
    >>> attention(x, x, x).shape
    (3, 5, 8)
    """

    def __init__(
        self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True,
        *, rng: Generator, dtype: Any = "float32", device: str | None = None,
    ) -> None:  # fmt: skip
        if num_heads < 1 or embed_dim < 1 or embed_dim % num_heads:
            raise ValueError(
                f"MultiheadAttention: num_heads must divide embed_dim, not {num_heads} and "
                f"{embed_dim}."
            )
        self.embed_dim, self.num_heads = embed_dim, num_heads
        bound = math.sqrt(6.0 / (4 * embed_dim))  # Glorot's, for the three stacked
        self.in_proj_weight = uniform_parameter(
            (3 * embed_dim, embed_dim), bound, rng=rng, dtype=dtype, device=device
        )
        backend = BACKEND_OF[type(self.in_proj_weight._data)]
        self.in_proj_bias: Tensor | None = None
        if bias:
            zeros = backend.zeros((3 * embed_dim,), dtype=dtype)
            self.in_proj_bias = Tensor(zeros, requires_grad=True)
        self.out_proj = Linear(embed_dim, embed_dim, bias, rng=rng, dtype=dtype, device=device)
        if self.out_proj.bias is not None:
            self.out_proj.bias[...] = 0.0
        self.dropout = Dropout(dropout, rng=rng)

    def forward(
        self, query: Any, key: Any = None, value: Any = None,
        key_padding_mask: Any = None, attn_mask: Any = None,
    ) -> Any:  # fmt: skip
        """(N, L, embed_dim), from queries (N, L, embed_dim) and keys and values (N, S, embed_dim).

        Args:
            key: the queries if None. value: the keys if None.
            key_padding_mask: (N, S) booleans, True where a key is padding and not to be seen.
            attn_mask: (L, S) or (N * num_heads, L, S): booleans, True where a query must not see a
                key, or floats to add to the scores. (Both are PyTorch's conventions.) A query
                that must see nothing sees everything equally, where PyTorch gives NaN.
        """
        key = query if key is None else key
        value = key if value is None else value
        for name, x in (("query", query), ("key", key), ("value", value)):
            if x.ndim != 3 or x.shape[2] != self.embed_dim or len(x) != len(query):
                raise ValueError(
                    f"{self!r}: {name} must be ({len(query)}, length, {self.embed_dim}), not "
                    f"{x.shape}."
                )
        biases: list[Any] = [None] * 3
        if self.in_proj_bias is not None:
            biases = ops.split(self.in_proj_bias, 3)
        q, k, v = (
            self._heads(ops.linear(x, w, b))
            for x, w, b in zip(
                (query, key, value), ops.split(self.in_proj_weight, 3), biases, strict=True
            )
        )
        mask, bias = self._masks(query, key, key_padding_mask, attn_mask)
        y = ops.scaled_dot_product_attention(q, k, v, mask, bias, self.dropout)
        return self.out_proj(ops.reshape(ops.transpose(y, 0, 2, 1, 3), query.shape))

    def _heads(self, x: Any) -> Any:
        """(N, L, embed_dim) to (N, heads, L, embed_dim / heads)."""
        n, length, _ = x.shape
        return ops.transpose(ops.reshape(x, (n, length, self.num_heads, -1)), 0, 2, 1, 3)

    def _masks(self, query: Any, key: Any, padding: Any, mask: Any) -> tuple[Any, Any]:
        """What may be seen, and what is added to the scores; both fit (N, heads, L, S)."""
        n, queries, keys = len(query), query.shape[1], key.shape[1]
        allowed = bias = None
        if mask is not None:
            stacked = (n * self.num_heads, queries, keys)
            if tuple(mask.shape) not in ((queries, keys), stacked):
                raise ValueError(
                    f"{self!r}: attn_mask must be {(queries, keys)} or {stacked}, not {mask.shape}."
                )
            if mask.ndim == 3:
                mask = ops.reshape(mask, (n, self.num_heads, queries, keys))
            if mask.dtype.kind == "b":
                allowed = ~mask
            else:
                bias = mask
        if padding is not None:
            if tuple(padding.shape) != (n, keys) or padding.dtype.kind != "b":
                raise ValueError(
                    f"{self!r}: key_padding_mask must be booleans {(n, keys)}, not {padding.dtype} "
                    f"{padding.shape}."
                )
            seen = ops.reshape(~padding, (n, 1, 1, keys))
            allowed = seen if allowed is None else allowed & seen
        return allowed, bias

    def extra_repr(self) -> str:
        """The arguments."""
        dropout = f", dropout={self.dropout.p}" if self.dropout.p else ""
        return f"{self.embed_dim}, num_heads={self.num_heads}{dropout}"

    def __repr__(self) -> str:
        return f"MultiheadAttention({self.extra_repr()})"
