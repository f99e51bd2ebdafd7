"""GANs: the dense ones of the founding articles, and a convolutional one.

    tinygen train gan --data mnist

Its recipes are `gan`, `gan-plain`, `gan-small` and `dcgan`; `tinygen recipes gan` lists settings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from .. import nn
from ..backend import use_device
from ..config import ConfigError
from ..data import BatchLoader, Dataset, load, resized
from ..data.preprocessing import Preprocessing, preprocess
from ..models import dcgan
from ..models.gan import (
    OBJECTIVES,
    REGULARIZERS,
    GANTrainer,
    Regularizer,
    Standardized,
    UnrolledGANTrainer,
    Watch,
    landmarks_of,
)
from ..random import Generator
from .gan_players import dense_players, extras
from .gan_settings import AdversarialConfig, DCGANConfig, GANConfig
from .recipe import Experiment, Recipe, Score, picture_maker, streams

__all__ = [
    "MIXTURE",
    "MNIST",
    "RECIPES",
    "AdversarialConfig",
    "GANConfig",
    "adversarial",
    "build_gan",
    "trainer_options",
]


def build_gan(config: GANConfig) -> Experiment:
    """Two dense networks against each other, on flattened examples."""
    if config.batch % config.pack:
        raise ConfigError(
            f"pack={config.pack} does not divide batch={config.batch}: take a multiple of the pack."
        )
    random = streams(config)
    data = load(config.data, random["data"])
    rows, _ = data.flat()
    done: Preprocessing | None = None
    if config.preprocess:
        rows, done = preprocess(rows, (0.0, 1.0) if data.is_image else None)
        data = replace(data, preprocessing=done)
    noise = config.noise or data.n_features
    with use_device(config.device):
        players = dense_players(
            config, noise, data.n_features, _output(config, data, rows, done), random["weights"]
        )
        trainer = _trainer(
            config,
            players.generator,
            players.discriminator,
            random["noise"],
            noise,
            one_batch=not config.minibatch,
            unroll=config.unroll,
            undo=done.undo if done else None,
            **extras(config, players),
        )
    return adversarial(config, trainer, data, rows, random)


def build_dcgan(config: DCGANConfig) -> Experiment:
    """Two convolutional networks against each other, on images of 32 x 32."""
    if len(config.channels) != 3:
        raise ConfigError(f"channels must be three numbers, not {len(config.channels)}.")
    random = streams(config)
    data = load(config.data, random["data"])
    if not data.is_image:
        raise ConfigError(
            f"dcgan needs images, and {config.data} has examples of shape {data.shape}: take "
            "--data digits, say, or train gan on these."
        )
    data = resized(data, dcgan.SIZE)
    colours = data.shape[0] if len(data.shape) == 3 else 1
    images = data.train.reshape(-1, colours, dcgan.SIZE, dcgan.SIZE)
    low, middle, high = config.channels
    with use_device(config.device):
        generator = dcgan.generator(config.noise, (low, middle, high), colours, random["weights"])
        discriminator = dcgan.discriminator((low, middle, high), colours, random["weights"])
        noise = (config.noise, 1, 1)
        trainer = _trainer(
            config, generator, discriminator, random["noise"], noise, one_batch=False
        )
    return adversarial(config, trainer, data, images, random)


def _output(
    config: GANConfig, data: Dataset, rows: np.ndarray, done: Preprocessing | None
) -> nn.Module | None:
    """G's last activation, if it reaches all that is trained on."""
    squash = config.output == "auto" and data.is_image
    bounded = done is not None and done.bounds is not None
    if config.output == "sigmoid":
        if not bounded and (rows.min() < 0 or rows.max() > 1):
            raise ConfigError(
                f"output=sigmoid reaches from 0 to 1 only, and {data.name} has values from "
                f"{rows.min():.3g} to {rows.max():.3g}: leave output at auto."
            )
        squash = True
    if not squash:
        return None
    return nn.Sequential(nn.Sigmoid(), Standardized(done.mean, done.std)) if done else nn.Sigmoid()


# -- shared pieces ---------------------------------------------------------------------------------


def _trainer(
    config: AdversarialConfig,
    generator: nn.Module,
    discriminator: nn.Module,
    rng: Generator,
    noise_shape: int | tuple[int, ...],
    unroll: int = 0,
    **options: Any,
) -> GANTrainer:
    if config.real_label != 1 and not OBJECTIVES[config.objective].smooth:
        raise ConfigError(
            f"objective={config.objective} has no labels to smooth: leave real_label at 1."
        )
    kind: Any = partial(UnrolledGANTrainer, unroll=unroll) if unroll else GANTrainer
    return kind(
        generator,
        discriminator,
        rng=rng,
        noise_shape=noise_shape,
        **trainer_options(config),
        **options,
    )


