"""The networks of dense GANs: `mlp([784, 128, 1], rng)`, and a trunk that others may look at."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ... import nn
from ...creation import tensor
from ...random import Generator

__all__ = ["Discriminator", "Standardized", "mlp"]


def mlp(
    sizes: Sequence[int], rng: Generator, *, slope: float = 0.0, output: nn.Module | None = None
) -> nn.Sequential:
    """Dense layers of these sizes with (leaky) rectifiers between, and `output` after the last.

    Args:
        sizes: features in, hidden features, features out: `[784, 128, 128, 784]`.
        rng: draws the weights.
        slope: of the rectifiers where negative; 0 for plain ones.
        output: a last activation, such as `nn.Sigmoid()`; None leaves the output linear.

    Returns:
        A network of (N, sizes[0]) to (N, sizes[-1]).

    >>> mlp([784, 128, 1], rng, slope=0.2)
    Sequential(
      (0): Linear(in_features=784, out_features=128, bias=True)
      (1): LeakyReLU(slope=0.2)
      (2): Linear(in_features=128, out_features=1, bias=True)
    )
    """
    layers: list[nn.Module] = []
    for i, (inputs, outputs) in enumerate(pairwise(sizes)):
        if i:
            layers.append(nn.LeakyReLU(slope) if slope else nn.ReLU())
        layers.append(nn.Linear(inputs, outputs, rng=rng))
    return nn.Sequential(*layers, *([] if output is None else [output]))


class Discriminator(nn.Module):
    """A discriminator whose last hidden layer others may look at.

    Args:
        features: (N, D) to (N, F).
        head: (N, F) to logits (N, 1).

    >>> D = Discriminator(mlp([2, 8], rng), mlp([8, 1], rng))
    >>> D(tg.zeros(5, 2)).shape, D.features(tg.zeros(5, 2)).shape
    ((5, 1), (5, 8))
    """

    def __init__(self, features: nn.Module, head: nn.Module) -> None:
        self.features = features
        self.head = head

    def forward(self, x: Any) -> Any:
        """Logits (N, 1)."""
        return self.head(self.features(x))


class Standardized(nn.Module):
    """(x - mean) / std for each feature: what follows a sigmoid where D sees standardised data.

    So G cannot leave the bounds of the data, which its constant pixels, say, touch everywhere: a
    linear output would have to learn each of them, and D sees at once where it has not.

    Args:
        mean, std: (D,).

    >>> mean, std = np.full(1, 0.5, "float32"), np.full(1, 0.25, "float32")
    >>> Standardized(mean, std)(tg.ones(1, 1))
    Tensor([[2.]])
    """

    def __init__(self, mean: np.ndarray, std: np.ndarray) -> None:
        self.scale = tensor(1.0 / std)
        self.shift = tensor(-mean / std)

    def forward(self, x: Any) -> Any:
        """Of (N, D)."""
        return x * self.scale + self.shift
