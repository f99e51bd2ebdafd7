"""Variational autoencoders: founding system B1, its relatives, and models joined with a GAN.

    tinygen train vae --data mnist

Its recipes are `vae`, `iwae`, `cvae`, `vq-vae`, `aae`, `vae-gan` and `latent-gan`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .. import nn
from ..backend import use_device
from ..config import ConfigError
from ..data import BatchLoader, Dataset, load
from ..models.gan import R1, Discriminator, GANTrainer, mlp
from ..models.vae import (
    VAE,
    VQVAE,
    AAETrainer,
    BernoulliOutput,
    DiscretisedLogisticOutput,
    GaussianOutput,
    LatentGANTrainer,
    Output,
    VAEGANTrainer,
    VAETrainer,
    VQTrainer,
    convolutional_vae,
    dense,
    dense_vae,
    importance_sampled,
    start_at_mean,
)
from ..optim.schedules import linear
from ..random import Generator
from .latent_pictures import latent_pictures
from .recipe import Experiment, Recipe, Score, picture_maker, streams
from .vae_settings import (
    AAEConfig,
    LatentConfig,
    LatentGANConfig,
    LikelihoodConfig,
    VAEConfig,
    VAEGANConfig,
    VQConfig,
)

__all__ = ["RECIPES"]

SCORED = 500
"""Held-out examples whose bound scores a checkpoint."""

SCALED_BY = 5_000
"""Training examples by whose codes the scale of a generator's codes is found."""

DIGITS_LEVELS, PIXEL_LEVELS = 17, 256


def build_vae(config: VAEConfig) -> Experiment:
    """One of the objectives."""
    return _variational(config, labelled=False)


def build_cvae(config: VAEConfig) -> Experiment:
    """Both networks are told the class."""
    return _variational(config, labelled=True)


def _variational(config: VAEConfig, labelled: bool) -> Experiment:
    random = streams(config)
    data = load(config.data, random["data"])
    if labelled and data.n_classes < 2:
        raise ConfigError(f"cvae needs labelled data, and {data.name} has one class: take vae.")
    with use_device(config.device):
        output = _output(config, data, random)
        model = _model(config, data, output, random["weights"], data.n_classes * labelled)
        trainer = _trainer(config, model, random["noise"])
    score = None
    if config.objective != "autoencoder":
        score = Score("log_likelihood_bound", _bound(config, trainer, data, random, labelled))
    return _experiment(config, trainer, data, random, labelled, score)


def build_vq(config: VQConfig) -> Experiment:
    """Codes of a codebook, and a prior of them."""
    random = streams(config)
    data = load(config.data, random["data"])
    with use_device(config.device):
        output = _output(config, data, random)
        model = VQVAE(
            data.n_features,
            config.hidden,
            groups=config.latent,
            entries=config.entries,
            width=config.width,
            output=output,
            rng=random["weights"],
        )
        start_at_mean(model, data.flat()[0])
        trainer = VQTrainer(model, rng=random["noise"], commitment=config.commitment, lr=config.lr)
    return _experiment(config, trainer, data, random)


def build_aae(config: AAEConfig) -> Experiment:
    """A discriminator of codes in the place of the KL term."""
    random = streams(config)
    data = load(config.data, random["data"])
    rng, hidden, latent = random["weights"], config.hidden, config.latent
    with use_device(config.device):
        output = _output(config, data, random)
        trainer = AAETrainer(
            dense([data.n_features, *hidden, latent], rng),
            dense([latent, *hidden[::-1], data.n_features], rng),
            mlp([latent, *hidden, 1], rng, slope=0.2),
            output,
            latent=latent,
            rng=random["noise"],
            weight=config.weight,
            lr=config.lr,
            d_lr=config.lr,
        )
    return _experiment(config, trainer, data, random)


