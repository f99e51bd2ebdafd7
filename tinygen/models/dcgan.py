"""The networks of a convolutional GAN, for grey or coloured images of 32 x 32 pixels.

Radford et al., "Unsupervised representation learning with deep convolutional generative
adversarial networks" (2016), section 3: strided convolutions and no pooling, batch norm in both
networks but for the generator's output and the discriminator's input, rectifiers in G, leaky ones
in D, weights drawn from N(0, 0.02^2).

The article scales pixels to [-1, 1] and ends G with tanh. Here they are in [0, 1], as elsewhere in
tinygen, and G ends with a sigmoid, which is (tanh(x / 2) + 1) / 2: the same network but for scale.
"""

from __future__ import annotations

from .. import nn
from ..random import Generator

__all__ = ["discriminator", "generator"]

SIZE = 32
"""Pixels on each side: 4 x 4 doubled three times."""


def generator(
    noise_features: int, channels: tuple[int, int, int], colours: int, rng: Generator
) -> nn.Sequential:
    """Noise (N, noise_features, 1, 1) to images (N, colours, 32, 32) in [0, 1].

    Args:
        channels: of the hidden layers, from the largest image to the smallest: (64, 128, 256).
        colours: 1 for grey, 3 for red, green and blue.

    Radford et al., "Unsupervised representation learning with deep convolutional generative
    adversarial networks" (2016), section 3.

    >>> generator(3, (8, 8, 8), 1, rng)(tg.zeros(2, 3, 1, 1)).shape
    (2, 1, 32, 32)
    """
    low, middle, high = channels
    network = nn.Sequential(
        nn.ConvTranspose2d(noise_features, high, 4, 1, 0, bias=False, rng=rng),
        nn.BatchNorm2d(high),
        nn.ReLU(),
        nn.ConvTranspose2d(high, middle, 4, 2, 1, bias=False, rng=rng),
        nn.BatchNorm2d(middle),
        nn.ReLU(),
        nn.ConvTranspose2d(middle, low, 4, 2, 1, bias=False, rng=rng),
        nn.BatchNorm2d(low),
        nn.ReLU(),
        nn.ConvTranspose2d(low, colours, 4, 2, 1, bias=False, rng=rng),
        nn.Sigmoid(),
    )
    return nn.init.dcgan_(network, rng=rng)


def discriminator(channels: tuple[int, int, int], colours: int, rng: Generator) -> nn.Sequential:
    """Images (N, colours, 32, 32) to logits (N, 1); arguments and source as of `generator`.

    >>> discriminator((8, 8, 8), 1, rng)(tg.zeros(2, 1, 32, 32)).shape
    (2, 1)
    """
    low, middle, high = channels
    network = nn.Sequential(
        nn.Conv2d(colours, low, 4, 2, 1, bias=False, rng=rng),
        nn.LeakyReLU(0.2),
        nn.Conv2d(low, middle, 4, 2, 1, bias=False, rng=rng),
        nn.BatchNorm2d(middle),
        nn.LeakyReLU(0.2),
        nn.Conv2d(middle, high, 4, 2, 1, bias=False, rng=rng),
        nn.BatchNorm2d(high),
        nn.LeakyReLU(0.2),
        nn.Conv2d(high, 1, 4, 1, 0, bias=False, rng=rng),
        nn.Flatten(),
    )
    return nn.init.dcgan_(network, rng=rng)
