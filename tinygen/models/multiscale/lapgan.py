"""LAPGAN: a small GAN for each level of a Laplacian pyramid, told the image of the level below.

Denton et al., "Deep generative image models using a Laplacian pyramid of adversarial networks"
(2015), section 3.3. Level 0 is a plain GAN of 8 x 8 images. At each other level G_k
is told l_k = up(smaller image), and draws the residual h_k that is missing from it; D_k judges
pairs (l_k, h_k). In training l_k comes from a real image, so that the levels are independent games;
to sample, one starts with noise at level 0, and each level refines what the one below it drew:

    x_0 = G_0(z_0)          x_k = up(x_{k-1}) + G_k(z_k, up(x_{k-1}))                      (eq. 5)

and each x_k is brought back to [0, 1], where the images are by which the next level was trained.

The levels share no parameter, so training them in one step by the sum of their losses is training
each alone.
"""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import Any

from ... import nn
from ...backend import Array
from ...ops import clip, concatenate, reshape
from ...random import Generator
from ...tensor import Tensor
from .kits import SLOPE, Kit
from .pyramid import Pyramid, up
from .single import ImageDiscriminator, ImageGenerator
from .trainer import MultiscaleTrainer
from .trunks import Scales, from_image, to_image

__all__ = ["LaplacianDiscriminator", "LaplacianGenerator", "LaplacianTrainer", "lapgan"]


class Refinement(nn.Module):
    """G_k: images (N, C, s, s) that lack detail, and noise (N, s * s), to residuals in (-1, 1).

    The noise is a plane beside the colours, as in the article. The network stays at one scale: what
    is far away was decided by the levels below.
    """

    def __init__(self, scales: Scales, kit: Kit) -> None:
        channels, last = scales.channels[-1], len(scales.sizes) - 1
        self.size = scales.sizes[-1]
        self.from_image = from_image(scales.colours + 1, channels, kit)
        self.features = [scales.seen(last, kit) for _ in range(2)]
        self.norm = kit.norm(channels)
        self.activation = nn.LeakyReLU(SLOPE)
        self.to_image = to_image(channels, scales.colours, kit, nn.Tanh())

    def forward(self, blurred: Any, z: Any) -> Any:
        """The shape of the images."""
        plane = reshape(z, (len(z), 1, self.size, self.size))
        maps = self.from_image(concatenate([blurred, plane], 1))
        for layer in self.features:
            maps = layer(maps)
        return self.to_image(self.activation(self.norm(maps)))


class LaplacianGenerator(nn.Module):
    """Noise (N, noise + 16^2 + 32^2), a part for each level, to images (N, C, S, S).

    Denton et al., "Deep generative image models using a Laplacian pyramid of adversarial networks"
    (2015), section 3.3. The sides are those of `scales`; ValueError where these do not fit.

    >>> scales = Scales(sizes=(4, 8), channels=(8, 4))
    >>> LaplacianGenerator(3, scales, Kit(rng))(tg.zeros(2, 3 + 8**2)).shape
    (2, 1, 8, 8)
    """

    def __init__(self, noise: int, scales: Scales, kit: Kit) -> None:
        scales.checked()
        self._ends = tuple(accumulate([noise, *(size**2 for size in scales.sizes[1:])]))
        self.noise = self._ends[-1]
        self.smallest = ImageGenerator(noise, scales.upto(1), kit)
        counts = range(2, len(scales.sizes) + 1)
        self.refinements = [Refinement(scales.upto(n), kit) for n in counts]

    def forward(self, z: Any) -> Any:
        """The largest images."""
        return self.images(z)[-1]

    def images(self, z: Any) -> list[Any]:
        """Images of each size, smallest first: each made from the one before it (eq. 5)."""
        first, *others = self._noises(z)
        found = [self.smallest(first)]
        for refine, part in zip(self.refinements, others, strict=True):
            blurred = up(found[-1])
            found.append(clip(blurred + refine(blurred, part), 0.0, 1.0))
        return found

    def residuals(self, z: Any, blurred: list[Any]) -> list[Any]:
        """The smallest images, and a residual for each of the given l_1, l_2, ..."""
        first, *others = self._noises(z)
        told = zip(self.refinements, blurred, others, strict=True)
        return [self.smallest(first), *(refine(l_k, part) for refine, l_k, part in told)]

    def _noises(self, z: Any) -> list[Any]:
        return [z[:, start:end] for start, end in pairwise((0, *self._ends))]


