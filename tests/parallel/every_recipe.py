"""Three steps of every recipe, small, on the ranks of this team: the states' arrays, as an .npz.

mpiexec -n 2 python every_recipe.py FILE

Of a recipe that is refused there is nothing.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any

import numpy as np

from tinygen import recipes
from tinygen.config import ConfigError
from tinygen.parallel import joined
from tinygen.parallel.mpi import MPICommunicator
from tinygen.runs.checkpoints import _without_arrays

STEPS = 3
SMALL = {
    "batch": 12, "chains": 12, "remembered": 6,
    "first": 1, "generator": (12, 12), "discriminator": (12, 12), "hidden": (12,),
}  # fmt: skip
DCGAN = {"batch": 12, "channels": (2, 3, 4)}
"""With its own, thousands of rectifiers see some number near 0, and rounding flips a few."""


def settings_of(recipe: recipes.Recipe) -> dict[str, Any]:
    """Those of `SMALL` that the recipe has, in the form that it has them."""
    if recipe.name == "dcgan":
        return DCGAN
    found = {name: now for name, now, _ in recipes.settings_of(recipe)}
    return {
        name: value
        for name, value in SMALL.items()
        if name in found and isinstance(value, tuple) == isinstance(found[name], tuple)
    }


def trained(name: str) -> dict[str, Any]:
    recipe = recipes.find(name)
    config = recipes.resolve(recipe, settings_of(recipe))
    experiment = recipes.spread(recipe.build(config), config)
    for _ in range(STEPS):
        results = experiment.step()
    read = {name: np.array(float(value)) for name, value in results.items()}
    return {**experiment.state_dict()["trainer"], "losses": read}


if __name__ == "__main__":
    with joined(MPICommunicator()) as ranks:
        arrays: dict[str, np.ndarray] = {}
        for name in recipes.RECIPES:
            with suppress(ConfigError):
                _without_arrays({name: trained(name)}, arrays)
        if ranks.rank == 0:
            np.savez(sys.argv[1], **{k.replace("/", "|"): a for k, a in arrays.items()})
