"""The settings of the GANs that are told a class, find codes, or encode.

`tinygen recipes cgan` lists them with defaults and meanings; `--set NAME=VALUE` changes one.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..config import setting
from .gan_settings import AdversarialConfig
from .recipe import WIDEST

__all__ = ["ACGANConfig", "BiGANConfig", "CGANConfig", "DenseConfig", "InfoGANConfig"]


@dataclass(frozen=True)
class DenseConfig(AdversarialConfig):
    """Settings of dense networks."""

    steps: int = setting(20_000, "updates of the discriminator", low=1, high=10**9)
    noise: int = setting(64, "its length", low=1, high=WIDEST)
    generator: tuple[int, ...] = setting((128, 128), "hidden layers", low=1, high=WIDEST)
    discriminator: tuple[int, ...] = setting((128, 128), "hidden layers", low=1, high=WIDEST)
    slope: float = setting(0.2, "of the rectifiers where negative", low=0, high=1)


@dataclass(frozen=True)
class CGANConfig(DenseConfig):
    """Settings of the conditional GAN."""

    conditioning: str = setting(
        "concatenation", "how D is told the class", choices=("concatenation", "projection")
    )


@dataclass(frozen=True)
class ACGANConfig(DenseConfig):
    """Settings of the auxiliary classifier GAN."""

    class_weight: float = setting(1.0, "of the class in both losses", low=0, high=1e6)


@dataclass(frozen=True)
class InfoGANConfig(DenseConfig):
    """Settings of InfoGAN."""

    categorical: tuple[int, ...] = setting((10,), "values of each such code", low=2, high=WIDEST)
    continuous: int = setting(2, "codes from -1 to 1", low=0, high=WIDEST)
    code_std: float = setting(4.0, "of these as Q reads them", low=1e-6, high=1e6)
    information: float = setting(1.0, "weight of the codes' information", low=0, high=1e6)


@dataclass(frozen=True)
class BiGANConfig(AdversarialConfig):
    """Settings of the bidirectional GAN."""

    steps: int = setting(30_000, "updates of the discriminator", low=1, high=10**9)
    lr: float = setting(5e-3, "of both players' Adam, at first", low=1e-12, high=1e3)
    lr_end: float = setting(0.02, "as a share of it, at the last step", low=0, high=1)
    penalty_weight: float = setting(0.1, "of the penalty", low=0, high=1e6)
    latent: int = setting(8, "the length of the latent vector", low=1, high=WIDEST)
    generator: tuple[int, ...] = setting((128, 128), "hidden layers; reversed in the encoder",
                                         low=1, high=WIDEST)  # fmt: skip
    discriminator: tuple[int, ...] = setting((128, 128), "hidden layers", low=1, high=WIDEST)
    slope: float = setting(0.2, "of the rectifiers where negative", low=0, high=1)
