"""GANs: the dense ones of the founding articles, and a convolutional one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import nn
from ..backend import use_device
from ..config import ConfigError, setting
from ..data import BatchLoader, Dataset, load, resized
from ..models import dcgan
from ..models.gan import OBJECTIVES, REGULARIZERS, GANTrainer, Regularizer, mlp
from ..random import Generator
from .recipe import WIDEST, Experiment, Recipe, RunConfig, picture_maker, streams

__all__ = ["RECIPES"]


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


@dataclass(frozen=True)
class GANConfig(AdversarialConfig):
    """Settings of the dense GANs."""

    noise: int = setting(0, "its length; 0: as an example's", low=0, high=WIDEST)
    generator: tuple[int, ...] = setting((128, 128), "hidden layers", low=1, high=WIDEST)
    discriminator: tuple[int, ...] = setting((128, 128), "hidden layers", low=1, high=WIDEST)
    slope: float = setting(0.2, "of the rectifiers where negative", low=0, high=1)
    output: str = setting("auto", "auto: sigmoid for images", choices=("auto", "sigmoid", "linear"))


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


def build_gan(config: GANConfig) -> Experiment:
    """Two dense networks against each other, on flattened examples."""
    random = streams(config)
    data = load(config.data, random["data"])
    rows, _ = data.flat()
    features = data.n_features
    noise = config.noise or features
    squash = config.output == "sigmoid" or (config.output == "auto" and data.is_image)
    output = nn.Sigmoid() if squash else None
    sizes = [noise, *config.generator, features], [features, *config.discriminator, 1]
    with use_device(config.device):
        generator = mlp(sizes[0], random["weights"], slope=config.slope, output=output)
        discriminator = mlp(sizes[1], random["weights"], slope=config.slope)
        trainer = _trainer(config, generator, discriminator, random["noise"], noise)
    return _experiment(config, trainer, data, rows, random)


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
        trainer = _trainer(config, generator, discriminator, random["noise"], noise, False)
    return _experiment(config, trainer, data, images, random)


# -- shared pieces ---------------------------------------------------------------------------------


def _trainer(
    config: AdversarialConfig,
    generator: nn.Module,
    discriminator: nn.Module,
    rng: Generator,
    noise_shape: int | tuple[int, ...],
    one_batch: bool = True,
) -> GANTrainer:
    return GANTrainer(
        generator,
        discriminator,
        rng=rng,
        noise_shape=noise_shape,
        objective=config.objective,
        regularizers=_regularizers(config),
        lr=(config.lr, config.d_lr or config.lr),
        betas=(config.beta1, 0.999),
        d_steps=config.d_steps,
        real_label=config.real_label,
        instance_noise=config.instance_noise,
        instance_noise_steps=config.steps // 2,
        one_batch=one_batch,
        ema_decay=config.ema,
    )


def _regularizers(config: AdversarialConfig) -> list[Regularizer]:
    if config.penalty == "none":
        return []
    return [REGULARIZERS[config.penalty](config.penalty_weight, config.penalty_every)]


def _experiment(
    config: AdversarialConfig,
    trainer: GANTrainer,
    data: Dataset,
    examples: np.ndarray,
    random: dict[str, Generator],
) -> Experiment:
    backend = random["noise"].backend
    picture = picture_maker(data)
    noise = random["pictures"].normal((64 if data.is_image else 1000, *trainer.noise_shape))
    return Experiment(
        trainer,
        data,
        BatchLoader((examples,), config.batch, random["order"]),
        prepare=lambda batch: backend.move(batch[0]),
        draw=lambda: {"samples": picture(trainer.sample(len(noise), noise))},
        picture=picture,
        streams=random,
        device=config.device,
    )


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
