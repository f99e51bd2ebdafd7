"""A discriminator that judges several examples together, and so sees when they are alike.

discriminator = Packed(mlp([2 * 784, 128, 128, 1], rng), 2)
"""

from __future__ import annotations

from typing import Any

from ... import nn
from ...ops import reshape

__all__ = ["Packed"]


class Packed(nn.Module):
    """PacGAN: m examples of one kind make one input (N, D) to (N/m, mD), images as channels.

    Lin et al., "PacGAN: the power of two samples in generative adversarial networks" (2018),
    section 2: m draws of a collapsed generator differ from m draws of the data more than one from
    one does, so the loss of variety costs G more. Examples that follow each other in the batch make
    a pack; batches are in random order.

    Args:
        discriminator: takes m times the features, or images of m times the channels.
        m: examples in a pack.

    Raises:
        ValueError: m is below 1; when called, it does not divide the batch, or there are labels.

    >>> D = Packed(mlp([2 * 2, 8, 1], rng), m=2)
    >>> D(tg.zeros(6, 2)).shape
    (3, 1)
    """

    def __init__(self, discriminator: nn.Module, m: int) -> None:
        if m < 1:
            raise ValueError(f"Packed: m must be at least 1, not {m}.")
        self.discriminator = discriminator
        self.m = m

    def forward(self, x: Any, *conditions: Any) -> Any:
        """Logits (N/m, 1) of examples (N, D) or (N, C, H, W)."""
        if conditions:
            raise ValueError(
                "Packed: the examples of a pack may have different labels, so it takes no "
                "conditions; leave packing or the labels out."
            )
        return self.discriminator(self.together(x))

    def together(self, x: Any) -> Any:
        """(N, D, ...) as packs (N/m, mD, ...)."""
        n, features, *rest = x.shape
        if n % self.m:
            raise ValueError(
                f"Packed: packs of {self.m} do not divide a batch of {n}; take a batch that is a "
                f"multiple of {self.m}."
            )
        return reshape(x, (n // self.m, self.m * features, *rest))

    def extra_repr(self) -> str:
        """The arguments."""
        return f"m={self.m}"
