"""MSG-GAN: the generator makes an image at every scale, and one discriminator sees all of them.

Karnewar & Wang, "MSG-GAN: multi-scale gradients for generative adversarial networks" (2020),
section 2: gradients reach every scale of G directly, by its own image, where a single image's would
have to come down through all layers. D joins what it reads from each image to its maps of that
scale by a 1 x 1 convolution. Pixelwise normalisation in G and minibatch deviation in D are theirs
too.
"""

from __future__ import annotations

from typing import Any

from ... import nn
from ...backend import Array
from ...ops import concatenate
from ...random import Generator
from .kits import SLOPE, EqualizedKit, Kit
from .pyramid import Pyramid
from .trainer import MultiscaleTrainer
from .trunks import Fall, GeneratorBase, Head, Rise, Scales, from_image, to_image

__all__ = ["MSGDiscriminator", "MSGGenerator", "MSGTrainer", "msg_gan"]


class MSGGenerator(nn.Module):
    """Noise (N, noise) to images of all sizes, joined in rows (see `Pyramid.join`).

    Karnewar & Wang, "MSG-GAN: multi-scale gradients for generative adversarial networks" (2020).
    Raises ValueError for scales that do not fit each other.

    >>> scales = Scales(sizes=(4, 8), channels=(8, 4))
    >>> [image.shape for image in MSGGenerator(3, scales, Kit(rng)).images(tg.zeros(2, 3))]
    [(2, 1, 4, 4), (2, 1, 8, 8)]
    """

    def __init__(self, noise: int, scales: Scales, kit: Kit) -> None:
        scales.checked()
        self._pyramid = Pyramid(scales.sizes)
        self.base = GeneratorBase(noise, scales, kit)
        self.rises = [Rise(scales, i, kit) for i in range(1, len(scales.sizes))]
        self.to_images = [
            to_image(channels, scales.colours, kit, nn.Sigmoid()) for channels in scales.channels
        ]

    def forward(self, z: Any) -> Any:
        """Rows."""
        return self._pyramid.join(self.images(z))

    def images(self, z: Any) -> list[Any]:
        """Images (N, C, s, s) of each size, smallest first."""
        maps = [self.base(z)]
        for rise in self.rises:
            maps.append(rise(maps[-1]))
        return [show(m) for show, m in zip(self.to_images, maps, strict=True)]


class MSGDiscriminator(nn.Module):
    """Rows of images of all sizes, (N, C * (8^2 + 16^2 + 32^2)), to logits (N, 1).

    Karnewar & Wang (2020), section 2. Raises ValueError for other rows.

    >>> scales = Scales(sizes=(4, 8), channels=(8, 4))
    >>> MSGDiscriminator(scales, Kit(rng))(tg.zeros(2, 4**2 + 8**2)).shape
    (2, 1)
    """

    def __init__(self, scales: Scales, kit: Kit) -> None:
        scales.checked()
        self._pyramid = Pyramid(scales.sizes)
        channels = scales.channels
        self.from_images = [from_image(scales.colours, c, kit) for c in channels]
        self.joints = [kit.conv(2 * c, c, 1) for c in channels[:-1]]
        self.activation = nn.LeakyReLU(SLOPE)
        self.falls = [Fall(scales, i, kit) for i in range(1, len(scales.sizes))]
        self.head = Head(scales, kit, across=True)

    def forward(self, rows: Any) -> Any:
        """(N, 1)."""
        levels = self._pyramid.split(rows)
        *smaller, maps = (see(x) for see, x in zip(self.from_images, levels, strict=True))
        steps = list(zip(self.falls, self.joints, smaller, strict=True))
        for fall, joint, seen in reversed(steps):
            maps = self.activation(joint(concatenate([fall(maps), seen], 1)))
        return self.head(maps)


class MSGTrainer(MultiscaleTrainer):
    """D sees real images as G shows its own: at every size.

    Args, and errors: as `MultiscaleTrainer`. Karnewar & Wang (2020), section 2.

    >>> scales = Scales(sizes=(4, 8), channels=(8, 4))
    >>> trainer = msg_gan(scales, noise=3, weights=rng, rng=rng)
    >>> isinstance(trainer, MSGTrainer), [part.shape for part in trainer.sample_scales(2)]
    (True, [(2, 1, 4, 4), (2, 1, 8, 8)])
    """

    def shown(self, images: Array) -> Array:
        """Rows of the Gaussian pyramid."""
        return self.pyramid.join(self.pyramid.gaussian(images))


def msg_gan(
    scales: Scales, *, noise: int, weights: Generator, rng: Generator, **options: Any
) -> MSGTrainer:
    """MSG-GAN's trainer (see `MSGGenerator`); the arguments are those of `single_scale`.

    >>> scales = Scales(sizes=(4, 8), channels=(8, 4))
    >>> trainer = msg_gan(scales, noise=3, weights=rng, rng=rng)
    >>> sorted(trainer.step(rng.uniform((4, 1, 8, 8))))
    ['loss_d', 'loss_g']
    """
    kit = EqualizedKit(weights)
    return MSGTrainer(
        MSGGenerator(noise, scales, kit),
        MSGDiscriminator(scales, kit),
        sizes=scales.sizes,
        rng=rng,
        noise_shape=noise,
        **{"one_batch": False, **options},
    )
