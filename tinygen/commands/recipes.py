"""`tinygen recipes`: the recipes, or one recipe's settings."""

from __future__ import annotations

import argparse
from typing import Any

from .. import recipes


def add(commands: Any) -> None:
    """Its place on the command line."""
    listing = commands.add_parser("recipes", help="the recipes, or one recipe's settings")
    listing.add_argument("name", nargs="?")
    listing.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Print them."""
    if options.name is None:
        for recipe in recipes.RECIPES.values():
            print(f"{recipe.name:12} {recipe.summary}")
        return
    recipe = recipes.find(options.name)
    print(f"{recipe.name}: {recipe.summary}\n")
    for name, default, meaning in recipes.settings_of(recipe):
        shown = ",".join(map(str, default)) if isinstance(default, tuple) else default
        print(f"  {name + '=' + str(shown):32} {meaning}".rstrip())
    print()
    for data, suited in recipe.per_data.items():
        print(f"  on {data}: " + ", ".join(f"{k}={v}" for k, v in suited.items()))
