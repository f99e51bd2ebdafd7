"""The two bodies that all models share: up through the scales in G, down through them in D.

Images of size s are made from, and read into, maps of half their side: two pixels in each
direction become channels, so that the widest maps of 32 x 32 images are 16 x 16.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ... import nn
from ...ops import reshape
from .features import features
from .kits import SLOPE, Kit
from .pyramid import Pyramid

__all__ = ["Fall", "GeneratorBase", "Head", "Rise", "Scales", "from_image", "to_image"]


class Scales(NamedTuple):
    """What both players of a model agree on.

    sizes: of the images, pixels a side, from the smallest. channels: of the maps of each size.
    colours: of the images. features: a key of `FEATURES`. `checked` raises ValueError where they do
    not fit each other.

    >>> Scales(sizes=(4, 8), channels=(8, 4)).colours
    1
    """

    sizes: tuple[int, ...] = (8, 16, 32)
    channels: tuple[int, ...] = (64, 32, 16)
    colours: int = 1
    features: str = "convolutional"

    def checked(self) -> Scales:
        """Itself.

        Raises:
            ValueError: sizes do not double, or there are not as many channels as sizes.
        """
        Pyramid(self.sizes)
        if len(self.channels) != len(self.sizes) or min(self.channels) < 1 or self.colours < 1:
            raise ValueError(
                f"Scales: give a positive number of channels for each of the sizes "
                f"{', '.join(map(str, self.sizes))}, not {', '.join(map(str, self.channels))}."
            )
        return self

    def upto(self, count: int) -> Scales:
        """The `count` smallest sizes alone."""
        return self._replace(sizes=self.sizes[:count], channels=self.channels[:count])

    def seen(self, i: int, kit: Kit) -> nn.Module:
        """Features at scale i."""
        side = self.sizes[i] // 2
        return features(self.features, channels=self.channels[i], side=side, kit=kit)


def to_image(channels: int, colours: int, kit: Kit, squash: nn.Module) -> nn.Sequential:
    """Maps (N, channels, s/2, s/2) to images (N, colours, s, s)."""
    conv = kit.conv(channels, 4 * colours, 3, 1, 1, last=True)
    return nn.Sequential(conv, nn.PixelShuffle(2), squash)


def from_image(colours: int, channels: int, kit: Kit) -> nn.Sequential:
    """Images (N, colours, s, s) to maps (N, channels, s/2, s/2)."""
    return nn.Sequential(kit.conv(colours, channels, 4, 2, 1), nn.LeakyReLU(SLOPE))


class GeneratorBase(nn.Module):
    """Noise (N, noise) to the maps of the smallest scale (N, channels, side, side)."""

    def __init__(self, noise: int, scales: Scales, kit: Kit) -> None:
        self.side, self.channels = scales.sizes[0] // 2, scales.channels[0]
        self.dense = kit.linear(noise, self.channels * self.side**2)
        self.norm = kit.norm(self.channels)
        self.activation = nn.LeakyReLU(SLOPE)
        self.features = scales.seen(0, kit)

    def forward(self, z: Any) -> Any:
        """(N, channels, side, side)."""
        maps = reshape(self.dense(z), (len(z), self.channels, self.side, self.side))
        return self.features(self.activation(self.norm(maps)))


class Rise(nn.Module):
    """From the maps of scale i - 1 to those of scale i: twice the side, and the features there.

    The side doubles by `nn.PixelShuffle`, which needs no more layers than a convolution.
    """

    def __init__(self, scales: Scales, i: int, kit: Kit) -> None:
        below, here = scales.channels[i - 1], scales.channels[i]
        self.up = nn.Sequential(kit.conv(below, 4 * here, 3, 1, 1), nn.PixelShuffle(2))
        self.norm = kit.norm(here)
        self.activation = nn.LeakyReLU(SLOPE)
        self.features = scales.seen(i, kit)

    def forward(self, maps: Any) -> Any:
        """(N, C, H, W) to (N, C', 2H, 2W)."""
        return self.features(self.activation(self.norm(self.up(maps))))


class Fall(nn.Module):
    """The features of scale i, and from there to half the side, the maps of scale i - 1."""

    def __init__(self, scales: Scales, i: int, kit: Kit) -> None:
        here, below = scales.channels[i], scales.channels[i - 1]
        self.features = scales.seen(i, kit)
        self.down = kit.conv(here, below, 4, 2, 1)
        self.activation = nn.LeakyReLU(SLOPE)

    def forward(self, maps: Any) -> Any:
        """(N, C, H, W) to (N, C', H/2, W/2)."""
        return self.activation(self.down(self.features(maps)))


class Head(nn.Module):
    """The features of the smallest scale, and from there to logits (N, 1).

    Args:
        across: append how much the images of a batch differ (see `nn.MinibatchStdDev`).
    """

    def __init__(self, scales: Scales, kit: Kit, across: bool = False) -> None:
        channels, side = scales.channels[0], scales.sizes[0] // 2
        self.features = scales.seen(0, kit)
        self.activation = nn.LeakyReLU(SLOPE)
        self.across = nn.MinibatchStdDev() if across else nn.Identity()
        self.last = kit.linear((channels + across) * side**2, 1, last=True)

    def forward(self, maps: Any) -> Any:
        """(N, C, side, side) to (N, 1)."""
        maps = self.across(self.activation(self.features(maps)))
        return self.last(reshape(maps, (len(maps), -1)))
