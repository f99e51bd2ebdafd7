"""SAGAN: self-attention in both players, whose weights are all normalised by their spectra.

Zhang et al., "Self-attention generative adversarial networks" (2019): section 3 has the attention
block, x + gamma * attention(x) with gamma 0 at first; section 4.1 the spectral normalisation in G
too; section 4.2 the two learning rates, 1e-4 for G and 4e-4 for D with Adam(0, 0.9). The losses are
hinges (eq. 4). There one scale has attention; here the kind of features at all of them is one of
`FEATURES`, and attention is what the recipe takes.
"""

from __future__ import annotations

from typing import Any

from ...random import Generator
from .kits import SpectralKit
from .single import ImageDiscriminator, ImageGenerator
from .trainer import MultiscaleTrainer
from .trunks import Scales

__all__ = ["sagan"]


def sagan(
    scales: Scales, *, noise: int, weights: Generator, rng: Generator, **options: Any
) -> MultiscaleTrainer:
    """SAGAN's trainer; the arguments are those of `single_scale`.

    Zhang et al., "Self-attention generative adversarial networks" (2019), sections 3 and 4.

    >>> scales = Scales(sizes=(4, 8), channels=(8, 8))
    >>> trainer = sagan(scales, noise=3, weights=rng, rng=rng)
    >>> sorted(trainer.step(rng.uniform((4, 1, 8, 8))))
    ['loss_d', 'loss_g']
    """
    kit = SpectralKit(weights)
    return MultiscaleTrainer(
        ImageGenerator(noise, scales, kit),
        ImageDiscriminator(scales, kit),
        sizes=scales.sizes,
        rng=rng,
        noise_shape=noise,
        **options,
    )