def build_vae_gan(config: VAEGANConfig) -> Experiment:
    """The decoder is the generator."""
    random = streams(config)
    data = load(config.data, random["data"])
    if not config.hidden:
        raise ConfigError("hidden must name at least one layer, such as 256,256.")
    rng, hidden, latent = random["weights"], config.hidden, config.latent
    with use_device(config.device):
        squash = nn.Sigmoid() if data.is_image else None
        features = mlp([data.n_features, *hidden], rng, slope=0.2)
        trainer = VAEGANTrainer(
            mlp([data.n_features, *hidden, 2 * latent], rng, slope=0.2),
            mlp([latent, *hidden[::-1], data.n_features], rng, slope=0.2, output=squash),
            Discriminator(
                nn.Sequential(*features, nn.LeakyReLU(0.2)), nn.Linear(hidden[-1], 1, rng=rng)
            ),
            latent=latent,
            rng=random["noise"],
            gamma=config.gamma,
            variance=config.variance,
            lr=config.lr,
            r1=config.r1,
        )
    return _experiment(config, trainer, data, random)


def build_latent_gan(config: LatentGANConfig) -> Experiment:
    """An autoencoder, and then a generator of its codes."""
    if config.first >= config.steps:
        raise ConfigError(
            f"all {config.steps:,} steps are the autoencoder's, which are first={config.first:,}: "
            f"take more steps, or fewer of them, such as --set first={config.steps // 3}."
        )
    random = streams(config)
    data = load(config.data, random["data"])
    rng, hidden, latent = random["weights"], config.hidden, config.latent
    with use_device(config.device):
        model = dense_vae(data.n_features, hidden, latent, _output(config, data, random), rng=rng)
        start_at_mean(model, data.flat()[0])
        gan = GANTrainer(
            mlp([latent, *hidden, latent], rng, slope=0.2),
            mlp([latent, *hidden, 1], rng, slope=0.2),
            rng=random["noise"],
            noise_shape=latent,
            regularizers=[R1(config.r1, every=8)] if config.r1 else [],
            lr=config.gan_lr,
            ema_decay=config.ema,
        )
        trainer = LatentGANTrainer(
            model,
            gan,
            random["noise"].backend.from_host(data.flat()[0][:SCALED_BY]),
            first=config.first,
            rng=random["noise"],
            objective=config.objective,
            lr=linear(config.lr, 0.1 * config.lr, max(1, config.first)),
        )
    return _experiment(config, trainer, data, random)


# -- shared pieces ---------------------------------------------------------------------------------


def _trainer(config: VAEConfig, model: VAE, rng: Generator) -> VAETrainer:
    try:
        return VAETrainer(
            model,
            rng=rng,
            objective=config.objective,
            samples=config.samples,
            beta=config.beta,
            warm_up=config.warm_up,
            free_bits=config.free_bits,
            corruption=config.corruption,
            lr=config.lr,
        )
    except ValueError as error:  # settings that do not go together
        raise ConfigError(str(error)) from None


def _output(config: LikelihoodConfig, data: Dataset, random: Mapping[str, Generator]) -> Output:
    """The family that is asked for, or suits the data; the data is checked against it."""
    kind = config.likelihood
    if kind == "auto":
        kind = "bernoulli" if data.is_image else "gaussian"
    output: Output
    if kind == "bernoulli":
        output = BernoulliOutput()
    elif kind == "gaussian":
        output = GaussianOutput(rng=random["weights"])
    else:
        levels = config.levels or (DIGITS_LEVELS if data.name == "digits" else PIXEL_LEVELS)
        output = DiscretisedLogisticOutput(max(2, levels), rng=random["weights"])
    for part, rows in zip(("train", "test"), data.flat(), strict=True):
        output.check(rows, f"{data.name}: {part}")
    return output


def _model(config: VAEConfig, data: Dataset, output: Output, rng: Generator, classes: int) -> VAE:
    if not config.convolutions:
        model = dense_vae(
            data.n_features, config.hidden, config.latent, output, rng=rng, classes=classes
        )
        start_at_mean(model, data.flat()[0])
        return model
    colours, *sides = (1, *data.shape)[-3:]
    if classes or len(config.convolutions) != 2 or len(sides) != 2 or any(s % 4 for s in sides):
        raise ConfigError(
            "convolutions takes two numbers of channels, and unlabelled images whose sides are "
            "multiples of 4; leave it out for dense networks."
        )
    first, second = config.convolutions
    shape = (colours, sides[0], sides[1])
    return convolutional_vae(shape, (first, second), config.latent, output, rng=rng)


