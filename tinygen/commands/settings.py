"""What a command line asks to be trained: defaults, then --config FILE, then flags and --set."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .. import recipes, runs
from ..backend import default_device
from ..config import ConfigError, read_settings
from ..data import located

__all__ = ["Asked", "asked", "assignment", "begun", "continued"]

FLAGS = ("data", "device", "steps", "seed", "on_nonfinite")

FIXED = ("data", "seed")
"""What a run cannot change on its way: it would be another run from the start."""


@dataclass(frozen=True)
class Asked:
    """recipe: its name, if given. settings: by name. named: those given by --set or --steps."""

    recipe: str | None
    settings: dict[str, Any]
    named: frozenset[str]


def asked(options: argparse.Namespace) -> Asked:
    """The recipe and the settings that a command line gives, later ones over earlier ones."""
    settings: dict[str, Any] = {}
    recipe = options.recipe
    if options.config is not None:
        settings = read_settings(options.config)
        _note_changes(options.config)
        of_file = settings.pop("recipe", None)
        if recipe is not None and of_file not in (None, recipe):
            raise ConfigError(
                f"{options.config} is for {of_file}, not {recipe}: leave one of them out."
            )
        recipe = recipe if of_file is None else str(of_file)
    flags = {name: getattr(options, name) for name in FLAGS}
    settings |= {name: value for name, value in flags.items() if value is not None}
    assigned = dict(map(assignment, options.set))
    settings |= assigned
    if "data" in settings:
        settings["data"] = located(str(settings["data"]))
    steps = set() if options.steps is None else {"steps"}
    return Asked(recipe, settings, frozenset(assigned) | steps)


def begun(wish: Asked) -> tuple[recipes.Recipe, Any]:
    """The recipe and the resolved configuration of a new run."""
    if wish.recipe is None:
        known = ", ".join(recipes.RECIPES)
        raise ConfigError(f"name a recipe ({known}), a --config that does, or a run to --resume.")
    recipe = recipes.find(wish.recipe)
    return recipe, recipes.resolve(recipe, {"device": default_device(), **wish.settings})


def continued(
    folder: runs.RunFolder, wish: Asked
) -> tuple[recipes.Recipe, Any, dict[str, list[Any]]]:
    """The recipe, the configuration and its changes, {name: [before, now]}, of an earlier run.

    Raises:
        ConfigError: something changes that neither --set nor --steps names, or that cannot change.
    """
    saved = folder.config
    try:
        recipe, before = recipes.from_dict(saved)
    except ConfigError as error:
        raise ConfigError(f"in {folder.path / 'config.json'}: {error}") from None
    if wish.recipe not in (None, recipe.name):
        raise ConfigError(f"{folder.path} is a run of {recipe.name}, not {wish.recipe}.")
    now = recipes.resolve(recipe, {**_settings_of(saved), **wish.settings})
    changed = {
        name: [old, new]
        for (name, old), new in zip(asdict(before).items(), asdict(now).values(), strict=True)
        if old != new
    }
    for name, (old, new) in changed.items():
        if name in FIXED:
            raise ConfigError(
                f"{name} is {old} in {folder.path} and cannot change within a run: begin another, "
                f"with --config {folder.path / 'config.json'} --set {name}={new}."
            )
        if name not in wish.named:
            raise ConfigError(
                f"{name} is {old} in {folder.path}, not {new}: leave it out, or write --set "
                f"{name}={_written(new)} to change it from here on."
            )
    return recipe, now, changed


def _note_changes(config: Path) -> None:
    """Say which settings a run, whose config.json this may be, did not have from the start."""
    for record in runs.RunFolder(config.parent).history() if config.name == "config.json" else ():
        changed = [str(name) for name in record["changed"] if name != "steps"]
        if changed:
            print(
                f"note: {', '.join(changed)} changed at step {record['step']} of that run; here it "
                "holds from the start.",
                file=sys.stderr,
            )


def _settings_of(saved: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in saved.items() if name != "recipe"}


def assignment(text: str) -> tuple[str, str]:
    """Name and value of KEY=VALUE."""
    name, equals, value = text.partition("=")
    if not equals:
        raise ConfigError(f"--set takes KEY=VALUE, not {text!r}.")
    return name.strip(), value.strip()


def _written(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)
