"""The settings of the recipes of GANs of several scales.

`tinygen recipes msg-gan` lists them with defaults and meanings; `--set NAME=VALUE` changes one.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..config import setting
from ..models.multiscale import FEATURES
from .gan_settings import AdversarialConfig
from .recipe import WIDEST

__all__ = ["MultiscaleConfig", "MultiscaleDConfig", "ProgressiveConfig"]


@dataclass(frozen=True)
class MultiscaleConfig(AdversarialConfig):
    """Settings of all of them."""

    steps: int = setting(2_000, "updates of the discriminator", low=1, high=10**9)
    batch: int = setting(32, "examples a step", low=1, high=2**24)
    checkpoint_every: int = setting(500, "steps", low=1, high=10**9)
    features: str = setting("convolutional", "at every scale of both", choices=FEATURES)
    channels: tuple[int, ...] = setting(
        (32, 16, 8), "of the maps for images of 8, 16 and 32", low=1, high=WIDEST
    )
    noise: int = setting(64, "its length", low=1, high=WIDEST)
    penalty_weight: float = setting(0.3, "of that penalty", low=0, high=1e6)
    penalty_every: int = setting(8, "steps, and so many times as strong", low=1, high=10**6)
    ema: float = setting(0.99, "of the averaged generator; 0: none", low=0, high=0.999999)


@dataclass(frozen=True)
class ProgressiveConfig(MultiscaleConfig):
    """Settings of progressive growing."""

    phase: int = setting(
        250, "steps of each phase: 8 x 8, fade in 16, 16 x 16, fade in 32", low=1, high=10**9
    )


@dataclass(frozen=True)
class MultiscaleDConfig(MultiscaleConfig):
    """Settings of several discriminators."""

    feature_matching: float = setting(0.3, "its weight in G's loss; 0: none", low=0, high=1e6)
