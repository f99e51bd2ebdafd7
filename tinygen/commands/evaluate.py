"""`tinygen evaluate`: a checkpoint's samples against held-out data."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from .. import recipes, runs
from ..config import ConfigError
from ..metrics.evaluation import evaluate, has_judge
from .restore import add_checkpoint_options, check_seed, reseed, restore
from .sample import draw


def add(commands: Any) -> None:
    """Its place on the command line."""
    parser = commands.add_parser(
        "evaluate",
        help="measure a finished run's samples against held-out data",
        epilog="Writes RUN/evaluation/step-....json. `tinygen train` does the same at its end. "
        "Classifiers that judge samples are kept in the user's cache, or in the folder that "
        "TINYGEN_JUDGES names.",
    )
    parser.add_argument("folder", type=Path, metavar="RUN", help="the folder of the run")
    parser.add_argument("--seed", type=int, help="of the samples (default: the run's)")
    add_checkpoint_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Measure, write the results, and say them."""
    if options.seed is not None:
        check_seed(options.seed)
    folder = runs.RunFolder.open(options.folder)
    step, experiment = restore(folder, options.device, options.step)
    if not can_be_evaluated(experiment):
        raise ConfigError(f"the model of {folder.path} draws no samples to be measured.")
    seed = int(folder.config["seed"]) if options.seed is None else options.seed
    print(write_evaluation(folder, experiment, step, seed))


def can_be_evaluated(experiment: recipes.Experiment) -> bool:
    """Whether its model draws samples."""
    return hasattr(experiment.trainer, "sample")


def write_evaluation(
    folder: runs.RunFolder, experiment: recipes.Experiment, step: int, seed: int
) -> str:
    """Measure the experiment as it is; write RUN/evaluation/step-....json; return it in words.

    The samples follow from `seed` and the weights alone, so that `tinygen evaluate` repeats what
    `tinygen train` said. The experiment's streams are left elsewhere: train no further after it.
    """
    if has_judge(experiment.data):
        print("Measuring the samples; a classifier that judges them is trained once for each "
              "dataset, and kept ...", file=sys.stderr)  # fmt: skip
    reseed(experiment, seed)
    evaluation = evaluate(experiment.data, lambda n: draw(experiment, n), seed)
    results = {"step": step, "seed": seed, **evaluation.results, **experiment.measure()}
    path = folder.write(f"evaluation/step-{step:06d}.json", runs.as_json(results))
    return f"{evaluation.words}\nMeasured at step {step}: {path}"
