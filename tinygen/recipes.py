"""Named experiments: a dataset, a model, an optimizer and a trainer, each a few lines.

`tinygen train NAME` runs one; `tinygen recipes` lists them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from . import nn
from .backend import use_device
from .config import ConfigError, configure, meanings, nearest, setting
from .data import BatchLoader, Dataset, load, resized
from .models import dcgan
from .models.gan import GENERATOR_LOSSES, GANTrainer, mlp
from .pictures import image_grid, png_bytes, point_cloud
from .random import Generator

__all__ = ["RECIPES", "Experiment", "Recipe", "as_dict", "find", "from_dict", "resolve"]

WIDEST = 2**16


@dataclass(frozen=True)
class RunConfig:
    """Settings that every recipe has."""

    data: str = setting("digits", "digits, mnist, fashion-mnist, ring, grid, or an .npz file")
    seed: int = setting(0, "of all randomness", low=0, high=2**63)
    device: str = setting("cpu", "cpu, cuda, cuda:1 or auto")
    steps: int = setting(40_000, "updates of the discriminator", low=1, high=10**9)
    batch: int = setting(64, low=1, high=2**24)
    loss: str = setting("non-saturating", "the generator's", choices=GENERATOR_LOSSES)
    lr: float = setting(1e-3, "of both players' Adam", low=1e-12, high=1e3)
    beta1: float = setting(0.5, "of both players' Adam", low=0, high=0.9999)
    d_steps: int = setting(1, "updates of D for each of the generator", low=1, high=10**6)
    real_label: float = setting(1.0, "what D should say of real examples", low=0.5, high=1)
    r1: float = setting(0.3, "weight of the R1 penalty on D; 0: none", low=0, high=1e6)
    ema: float = setting(0.999, "of the averaged generator; 0: none", low=0, high=0.999999)
    report_every: int = setting(100, "steps", low=1, high=10**9)
    checkpoint_every: int = setting(5_000, "steps", low=1, high=10**9)


@dataclass(frozen=True)
class GANConfig(RunConfig):
    """Settings of the dense GANs."""

    noise: int = setting(0, "its length; 0: as an example's", low=0, high=WIDEST)
    generator: tuple[int, ...] = setting((128, 128), "hidden layers", low=1, high=WIDEST)
    discriminator: tuple[int, ...] = setting((128, 128), "hidden layers", low=1, high=WIDEST)
    slope: float = setting(0.2, "of the rectifiers where negative", low=0, high=1)
    output: str = setting("auto", "auto: sigmoid for images", choices=("auto", "sigmoid", "linear"))


@dataclass(frozen=True)
class DCGANConfig(RunConfig):
    """Settings of the convolutional GAN."""

    steps: int = setting(1_500, "updates of the discriminator", low=1, high=10**9)
    lr: float = setting(2e-4, "of both players' Adam", low=1e-12, high=1e3)
    r1: float = setting(0.0, "weight of the R1 penalty on D; 0: none", low=0, high=1e6)
    ema: float = setting(0.99, "of the averaged generator; 0: none", low=0, high=0.999999)
    noise: int = setting(100, "its length", low=1, high=WIDEST)
    channels: tuple[int, ...] = setting((32, 64, 128), "of the hidden layers", low=1, high=WIDEST)


@dataclass
class Experiment:
    """A recipe made ready to run: what `runs.train` drives, and what is done with the result."""

    trainer: Any
    data: Dataset
    next_batch: Callable[[], Any]
    picture: Callable[[np.ndarray], bytes]
    fixed_noise: Any
    device: str

    def draw(self) -> bytes:
        """A PNG of what the fixed noise gives now."""
        return self.picture(self.trainer.sample(len(self.fixed_noise), self.fixed_noise))


@dataclass(frozen=True)
class Recipe:
    """A name, what it does, its settings and how to build it."""

    name: str
    summary: str
    defaults: Any
    build: Callable[[Any], Experiment]
    per_data: Mapping[str, Mapping[str, Any]]  # settings that suit one dataset better


def build_gan(config: GANConfig) -> Experiment:
    """Two dense networks against each other, on flattened examples."""
    streams = _streams(config)
    data = load(config.data, streams["data"])
    rows, _ = data.flat()
    features = data.n_features
    noise = config.noise or features
    squash = config.output == "sigmoid" or (config.output == "auto" and data.is_image)
    output = nn.Sigmoid() if squash else None
    sizes = [noise, *config.generator, features], [features, *config.discriminator, 1]
    with use_device(config.device):
        generator = mlp(sizes[0], streams["weights"], slope=config.slope, output=output)
        discriminator = mlp(sizes[1], streams["weights"], slope=config.slope)
        trainer = _trainer(config, generator, discriminator, streams["noise"], noise)
    return _experiment(config, trainer, data, rows, streams)


def build_dcgan(config: DCGANConfig) -> Experiment:
    """Two convolutional networks against each other, on images of 32 x 32."""
    if len(config.channels) != 3:
        raise ConfigError(f"channels must be three numbers, not {len(config.channels)}.")
    streams = _streams(config)
    data = load(config.data, streams["data"])
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
        generator = dcgan.generator(config.noise, (low, middle, high), colours, streams["weights"])
        discriminator = dcgan.discriminator((low, middle, high), colours, streams["weights"])
        noise = (config.noise, 1, 1)
        trainer = _trainer(config, generator, discriminator, streams["noise"], noise, False)
    return _experiment(config, trainer, data, images, streams)


# -- shared pieces ---------------------------------------------------------------------------------


def _streams(config: RunConfig) -> dict[str, Generator]:
    """A stream of numbers for each purpose: a change in one leaves the others as they were."""
    names = ("weights", "noise", "order", "pictures", "data")
    on_host = ("order", "data")
    return {
        name: Generator(config.seed, stream=i, device="cpu" if name in on_host else config.device)
        for i, name in enumerate(names)
    }


def _trainer(
    config: RunConfig,
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
        generator_loss=config.loss,
        lr=config.lr,
        betas=(config.beta1, 0.999),
        d_steps=config.d_steps,
        real_label=config.real_label,
        r1=config.r1,
        one_batch=one_batch,
        ema_decay=config.ema,
    )


def _experiment(
    config: RunConfig,
    trainer: GANTrainer,
    data: Dataset,
    examples: np.ndarray,
    streams: dict[str, Generator],
) -> Experiment:
    loader = BatchLoader((examples,), config.batch, streams["order"])
    backend = streams["noise"].backend
    shown = (64 if data.is_image else 1000, *trainer.noise_shape)
    return Experiment(
        trainer,
        data,
        lambda: backend.move(loader.next_batch()[0]),
        _picture_maker(data),
        streams["pictures"].normal(shown),
        config.device,
    )


def _picture_maker(data: Dataset) -> Callable[[np.ndarray], bytes]:
    if data.is_image and (len(data.shape) == 2 or data.shape[0] in (1, 3)):
        return lambda samples: png_bytes(image_grid(samples.reshape(-1, *data.shape)))
    if data.shape == (2,):
        return lambda samples: png_bytes(point_cloud(samples, data.test))
    return lambda samples: png_bytes(image_grid(_as_stripes(samples, data)))


def _as_stripes(samples: np.ndarray, data: Dataset) -> np.ndarray:
    """Any examples as one picture: the first 64, each a row, scaled by the range of the data."""
    low, high = data.train.min(), data.train.max()
    rows = samples[:64].reshape(1, min(64, len(samples)), -1)
    return (rows - low) / max(high - low, 1e-12)


MNIST = {"steps": 30_000, "lr": 5e-4, "r1": 1.0}
MIXTURE = {"steps": 20_000, "batch": 256, "noise": 16, "r1": 0.1}

RECIPES = {
    recipe.name: recipe
    for recipe in (
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
            GANConfig(batch=128, slope=0.0, output="linear", lr=2e-4, r1=0.0, ema=0.0),
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
                r1=1.0,
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
}


# -- settings --------------------------------------------------------------------------------------


def find(name: str) -> Recipe:
    """The recipe of that name."""
    if name not in RECIPES:
        raise ConfigError(f"unknown recipe {name!r}{nearest(name, RECIPES)}")
    return RECIPES[name]


def resolve(recipe: Recipe, settings: Mapping[str, Any]) -> Any:
    """The recipe's defaults, then what suits the dataset, then `settings`, checked."""
    data = str(settings.get("data", recipe.defaults.data))
    return configure(recipe.defaults, {**recipe.per_data.get(data, {}), **settings})


def as_dict(recipe: Recipe, config: Any) -> dict[str, Any]:
    """The resolved configuration, as config.json holds it."""
    return {"recipe": recipe.name, **asdict(config)}


def from_dict(saved: Mapping[str, Any]) -> tuple[Recipe, Any]:
    """A recipe and its configuration from config.json."""
    recipe = find(str(saved.get("recipe")))
    return recipe, resolve(recipe, {k: v for k, v in saved.items() if k != "recipe"})


def settings_of(recipe: Recipe) -> list[tuple[str, Any, str]]:
    """Name, default and meaning of each of a recipe's settings."""
    return meanings(recipe.defaults)
