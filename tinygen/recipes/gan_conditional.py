"""GANs that are told a class, that find classes themselves, or that encode as well as generate.

    tinygen train cgan --data mnist

Its recipes are `cgan`, `acgan`, `infogan` and `bigan`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from .. import nn
from ..backend import use_device
from ..config import ConfigError
from ..data import Dataset, load
from ..metrics import judge_of
from ..metrics.evaluation import has_judge
from ..models.gan import (
    ACGANTrainer,
    AuxiliaryDiscriminator,
    BiGANTrainer,
    Codes,
    Conditional,
    GANTrainer,
    InfoGANTrainer,
    ProjectionDiscriminator,
    mlp,
)
from ..optim.optimizer import Schedule
from ..optim.schedules import linear
from ..random import Generator
from .gan import MIXTURE, adversarial, trainer_options
from .gan_conditional_settings import (
    ACGANConfig,
    BiGANConfig,
    CGANConfig,
    DenseConfig,
    InfoGANConfig,
)
from .latent_pictures import image_columns, latent_pictures
from .recipe import Experiment, Recipe, Score, picture_maker, streams

__all__ = ["RECIPES"]

SHOWN = 64
POINTS = 1000
"""Samples in a picture of points in the plane."""

JUDGED = 1000
"""Samples, or held-out examples, by which a checkpoint is scored."""

ROWS, STEPS = 8, 10
"""Of a picture in which one code varies."""
REACH = 2.0
"""Continuous codes are shown from -2 to 2, as in Chen et al. 2016, figure 2: beyond their prior."""


def build_cgan(config: CGANConfig) -> Experiment:
    """Both players are told the class."""
    random = streams(config)
    data = _labelled("cgan", config, random)
    classes, rng = data.n_classes, random["weights"]
    with use_device(config.device):
        generator = _conditional_generator(config, data, rng)
        discriminator: nn.Module
        if config.conditioning == "projection":
            features, width = _trunk(config, data.n_features, rng)
            discriminator = ProjectionDiscriminator(
                features, nn.Linear(width, 1, rng=rng), classes=classes, width=width, rng=rng
            )
        else:
            sizes = [data.n_features + classes, *config.discriminator, 1]
            discriminator = Conditional(mlp(sizes, rng, slope=config.slope), classes)
        trainer = GANTrainer(
            generator,
            discriminator,
            rng=random["noise"],
            noise_shape=config.noise,
            classes=classes,
            **trainer_options(config),
        )
    return _by_class(config, trainer, data, random)


def build_acgan(config: ACGANConfig) -> Experiment:
    """D says the class, and G is told it."""
    random = streams(config)
    data = _labelled("acgan", config, random)
    rng = random["weights"]
    with use_device(config.device):
        trainer = ACGANTrainer(
            _conditional_generator(config, data, rng),
            _two_headed(config, data.n_features, data.n_classes, rng),
            weight=config.class_weight,
            rng=random["noise"],
            noise_shape=config.noise,
            classes=data.n_classes,
            **trainer_options(config),
        )
    return _by_class(config, trainer, data, random)


def build_infogan(config: InfoGANConfig) -> Experiment:
    """A part of the noise is to be read off the samples."""
    random = streams(config)
    data = load(config.data, random["data"])
    rng = random["weights"]
    if not config.categorical and not config.continuous:
        raise ConfigError("infogan needs codes: set categorical=10 or continuous=2, say.")
    codes = Codes(config.categorical, config.continuous, config.code_std)
    with use_device(config.device):
        sizes = [config.noise + codes.width, *config.generator, data.n_features]
        trainer = InfoGANTrainer(
            mlp(sizes, rng, slope=config.slope, output=_output(data)),
            _two_headed(config, data.n_features, codes.width, rng),
            codes=codes,
            weight=config.information,
            rng=random["noise"],
            noise_shape=config.noise,
            **trainer_options(config),
        )
    draw = _code_pictures(trainer, data, random["pictures"])
    score = None
    if codes.categorical and data.n_classes > 1:
        score = Score("code_agreement", lambda: _code_agreement(trainer, data))
    return adversarial(config, trainer, data, data.flat()[0], random, draw, score)


def build_bigan(config: BiGANConfig) -> Experiment:
    """An encoder beside the generator."""
    random = streams(config)
    data = load(config.data, random["data"])
    rng, d, slope = random["weights"], data.n_features, config.slope
    with use_device(config.device):
        trainer = BiGANTrainer(
            mlp([config.latent, *config.generator, d], rng, slope=slope, output=_output(data)),
            mlp([d, *config.generator[::-1], config.latent], rng, slope=slope),
            mlp([d + config.latent, *config.discriminator, 1], rng, slope=slope),
            latent=config.latent,
            rng=random["noise"],
            **{**trainer_options(config), "lr": _falling(config)},
        )
    draw = latent_pictures(trainer, data, random["pictures"], labelled=False)
    score = Score("negative_reconstruction_error", lambda: -_reconstruction_error(trainer, data))
    return adversarial(config, trainer, data, data.flat()[0], random, draw, score)


def _falling(config: BiGANConfig) -> tuple[Schedule, Schedule]:
    """G's rate and D's in a straight line: at a constant one E goes on following a moving G."""
    updates = config.steps // config.d_steps, config.steps
    rates = config.lr, config.d_lr or config.lr
    first, second = (
        linear(rate, config.lr_end * rate, max(1, steps))
        for rate, steps in zip(rates, updates, strict=True)
    )
    return first, second


# -- networks --------------------------------------------------------------------------------------


def _labelled(name: str, config: DenseConfig, random: Mapping[str, Generator]) -> Dataset:
    data = load(config.data, random["data"])
    if data.n_classes < 2:
        raise ConfigError(f"{name} needs labelled data, and {data.name} has one class: take gan.")
    return data


def _output(data: Dataset) -> nn.Module | None:
    return nn.Sigmoid() if data.is_image else None


def _conditional_generator(config: DenseConfig, data: Dataset, rng: Generator) -> Conditional:
    sizes = [config.noise + data.n_classes, *config.generator, data.n_features]
    return Conditional(mlp(sizes, rng, slope=config.slope, output=_output(data)), data.n_classes)


def _trunk(config: DenseConfig, inputs: int, rng: Generator) -> tuple[nn.Module, int]:
    """D without its last layer, and how many features it gives."""
    if not config.discriminator:
        raise ConfigError("discriminator must name at least one hidden layer, such as 128,128.")
    sizes = [inputs, *config.discriminator]
    return mlp(sizes, rng, slope=config.slope, output=nn.LeakyReLU(config.slope)), sizes[-1]


def _two_headed(
    config: DenseConfig, inputs: int, second: int, rng: Generator
) -> AuxiliaryDiscriminator:
    features, width = _trunk(config, inputs, rng)
    heads = (nn.Linear(width, outputs, rng=rng) for outputs in (1, second))
    return AuxiliaryDiscriminator(features, *heads)


# -- what is shown and measured --------------------------------------------------------------------


def _by_class(
    config: DenseConfig, trainer: GANTrainer, data: Dataset, random: dict[str, Generator]
) -> Experiment:
    """Samples of images have a column for each class, and are scored by a classifier."""
    classes = data.n_classes
    shown = max(1, SHOWN // classes) * classes if data.is_image else POINTS
    rows = random["pictures"].normal((-(-shown // classes), config.noise))
    noise = rows.repeat(classes, 0)[:shown]
    picture = _in_columns(data, classes)
    made = adversarial(
        config,
        trainer,
        data,
        data.flat()[0],
        random,
        lambda: {"samples": picture(trainer.sample(shown, noise))},
        Score("class_agreement", _class_agreement(trainer, data)) if has_judge(data) else None,
    )
    return replace(made, picture=picture)


def _in_columns(data: Dataset, columns: int) -> Callable[[np.ndarray], bytes]:
    if not data.is_image:
        return picture_maker(data)
    return lambda samples: image_columns(samples, columns, data)


def _class_agreement(trainer: GANTrainer, data: Dataset) -> Callable[[], float]:
    """The share of samples that a classifier takes for the class which was asked for."""
    judge = cache(lambda: judge_of(data))

    def agreement() -> float:
        n = JUDGED // data.n_classes * data.n_classes or data.n_classes
        found = judge().probabilities(trainer.sample(n).reshape(n, -1)).argmax(1)
        return float((found == np.arange(n) % data.n_classes).mean())

    return agreement


def _code_agreement(trainer: InfoGANTrainer, data: Dataset) -> float:
    """The share of held-out examples that are of the commonest class among those with their code.

    The code is the value of the first categorical one that Q finds likeliest.
    """
    held, labels = data.flat()[1][:JUDGED], data.test_labels[:JUDGED]
    read = trainer.read(trainer.backend.from_host(held))
    counts = np.zeros((trainer.codes.categorical[0], data.n_classes), int)
    np.add.at(counts, (read[:, trainer.codes.parts[0]].argmax(1), labels), 1)
    return float(counts.max(1).sum() / counts.sum())


def _reconstruction_error(trainer: BiGANTrainer, data: Dataset) -> float:
    """Root mean square difference of held-out examples from their reconstructions."""
    held = data.flat()[1][:JUDGED]
    again = trainer.reconstruct(trainer.backend.from_host(held))
    return float(np.sqrt(np.mean((again - held) ** 2, dtype=np.float64)))


def _code_pictures(
    trainer: InfoGANTrainer, data: Dataset, rng: Generator
) -> Callable[[], Mapping[str, bytes]]:
    """samples: of the same noise each time. Of images code-1, code-2, ...: each varies in a row.

    The columns of a categorical code are its values, the rows have the same noise and no other
    code; those of a continuous one go from -2 to 2, and the rows are values of the first
    categorical code, if there is one.
    """
    codes, picture, xp = trainer.codes, picture_maker(data), trainer.backend
    free = trainer.noise_shape[0] - codes.width
    noise = rng.normal((SHOWN if data.is_image else POINTS, free))
    prior = codes.draw(len(noise), rng, "float32")

    def draw() -> Mapping[str, bytes]:
        shown = {"samples": picture(trainer.sample(len(noise), xp.concatenate([noise, prior], 1)))}
        for i, grid in enumerate(_code_grids(codes), 1) if data.is_image else ():
            rows, columns, _ = grid.shape
            z = noise[:rows] if i <= len(codes.categorical) else noise[:1].repeat(rows, 0)
            flat = xp.from_host(grid.reshape(rows * columns, -1))
            samples = trainer.sample(len(flat), xp.concatenate([z.repeat(columns, 0), flat], 1))
            shown[f"code-{i}"] = image_columns(samples, columns, data)
        return shown

    return draw


def _code_grids(codes: Codes) -> list[np.ndarray]:
    """For each code, rows and columns of codes in which it varies: (rows, columns, width)."""
    grids = []
    for part in codes.parts:
        values = part.stop - part.start
        grid = np.zeros((ROWS, values, codes.width), "float32")
        grid[..., part] = np.eye(values)
        grids.append(grid)
    for i in range(codes.continuous):
        values = codes.categorical[0] if codes.categorical else 1
        grid = np.zeros((values, STEPS, codes.width), "float32")
        if codes.categorical:
            grid[..., codes.parts[0]] = np.eye(values)[:, None]
        grid[..., codes.width - codes.continuous + i] = np.linspace(-REACH, REACH, STEPS)
        grids.append(grid)
    return grids


WIDER = {"lr": 3e-3, "latent": 16, "penalty_weight": 1.0}
LONGER = {"steps": 30_000}
ON_ALL: dict[str, dict[str, Any]] = {
    "mnist": LONGER,
    "fashion-mnist": LONGER,
    "ring": MIXTURE,
    "grid": MIXTURE,
}

RECIPES = (
    Recipe(
        "cgan",
        "conditional GAN: both players are told the class, and samples show each in turn (2014)",
        CGANConfig(),
        build_cgan,
        ON_ALL,
    ),
    Recipe(
        "acgan",
        "auxiliary classifier GAN: D says the class, and G is told it (2017)",
        ACGANConfig(),
        build_acgan,
        ON_ALL,
    ),
    Recipe(
        "infogan",
        "InfoGAN: codes that D can read off samples, found without labels (2016)",
        InfoGANConfig(),
        build_infogan,
        {"mnist": LONGER, "fashion-mnist": LONGER},
    ),
    Recipe(
        "bigan",
        "bidirectional GAN: an encoder that inverts the generator, as D sees both ends (2017)",
        BiGANConfig(),
        build_bigan,
        {"mnist": WIDER, "fashion-mnist": WIDER},
    ),
)
