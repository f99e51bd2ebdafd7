"""Minibatch discrimination: an example is judged beside the others of its batch.

    critic = nn.Sequential(
        nn.Linear(784, 64, rng=rng), nn.ReLU(),
        nn.MinibatchDiscrimination(64, 16, rng=rng), nn.Linear(64 + 16, 1, rng=rng))

Salimans et al., "Improved techniques for training GANs" (2016), section 3.2.
"""

from __future__ import annotations

import math
from typing import Any

from .. import ops
from ..random import Generator
from .init import uniform_parameter
from .module import Module

__all__ = ["MinibatchDiscrimination"]


class MinibatchDiscrimination(Module):
    """Append how close an example is to the others: (N, in) to (N, in + out).

    Salimans et al. 2016, "Improved techniques for training GANs", section 3.2:

        M_i = T x_i, of (out, kernel) numbers
        o_b(x_i) = sum over j of exp(-|M_ib - M_jb|_1)

    with j over the whole batch, i included (which adds 1). A critic sees by it when a generator has
    lost variety. Real and generated examples must not stand in one batch: `one_batch=False` of a
    trainer. It computes N^2 * out * kernel differences.

    Args:
        in_features, out_features: of x, and how many closenesses are appended.
        kernel: the length of each M_ib.

    Raises:
        ValueError: one of these is below 1, or the input is not (N, in).

    The weight T (out * kernel, in) starts as U(-b, b) with b = sqrt(3 / in) / kernel: distances
    around 1, for features around 1. The article leaves this open.

    >>> nn.MinibatchDiscrimination(64, 16, rng=rng)(tg.zeros(8, 64)).shape
    (8, 80)
    """

    def __init__(
        self, in_features: int, out_features: int, kernel: int = 5,
        *, rng: Generator, dtype: Any = "float32", device: str | None = None,
    ) -> None:  # fmt: skip
        if min(in_features, out_features, kernel) < 1:
            raise ValueError(
                "MinibatchDiscrimination: needs at least one feature in and out and a kernel of at "
                f"least 1, not {in_features}, {out_features} and {kernel}."
            )
        self.out_features, self.kernel = out_features, kernel
        bound = math.sqrt(3.0 / in_features) / kernel
        self.weight = uniform_parameter(
            (out_features * kernel, in_features), bound, rng=rng, dtype=dtype, device=device
        )

    def forward(self, x: Any) -> Any:
        """(N, in_features) to (N, in_features + out_features)."""
        if x.ndim != 2 or x.shape[1] != self.weight.shape[1]:
            raise ValueError(
                f"{self!r}: the input must be (N, {self.weight.shape[1]}), not {x.shape}."
            )
        m = ops.reshape(ops.linear(x, self.weight), (len(x), self.out_features, self.kernel))
        apart = ops.sum(ops.abs(ops.expand_dims(m, 1) - ops.expand_dims(m, 0)), 3)
        return ops.concatenate([x, ops.sum(ops.exp(-apart), 1)], 1)

    def extra_repr(self) -> str:
        """The arguments."""
        return (
            f"in_features={self.weight.shape[1]}, out_features={self.out_features}, "
            f"kernel={self.kernel}"
        )
