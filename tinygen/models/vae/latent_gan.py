"""A GAN of an autoencoder's codes: its generator ends in a decoder that is already trained.

    x -> encoder -> codes -> decoder -> x        first, as any autoencoder, for some steps
    noise -> G -> codes                          then, against D(codes); the autoencoder stays
    noise -> G -> codes -> decoder -> x          samples

Achlioptas et al., "Learning representations and generative models for 3D point clouds" (2018), call
it l-GAN. A code is far shorter than an example, so that a step of this GAN costs a fraction of one
among pixels. What it draws is never sharper than the decoder's pictures of real codes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import nn
from ...backend import Array, host
from ...creation import tensor
from ...ops import maximum, mean, sqrt, var
from ...parallel import team
from ...primitive import no_grad
from ...random import Generator
from ...tensor import Tensor
from ..gan import GANTrainer
from .base import at_least
from .model import VAE
from .trainer import VAETrainer

__all__ = ["LatentGANTrainer"]

LEAST = 1e-3
"""The deviation of a component that says nothing, which would be 0."""


class LatentGANTrainer(VAETrainer):
    """The autoencoder for `first` steps, and from then on the GAN of its codes alone.

    `encode` gives codes whose components have mean 0 and deviation 1 over `rows`, and `decode`
    takes such; their scale is found once, as the GAN's turn comes.

    Args:
        model: whose posterior means are the codes.
        gan: G from noise (N, latent) to codes (N, latent), D of codes; on the device of `rng`.
        rows: examples (N, D) whose codes' scale counts for all.
        first: steps of the autoencoder.
        rng: draws everything that is random, but the GAN's noise.
        objective, options: of the autoencoder, see `VAETrainer`.

    Achlioptas et al. (2018), see above; they train on codes as they are.

    Raises:
        ValueError: as `VAETrainer` does, or the GAN's noise is not as long as a code, or the model
            is told classes.
        DataError: `rows`, or the batch in `step`, are no rows (N, D) in the dtype of the weights.

    >>> from tinygen.models.gan import GANTrainer, mlp
    >>> gan = GANTrainer(mlp([3, 9, 3], rng), mlp([3, 9, 1], rng), rng=rng, noise_shape=3)
    >>> model = dense_vae(8, (16,), 3, BernoulliOutput(), rng=rng)
    >>> rows = rng.uniform((20, 8))
    >>> trainer = LatentGANTrainer(model, gan, rows, first=1, rng=rng)
    >>> sorted(trainer.step(rows)), sorted(trainer.step(rows))
    (['reconstruction'], ['loss_d', 'loss_g'])
    >>> trainer.sample(5).shape
    (5, 8)
    """

    def __init__(
        self,
        model: VAE,
        gan: GANTrainer,
        rows: Array,
        *,
        first: int,
        rng: Generator,
        objective: str = "autoencoder",
        **options: Any,
    ) -> None:
        at_least("LatentGANTrainer", first=(first, 0))
        if gan.noise_shape != (model.latent,):
            raise ValueError(
                f"LatentGANTrainer: the GAN's noise has the shape {gan.noise_shape}, a code has "
                f"{model.latent} numbers; give the GAN noise_shape={model.latent}."
            )
        if model.classes:
            raise ValueError(
                "LatentGANTrainer: the GAN is told no classes, and this model takes labels of "
                f"{model.classes}; give a model without classes."
            )
        super().__init__(model, rng=rng, objective=objective, **options)
        self._check(rows)
        self.gan = gan
        self.rows = rows
        self.first = first
        self.scale = Scale(model.latent, self._weight.dtype, self._weight.device)
        self.parts |= {"gan": gan, "scale": self.scale}

    def step(self, batch: Array, labels: Array | None = None) -> dict[str, Any]:
        """One update on a batch (N, D), of the autoencoder or of both players of the GAN."""
        if self.steps < self.first:
            return super().step(batch, labels)
        self._check(batch)
        with self.evaluating():
            if self.steps == self.first or self.gan.steps == 0:
                self.scale.fit(super().encode(self.rows))
            codes = self.encode(batch).data
        losses = self.gan.step(codes)
        self.steps += 1
        return losses

    def capture(self) -> None:
        """As `VAETrainer.capture` does, of both; codes are still made kernel by kernel."""
        super().capture()
        self.gan.capture()

    def encode(self, batch: Array, labels: Array | None = None) -> Tensor:
        """Codes (N, latent) of examples (N, D), scaled."""
        return self.scale(super().encode(batch, labels))

    def decode(self, z: Tensor, labels: Array | None = None) -> Tensor:
        """Examples (N, D) of scaled codes (N, latent)."""
        return super().decode(self.scale.undo(z), labels)

    def sample(self, n: int, noise: Array | None = None) -> np.ndarray:
        """n new examples on the host, (n, D): of the codes that G, averaged, makes of noise."""
        noise = self.noise(n) if noise is None else noise
        with self.evaluating(), self.gan.evaluating():
            return host(self.decode(self.gan.generator(Tensor(noise))).data)


class Scale(nn.Module):
    """(code - mean) / deviation of each component, and its inverse; as they are until `fit`."""

    def __init__(self, latent: int, dtype: Any, device: str) -> None:
        self.mean = tensor(np.zeros(latent), dtype=dtype, device=device)
        self.deviation = tensor(np.ones(latent), dtype=dtype, device=device)

    def fit(self, codes: Tensor) -> None:
        """Take those of codes (N, latent), which all ranks have, but for rounding."""
        with no_grad():
            self.mean[...] = mean(codes, axis=0)
            self.deviation[...] = maximum(sqrt(var(codes, axis=0)), LEAST)
        for found in (self.mean, self.deviation):
            team().average(found.data)

    def forward(self, codes: Tensor) -> Tensor:
        """Scaled."""
        return (codes - self.mean) / self.deviation

    def undo(self, scaled: Tensor) -> Tensor:
        """Codes as the model has them."""
        return scaled * self.deviation + self.mean
