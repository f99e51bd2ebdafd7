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
from .models.gan import GANTrainer, mlp
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
    steps: int = 20_000
    batch: int = 64
    noise: int = 0
    generator: tuple[int, ...] = (128, 128)
    discriminator: tuple[int, ...] = (128, 128)
    slope: float = 0.0
    sigmoid: bool = False
    loss: str = "non-saturating"
    lr: float = 2e-4
    beta1: float = 0.5
    d_steps: int = 1
    real_label: float = 1.0
    r1: float = 0.0
    ema: float = 0.0
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
    "sigmoid": "at the generator's output; without it the output is linear",
    "loss": "the generator's: non-saturating or minimax",
    "lr": "of both players' Adam",
    "d_steps": "updates of the discriminator for each of the generator",
    "real_label": "what D should say of real examples; below 1 smooths its labels",
    "r1": "weight of the R1 gradient penalty on the discriminator; 0: none",
    "ema": "decay of the moving average of the generator that is sampled; 0: none",
}
"""What a setting means, where its name does not say it all."""


@dataclass
class Experiment:
    """A recipe made ready to run: what `runs.train` drives, and what is done with the result."""

    trainer: Any
    data: Dataset
    next_batch: Callable[[], Any]
    picture: Callable[[np.ndarray], bytes]
    fixed_noise: Any

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
        output = nn.Sigmoid() if config.sigmoid else None
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
    )


def _picture_maker(data: Dataset) -> Callable[[np.ndarray], bytes]:
    if data.is_image and len(data.shape) == 2:
        return lambda samples: png_bytes(image_grid(samples.reshape(-1, *data.shape)))
    if data.shape == (2,):
        return lambda samples: png_bytes(point_cloud(samples, data.test))
    return lambda samples: png_bytes(image_grid(_as_stripes(samples, data)))


def _as_stripes(samples: np.ndarray, data: Dataset) -> np.ndarray:
    """Any examples as one picture: an example a row, scaled by the range of the data."""
    low, high = data.train.min(), data.train.max()
    rows = samples.reshape(1, len(samples), -1)
    return (rows - low) / max(high - low, 1e-12)


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            "gan",
            "the dense GAN of founding system A2, tuned to give good digits",
            GANConfig(),
            build_gan,
            {},
        ),
        Recipe(
            "gan-small",
            "the small GAN of founding system B2: G 100-784-784, D 784-1 (a linear judge)",
            GANConfig(noise=100, generator=(784,), discriminator=(), sigmoid=True),
            build_gan,
            {},
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
    data = settings.get("data", recipe.defaults.data)
    chosen = {**recipe.per_data.get(data, {}), **settings}
    config = replace(recipe.defaults, **{k: _read(k, v, types[k]) for k, v in chosen.items()})
    for name, low in (("steps", 1), ("batch", 1), ("d_steps", 1), ("noise", 0), ("seed", 0),
                      ("report_every", 1), ("checkpoint_every", 1)):  # fmt: skip
        if getattr(config, name) < low:
            raise ConfigError(f"{name} must be at least {low}, not {getattr(config, name)}.")
    if not config.lr > 0 or not 0 <= config.beta1 < 1 or not 0 <= config.ema < 1:
        raise ConfigError("lr must be positive, and beta1 and ema at least 0 and below 1.")
    if any(width < 1 for width in (*config.generator, *config.discriminator)):
        raise ConfigError("layers of generator and discriminator must be at least 1 wide.")
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
            if not np.isfinite(number):
                raise ValueError
            return number
        if kind is str:
            return str(value)
        parts = value.split(",") if isinstance(value, str) else value
        return tuple(int(part) for part in parts if str(part).strip())
    except (ValueError, TypeError, KeyError):
        expected = {bool: "true or false", int: "a whole number", float: "a number"}
        wanted = expected.get(kind, "whole numbers with commas between, such as 128,128")
        raise ConfigError(f"{name} must be {wanted}, not {value!r}.") from None


def _nearest(name: str, known: Any) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {close[0]}?" if close else "."
    return f": known are {', '.join(known)}{hint}"
