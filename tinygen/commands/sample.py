"""`tinygen sample`: new samples from a finished run."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from .. import recipes, runs
from ..config import ConfigError
from ..random import Generator

MOST_SAMPLES = 1_000_000
MOST_IN_A_PICTURE = 10_000
CHUNK = 10_000


def add(commands: Any) -> None:
    """Its place on the command line."""
    sample = commands.add_parser("sample", help="draw new samples from a finished run")
    sample.add_argument("folder", type=Path, metavar="RUN", help="the folder of the run")
    sample.add_argument("-n", type=int, default=64, help="how many (default 64)")
    sample.add_argument("--seed", type=int, default=0, help="of the noise (default 0)")
    sample.add_argument(
        "--out", type=Path, metavar="FILE", help="a .png or .npz file (default: RUN/samples.png)"
    )
    sample.add_argument("--device", help="cpu, cuda, cuda:1 or auto (default: the run's)")
    sample.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Draw them and write the file."""
    if not 1 <= options.n <= MOST_SAMPLES:
        raise ConfigError(f"-n must be from 1 to {MOST_SAMPLES}, not {options.n}.")
    if options.seed < 0:
        raise ConfigError(f"--seed must be at least 0, not {options.seed}.")
    folder = runs.RunFolder.open(options.folder)
    out = options.out or folder.path / "samples.png"
    if out.suffix not in (".png", ".npz"):
        raise ConfigError(f"--out must end in .png or .npz, not {out.name!r}.")
    if out.suffix == ".png" and options.n > MOST_IN_A_PICTURE:
        raise ConfigError(
            f"a picture shows at most {MOST_IN_A_PICTURE} samples: name an .npz file with --out."
        )
    step, experiment = _restore(folder, options.device)
    trainer = experiment.trainer
    trainer.rng = Generator(options.seed, device=experiment.device)
    parts = [trainer.sample(min(CHUNK, options.n - done)) for done in range(0, options.n, CHUNK)]
    samples = np.concatenate(parts)
    if out.suffix == ".npz":
        content = runs.npz_bytes(samples=samples.reshape(-1, *experiment.data.shape))
    else:
        content = experiment.picture(samples)
    runs.write_file(out, content)
    print(f"{options.n} samples of step {step}: {out}")


def _restore(folder: runs.RunFolder, device: str | None) -> tuple[int, recipes.Experiment]:
    """The newest checkpoint's step, and its experiment as it was then."""
    saved = {**folder.config, **({"device": device} if device else {})}
    try:
        recipe, config = recipes.from_dict(saved)
    except ConfigError as error:
        raise ConfigError(f"in {folder.path / 'config.json'}: {error}") from None
    step, state = folder.load_checkpoint()
    experiment = recipe.build(config)
    try:
        experiment.trainer.load_state_dict(state)
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError):
        raise runs.RunError(
            f"the checkpoint of step {step} does not fit {folder.path / 'config.json'}: one of "
            "them was changed since; restore it or train anew."
        ) from None
    return step, experiment
