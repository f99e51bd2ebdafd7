"""`tinygen sample`: new samples from a finished run."""

from __future__ import annotations

import argparse
import csv
import io
import math
from pathlib import Path
from typing import Any

import numpy as np

from .. import recipes, runs
from ..backend import host
from ..config import ConfigError
from ..models.latent import spherical_path
from ..pictures import image_grid, png_bytes
from ..runs.files import ELSEWHERE, explained
from .gpu_memory import add_option, limit_gpu_memory
from .restore import add_checkpoint_options, check_seed, reseed, restore

DEFAULT = 64
MOST_SAMPLES = 1_000_000
MOST_IN_A_PICTURE = 10_000
CHUNK = 10_000
ON_A_PATH = 10
"""Samples in a row of an interpolation."""

SUFFIXES = (".png", ".npz", ".csv")


def add(commands: Any) -> None:
    """Its place on the command line."""
    sample = commands.add_parser(
        "sample",
        help="draw new samples from a finished run",
        epilog="The same step, seed and number give the same samples. Samples of a table, as .npz "
        "or .csv, are in its own units.",
    )
    sample.add_argument("folder", type=Path, metavar="RUN", help="the folder of the run")
    sample.add_argument("-n", type=int, help=f"how many (default {DEFAULT})")
    sample.add_argument("--seed", type=int, default=0, help="of the noise (default 0)")
    sample.add_argument(
        "--interpolate", type=int, metavar="ROWS",
        help=f"instead: rows of {ON_A_PATH}, each on the way from one random sample to another",
    )  # fmt: skip
    sample.add_argument(
        "--out", type=Path, metavar="FILE",
        help="a .png, .npz or .csv file (default: RUN/drawn/step-...-seed-....png)",
    )  # fmt: skip
    sample.add_argument(
        "--force", action="store_true", help="replace FILE where it holds something else"
    )
    add_checkpoint_options(sample)
    add_option(sample)
    sample.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Draw them and write the file."""
    count = _checked_count(options)
    folder = runs.RunFolder.open(options.folder)
    out = options.out
    if out is not None and out.suffix not in SUFFIXES:
        raise ConfigError(f"--out must end in .png, .npz or .csv, not {out.name!r}.")
    if (out is None or out.suffix == ".png") and count > MOST_IN_A_PICTURE:
        raise ConfigError(
            f"a picture shows at most {MOST_IN_A_PICTURE} samples: name an .npz file with --out."
        )
    limit_gpu_memory(options.gpu_memory_limit, options.device or folder.config.get("device"))
    step, experiment = restore(folder, options.device, options.step)
    if not hasattr(experiment.trainer, "sample"):
        raise ConfigError(f"the model of {folder.path} draws no samples; take another run.")
    reseed(experiment, options.seed)
    if options.interpolate is None:
        samples = draw(experiment, count)
        what, rows = f"{count} samples", None
    else:
        samples = _on_paths(experiment, options.interpolate)
        what, rows = f"{options.interpolate} interpolations", options.interpolate
    content = _content(out.suffix if out else ".png", experiment, samples, rows)
    if out is None:
        out = folder.write(f"drawn/{_name(options, step)}", content, ELSEWHERE)
    else:
        _write(out, content, options.force)
    print(f"{what} of step {step}: {out}")


def draw(experiment: recipes.Experiment, n: int) -> np.ndarray:
    """n samples (n, *shape), made in parts that fit into memory, in the data's scaled units."""
    sample = experiment.trainer.sample
    parts = [sample(min(CHUNK, n - done)) for done in range(0, n, CHUNK)]
    return np.concatenate(parts).reshape(-1, *experiment.data.shape)


def _checked_count(options: argparse.Namespace) -> int:
    """How many samples are asked for in all."""
    most_rows = MOST_IN_A_PICTURE // ON_A_PATH
    count = DEFAULT if options.n is None else options.n
    if not 1 <= count <= MOST_SAMPLES:
        raise ConfigError(f"-n must be from 1 to {MOST_SAMPLES}, not {count}.")
    check_seed(options.seed)
    if options.interpolate is None:
        return count
    if options.n is not None:
        raise ConfigError(
            f"-n has no say beside --interpolate, which draws rows of {ON_A_PATH}: leave one out."
        )
    if not 1 <= options.interpolate <= most_rows:
        raise ConfigError(
            f"--interpolate must be from 1 to {most_rows}, not {options.interpolate}."
        )
    return options.interpolate * ON_A_PATH


def _on_paths(experiment: recipes.Experiment, rows: int) -> np.ndarray:
    """Samples along `rows` paths between pairs of noises: (rows * ON_A_PATH, *shape)."""
    trainer = experiment.trainer
    if not callable(getattr(trainer, "noise", None)):
        raise ConfigError(
            "this model has no noise to interpolate between: leave --interpolate out."
        )
    ends = trainer.noise(2 * rows)
    flat = host(ends).reshape(2, rows, -1)
    paths = spherical_path(flat[0], flat[1], ON_A_PATH).reshape(-1, *ends.shape[1:])
    backend = next(iter(experiment.streams.values())).on(experiment.device).backend
    given = [backend.from_host(np.ascontiguousarray(paths))]
    if getattr(trainer, "classes", 0):  # a path is of one class
        given.append(backend.arange(rows).repeat(ON_A_PATH) % trainer.classes)
    samples = trainer.sample(len(paths), *given)
    return samples.reshape(-1, *experiment.data.shape)


def _name(options: argparse.Namespace, step: int) -> str:
    """A name of this draw alone: the same draw, and no other, is written over it."""
    paths = options.interpolate
    drawn = f"n-{options.n or DEFAULT}" if paths is None else f"paths-{paths}"
    return f"step-{step:06d}-seed-{options.seed}-{drawn}.png"


def _content(
    suffix: str, experiment: recipes.Experiment, samples: np.ndarray, rows: int | None
) -> bytes:
    data = experiment.data
    if suffix == ".png":
        if rows is not None and data.is_image and math.prod(data.shape[:-2]) in (1, 3):
            return png_bytes(image_grid(samples, columns=ON_A_PATH))
        return experiment.picture(samples)
    own = data.in_own_units(samples)
    if suffix == ".npz":
        shape = own.shape if rows is None else (rows, ON_A_PATH, *data.shape)
        return runs.npz_bytes(samples=own.reshape(shape))
    if data.is_image:
        raise ConfigError("images are written as .png or .npz, not as .csv.")
    columns = data.origin.columns if data.origin else ()
    names = [column.name for column in columns] or [f"x{i}" for i in range(data.n_features)]
    return _csv(names, own)


def _csv(names: list[str], rows: np.ndarray) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([f"{value:.7g}" for value in row] for row in rows)
    return text.getvalue().encode()


def _write(out: Path, content: bytes, force: bool) -> None:
    """Into a file that does not exist, or holds just this: another draw is never lost unasked."""
    with explained(f"cannot write {out}"):
        if out.is_file() and not force and out.read_bytes() != content:
            raise runs.RunError(
                f"{out} exists and holds something else: name another file, or replace it with "
                "--force."
            )
    runs.write_file(out, content)
