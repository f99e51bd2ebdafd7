"""Named experiments: a dataset, a model, an optimizer and a trainer, each a few lines.

`tinygen train NAME` runs one; `tinygen recipes` lists them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ..config import ConfigError, configure, meanings, nearest
from . import (
    adversarial_energy,
    adversarial_energy_gan,
    continual,
    gan,
    gan_conditional,
    gan_family,
    gan_modes,
    gan_multiscale,
    gan_orthogonal,
    multitask,
    rbm,
    vae,
)
from .recipe import Experiment, Recipe, RunConfig, Score
from .size import check_size
from .spread import spread

__all__ = [
    "RECIPES",
    "Experiment",
    "Recipe",
    "RunConfig",
    "Score",
    "as_dict",
    "find",
    "from_dict",
    "resolve",
    "settings_of",
    "spread",
]

RECIPES = {
    recipe.name: recipe
    for family in (
        gan,
        gan_family,
        gan_conditional,
        gan_multiscale,
        gan_orthogonal,
        gan_modes,
        rbm,
        vae,
        adversarial_energy,
        adversarial_energy_gan,
        multitask,
        continual,
    )
    for recipe in family.RECIPES
}


def find(name: str) -> Recipe:
    """The recipe of that name."""
    if name not in RECIPES:
        raise ConfigError(f"unknown recipe {name!r}{nearest(name, RECIPES)}")
    return RECIPES[name]


def resolve(recipe: Recipe, settings: Mapping[str, Any]) -> Any:
    """The recipe's defaults, then what suits the dataset, then `settings`, checked."""
    data = str(settings.get("data", recipe.defaults.data))
    config = configure(recipe.defaults, {**recipe.per_data.get(data, {}), **settings})
    check_size(config)
    return config


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