def trainer_options(config: AdversarialConfig) -> dict[str, Any]:
    """What the settings that all GANs have say to any of the trainers."""
    return {
        "objective": config.objective,
        "regularizers": _regularizers(config),
        "lr": (config.lr, config.d_lr or config.lr),
        "betas": (config.beta1, 0.999),
        "d_steps": config.d_steps,
        "real_label": config.real_label,
        "instance_noise": config.instance_noise,
        "instance_noise_steps": config.steps // 2,
        "ema_decay": config.ema,
    }


def _regularizers(config: AdversarialConfig) -> list[Regularizer]:
    if config.penalty == "none":
        return []
    return [REGULARIZERS[config.penalty](config.penalty_weight, config.penalty_every)]


def adversarial(
    config: AdversarialConfig,
    trainer: GANTrainer,
    data: Dataset,
    examples: np.ndarray,
    random: dict[str, Generator],
    draw: Callable[[], Mapping[str, bytes]] | None = None,
    score: Score | None = None,
) -> Experiment:
    """A GAN on examples (N, ...), with their labels if it has classes.

    Args:
        draw: see `Experiment`; None shows samples of the same noise each time.
    """
    backend = random["noise"].backend
    picture = picture_maker(data)
    noise = random["pictures"].normal((64 if data.is_image else 1000, *trainer.noise_shape))
    arrays = (examples, data.train_labels) if trainer.classes else (examples,)
    order = np.random.RandomState(config.seed % 2**32).permutation(len(examples))
    shown = [backend.move(array[order[: config.batch]]) for array in arrays]
    return Experiment(
        trainer,
        data,
        BatchLoader(arrays, config.batch, random["order"]),
        prepare=lambda batch: tuple(map(backend.move, batch)),
        draw=draw or (lambda: {"samples": picture(trainer.sample(len(noise), noise))}),
        picture=picture,
        streams=random,
        device=config.device,
        score=score,
        inputs=lambda rows: _as_trained(rows, data, examples.shape[1:]),
        watch=Watch(
            trainer,
            landmarks_of(data, config.seed),
            *shown,
            every=config.watch_every or max(1, config.steps // 20),
        ),
    )


def _as_trained(rows: np.ndarray, data: Dataset, shape: tuple[int, ...]) -> np.ndarray:
    """Rows in the data's units, preprocessed as what is trained on, as examples of that shape."""
    done = data.preprocessing
    return (done.apply(rows) if done else rows).reshape(-1, *shape)


MNIST = {"steps": 30_000, "lr": 5e-4, "penalty_weight": 1.0}
MIXTURE = {"steps": 20_000, "batch": 256, "noise": 16, "penalty_weight": 0.1}

RECIPES = (
    Recipe(
        "gan",
        "founding system A2, dense: G 784-128-128-784, D 784-128-128-1 on MNIST",
        GANConfig(),
        build_gan,
        {"mnist": MNIST, "fashion-mnist": MNIST, "ring": MIXTURE, "grid": MIXTURE},
    ),
    Recipe(
        "gan-plain",
        "the same as the article has it: rectifiers, linear output, Adam(2e-4), no penalty",
        GANConfig(batch=128, slope=0.0, output="linear", lr=2e-4, penalty="none", ema=0.0),
        build_gan,
        {"mnist": {"steps": 30_000}, "fashion-mnist": {"steps": 30_000}},
    ),
    Recipe(
        "gan-small",
        "founding system B2: G 100-784-784 (rectifier, sigmoid), D 784-256-1",
        # The article's D, 784-1, is linear in the pixels: it can tell two distributions apart
        # by one projection only, and G answers with a single image. `--set discriminator=`
        # shows that; one hidden layer cures it.
        GANConfig(
            steps=20_000,
            noise=100,
            generator=(784,),
            discriminator=(256,),
            lr=5e-4,
            penalty_weight=1.0,
        ),
        build_gan,
        {
            "mnist": {"steps": 15_000},
            "fashion-mnist": {"steps": 15_000},
            "ring": MIXTURE,
            "grid": MIXTURE,
        },
    ),
    Recipe(
        "dcgan",
        "a convolutional GAN on images of 32 x 32 (digits are enlarged, MNIST is padded)",
        DCGANConfig(),
        build_dcgan,
        {},
    ),
)
