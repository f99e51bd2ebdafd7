"""`tinygen train`: run a recipe into a new folder."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from .. import recipes, runs
from ..backend import default_device
from ..config import ConfigError
from ..data import LOADERS
from ..metrics import Judge
from ..random import Generator

SAMPLES_JUDGED = 2_000


def add(commands: Any) -> None:
    """Its place on the command line."""
    train = commands.add_parser(
        "train", help="run a recipe into a new folder",
        epilog="Example: tinygen train gan --data mnist --steps 30000 --set lr=5e-4",
    )  # fmt: skip
    train.add_argument("recipe", help=", ".join(recipes.RECIPES) + "; see `tinygen recipes`")
    train.add_argument(
        "--data", help=f"{', '.join(LOADERS)}, or the path of an .npz file (default: digits)"
    )
    train.add_argument("--device", help="cpu, cuda, cuda:1 or auto (default: cpu)")
    train.add_argument("--steps", metavar="N", help="how many updates")
    train.add_argument("--seed", metavar="N", help="of all randomness (default: 0)")
    train.add_argument(
        "--out", type=Path, metavar="DIR", help="the run's folder (default: runs/RECIPE-DATA-N)"
    )
    train.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE",
        help="any setting that `tinygen recipes NAME` lists; may be repeated",
    )  # fmt: skip
    train.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Train, judge the samples, and say where everything is."""
    recipe = recipes.find(options.recipe)
    given = {k: getattr(options, k) for k in ("data", "device", "steps", "seed")}
    settings: dict[str, Any] = {"device": default_device()}
    settings |= {k: v for k, v in given.items() if v is not None}
    for pair in options.set:
        name, equals, value = pair.partition("=")
        if not equals:
            raise ConfigError(f"--set takes KEY=VALUE, not {pair!r}.")
        settings[name.strip()] = value.strip()
    if str(settings.get("data", "")).endswith(".npz"):  # to be found again from anywhere
        settings["data"] = str(Path(settings["data"]).absolute())
    config = recipes.resolve(recipe, settings)
    experiment = recipe.build(config)
    folder = runs.RunFolder.create(
        options.out or _free_folder(recipe.name, config.data), recipes.as_dict(recipe, config)
    )
    print(f"{recipe.name}: {experiment.data.describe()}; into {folder.path}", file=sys.stderr)
    try:
        seconds = runs.train(
            experiment.trainer,
            experiment.next_batch,
            folder,
            steps=config.steps,
            report_every=config.report_every,
            checkpoint_every=config.checkpoint_every,
            draw=experiment.draw,
            draw_at=runs.growing_steps(config.steps),
        )
    except KeyboardInterrupt:
        raise KeyboardInterrupt(folder.standing()) from None
    picture = folder.path / "samples" / f"step-{config.steps:06d}.png"
    rate = config.steps / seconds
    print(f"{config.steps} steps in {seconds:.1f} s ({rate:.0f} a second).")
    _judge(experiment, folder, config.seed)
    print(f"Samples: {picture}\nMore of them: tinygen sample {folder.path}")


def _judge(experiment: recipes.Experiment, folder: runs.RunFolder, seed: int) -> None:
    """Train a classifier on the data and print what it says of the samples."""
    if experiment.data.n_classes < 2 or not experiment.data.is_image:
        return
    print("Training a classifier to judge the samples ...", file=sys.stderr)
    judge = Judge(experiment.data, Generator(seed, stream=100, device="cpu"))
    verdict = judge.judge(experiment.trainer.sample(SAMPLES_JUDGED).reshape(SAMPLES_JUDGED, -1))
    folder.write("judgement.json", runs.as_json({
        "samples": SAMPLES_JUDGED,
        "classifier_accuracy": verdict.accuracy,
        "shares": [round(float(share), 4) for share in verdict.shares],
        "classes_present": verdict.classes_present,
        "mean_confidence": verdict.confidence,
        "mean_confidence_on_held_out_data": verdict.real_confidence,
    }))  # fmt: skip
    print(verdict.describe())


def _free_folder(recipe: str, data: str) -> Path:
    """The first of runs/gan-digits-1, runs/gan-digits-2, ... that does not exist."""
    number = 1
    while (path := Path("runs") / f"{recipe}-{Path(data).stem}-{number}").exists():
        number += 1
    return path
