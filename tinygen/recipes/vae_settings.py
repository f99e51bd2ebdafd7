"""The settings of the autoencoders' recipes.

`tinygen recipes vae` lists them with defaults and meanings; `--set NAME=VALUE` changes one.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..config import setting
from ..models.vae import OBJECTIVES
from .recipe import WIDEST, RunConfig

__all__ = [
    "AAEConfig",
    "LatentConfig",
    "LatentGANConfig",
    "LikelihoodConfig",
    "VAEConfig",
    "VAEGANConfig",
    "VQConfig",
]

LIKELIHOODS = ("auto", "bernoulli", "gaussian", "logistic")


@dataclass(frozen=True)
class LatentConfig(RunConfig):
    """Settings of all autoencoders."""

    steps: int = setting(5_000, "updates", low=1, high=10**9)
    batch: int = setting(128, low=1, high=2**24)
    hidden: tuple[int, ...] = setting((256,), "of the encoder; reversed in the decoder", low=1,
                                      high=WIDEST)  # fmt: skip
    latent: int = setting(32, "the length of the latent vector", low=1, high=WIDEST)
    lr: float = setting(1e-3, "of Adam", low=1e-12, high=1e3)


@dataclass(frozen=True)
class LikelihoodConfig(LatentConfig):
    """Settings of those that have a likelihood."""

    likelihood: str = setting(
        "auto", "auto: bernoulli for images, gaussian for others", choices=LIKELIHOODS
    )
    levels: int = setting(0, "grey levels of `logistic`; 0: the data's", low=0, high=2**16)


@dataclass(frozen=True)
class VAEConfig(LikelihoodConfig):
    """Settings of the variational autoencoders."""

    objective: str = setting("elbo", "what is made small", choices=OBJECTIVES)
    samples: int = setting(1, "draws of the latent vector for each example", low=1, high=10**5)
    beta: float = setting(1.0, "weight of the KL term", low=0, high=1e6)
    warm_up: int = setting(0, "steps in which that weight rises from 0", low=0, high=10**9)
    free_bits: float = setting(0.0, "nats that each component may carry", low=0, high=1e6)
    corruption: float = setting(0.0, "share of features hidden from the encoder", low=0, high=0.99)
    convolutions: tuple[int, ...] = setting(
        (), "channels of two, for images; none: dense layers", low=1, high=WIDEST
    )


@dataclass(frozen=True)
class VQConfig(LikelihoodConfig):
    """Settings of VQ-VAE."""

    latent: int = setting(8, "latent vectors of each example", low=1, high=WIDEST)
    entries: int = setting(16, "of the codebook", low=2, high=WIDEST)
    width: int = setting(8, "of an entry", low=1, high=WIDEST)
    commitment: float = setting(0.25, "of the encoder to the entries", low=0, high=1e6)


@dataclass(frozen=True)
class AAEConfig(LikelihoodConfig):
    """Settings of the adversarial autoencoder."""

    hidden: tuple[int, ...] = setting((256, 256), "of all three networks", low=1, high=WIDEST)
    latent: int = setting(8, "the length of the latent vector", low=1, high=WIDEST)
    weight: float = setting(10.0, "of the discriminator's verdict", low=0, high=1e6)


@dataclass(frozen=True)
class LatentGANConfig(LikelihoodConfig):
    """Settings of the GAN of an autoencoder's codes."""

    steps: int = setting(12_000, "updates of both, one after the other", low=1, high=10**9)
    hidden: tuple[int, ...] = setting((256, 256), "of all four networks", low=1, high=WIDEST)
    latent: int = setting(16, "the length of a code", low=1, high=WIDEST)
    first: int = setting(2_000, "updates of the autoencoder", low=0, high=10**9)
    lr: float = setting(2e-3, "of the autoencoder's Adam at first; a tenth of it at last",
                        low=1e-12, high=1e3)  # fmt: skip
    objective: str = setting("autoencoder", "of the autoencoder", choices=OBJECTIVES)
    gan_lr: float = setting(1e-3, "of the GAN's Adams", low=1e-12, high=1e3)
    r1: float = setting(0.1, "weight of the R1 penalty; 0: none", low=0, high=1e6)
    ema: float = setting(0.999, "decay of the generator's average; 0: none", low=0, high=0.999999)


@dataclass(frozen=True)
class VAEGANConfig(LatentConfig):
    """Settings of the joint model."""

    steps: int = setting(8_000, "updates of all three", low=1, high=10**9)
    hidden: tuple[int, ...] = setting((256, 256), "of all three networks", low=1, high=WIDEST)
    latent: int = setting(16, "the length of the latent vector", low=1, high=WIDEST)
    lr: float = setting(5e-4, "of all three Adams", low=1e-12, high=1e3)
    gamma: float = setting(0.1, "weight of likeness in the decoder", low=0, high=1e6)
    variance: float = setting(0.05, "of the features, in nats of likeness", low=1e-12, high=1e12)
    r1: float = setting(1.0, "weight of the R1 penalty; 0: none", low=0, high=1e6)
