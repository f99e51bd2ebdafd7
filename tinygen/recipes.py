"""Named experiments: a dataset, a model, an optimizer and a trainer, each a few lines.

`tinygen train NAME` runs one; `tinygen recipes` lists them.
"""

from __future__ import annotations

import difflib
import typing
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np

from . import nn
from .backend import use_device
from .data import BatchLoader, Dataset, load
from .models.gan import GENERATOR_LOSSES, GANTrainer, mlp
from .pictures import image_grid, png_bytes, point_cloud
from .random import Generator

__all__ = ["RECIPES", "ConfigError", "Experiment", "GANConfig", "Recipe", "configure", "find"]


class ConfigError(ValueError):
    """A recipe or a setting does not exist or does not fit; the message says what would."""


@dataclass(frozen=True)
class GANConfig:
    """Settings of the GAN recipes."""

    data: str = "digits"
    seed: int = 0
    device: str = "cpu"
    steps: int = 40_000
    batch: int = 64
    noise: int = 0
    generator: tuple[int, ...] = (128, 128)
    discriminator: tuple[int, ...] = (128, 128)
    slope: float = 0.2
    output: str = "auto"
    loss: str = "non-saturating"
    lr: float = 1e-3
    beta1: float = 0.5
    d_steps: int = 1
    real_label: float = 1.0
    r1: float = 0.3
    ema: float = 0.999
    report_every: int = 100
    checkpoint_every: int = 5_000


HELP = {
    "data": "digits, mnist, fashion-mnist, ring, grid, or the path of an .npz file",
    "device": "cpu, cuda, cuda:1 or auto",
    "steps": "updates of the discriminator",
    "noise": "features of the noise; 0: as many as an example has",
    "generator": "widths of the hidden layers",
    "discriminator": "widths of the hidden layers",
    "slope": "of the rectifiers where negative; 0: plain ones",
    "output": "the generator's: sigmoid, linear, or auto: sigmoid for images",
    "loss": "the generator's: non-saturating or minimax",
    "lr": "of both players' Adam",
    "d_steps": "updates of the discriminator for each of the generator",
    "real_label": "what D should say of real examples; below 1 smooths its labels",
    "r1": "weight of the R1 gradient penalty on the discriminator; 0: none",
    "ema": "decay of the moving average of the generator that is sampled; 0: none",
}
"""What a setting means, where its name does not say it all."""

OUTPUTS = ("auto", "sigmoid", "linear")
WIDEST = 2**16
LIMITS = {
    "seed": (0, 2**63), "steps": (1, 10**9), "batch": (1, 2**24), "noise": (0, WIDEST),
    "generator": (1, WIDEST), "discriminator": (1, WIDEST), "slope": (0, 1), "lr": (1e-12, 1e3),
    "beta1": (0, 0.9999), "d_steps": (1, 10**6), "real_label": (0.5, 1), "r1": (0, 1e6),
    "ema": (0, 0.999999), "report_every": (1, 10**9), "checkpoint_every": (1, 10**9),
}  # fmt: skip
"""The least and the greatest value of a setting, and of each of a list."""


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
    defaults: GANConfig
    build: Callable[[GANConfig], Experiment]
    per_data: Mapping[str, Mapping[str, Any]]  # settings that suit one dataset better


