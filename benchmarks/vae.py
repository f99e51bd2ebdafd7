"""The problems of variational autoencoders: networks, batches, and how many samples of z."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinygen.bench.problems import BATCHES, Array, Layers, dense


@dataclass(frozen=True)
class Vae:
    """One Adam update of encoder and decoder by minus the ELBO, or by minus L_k.

    The pixels are taken as they are. With one sample the KL term is in closed form.
    """

    encoder: Layers
    decoder: Layers
    batches: list[Array]
    samples: int = 1
    tanh: bool = False
    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)

    @property
    def latent(self) -> int:
        """The length of z."""
        return self.decoder[0][0].shape[1]


def vae_784(batch: int = 256) -> Vae:
    """784-256-(256, 256) and 256-256-784, rectifiers: the founding article's."""
    rng = np.random.default_rng(5)
    batches = [rng.random((batch, 784), dtype="float32") for _ in range(BATCHES)]
    return Vae(dense([784, 256, 512], rng), dense([256, 256, 784], rng), batches)


def iwae_50(batch: int = 20) -> Vae:
    """784-200-200-(50, 50) and 50-200-200-784 with tanh, k = 50: Burda et al. 2016."""
    rng = np.random.default_rng(6)
    batches = [(rng.random((batch, 784)) < 0.2).astype("float32") for _ in range(BATCHES)]
    encoder, decoder = dense([784, 200, 200, 100], rng), dense([50, 200, 200, 784], rng)
    return Vae(encoder, decoder, batches, samples=50, tanh=True)