class LaplacianDiscriminator(nn.Module):
    """Rows of (x_0, l_1, h_1, l_2, h_2, ...) to logits (N, K), one for each level.

    Denton et al. (2015), section 3.3; the rows are those of `LaplacianTrainer.shown`.

    >>> scales = Scales(sizes=(4, 8), channels=(8, 4))
    >>> trainer = lapgan(scales, noise=3, weights=rng, rng=rng)
    >>> isinstance(trainer.discriminator, LaplacianDiscriminator)
    True
    """

    def __init__(self, scales: Scales, kit: Kit) -> None:
        self._pairs = Pairs(scales.sizes)
        counts = range(1, len(scales.sizes) + 1)
        self.judges = [
            ImageDiscriminator(scales.upto(n), kit, scales.colours * (1 + (n > 1))) for n in counts
        ]

    def forward(self, rows: Any) -> Any:
        """(N, K)."""
        blurred, drawn = self._pairs.split(rows)
        seen = [drawn[0], *(concatenate(pair, 1) for pair in zip(blurred, drawn[1:], strict=True))]
        return concatenate([judge(x) for judge, x in zip(self.judges, seen, strict=True)], 1)


UNIT = 0.25
"""Residuals spread about so much less than images. In units of this, which rows hold, a penalty on
the slope of D means the same at all levels."""


class Pairs:
    """All that the judges of a pyramid see, as rows: what was drawn, and what it was drawn for."""

    def __init__(self, sizes: tuple[int, ...]) -> None:
        self.drawn, self.blurred = Pyramid(sizes), Pyramid(sizes[1:]) if sizes[1:] else None

    def join(self, blurred: list[Any], drawn: list[Any]) -> Any:
        """l_1, l_2, ... and x_0, h_1, h_2, ..., each (N, C, s, s), to rows."""
        smallest, *residuals = drawn
        rows = self.drawn.join([smallest, *(h_k / UNIT for h_k in residuals)])
        if self.blurred is None:
            return rows
        return concatenate([rows, self.blurred.join([l_k / UNIT for l_k in blurred])], 1)

    def split(self, rows: Any) -> tuple[list[Any], list[Any]]:
        """The reverse."""
        if self.blurred is None:
            return [], self.drawn.split(rows)
        of_drawn, of_blurred = (sum(s * s for s in p.sizes) for p in (self.drawn, self.blurred))
        end = rows.shape[1] * of_drawn // (of_drawn + of_blurred)
        smallest, *residuals = self.drawn.split(rows[:, :end])
        blurred = [l_k * UNIT for l_k in self.blurred.split(rows[:, end:])]
        return blurred, [smallest, *(h_k * UNIT for h_k in residuals)]


class LaplacianTrainer(MultiscaleTrainer):
    """All levels in one step, each told real images of the level below it.

    Denton et al. (2015), section 3.3. Args, and errors: as `MultiscaleTrainer`.

    >>> scales = Scales(sizes=(4, 8), channels=(8, 4))
    >>> trainer = lapgan(scales, noise=3, weights=rng, rng=rng)
    >>> isinstance(trainer, LaplacianTrainer), sorted(trainer.step(rng.uniform((4, 1, 8, 8))))
    (True, ['loss_d', 'loss_g'])
    """

    generator: LaplacianGenerator

    def __init__(self, *players: nn.Module, sizes: tuple[int, ...], **options: Any) -> None:
        super().__init__(*players, sizes=sizes, **options)
        self._pairs = Pairs(sizes)

    def shown(self, images: Array) -> Array:
        """Rows of the Laplacian pyramid, each residual with what it is the residual of."""
        blurred = [up(level) for level in self.pyramid.gaussian(images)[:-1]]
        return self._pairs.join(blurred, self.pyramid.laplacian(images))

    def _generated(self, noise: Array, conditions: tuple[Array, ...], real: Array) -> Tensor:
        """The residuals that G draws for the same blurred images."""
        blurred, _ = self._pairs.split(real)
        blurred = [Tensor(level) for level in blurred]
        return self._pairs.join(blurred, self.generator.residuals(Tensor(noise), blurred))


def lapgan(
    scales: Scales, *, noise: int, weights: Generator, rng: Generator, **options: Any
) -> LaplacianTrainer:
    """The trainer of LAPGAN (see `LaplacianGenerator`).

    Arguments and errors as of `single_scale`, `noise` being that of level 0.

    >>> scales = Scales(sizes=(4, 8), channels=(8, 4))
    >>> trainer = lapgan(scales, noise=3, weights=rng, rng=rng)
    >>> sorted(trainer.step(rng.uniform((4, 1, 8, 8))))
    ['loss_d', 'loss_g']
    """
    kit = Kit(weights)
    generator = LaplacianGenerator(noise, scales, kit)
    return LaplacianTrainer(
        generator,
        LaplacianDiscriminator(scales, kit),
        sizes=scales.sizes,
        judges=len(scales.sizes),
        rng=rng,
        noise_shape=generator.noise,
        **options,
    )
