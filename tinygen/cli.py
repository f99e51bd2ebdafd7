"""The `tinygen` command: train, sample, info, recipes."""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from . import __version__, recipes, runs
from .backend import DeviceError, cuda_status
from .data import LOADERS, DataError
from .metrics import Judge
from .random import Generator

SAMPLES_JUDGED = 2_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code: 0, 2 for what the user can mend, 130 for Ctrl-C."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except (recipes.ConfigError, runs.RunError, DataError, DeviceError) as error:
        print(f"tinygen: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ntinygen: interrupted; the last checkpoint stands.", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tinygen", description="Generative models on a small autograd engine."
    )
    parser.add_argument("--version", action="version", version=f"tinygen {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    train = commands.add_parser("train", help="run a recipe into a new folder")
    train.add_argument("recipe", help="see `tinygen recipes`")
    train.add_argument("--data", help=f"{', '.join(LOADERS)}, or the path of an .npz file")
    train.add_argument("--device", help="cpu, cuda, cuda:1 or auto")
    train.add_argument("--steps", help="how many updates")
    train.add_argument("--seed", help="of all randomness")
    train.add_argument("--out", type=Path, help="the run's folder (default: runs/RECIPE-DATA-N)")
    train.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE",
        help="any setting that `tinygen recipes NAME` lists; may be repeated",
    )  # fmt: skip
    train.set_defaults(run=_train)

    sample = commands.add_parser("sample", help="draw new samples from a finished run")
    sample.add_argument("folder", type=Path, metavar="RUN")
    sample.add_argument("-n", type=int, default=64, help="how many (default 64)")
    sample.add_argument("--seed", type=int, default=0, help="of the noise (default 0)")
    sample.add_argument("--out", type=Path, help="a .png or .npz file (default: RUN/samples.png)")
    sample.add_argument("--device", help="cpu, cuda, cuda:1 or auto (default: the run's)")
    sample.set_defaults(run=_sample)

    info = commands.add_parser("info", help="versions, devices, and why CUDA is or is not usable")
    info.set_defaults(run=_info)

    listing = commands.add_parser("recipes", help="the recipes, or one recipe's settings")
    listing.add_argument("name", nargs="?")
    listing.set_defaults(run=_recipes)
    return parser


def _train(options: argparse.Namespace) -> None:
    recipe = recipes.find(options.recipe)
    given = {k: getattr(options, k) for k in ("data", "device", "steps", "seed")}
    settings: dict[str, Any] = {k: v for k, v in given.items() if v is not None}
    for pair in options.set:
        name, equals, value = pair.partition("=")
        if not equals:
            raise recipes.ConfigError(f"--set takes KEY=VALUE, not {pair!r}.")
        settings[name.strip()] = value.strip()
    config = recipes.configure(recipe, settings)
    experiment = recipe.build(config)
    folder = runs.RunFolder.create(
        options.out or _free_folder(recipe.name, config.data), recipes.as_dict(recipe, config)
    )
    print(f"{recipe.name}: {experiment.data.describe()}; into {folder.path}", file=sys.stderr)
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
    picture = folder.path / "samples" / f"step-{config.steps:06d}.png"
    rate = config.steps / seconds
    print(f"{config.steps} steps in {seconds:.1f} s ({rate:.0f} a second).")
    _judge(experiment, folder, config.seed)
    print(f"Samples: {picture}")


def _judge(experiment: recipes.Experiment, folder: runs.RunFolder, seed: int) -> None:
    """Train a classifier on the data and print what it says of the samples."""
    if experiment.data.n_classes < 2 or not experiment.data.is_image:
        return
    print("Training a classifier to judge the samples ...", file=sys.stderr)
    judge = Judge(experiment.data, Generator(seed, stream=100))
    verdict = judge.judge(experiment.trainer.sample(SAMPLES_JUDGED))
    folder.write("judgement.json", runs.as_json({
        "samples": SAMPLES_JUDGED,
        "classifier_accuracy": verdict.accuracy,
        "shares": [round(float(share), 4) for share in verdict.shares],
        "classes_present": verdict.classes_present,
        "mean_confidence": verdict.confidence,
        "mean_confidence_on_held_out_data": verdict.real_confidence,
    }))  # fmt: skip
    print(verdict.describe())


def _sample(options: argparse.Namespace) -> None:
    folder = runs.RunFolder.open(options.folder)
    recipe, config = recipes.from_dict(
        {**folder.config, **({"device": options.device} if options.device else {})}
    )
    if options.n < 1:
        raise recipes.ConfigError(f"-n must be at least 1, not {options.n}.")
    experiment = recipe.build(config)
    step, state = folder.load_checkpoint()
    experiment.trainer.load_state_dict(state)
    experiment.trainer.rng = Generator(options.seed, device=config.device)
    samples = experiment.trainer.sample(options.n)
    out = options.out or folder.path / "samples.png"
    if out.suffix == ".npz":
        runs.write_file(out, runs.npz_bytes(samples=samples.reshape(-1, *experiment.data.shape)))
    elif out.suffix == ".png":
        runs.write_file(out, experiment.picture(samples))
    else:
        raise recipes.ConfigError(f"--out must end in .png or .npz, not {out.name!r}.")
    print(f"{options.n} samples of step {step}: {out}")


def _info(options: argparse.Namespace) -> None:
    import safetensors

    cuda = cuda_status()
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]  # type: ignore[index]
    print(f"tinygen      {__version__}")
    print(f"python       {platform.python_version()} on {platform.platform()}")
    print(f"numpy        {np.__version__} with {blas['name']} {blas.get('version', '')}")
    print(f"safetensors  {safetensors.__version__}")
    print("cpu          usable")
    print(f"cuda         {'usable' if cuda is None else 'not usable: ' + cuda}")


def _recipes(options: argparse.Namespace) -> None:
    if options.name is None:
        for recipe in recipes.RECIPES.values():
            print(f"{recipe.name:12} {recipe.summary}")
        return
    recipe = recipes.find(options.name)
    print(f"{recipe.name}: {recipe.summary}\n")
    for name, default, meaning in recipes.settings_of(recipe):
        shown = ",".join(map(str, default)) if isinstance(default, tuple) else default
        print(f"  {name + '=' + str(shown):32} {meaning}".rstrip())


def _free_folder(recipe: str, data: str) -> Path:
    """The first of runs/gan-digits-1, runs/gan-digits-2, ... that does not exist."""
    number = 1
    while (path := Path("runs") / f"{recipe}-{Path(data).stem}-{number}").exists():
        number += 1
    return path
