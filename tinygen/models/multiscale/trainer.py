"""Training players that see images at several sizes: what `GANTrainer` does, of pyramids.

    trainer = MODELS["msg-gan"](scales, noise=64, weights=weights, rng=rng)
    losses = trainer.step(images)                        # (N, C, S, S), S the largest size
    small, middle, large = trainer.sample_scales(16)

Subclasses say what D is shown of real images.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import nn
from ...backend import Array, host
from ...tensor import Tensor
from ..gan import GANTrainer
from ..gan.rounds import Round
from .pyramid import Pyramid

__all__ = ["MultiscaleTrainer"]


class MultiscaleTrainer(GANTrainer):
    """A GAN of images (N, C, S, S) that its players may see at several sizes.

    Args: as `GANTrainer` but for classes and undo, which it has not, and
        generator: besides what D is to judge, it gives `images(z)`: a list of images, one for each
            size, smallest first.
        discriminator: gives logits (N, K), K = judges. The losses are sums over the judges: each
            plays its own game, and G plays all of them.
        sizes: of the images, pixels a side, smallest first.

    Raises:
        ValueError: as `GANTrainer`; classes or undo are given, or sizes do not double.

    >>> scales = Scales(sizes=(4, 8), channels=(8, 4))
    >>> trainer = single_scale(scales, noise=3, weights=rng, rng=rng)
    >>> isinstance(trainer, MultiscaleTrainer), trainer.sample(2).shape
    (True, (2, 1, 8, 8))
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        *,
        sizes: tuple[int, ...],
        judges: int = 1,
        **options: Any,
    ) -> None:
        for name in ("classes", "undo"):
            if name in options:
                raise ValueError(
                    f"{type(self).__name__}: generators of several scales are told no classes and "
                    f"draw images in [0, 1]; leave {name} out."
                )
        self.judges = judges
        self.pyramid = Pyramid(sizes)
        super().__init__(generator, discriminator, **options)

    def shown(self, images: Array) -> Array:
        """What D sees of real images (N, C, S, S); subclasses show more than these."""
        return images

    def discriminator_terms(self, seen: Round) -> dict[str, Tensor]:
        """Summed over the judges."""
        return self._summed(super().discriminator_terms(seen))

    def generator_terms(self, seen: Round) -> dict[str, Tensor]:
        """Likewise."""
        return self._summed(super().generator_terms(seen))

    def _summed(self, terms: dict[str, Tensor]) -> dict[str, Tensor]:
        """Objectives are means over all logits."""
        return {name: term * float(self.judges) for name, term in terms.items()}

    def _target(self, n: int) -> Array:
        """That of every judge: (n, K)."""
        target = super()._target(n)
        return target if self.judges == 1 else self.backend.concatenate([target] * self.judges, 1)

    def _round(self, real: Array, conditions: tuple[Array, ...]) -> Round:
        return super()._round(self.shown(real), conditions)

    def sample(self, n: int, noise: Array | None = None, labels: Array | None = None) -> np.ndarray:
        """n generated images on the host, (n, C, S, S)."""
        return self.sample_scales(n, noise)[-1]

    def sample_scales(self, n: int, noise: Array | None = None) -> list[np.ndarray]:
        """n generated images at each size, smallest first, on the host."""
        noise = self.noise(n) if noise is None else noise
        with self.evaluating():
            images = self.generator.images(Tensor(noise))  # type: ignore[attr-defined]
            return [host(level.data) for level in images]
