"""GANs that leave an energy behind, or have one for a prior: founding system A3 from their side.

    tinygen train energy-gan

Its recipes are `rbm-prior-gan` and `energy-gan`; without --data they learn mixtures in the plane.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np

from .. import nn
from ..backend import use_device
from ..config import ConfigError, setting
from ..data import Dataset, load
from ..models.adversarial_energy import EnergyGANTrainer, RBMPriorGANTrainer
from ..models.gan import OBJECTIVES, Discriminator
from ..models.rbm import RBM
from ..random import Generator
from .gan import adversarial
from .gan_modes import (
    ModesConfig,
    Scaling,
    covering_options,
    dense_network,
    spread_discriminator,
)
from .recipe import WIDEST, Experiment, Recipe, picture_maker, streams

__all__ = ["RECIPES", "EnergyGANConfig", "RBMPriorConfig"]

PLANE = 2
"""Features for which neighbours tell the entropy; in more an encoder does."""

RECTIFIED = partial(nn.LeakyReLU, 0.2)
"""Between the layers of networks for images."""


@dataclass(frozen=True)
class RBMPriorConfig(ModesConfig):
    """Settings of a GAN with an RBM for its prior."""

    noise: int = setting(32, "its length, and the units of D's last layer", low=1, high=WIDEST)
    hidden: int = setting(32, "units of the RBM", low=1, high=WIDEST)
    prior_lr: float = setting(0.05, "of the RBM", low=1e-12, high=1e3)
    burn_in: int = setting(100, "Gibbs steps to a sample", low=0, high=10**7)


@dataclass(frozen=True)
class EnergyGANConfig(ModesConfig):
    """Settings of a GAN whose critic is a log-density."""

    objective: str = setting("wasserstein", "the one that leaves it", choices=("wasserstein",))
    entropy: float = setting(1.0, "what a nat of G's entropy is worth", low=0, high=1e6)
    critic_ema: float = setting(0.999, "of the averaged critic; 0: none", low=0, high=0.999999)


def build_rbm_prior(config: RBMPriorConfig) -> Experiment:
    """Two dense networks, and an RBM between D's last hidden layer and G's first."""
    random = streams(config)
    data = load(config.data, random["data"])
    _check_labels(config)
    with use_device(config.device):
        deeper = replace(config, discriminator=(*config.discriminator, config.noise))
        generator, critic, rows, undo = _players(deeper, data, random)
        trainer = RBMPriorGANTrainer(
            generator,
            Discriminator(critic[:-1], critic[-1]),
            RBM(config.noise, config.hidden, rng=random["weights"], std=0.05),
            rng=random["noise"],
            chains=config.batch,
            prior_lr=config.prior_lr,
            burn_in=config.burn_in,
            undo=undo,
            **covering_options(config),
        )
    picture = picture_maker(data)
    shown = 64 if data.is_image else 1000

    def draw() -> Mapping[str, bytes]:
        return {"samples": picture(trainer.sample(shown))}

    return adversarial(config, trainer, data, rows, random, draw)


def build_energy_gan(config: EnergyGANConfig) -> Experiment:
    """Two dense networks; and in more dimensions than two, an encoder of the noise."""
    random = streams(config)
    data = load(config.data, random["data"])
    _check_labels(config)
    with use_device(config.device):
        generator, critic, rows, undo = _players(config, data, random)
        trainer = EnergyGANTrainer(
            generator,
            critic,
            rng=random["noise"],
            noise_shape=config.noise,
            encoder=_encoder(config, data, random),
            entropy=config.entropy,
            critic_ema=config.critic_ema,
            undo=undo,
            **covering_options(config),
        )
    return adversarial(config, trainer, data, rows, random)


class _Players(NamedTuple):
    """Both networks, and what they see: rows (N, D), and the way back to the data's units."""

    generator: nn.Sequential
    discriminator: nn.Sequential
    rows: np.ndarray
    undo: Callable[[np.ndarray], np.ndarray] | None


def _players(config: ModesConfig, data: Dataset, random: dict[str, Generator]) -> _Players:
    """Those of `gan` for images, those of `gan-grid` for all else."""
    rows, _ = data.flat()
    sizes = [config.noise, *config.generator, data.n_features]
    if data.is_image:
        generator = dense_network(sizes, config.gain, random, RECTIFIED)
        generator = nn.Sequential(*generator, nn.Sigmoid())
        unit = float((rows - rows.mean(0)).std())
        judge = spread_discriminator(config, data.n_features, random, RECTIFIED, unit)
        return _Players(generator, judge, rows, None)
    scaling = Scaling.of(rows)
    generator = dense_network(sizes, config.gain, random)
    judge = spread_discriminator(config, data.n_features, random)
    return _Players(generator, judge, scaling.apply(rows), scaling.undo)


def _encoder(
    config: EnergyGANConfig, data: Dataset, random: dict[str, Generator]
) -> nn.Module | None:
    if data.n_features <= PLANE:
        return None
    sizes = [data.n_features, *config.discriminator, 2 * config.noise]
    return dense_network(sizes, config.gain, random, RECTIFIED if data.is_image else nn.Tanh)


def _check_labels(config: ModesConfig) -> None:
    if config.real_label != 1 and not OBJECTIVES[config.objective].smooth:
        raise ConfigError(
            f"objective={config.objective} has no labels to smooth: leave real_label at 1."
        )


ON_IMAGES = {
    "generator": (128, 128),
    "discriminator": (128, 128),
    "gain": 0.0,
    "reach": 0.0,
    "instance_noise": 0.0,
    "lr": 1e-3,
    "beta1": 0.5,
    "penalty": "r1",
    "penalty_weight": 0.3,
    "penalty_every": 4,
    "batch": 64,
}

RECIPES = (
    Recipe(
        "rbm-prior-gan",
        "founding system A3: a GAN whose noise an RBM draws that learns what D sees (2016)",
        RBMPriorConfig(
            data="grid",
            steps=20_000,
            batch=128,
            lr=1e-3,
            beta1=0.0,
            penalty="none",
            second_penalty="none",
            ema=0.999,
        ),
        build_rbm_prior,
        dict.fromkeys(("digits", "mnist", "fashion-mnist"), ON_IMAGES),
    ),
    Recipe(
        "energy-gan",
        "a GAN whose critic ends as the log-density of the data (2017)",
        EnergyGANConfig(
            data="ring",
            steps=20_000,
            batch=128,
            lr=4e-3,
            d_lr=1e-3,
            beta1=0.0,
            penalty="r1",
            second_penalty="r2",
            penalty_weight=3e-3,
            penalty_every=8,
            instance_noise=1.0,
            ema=0.999,
        ),
        build_energy_gan,
        {
            "grid": {"d_lr": 2e-3, "penalty_weight": 5e-3},
            **{
                name: {**ON_IMAGES, "beta1": 0.0, "penalty_weight": 0.01, "penalty_every": 8}
                for name in ("digits", "mnist", "fashion-mnist")
            },
        },
    ),
)