def build_gan(config: GANConfig) -> Experiment:
    """Two dense networks against each other, on flattened examples."""
    # One stream of numbers for each purpose: a change in one leaves the others as they were.
    of_weights, of_noise, of_order, of_pictures, of_data = (
        Generator(config.seed, stream=i, device="cpu" if i in (2, 4) else config.device)
        for i in range(5)
    )
    data = load(config.data, of_data)
    rows, _ = data.flat()
    features = data.n_features
    noise = config.noise or features
    with use_device(config.device) as backend:
        squash = config.output == "sigmoid" or (config.output == "auto" and data.is_image)
        output = nn.Sigmoid() if squash else None
        trainer = GANTrainer(
            mlp(
                [noise, *config.generator, features], of_weights, slope=config.slope, output=output
            ),
            mlp([features, *config.discriminator, 1], of_weights, slope=config.slope),
            rng=of_noise,
            noise_features=noise,
            generator_loss=config.loss,
            lr=config.lr,
            betas=(config.beta1, 0.999),
            d_steps=config.d_steps,
            real_label=config.real_label,
            r1=config.r1,
            ema_decay=config.ema,
        )
    loader = BatchLoader((rows,), config.batch, of_order)
    on_host = backend.name == "numpy"
    next_row = loader.next_batch
    return Experiment(
        trainer,
        data,
        (lambda: next_row()[0]) if on_host else (lambda: backend.from_host(next_row()[0])),
        _picture_maker(data),
        of_pictures.normal((64 if data.is_image else 1000, noise)),
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
    )
}


# -- settings --------------------------------------------------------------------------------------


def find(name: str) -> Recipe:
    """The recipe of that name."""
    if name not in RECIPES:
        raise ConfigError(f"unknown recipe {name!r}{_nearest(name, RECIPES)}")
    return RECIPES[name]


def configure(recipe: Recipe, settings: Mapping[str, Any]) -> GANConfig:
    """The recipe's defaults, then what suits the dataset, then `settings`, checked.

    Args:
        settings: name to value; texts are read as the setting's type: "1e-3", "128,128", "true".
    """
    types = typing.get_type_hints(type(recipe.defaults))
    for name in settings:
        if name not in types:
            raise ConfigError(f"unknown setting {name!r}{_nearest(name, types)}")
    data = str(settings.get("data", recipe.defaults.data))
    chosen = {**recipe.per_data.get(data, {}), **settings}
    config = replace(recipe.defaults, **{k: _read(k, v, types[k]) for k, v in chosen.items()})
    for name, (low, high) in LIMITS.items():
        values = getattr(config, name)
        for value in values if isinstance(values, tuple) else (values,):
            if not low <= value <= high:
                raise ConfigError(f"{name} must be from {low:g} to {high:g}, not {value:g}.")
    if config.loss not in GENERATOR_LOSSES:
        raise ConfigError(f"unknown loss {config.loss!r}{_nearest(config.loss, GENERATOR_LOSSES)}")
    if config.output not in OUTPUTS:
        raise ConfigError(f"unknown output {config.output!r}{_nearest(config.output, OUTPUTS)}")
    return config


def as_dict(recipe: Recipe, config: GANConfig) -> dict[str, Any]:
    """The resolved configuration, as config.json holds it."""
    return {"recipe": recipe.name, **asdict(config)}


def from_dict(saved: Mapping[str, Any]) -> tuple[Recipe, GANConfig]:
    """A recipe and its configuration from config.json."""
    recipe = find(str(saved.get("recipe")))
    return recipe, configure(recipe, {k: v for k, v in saved.items() if k != "recipe"})


def settings_of(recipe: Recipe) -> list[tuple[str, Any, str]]:
    """Name, default and meaning of each of a recipe's settings."""
    return [
        (f.name, getattr(recipe.defaults, f.name), HELP.get(f.name, "")) for f in fields(GANConfig)
    ]


def _read(name: str, value: Any, kind: Any) -> Any:
    try:
        if kind is bool:
            return {"true": True, "false": False, "1": True, "0": False}[str(value).lower()]
        if kind in (int, float):
            number = kind(value)
            if number - number != 0:  # nan or infinite
                raise ValueError
            return number
        if kind is str:
            if "\0" in str(value):
                raise ValueError
            return str(value)
        parts = value.split(",") if isinstance(value, str) else value
        return tuple(int(part) for part in parts if str(part).strip())
    except (ValueError, TypeError, KeyError, OverflowError):
        expected = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
        wanted = expected.get(kind, "whole numbers with commas between, such as 128,128")
        raise ConfigError(f"{name} must be {wanted}, not {value!r}.") from None


def _nearest(name: str, known: Any) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {close[0]}?" if close else "."
    return f": known are {', '.join(known)}{hint}"
