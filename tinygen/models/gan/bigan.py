"""BiGAN: an encoder that learns to invert the generator, as D judges pairs of example and noise.

    trainer = BiGANTrainer(G, E, mlp([784 + 32, 256, 1], rng), latent=32, rng=rng)
    losses = trainer.step(batch)
    codes, again = trainer.encode(batch), trainer.reconstruct(batch)

Donahue et al., "Adversarial feature learning" (2017); Dumoulin et al., "Adversarially learned
inference" (2017), where E is stochastic.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import nn
from ...backend import Array, host
from ...ops import concatenate
from ...random import Generator
from ...tensor import Tensor
from .rounds import Round
from .trainer import GANTrainer

__all__ = ["BiGANTrainer", "BidirectionalGenerator"]


class BidirectionalGenerator(nn.Module):
    """G and E, which are one player.

    Args:
        generator: (N, latent) to examples (N, D). encoder: back again.

    >>> player = BidirectionalGenerator(mlp([3, 8, 2], rng), mlp([2, 8, 3], rng))
    >>> player(tg.zeros(5, 3)).shape
    (5, 2)
    """

    def __init__(self, generator: nn.Module, encoder: nn.Module) -> None:
        self.generator = generator
        self.encoder = encoder

    def forward(self, z: Any) -> Any:
        """Examples (N, D)."""
        return self.generator(z)


class BiGANTrainer(GANTrainer):
    """A GAN whose real examples are (x, E(x)), and whose generated ones are (G(z), z).

        V(D, E, G) = E log D(x, E(x)) + E log(1 - D(G(z), z))                             (eq. 3)

    Donahue et al., "Adversarial feature learning" (2017). At the optimum over all functions both
    kinds of pairs have one distribution, and E inverts G almost everywhere (Theorem 2), though no
    loss compares x with G(E(x)). E and G minimise D's loss with the two kinds exchanged, the
    objective whose gradient does not vanish: so minimax means here what non-saturating does.

    Args: as `GANTrainer`, and
        encoder: examples (N, D) to (N, latent).
        discriminator: rows (N, D + latent) to logits (N, 1).
        latent: the length of z.

    Raises:
        ValueError: as `GANTrainer`; in `step`, the encoder gives codes of another length.

    >>> trainer = BiGANTrainer(
    ...     mlp([3, 8, 2], rng), mlp([2, 8, 3], rng), mlp([2 + 3, 8, 1], rng), latent=3, rng=rng
    ... )
    >>> _ = trainer.step(rng.normal((16, 2)))
    >>> trainer.encode(rng.normal((5, 2))).shape
    (5, 3)
    """

    generator: BidirectionalGenerator

    def __init__(
        self,
        generator: nn.Module,
        encoder: nn.Module,
        discriminator: nn.Module,
        *,
        latent: int,
        rng: Generator,
        **options: Any,
    ) -> None:
        both = BidirectionalGenerator(generator, encoder)
        super().__init__(both, discriminator, rng=rng, noise_shape=latent, **options)
        self.latent = latent

    def _round(self, real: Array, conditions: tuple[Array, ...]) -> Round:
        """Pairs of both kinds, as rows (N, D + latent)."""
        seen = super()._round(real, conditions)
        codes = self.generator.encoder(seen.real)
        if codes.shape != seen.noise.shape:
            raise ValueError(
                f"BiGANTrainer.step: the encoder gives {codes.shape}, the noise is "
                f"{seen.noise.shape}; give it an output of {self.latent} numbers."
            )
        return seen._replace(
            real=concatenate([seen.real, codes], 1),
            fake=concatenate([seen.fake, Tensor(seen.noise)], 1),
        )

    def generator_terms(self, seen: Round) -> dict[str, Tensor]:
        """D's loss with the kinds exchanged; the gradient flows into both, by E and by G."""
        logits = self._logits(seen._replace(real=seen.fake, fake=seen.real))
        first = self.backend.arange(len(logits)) < len(logits) // 2
        target = first.astype(logits.dtype)[:, None]
        return {"loss_g": self.objective.discriminator(logits, target)}

    # -- using what was learned --------------------------------------------------------------------

    def encode(self, batch: Array) -> Tensor:
        """The codes of examples (N, D): (N, latent)."""
        return self.generator.encoder(Tensor(batch))

    def decode(self, z: Tensor) -> Tensor:
        """Examples (N, D) of codes (N, latent)."""
        return self.generator(z)

    def reconstruct(self, batch: Array) -> np.ndarray:
        """G(E(x)) of examples (N, D), on the host and in their units."""
        with self.evaluating():
            return host(self.decode(self.encode(batch)).data)
