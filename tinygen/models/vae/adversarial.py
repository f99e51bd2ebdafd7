"""Adversarial autoencoder: a discriminator, not a KL term, makes the codes look like the prior.

Makhzani et al., "Adversarial autoencoders" (2016), section 2: the encoder is a function of x alone;
a discriminator tells codes from draws of N(0, I), and the encoder learns to deceive it, so that the
codes of all data together, and not those of each example, have the prior's distribution.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import nn, optim
from ...autograd import grad
from ...backend import Array, host
from ...ops import bce_with_logits, sum
from ...random import Generator
from ...tensor import Tensor
from .base import LatentTrainer, at_least
from .outputs import Output

__all__ = ["AAETrainer"]


class AAETrainer(LatentTrainer):
    """One update of the discriminator, then one of encoder and decoder together.

    Makhzani et al., "Adversarial autoencoders" (2016), section 2. The article updates the encoder
    twice, for the reconstruction and for the discriminator; here it goes once, by the sum of both
    gradients.

    Args:
        encoder: (N, D) to (N, latent). decoder: (N, latent) to (N, D).
        discriminator: (N, latent) to logits (N, 1) of being a draw from the prior.
        output: the family of p(x | z).
        weight: of the discriminator's verdict against the reconstruction, which is in nats for the
            whole example.
        lr, d_lr, beta1: of the two Adams.
        binarise: see `VAETrainer`.

    Raises:
        ValueError: the weight is negative, or latent below 1.
        DataError: in `step`, the batch is no rows (N, D) in the dtype of the weights.

    >>> trainer = AAETrainer(
    ...     dense([8, 3], rng), dense([3, 8], rng), dense([3, 1], rng), BernoulliOutput(),
    ...     latent=3, rng=rng,
    ... )
    >>> sorted(trainer.step(rng.bernoulli(np.full((20, 8), 0.5, "float32"))))
    ['loss_d', 'loss_g', 'reconstruction']
    """

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        discriminator: nn.Module,
        output: Output,
        *,
        latent: int,
        rng: Generator,
        weight: float = 1.0,
        lr: float = 1e-3,
        d_lr: float = 1e-3,
        beta1: float = 0.5,
        binarise: bool | None = None,
    ) -> None:
        at_least("AAETrainer", weight=(weight, 0), latent=(latent, 1))
        self.autoencoder = nn.Sequential(encoder, decoder)
        self.encoder, self.decoder, self.output = encoder, decoder, output
        self.discriminator = discriminator
        self.weight = weight
        betas = (beta1, 0.999)
        named = [
            *((f"autoencoder.{name}", p) for name, p in self.autoencoder.named_parameters()),
            *((f"output.{name}", p) for name, p in output.named_parameters()),
        ]
        self.optimizer = optim.Adam(named, lr=lr, betas=betas)
        self.optimizer_d = optim.Adam(discriminator.named_parameters(), lr=d_lr, betas=betas)
        parts = {
            "autoencoder": self.autoencoder,
            "discriminator": discriminator,
            "output": output,
            "optimizer": self.optimizer,
            "optimizer_d": self.optimizer_d,
        }
        binary = output.binary if binarise is None else binarise
        super().__init__(rng=rng, latent=latent, parts=parts, binarise=binary)

    def _update(self, plan: Any, *arrays: Array) -> dict[str, Tensor]:
        target = Tensor(self._drawn(arrays[0]))
        codes = self.encoder(target)
        loss_d = self._step_discriminator(codes.detach())
        log_p = self.output.distribution(self.decoder(codes)).log_prob(target)
        reconstruction = sum(log_p) * (-1.0 / len(target))
        loss_g = bce_with_logits(self.discriminator(codes), 1.0)
        loss = reconstruction + self.weight * loss_g
        self.optimizer.step(grad(loss, self.optimizer.params))
        return {
            "reconstruction": reconstruction.detach(),
            "loss_d": loss_d.detach(),
            "loss_g": loss_g.detach(),
        }

    def _step_discriminator(self, codes: Tensor) -> Tensor:
        """Draws of the prior are the real examples, codes the false ones."""
        real = self.discriminator(Tensor(self.noise(len(codes))))
        loss = bce_with_logits(real, 1.0) + bce_with_logits(self.discriminator(codes), 0.0)
        self.optimizer_d.step(grad(loss, self.optimizer_d.params))
        return loss

    def decode(self, z: Tensor) -> Tensor:
        """The mean of p(x | z)."""
        return self.output.distribution(self.decoder(z)).mean

    def encode(self, batch: Array) -> Tensor:
        """The codes of examples (N, D): (N, latent)."""
        return self.encoder(Tensor(batch))

    def reconstruct(self, batch: Array) -> np.ndarray:
        """The mean of p(x | z) at the code of x, on the host: (N, D)."""
        with self.evaluating():
            return host(self.decode(self.encode(batch)).data)
