"""VAE and GAN joined: the decoder is the generator, and likeness is what the discriminator sees.

Larsen et al., "Autoencoding beyond pixels using a learned similarity metric" (2016). With x from
the data, x~ = Dec(z) for z from q(z | x), x_p = Dec(z_p) for z_p from the prior, and f the features
of a hidden layer of the discriminator:

    L_prior = KL(q(z | x) || p(z))                                                       (eq. 3)
    L_like  = -log N(f(x) | f(x~), I) = |f(x) - f(x~)|^2 / 2 + constant                  (eq. 7)
    L_gan   = -log Dis(x) - log(1 - Dis(x~)) - log(1 - Dis(x_p))

Each network minimises its own loss only (Algorithm 1, and section 3.2):

    encoder          L_prior + L_like                  never L_gan: it should not learn to deceive
    decoder          gamma L_like - L_gan              never L_prior, which it does not enter
    discriminator    L_gan                             never L_like, which it could make vanish

As in most GANs, the decoder's -L_gan is replaced by -log Dis(x~) - log Dis(x_p), whose gradient
does not vanish while the discriminator is sure of itself (Goodfellow et al. 2014, section 3).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ... import nn, optim
from ...autograd import grad
from ...backend import Array, host
from ...distributions import Normal, StandardNormal
from ...ops import bce_with_logits, concatenate, sum
from ...random import Generator
from ...tensor import Tensor
from ..gan import R1, Discriminator
from .base import LatentTrainer, at_least

__all__ = ["VAEGANTrainer"]


class Losses(NamedTuple):
    """0-d tensors of one graph: means over the batch."""

    prior: Tensor
    likeness: Tensor
    generator: Tensor
    discriminator: Tensor


class VAEGANTrainer(LatentTrainer):
    """One update of all three networks, by gradients that are taken at the same weights.

    Args:
        encoder: (N, D) to (N, 2 latent), means and log-variances.
        decoder: (N, latent) to examples (N, D) in the data's range.
        discriminator: its features and its verdict.
        gamma: weight of likeness against deceiving, in the decoder's loss alone.
        variance: of the Gaussian in eq. 7, 1 in the article. The smaller, the more nats a
            difference of features is worth to the encoder against its KL term.
        lr, beta1: of three Adams (the article: RMSProp, 3e-4).
        r1, r1_every: weight of the R1 penalty on the discriminator, and how often it is added; see
            `tinygen.models.gan`. The article has none; with dense networks the discriminator is
            soon sure of everything, and then neither its verdict nor its features teach anything.

    Larsen et al., "Autoencoding beyond pixels using a learned similarity metric" (2016).

    Raises:
        ValueError: a number is out of range.
        DataError: in `step`, the batch is no rows (N, D) in the dtype of the weights.

    >>> from tinygen.models.gan import Discriminator
    >>> trainer = VAEGANTrainer(
    ...     dense([8, 6], rng), dense([3, 8], rng),
    ...     Discriminator(dense([8, 4], rng), dense([4, 1], rng)), latent=3, rng=rng,
    ... )
    >>> sorted(trainer.step(rng.uniform((20, 8))))
    ['kl', 'likeness', 'loss_d', 'loss_g']
    """

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        discriminator: Discriminator,
        *,
        latent: int,
        rng: Generator,
        gamma: float = 1.0,
        variance: float = 1.0,
        lr: float = 3e-4,
        beta1: float = 0.5,
        r1: float = 0.0,
        r1_every: int = 4,
    ) -> None:
        at_least(
            "VAEGANTrainer",
            gamma=(gamma, 0),
            latent=(latent, 1),
            r1=(r1, 0),
            r1_every=(r1_every, 1),
        )
        if not 0.0 < variance < math.inf:
            raise ValueError(f"VAEGANTrainer: variance must be positive, not {variance}.")
        self.encoder, self.decoder, self.discriminator = encoder, decoder, discriminator
        self.gamma = gamma
        self.variance = variance
        self.r1, self.r1_every = r1, r1_every
        networks = {"encoder": encoder, "decoder": decoder, "discriminator": discriminator}
        self.optimizers = {
            name: optim.Adam(network.named_parameters(), lr=lr, betas=(beta1, 0.999))
            for name, network in networks.items()
        }
        parts = {**networks, **{f"optimizer.{k}": o for k, o in self.optimizers.items()}}
        super().__init__(rng=rng, latent=latent, parts=parts, binarise=False)

    def _update(self, plan: Any, *arrays: Array) -> dict[str, Tensor]:
        losses = self.losses(Tensor(arrays[0]))
        found = self.gradients(losses)
        if plan:
            found["discriminator"] = self._penalised(found["discriminator"], arrays[0])
        for name, gradients in found.items():
            self.optimizers[name].step(gradients)
        return {
            "kl": losses.prior.detach(),
            "likeness": losses.likeness.detach(),
            "loss_g": losses.generator.detach(),
            "loss_d": losses.discriminator.detach(),
        }

    def losses(self, x: Tensor) -> Losses:
        """Of a batch (N, D) of examples."""
        n = len(x)
        q = self.posterior(x)
        decoded = self.decoder(concatenate([q.sample(self.rng), Tensor(self.noise(n))]))
        features = self.discriminator.features(concatenate([x, decoded]))
        logits = self.discriminator.head(features)
        real, false = logits[:n], logits[n:]
        difference = features[:n] - features[n : 2 * n]
        return Losses(
            prior=sum(q.kl(StandardNormal())) * (1.0 / n),
            likeness=sum(difference * difference) * (0.5 / (n * self.variance)),
            generator=2.0 * bce_with_logits(false, 1.0),
            discriminator=bce_with_logits(real, 1.0) + 2.0 * bce_with_logits(false, 0.0),
        )

    def gradients(self, losses: Losses) -> dict[str, list[Tensor]]:
        """Of each network's own loss in its own parameters."""
        own = {
            "encoder": losses.prior + losses.likeness,
            "decoder": self.gamma * losses.likeness + losses.generator,
            "discriminator": losses.discriminator,
        }
        return {
            name: grad(loss, self.optimizers[name].params, retain_graph=name != "discriminator")
            for name, loss in own.items()
        }

    def _plan(self) -> bool:
        """Whether the penalty is due."""
        return self.r1 > 0.0 and self.steps % self.r1_every == 0

    def _penalised(self, gradients: list[Tensor], real: Array) -> list[Tensor]:
        """The discriminator's gradients with those of the penalty; its last bias enters none."""
        penalty = R1(self.r1 * self.r1_every)(self.discriminator, real, real, self.rng)
        more = grad(penalty, self.optimizers["discriminator"].params, allow_unused=True)
        return [a if b is None else a + b for a, b in zip(gradients, more, strict=True)]

    def posterior(self, x: Any) -> Normal:
        """q(z | x) of rows (N, D): (N, latent)."""
        statistics = self.encoder(x)
        return Normal(statistics[:, : self.latent], statistics[:, self.latent :])

    def decode(self, z: Tensor) -> Tensor:
        """Examples."""
        return self.decoder(z)

    def encode(self, batch: Array) -> Tensor:
        """The posterior means of examples (N, D): (N, latent)."""
        return self.posterior(Tensor(batch)).mean

    def reconstruct(self, batch: Array) -> np.ndarray:
        """The decoder's answer to the posterior mean, on the host: (N, D)."""
        with self.evaluating():
            return host(self.decode(self.encode(batch)).data)
