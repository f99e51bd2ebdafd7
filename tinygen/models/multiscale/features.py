"""Features at a scale: maps (N, C, H, W) to maps of the same shape, by three kinds of networks.

    layer = features("recurrent", channels=32, side=8, kit=Kit(rng))
    y = layer(x)                                   # any of the kinds, in any model of this folder

Each adds to its input what it sees in it, x + f(x). They differ in how far a pixel sees: as far as
the kernel reaches (convolutional), everywhere at once (attention), or along its row and then all
columns, by what a recurrent network has kept of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ... import nn
from ...ops import pixel_shuffle, pixel_unshuffle, reshape, transpose
from .kits import SLOPE, Kit

__all__ = ["FEATURES", "Attention", "Convolutional", "Recurrent", "features"]

REDUCTION = 2
"""Attention's keys, queries and values have so many times fewer channels: SAGAN's 8 is for 512."""

LONGEST = 8
"""Positions along a side. On larger maps patches are read in place of pixels, as ReNet's do."""


class Convolutional(nn.Module):
    """x + conv(rectified x), 3 x 3: (N, channels, H, W) to the same shape.

    >>> Convolutional(8, Kit(rng))(tg.ones(2, 8, 16, 16)).shape
    (2, 8, 16, 16)
    """

    def __init__(self, channels: int, kit: Kit) -> None:
        self.activation = nn.LeakyReLU(SLOPE)
        self.conv = kit.conv(channels, channels, 3, 1, 1)

    def forward(self, x: Any) -> Any:
        """The same shape."""
        return x + self.conv(self.activation(x))


class Attention(nn.Module):
    """x + gamma * attention(x), where gamma starts at 0: see `nn.SelfAttention2d`.

    Its cost grows with the square of the positions, so that on larger maps these are patches. Maps
    (N, channels, side, side) keep their shape; ValueError for an odd number of channels.

    Args:
        side: of the square maps.

    >>> Attention(8, 16, Kit(rng))(tg.ones(2, 8, 16, 16)).shape
    (2, 8, 16, 16)
    """

    def __init__(self, channels: int, side: int, kit: Kit) -> None:
        if channels % REDUCTION:
            raise ValueError(
                f"features: attention needs an even number of channels, not {channels}; take "
                f"{channels + 1}."
            )
        self.patch = max(1, side // LONGEST)
        self.attention = kit.attention(channels * self.patch**2, REDUCTION)

    def forward(self, x: Any) -> Any:
        """The same shape."""
        return _pixels(self.attention(_patches(x, self.patch)), self.patch)


class Recurrent(nn.Module):
    """x + conv(what recurrent networks saw along the rows, and then along the columns of that).

    Visin et al., "ReNet: a recurrent neural network based alternative to convolutional networks"
    (2015), section 2: two GRUs sweep over each row from both ends, and two more over the columns of
    what those found, so that every patch has seen the whole map. Here their outputs return to x's
    channels by a 1 x 1 convolution. (The article reads columns first.)

    Args:
        side: of the square maps.

    >>> Recurrent(8, 16, Kit(rng))(tg.ones(2, 8, 16, 16)).shape
    (2, 8, 16, 16)
    """

    def __init__(self, channels: int, side: int, kit: Kit) -> None:
        self.patch = max(1, side // LONGEST)
        wide = channels * self.patch**2
        self.rows = nn.GRU(wide, channels, bidirectional=True, rng=kit.rng)
        self.columns = nn.GRU(2 * channels, channels, bidirectional=True, rng=kit.rng)
        self.back = kit.conv(2 * channels, wide, 1)

    def forward(self, x: Any) -> Any:
        """The same shape."""
        patches = _patches(x, self.patch)
        seen = _along(self.rows, transpose(patches, (3, 0, 2, 1)))  # (W, N, H, C)
        seen = _along(self.columns, transpose(seen, (2, 1, 0, 3)))  # (H, N, W, C)
        return x + _pixels(self.back(transpose(seen, (1, 3, 0, 2))), self.patch)


def _along(network: nn.GRU, steps: Any) -> Any:
    """A GRU over the first axis of (L, N, M, C): (L, N, M, 2H)."""
    length, n, others, channels = steps.shape
    outputs, _ = network(reshape(steps, (length, n * others, channels)))
    return reshape(outputs, (length, n, others, -1))


def _patches(x: Any, size: int) -> Any:
    """(N, C, H, W) to (N, C size^2, H / size, W / size)."""
    return pixel_unshuffle(x, size) if size > 1 else x


def _pixels(x: Any, size: int) -> Any:
    """The reverse."""
    return pixel_shuffle(x, size) if size > 1 else x


FEATURES: dict[str, Callable[[int, int, Kit], nn.Module]] = {
    "convolutional": lambda channels, side, kit: Convolutional(channels, kit),
    "attention": Attention,
    "recurrent": Recurrent,
}


def features(kind: str, *, channels: int, side: int, kit: Kit) -> nn.Module:
    """A layer of that kind for maps (N, channels, side, side), which keeps their shape.

    Raises:
        ValueError: there is no such kind.

    >>> features("recurrent", channels=8, side=16, kit=Kit(rng))(tg.ones(2, 8, 16, 16)).shape
    (2, 8, 16, 16)
    """
    if kind not in FEATURES:
        raise ValueError(f"features: unknown kind {kind!r}; known are {', '.join(FEATURES)}.")
    return FEATURES[kind](channels, side, kit)
