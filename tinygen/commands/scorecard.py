"""`tinygen scorecard`: what a finished run's features are good for."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from .. import recipes, runs
from ..config import ConfigError
from ..metrics.representation import Space, baselines, scorecard
from ..metrics.representation.estimators import sklearn
from ..metrics.representation.reduction import plane
from ..models.features import features
from ..pictures import labelled_cloud, png_bytes, side_by_side
from .restore import add_checkpoint_options, check_seed, restore

SHOWN = 2_000
"""Points in a picture."""


def add(commands: Any) -> None:
    """Its place on the command line."""
    parser = commands.add_parser(
        "scorecard",
        help="what a finished run's features are good for: classes, clusters, outliers, few labels",
        epilog="Features are an RBM's hidden units, an autoencoder's codes, what a BiGAN's encoder "
        "makes, or the last hidden layer of a discriminator. Pixels and their principal components "
        "stand beside them. Writes RUN/scorecard/step-....json, and a picture of the plane. "
        "scikit-learn judges: pip install 'tinygen[eval]'.",
    )
    parser.add_argument("folder", type=Path, metavar="RUN", help="the folder of the run")
    parser.add_argument("--seed", type=int, default=0, help="of the draws of examples (default 0)")
    add_checkpoint_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Judge, write the results, and say them."""
    check_seed(options.seed)
    sklearn("base")  # is it there? before any time is spent
    started = time.perf_counter()
    folder = runs.RunFolder.open(options.folder)
    step, experiment = restore(folder, options.device, options.step)
    spaces = _spaces(folder.config["recipe"], experiment)
    try:
        card = scorecard(spaces, experiment.data, options.seed, note=_note)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    results = {
        "step": step,
        "seed": options.seed,
        "widths": {space.name: space.width for space in spaces},
        **card.as_dict(),
    }
    path = folder.write(f"scorecard/step-{step:06d}.json", runs.as_json(results))
    folder.write(f"scorecard/step-{step:06d}.png", _picture(experiment, spaces))
    print(card.describe())
    print(f"Means over {card.draws} draws of examples with 95% intervals; step {step}, "
          f"{time.perf_counter() - started:.0f} s: {path}")  # fmt: skip


def _spaces(recipe: str, experiment: recipes.Experiment) -> list[Space]:
    """The model's features first, then what stands beside them."""
    rows = experiment.data.flat()
    try:
        train, test = (features(experiment.trainer, experiment.inputs(part)) for part in rows)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    return [Space(recipe, train, test), *baselines(experiment.data, train.shape[1])]


def _picture(experiment: recipes.Experiment, spaces: list[Space]) -> bytes:
    """The held-out examples in the plane of two principal components, coloured by class."""
    labels = experiment.data.test_labels[:SHOWN]
    shown = {
        space.name: png_bytes(labelled_cloud(plane(space.train, space.test[:SHOWN]), labels))
        for space in spaces[:2]
    }
    return png_bytes(side_by_side(shown))


def _note(text: str) -> None:
    print(f"... {text}", file=sys.stderr, flush=True)
