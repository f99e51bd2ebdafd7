"""The settings of the recipes of GANs.

`tinygen recipes gan` lists them with defaults and meanings; `--set NAME=VALUE` changes one.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..config import setting
from ..models.gan import OBJECTIVES, REGULARIZERS
from .recipe import WIDEST, RunConfig

__all__ = ["AdversarialConfig", "DCGANConfig", "GANConfig"]


@dataclass(frozen=True)
class AdversarialConfig(RunConfig):
    """Settings of all GANs."""

    steps: int = setting(40_000, "updates of the discriminator", low=1, high=10**9)
    objective: str = setting("non-saturating", "what both minimise", choices=OBJECTIVES)
    lr: float = setting(1e-3, "of both players' Adam", low=1e-12, high=1e3)
    d_lr: float = setting(0.0, "of D's; 0: as the generator's", low=0, high=1e3)
    beta1: float = setting(0.5, "of both players' Adam", low=0, high=0.9999)
    d_steps: int = setting(1, "updates of D for each of the generator", low=1, high=10**6)
    real_label: float = setting(1.0, "what D should say of real examples", low=0.5, high=1)
    penalty: str = setting("r1", "on the slope of D", choices=("none", *REGULARIZERS))
    penalty_weight: float = setting(0.3, "of that penalty", low=0, high=1e6)
    penalty_every: int = setting(4, "steps, and so many times as strong", low=1, high=10**6)
    instance_noise: float = setting(0.0, "on all that D sees; 0: none", low=0, high=1e6)
    ema: float = setting(0.999, "of the averaged generator; 0: none", low=0, high=0.999999)
    watch_every: int = setting(
        0, "steps between looks for the verdict; 0: a twentieth of all", low=0, high=10**9
    )


@dataclass(frozen=True)
class GANConfig(AdversarialConfig):
    """Settings of the dense GANs."""

    noise: int = setting(0, "its length; 0: as an example's", low=0, high=WIDEST)
    generator: tuple[int, ...] = setting((128, 128), "hidden layers", low=1, high=WIDEST)
    discriminator: tuple[int, ...] = setting((128, 128), "hidden layers", low=1, high=WIDEST)
    slope: float = setting(0.2, "of the rectifiers where negative", low=0, high=1)
    output: str = setting("auto", "auto: sigmoid for images", choices=("auto", "sigmoid", "linear"))
    spectral_norm: bool = setting(False, "divide D's weights by their largest singular value")
    pack: int = setting(1, "examples that D judges together (PacGAN)", low=1, high=1024)
    minibatch: int = setting(0, "features of minibatch discrimination; 0: none", low=0, high=1024)
    feature_matching: float = setting(0.0, "its weight in G's loss; 0: none", low=0, high=1e6)
    historical: float = setting(0.0, "historical averaging's weight; 0: none", low=0, high=1e6)
    unroll: int = setting(0, "steps of D that the generator looks ahead", low=0, high=100)
    preprocess: bool = setting(False, "clean and standardise; undone in samples")


@dataclass(frozen=True)
class DCGANConfig(AdversarialConfig):
    """Settings of the convolutional GAN."""

    steps: int = setting(1_500, "updates of the discriminator", low=1, high=10**9)
    checkpoint_every: int = setting(500, "steps", low=1, high=10**9)
    lr: float = setting(2e-4, "of both players' Adam", low=1e-12, high=1e3)
    penalty: str = setting("none", "on the slope of D", choices=("none", *REGULARIZERS))
    ema: float = setting(0.99, "of the averaged generator; 0: none", low=0, high=0.999999)
    noise: int = setting(100, "its length", low=1, high=WIDEST)
    channels: tuple[int, ...] = setting((32, 64, 128), "of the hidden layers", low=1, high=WIDEST)
