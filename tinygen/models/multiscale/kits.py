"""What the layers of a network are made of: plain, equalised or spectrally normalised.

The models differ in this, and not in how their networks are built: each takes a kit.
"""

from __future__ import annotations

import math

from ... import nn
from ...random import Generator

__all__ = ["EqualizedKit", "Kit", "SpectralKit"]

SLOPE = 0.2
"""Of the leaky rectifiers in all networks."""


class Kit:
    """Weights that start as He et al. 2015 propose (`nn.init.kaiming_normal_`); batch norm in G.

    Args:
        rng: draws all weights.

    >>> scales = Scales(sizes=(4, 8), channels=(8, 4))
    >>> ImageGenerator(3, scales, Kit(rng))(tg.zeros(2, 3)).shape
    (2, 1, 8, 8)
    """

    def __init__(self, rng: Generator) -> None:
        self.rng = rng

    def conv(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, padding: int = 0,
        *, last: bool = False,
    ) -> nn.Module:  # fmt: skip
        """A convolution of images; `last` if no rectifier follows."""
        return self.started(nn.Conv2d(inputs, outputs, kernel, stride, padding, rng=self.rng), last)

    def linear(self, inputs: int, outputs: int, *, last: bool = False) -> nn.Module:
        """A dense layer."""
        return self.started(nn.Linear(inputs, outputs, rng=self.rng), last)

    def norm(self, channels: int) -> nn.Module:
        """What stands between a convolution of the generator and its rectifier."""
        return nn.BatchNorm2d(channels)

    def attention(self, channels: int, reduction: int) -> nn.Module:
        """Self-attention over the pixels of a map."""
        return nn.SelfAttention2d(channels, reduction, rng=self.rng)

    def started(self, layer: nn.Conv2d | nn.Linear, last: bool) -> nn.Module:
        """The layer with its first weights: variance is kept, whether a rectifier follows or not.

        In its last layer a network starts with a tenth of that, so that it begins undecided.
        """
        nonlinearity = "linear" if last else "leaky_relu"
        nn.init.kaiming_normal_(layer.weight, nonlinearity, SLOPE, rng=self.rng)
        if last:
            layer.weight[...] = layer.weight._data * 0.1
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
        return layer


class EqualizedKit(Kit):
    """Equalised learning rates, and each pixel's channels normalised in the generator.

    Karras et al., "Progressive growing of GANs" (2018), sections 4.1 and 4.2.

    >>> scales = Scales(sizes=(4, 8), channels=(8, 4))
    >>> ImageGenerator(3, scales, EqualizedKit(rng))(tg.zeros(2, 3)).shape
    (2, 1, 8, 8)
    """

    def conv(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, padding: int = 0,
        *, last: bool = False,
    ) -> nn.Module:  # fmt: skip
        """A convolution whose weight is scaled at every call."""
        gain = 1.0 if last else math.sqrt(2.0)
        return nn.EqualizedConv2d(inputs, outputs, kernel, stride, padding, gain=gain, rng=self.rng)

    def linear(self, inputs: int, outputs: int, *, last: bool = False) -> nn.Module:
        """A dense layer, likewise."""
        gain = 1.0 if last else math.sqrt(2.0)
        return nn.EqualizedLinear(inputs, outputs, gain=gain, rng=self.rng)

    def norm(self, channels: int) -> nn.Module:
        """It keeps magnitudes from running away as the players compete."""
        return nn.PixelNorm()


class SpectralKit(Kit):
    """Weights of convolutions and dense layers divided by their largest singular value.

    Miyato et al. 2018 do so in D; Zhang et al. 2019 (SAGAN), section 4.1, in G too. (The weights of
    recurrent features, of which neither article tells, stay as they are.) It is an estimate, which
    each call brings closer by one step of the power method: where a second singular value overtakes
    the first, a norm may be 1.1 for some steps.

    >>> scales = Scales(sizes=(4, 8), channels=(8, 4))
    >>> ImageDiscriminator(scales, SpectralKit(rng))(tg.zeros(2, 1, 8, 8)).shape
    (2, 1)
    """

    def attention(self, channels: int, reduction: int) -> nn.Module:
        """With its four convolutions normalised."""
        layer = nn.SelfAttention2d(channels, reduction, rng=self.rng)
        for name in ("f", "g", "h", "v"):
            setattr(layer, name, nn.SpectralNorm(getattr(layer, name), rng=self.rng))
        return layer

    def started(self, layer: nn.Conv2d | nn.Linear, last: bool) -> nn.Module:
        """The scale of the first weights does not matter: it is divided out."""
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
        return nn.SpectralNorm(layer, rng=self.rng)
