"""GANs that see images of 8, 16 and 32 pixels at once, and one that sees a single size.

    tinygen train msg-gan --data mnist

Its recipes are `single-scale`, `lapgan`, `progressive`, `msg-gan`, `multiscale-d` and `sagan`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from ..backend import use_device
from ..config import ConfigError
from ..data import Dataset, load, resized
from ..models.gan import OBJECTIVES
from ..models.multiscale import MODELS, MultiscaleTrainer, Scales
from ..random import Generator
from .gan import adversarial, trainer_options
from .gan_multiscale_settings import MultiscaleConfig, MultiscaleDConfig, ProgressiveConfig
from .recipe import Experiment, Recipe, picture_maker, streams

__all__ = ["RECIPES", "SIZES"]

SIZES = (8, 16, 32)
SHOWN = 64


def build(model: str, config: MultiscaleConfig) -> Experiment:
    """A model of `MODELS`, on images of 32 x 32 (digits are enlarged, MNIST is padded)."""
    check(model, config)
    random = streams(config)
    data = load(config.data, random["data"])
    if not data.is_image:
        raise ConfigError(
            f"{model} needs images, and {config.data} has examples of shape {data.shape}: take "
            "--data digits, say, or train gan on these."
        )
    data = resized(data, SIZES[-1])
    colours = data.shape[0] if len(data.shape) == 3 else 1
    images = data.train.reshape(-1, colours, SIZES[-1], SIZES[-1])
    with use_device(config.device):
        trainer = MODELS[model](
            Scales(SIZES, config.channels, colours, config.features),
            noise=config.noise,
            weights=random["weights"],
            rng=random["noise"],
            **trainer_options(config),
            **own_options(config),
        )
    return adversarial(config, trainer, data, images, random, draw=drawn(trainer, data, random))


def check(model: str, config: MultiscaleConfig) -> None:
    """Raise ConfigError for settings that contradict one another."""
    if len(config.channels) != len(SIZES):
        raise ConfigError(f"channels must be three numbers, not {len(config.channels)}.")
    if config.features == "attention" and any(c % 2 for c in config.channels):
        raise ConfigError("features=attention needs even numbers of channels: take 32,16,8, say.")
    if config.real_label != 1 and not OBJECTIVES[config.objective].smooth:
        raise ConfigError(
            f"objective={config.objective} has no labels to smooth: leave real_label at 1."
        )
    if model in ("progressive", "msg-gan") and config.batch > 4 and config.batch % 4:
        raise ConfigError(
            f"{model} compares images in groups of 4, and batch={config.batch} is not a multiple "
            "of it: take 32, say."
        )


def own_options(config: MultiscaleConfig) -> dict[str, Any]:
    """What one model has and others have not."""
    if isinstance(config, ProgressiveConfig):
        return {"phase": config.phase}
    if isinstance(config, MultiscaleDConfig):
        return {"feature_matching": config.feature_matching}
    return {}


def drawn(
    trainer: MultiscaleTrainer, data: Dataset, random: Mapping[str, Generator]
) -> Callable[[], Mapping[str, bytes]]:
    """What draws samples of the same noise at every size: "samples", "samples-8", "samples-16"."""
    picture = picture_maker(data)
    noise = random["pictures"].normal((SHOWN, *trainer.noise_shape))

    def draw() -> Mapping[str, bytes]:
        *smaller, largest = trainer.sample_scales(SHOWN, noise)
        pictures = {"samples": picture(largest)}
        for images in smaller:
            factor = SIZES[-1] // images.shape[-1]
            enlarged = np.repeat(np.repeat(images, factor, 2), factor, 3)
            pictures[f"samples-{images.shape[-1]}"] = picture(enlarged)
        return pictures

    return draw


def on_mnist(**rates: float) -> dict[str, dict[str, float]]:
    """The best of three rates or four, each twice the one before, after 45 seconds of a processor.

    Judged by sliced Wasserstein distances to training images that were held out.
    """
    return {"mnist": rates, "fashion-mnist": rates}


RECIPES = (
    Recipe(
        "single-scale",
        "a convolutional GAN that sees 32 x 32 images only, for comparison",
        MultiscaleConfig(),
        partial(build, "single-scale"),
        {},
    ),
    Recipe(
        "lapgan",
        "a Laplacian pyramid: each level draws the detail that the smaller image lacks",
        MultiscaleConfig(penalty_weight=1.0),
        partial(build, "lapgan"),
        on_mnist(lr=2e-3),
    ),
    Recipe(
        "progressive",
        "8 x 8 images first; 16 and 32 are faded in",
        ProgressiveConfig(lr=2e-3, beta1=0.0),
        partial(build, "progressive"),
        on_mnist(lr=4e-3),
    ),
    Recipe(
        "msg-gan",
        "G shows an image at every scale, and one D sees all of them",
        MultiscaleConfig(lr=2e-3, beta1=0.0),
        partial(build, "msg-gan"),
        on_mnist(lr=4e-3),
    ),
    Recipe(
        "multiscale-d",
        "three discriminators, of 8, 16 and 32 pixels, with feature matching",
        MultiscaleDConfig(penalty_weight=0.1),
        partial(build, "multiscale-d"),
        {},
    ),
    Recipe(
        "sagan",
        "self-attention and spectral norms in both players, hinge losses, two learning rates",
        MultiscaleConfig(
            features="attention", objective="hinge", lr=1e-3, d_lr=2e-3, beta1=0.0, penalty="none"
        ),
        partial(build, "sagan"),
        on_mnist(lr=5e-4, d_lr=1e-3),
    ),
)
