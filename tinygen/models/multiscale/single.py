"""One scale only: the baseline, and the players that other models build on.

trainer = single_scale(Scales(), noise=64, weights=rng, rng=rng)
losses = trainer.step(images)                 # (N, 1, 32, 32)

Both networks have maps of several sizes, as those of Radford et al., "Unsupervised representation
learning with deep convolutional generative adversarial networks" (2016), have: but images of one
size only.
"""

from __future__ import annotations

from typing import Any

from ... import nn
from ...random import Generator
from .kits import Kit
from .pyramid import Pyramid
from .trainer import MultiscaleTrainer
from .trunks import Fall, GeneratorBase, Head, Rise, Scales, from_image, to_image

__all__ = ["ImageDiscriminator", "ImageGenerator", "single_scale"]


class ImageGenerator(nn.Module):
    """Noise (N, noise) to images (N, C, S, S) in [0, 1], S the largest size.

    Raises:
        ValueError: the scales do not fit each other.

    >>> scales = Scales(sizes=(4, 8), channels=(8, 4))
    >>> ImageGenerator(3, scales, Kit(rng))(tg.zeros(2, 3)).shape
    (2, 1, 8, 8)
    """

    def __init__(self, noise: int, scales: Scales, kit: Kit) -> None:
        scales.checked()
        self._pyramid = Pyramid(scales.sizes)
        self.base = GeneratorBase(noise, scales, kit)
        self.rises = [Rise(scales, i, kit) for i in range(1, len(scales.sizes))]
        self.to_image = to_image(scales.channels[-1], scales.colours, kit, nn.Sigmoid())

    def forward(self, z: Any) -> Any:
        """(N, C, S, S)."""
        maps = self.base(z)
        for rise in self.rises:
            maps = rise(maps)
        return self.to_image(maps)

    def images(self, z: Any) -> list[Any]:
        """The same images at every size, smallest first."""
        return self._pyramid.gaussian(self(z))


class ImageDiscriminator(nn.Module):
    """Images (N, inputs, S, S) to logits (N, 1).

    Args:
        inputs: channels of what it is shown; None for the images' colours.

    Raises:
        ValueError: the scales do not fit each other.

    >>> scales = Scales(sizes=(4, 8), channels=(8, 4))
    >>> ImageDiscriminator(scales, Kit(rng))(tg.zeros(2, 1, 8, 8)).shape
    (2, 1)
    """

    def __init__(self, scales: Scales, kit: Kit, inputs: int | None = None) -> None:
        scales.checked()
        self.from_image = from_image(inputs or scales.colours, scales.channels[-1], kit)
        self.falls = [Fall(scales, i, kit) for i in range(len(scales.sizes) - 1, 0, -1)]
        self.head = Head(scales, kit)

    def forward(self, x: Any) -> Any:
        """(N, 1)."""
        return self.layers(x)[-1]

    def layers(self, x: Any) -> list[Any]:
        """What each layer makes of it, the logits last."""
        found = [self.from_image(x)]
        for fall in self.falls:
            found.append(fall(found[-1]))
        return [*found, self.head(found[-1])]


def single_scale(
    scales: Scales, *, noise: int, weights: Generator, rng: Generator, **options: Any
) -> MultiscaleTrainer:
    """The baseline's trainer.

    Args:
        scales: what the players see. noise: the length of one draw.
        weights: draws the first weights. rng: draws the noise.
        options: of `GANTrainer`.

    Raises:
        ValueError: the scales do not fit, or as `MultiscaleTrainer`.

    >>> scales = Scales(sizes=(4, 8), channels=(8, 4))
    >>> trainer = single_scale(scales, noise=3, weights=rng, rng=rng)
    >>> sorted(trainer.step(rng.uniform((4, 1, 8, 8))))
    ['loss_d', 'loss_g']
    """
    kit = Kit(weights)
    return MultiscaleTrainer(
        ImageGenerator(noise, scales, kit),
        ImageDiscriminator(scales, kit),
        sizes=scales.sizes,
        rng=rng,
        noise_shape=noise,
        **options,
    )
