"""A finished run brought back: what `sample`, `evaluate` and `export` begin with."""

from __future__ import annotations

import json
from typing import Any

from .. import recipes, runs
from ..backend import backend_for
from ..config import ConfigError
from ..random import Generator
from ..recipes.recipe import HIGHEST_SEED

__all__ = ["add_checkpoint_options", "check_data", "check_seed", "reseed", "restore"]

DRAWING = 200
"""The first stream of numbers for samples: none that training draws from."""


def add_checkpoint_options(parser: Any) -> None:
    """Which checkpoint, on which device."""
    parser.add_argument("--step", type=int, help="of a checkpoint (default: the newest)")
    parser.add_argument("--device", help="cpu, cuda, cuda:1 or auto (default: the run's)")


def restore(
    folder: runs.RunFolder, device: str | None = None, step: int | None = None
) -> tuple[int, recipes.Experiment]:
    """A checkpoint's step (default: the newest), and its experiment as it was then."""
    config = {**folder.config, **({"device": device} if device else {})}
    try:
        recipe, settings = recipes.from_dict(config)
    except ConfigError as error:
        raise ConfigError(f"in {folder.path / 'config.json'}: {error}") from None
    backend_for(settings.device).make_current()
    found, state = folder.load_checkpoint(_checkpoint(folder, step))
    experiment = recipe.build(settings)
    check_data(folder, experiment)
    try:
        experiment.load_state_dict(state)
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError):
        raise runs.RunError(
            f"the checkpoint of step {found} does not fit {folder.path / 'config.json'}: one of "
            "them was changed since; restore it or train anew."
        ) from None
    return found, experiment


def check_seed(seed: int) -> None:
    """Raise ConfigError for one that a run could not have."""
    if not 0 <= seed <= HIGHEST_SEED:
        raise ConfigError(f"--seed must be from 0 to {HIGHEST_SEED:,}, not {seed:,}.")


def reseed(experiment: recipes.Experiment, seed: int) -> None:
    """Let all that the experiment draws follow from `seed` alone."""
    for i, stream in enumerate(experiment.streams.values()):
        stream.load_state_dict(Generator(seed, stream=DRAWING + i, device="cpu").state_dict())


def _checkpoint(folder: runs.RunFolder, step: int | None) -> Any:
    """The path of the checkpoint of that step; None for the newest."""
    if step is None:
        return None
    steps = {int(path.name.removeprefix("step-")): path for path in folder.checkpoints()}
    if step not in steps:
        kept = ", ".join(map(str, steps)) or "none"
        raise runs.RunError(f"{folder.path} holds no checkpoint of step {step}: it holds {kept}.")
    return steps[step]


def check_data(folder: runs.RunFolder, experiment: recipes.Experiment) -> None:
    """That the data is what the run was trained on: another would be scaled by another rule."""
    path = folder.path / "data.json"
    if not path.is_file():
        return
    try:
        saved = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        raise runs.RunError(f"{path} cannot be read: restore it, or remove it.") from None
    now = json.loads(runs.as_json(experiment.data.record()))
    known = saved if isinstance(saved, dict) else {}
    changed = [k for k in now if k not in ("path", "name") and known.get(k) != now[k]]
    if changed and "path" in now:
        raise runs.RunError(
            f"{now['path']} is not what this run was trained on (of {path}, {', '.join(changed)} "
            "differ): restore it or train anew."
        )