def _bound(
    config: VAEConfig,
    trainer: VAETrainer,
    data: Dataset,
    random: Mapping[str, Generator],
    labelled: bool,
) -> Callable[[], float]:
    """L_k of held-out examples, k as in training, in nats."""
    rng = random["pictures"]
    place = rng.backend.from_host
    held = place(data.flat()[1][:SCORED])
    labels = place(data.test_labels[:SCORED]) if labelled else None

    def score() -> float:
        x = rng.bernoulli(held) if trainer.binarise else held
        k = config.samples
        return importance_sampled(trainer.model, x, rng=rng, samples=k, labels=labels).mean()

    return score


def _experiment(
    config: LatentConfig,
    trainer: Any,
    data: Dataset,
    random: dict[str, Generator],
    labelled: bool = False,
    score: Score | None = None,
) -> Experiment:
    backend = random["noise"].backend
    rows, _ = data.flat()
    arrays = (rows, data.train_labels) if labelled else (rows,)
    return Experiment(
        trainer,
        data,
        BatchLoader(arrays, config.batch, random["order"]),
        prepare=lambda batch: tuple(map(backend.move, batch)),
        draw=latent_pictures(trainer, data, random["pictures"], labelled),
        picture=picture_maker(data),
        streams=random,
        device=config.device,
        score=score,
    )


ARTICLE = {"steps": 12_000, "batch": 256, "latent": 256}
MIXTURE = {"steps": 10_000, "hidden": (128, 128), "latent": 2}
JOINT = {"steps": 12_000, "batch": 100}
LATENT_GAN = {"steps": 28_000, "first": 8_000, "batch": 64}

RECIPES = (
    Recipe(
        "vae",
        "founding system B1: 784-256-(256, 256), 256-256-784 on MNIST",
        VAEConfig(),
        build_vae,
        {"mnist": ARTICLE, "fashion-mnist": ARTICLE, "ring": MIXTURE, "grid": MIXTURE},
    ),
    Recipe(
        "iwae",
        "the same with an importance-weighted bound, its gradient doubly reparameterised",
        VAEConfig(objective="dreg", samples=5),
        build_vae,
        {"mnist": {"hidden": (200, 200), "latent": 50, "steps": 12_000}, "ring": MIXTURE,
         "grid": MIXTURE},
    ),
    Recipe(
        "cvae",
        "conditional: both networks are told the class, and samples show each in turn",
        VAEConfig(latent=16),
        build_cvae,
        {"mnist": {"steps": 10_000, "batch": 256}},
    ),
    Recipe(
        "vq-vae",
        "latent vectors from a learned codebook; samples from an autoregressive prior of the codes",
        VQConfig(),
        build_vq,
        {"mnist": {"steps": 10_000, "latent": 16, "entries": 32}, "ring": {"latent": 2},
         "grid": {"latent": 2}},
    ),
    Recipe(
        "aae",
        "adversarial autoencoder: a discriminator in the place of the KL term",
        AAEConfig(),
        build_aae,
        {"mnist": {"steps": 10_000}, "ring": {"latent": 2}, "grid": {"latent": 2}},
    ),
    Recipe(
        "vae-gan",
        "founding system B3: the decoder is a GAN's generator, likeness is in its discriminator",
        VAEGANConfig(),
        build_vae_gan,
        {"mnist": JOINT, "fashion-mnist": JOINT, "ring": {"latent": 2}, "grid": {"latent": 2}},
    ),
    Recipe(
        "latent-gan",
        "founding system D2: a generator of an autoencoder's codes, which ends in its decoder",
        LatentGANConfig(),
        build_latent_gan,
        {"mnist": LATENT_GAN, "fashion-mnist": LATENT_GAN, "ring": {"latent": 2},
         "grid": {"latent": 2}},
    ),
)  # fmt: skip
