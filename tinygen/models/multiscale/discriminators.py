"""A discriminator for each size of an image, and a generator that matches what they see.

Wang et al., "High-resolution image synthesis and semantic manipulation with conditional GANs"
(2018), section 3.2: several D of like structure look at the image and at smaller copies of it
(eq. 3). The one with the smallest copy sees all of it at once, and guides G to sound shapes; the
one with the original guides it to fine detail. Feature matching (eq. 4) pulls what the layers of
each D make of generated images towards what they make of real ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ... import nn
from ...ops import concatenate, mean, mean_across
from ...primitive import no_grad
from ...random import Generator
from ...tensor import Tensor
from ..gan.rounds import Round
from .kits import Kit
from .pyramid import Pyramid
from .single import ImageDiscriminator, ImageGenerator
from .trainer import MultiscaleTrainer
from .trunks import Scales

__all__ = ["FeatureMatchingTrainer", "MultiscaleDiscriminator", "multiscale_discriminators"]


class MultiscaleDiscriminator(nn.Module):
    """Images (N, C, S, S) to logits (N, K), one for each size, smallest first.

    They have the layers of `ImageDiscriminator`, fewer where there is less to be seen. Wang et al.,
    "High-resolution image synthesis and semantic manipulation with conditional GANs" (2018),
    section 3.2.

    >>> scales = Scales(sizes=(4, 8), channels=(8, 4))
    >>> MultiscaleDiscriminator(scales, Kit(rng))(tg.zeros(2, 1, 8, 8)).shape
    (2, 2)
    """

    def __init__(self, scales: Scales, kit: Kit) -> None:
        self._pyramid = Pyramid(scales.sizes)
        counts = range(1, len(scales.sizes) + 1)
        self.judges = [ImageDiscriminator(scales.upto(n), kit) for n in counts]

    def forward(self, x: Any) -> Any:
        """(N, K)."""
        return concatenate([layers[-1] for layers in self.layers(x)], 1)

    def layers(self, x: Any) -> list[list[Any]]:
        """What the layers of each judge make of it, the logits last."""
        levels = self._pyramid.gaussian(x)
        return [judge.layers(level) for judge, level in zip(self.judges, levels, strict=True)]


class FeatureMatchingTrainer(MultiscaleTrainer):
    """G also minimises weight * sum over layers of mean (E f(x) - E f(x~))^2.

    The article compares each image with the one it was made from, by |.|. Here there are no such
    pairs, so means over the batch are compared (Salimans et al., "Improved techniques for training
    GANs", 2016, section 3.1), and the mean over a layer's numbers is the article's 1 / N_i.

    Args: as `MultiscaleTrainer`, and
        weight: of that loss, at least 0, else ValueError; the article's is 10.

    Wang et al. (2018), section 3.2, eq. 4.

    >>> scales = Scales(sizes=(4, 8), channels=(8, 4))
    >>> trainer = multiscale_discriminators(scales, noise=3, weights=rng, rng=rng)
    >>> isinstance(trainer, FeatureMatchingTrainer)
    True
    >>> sorted(trainer.step(rng.uniform((4, 1, 8, 8))))
    ['feature_matching_g', 'loss_d', 'loss_g']
    """

    discriminator: MultiscaleDiscriminator

    def __init__(self, *players: nn.Module, weight: float = 1.0, **options: Any) -> None:
        if not 0.0 <= weight < math.inf:
            raise ValueError(
                f"FeatureMatchingTrainer: weight must be finite and at least 0, not {weight}."
            )
        super().__init__(*players, **options)
        self.weight = weight

    def generator_terms(self, seen: Round) -> dict[str, Tensor]:
        """D goes over the generated images once for both losses."""
        made = self.discriminator.layers(self.blurred(seen.fake))
        with no_grad():
            wanted = self.discriminator.layers(self.blurred(seen.real))
        logits, real = (concatenate([each[-1] for each in all_], 1) for all_ in (made, wanted))
        terms = self._summed({"loss_g": self.objective.generator(logits, real)})
        if self.weight:
            terms["feature_matching_g"] = self.weight * _apart(made, wanted)
        return terms


def _apart(made: Sequence[Sequence[Any]], wanted: Sequence[Sequence[Any]]) -> Tensor:
    """The mean square difference of mean features, summed over all hidden layers of all judges."""
    pairs = [
        (a, b)
        for of_made, of_wanted in zip(made, wanted, strict=True)
        for a, b in zip(of_made[:-1], of_wanted[:-1], strict=True)
    ]
    parts = [mean(mean_across(mean(a, 0) - mean(b, 0)) ** 2) for a, b in pairs]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def multiscale_discriminators(
    scales: Scales,
    *,
    noise: int,
    weights: Generator,
    rng: Generator,
    feature_matching: float = 1.0,
    **options: Any,
) -> FeatureMatchingTrainer:
    """The trainer of several discriminators (see `MultiscaleDiscriminator`).

    Arguments and errors as of `single_scale`; feature_matching is the weight of the matching.

    >>> scales = Scales(sizes=(4, 8), channels=(8, 4))
    >>> trainer = multiscale_discriminators(scales, noise=3, weights=rng, rng=rng)
    >>> sorted(trainer.step(rng.uniform((4, 1, 8, 8))))
    ['feature_matching_g', 'loss_d', 'loss_g']
    """
    kit = Kit(weights)
    return FeatureMatchingTrainer(
        ImageGenerator(noise, scales, kit),
        MultiscaleDiscriminator(scales, kit),
        weight=feature_matching,
        sizes=scales.sizes,
        judges=len(scales.sizes),
        rng=rng,
        noise_shape=noise,
        **options,
    )
