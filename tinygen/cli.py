"""The `tinygen` command: train, sample, info, recipes."""

from __future__ import annotations

import argparse
import io
import os
import platform
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from . import __version__, recipes, runs
from .backend import DeviceError, cuda_status, default_device
from .backend.numpy import keep_freed_memory
from .config import ConfigError
from .data import LOADERS, DataError
from .metrics import Judge
from .random import Generator

SAMPLES_JUDGED = 2_000
MOST_SAMPLES = 1_000_000
MOST_IN_A_PICTURE = 10_000
CHUNK = 10_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code.

    0; 1 for a failed check, 2 for what the user can mend, 130 for Ctrl-C.

    What cannot be done is told in one sentence on stderr. A traceback is a bug.
    """
    options = _parser().parse_args(arguments)
    keep_freed_memory()
    if isinstance(sys.stdout, io.TextIOWrapper):  # a file's name may be no text
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = options.run(options)
        sys.stdout.flush()
    except (ConfigError, runs.RunError, DataError, DeviceError) as error:
        print(f"tinygen: {error}", file=sys.stderr)
        return 2
    except MemoryError:
        print(
            "tinygen: there is not enough memory for this: take narrower layers, a smaller batch "
            "or fewer samples.",
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt as interrupt:
        standing = f" ({interrupt})" if str(interrupt) else ""
        print(f"\ntinygen: interrupted{standing}.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # as by `tinygen recipes | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code or 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tinygen", description="Generative models on a small autograd engine."
    )
    parser.add_argument("--version", action="version", version=f"tinygen {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

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
    train.set_defaults(run=_train)

    sample = commands.add_parser("sample", help="draw new samples from a finished run")
    sample.add_argument("folder", type=Path, metavar="RUN", help="the folder of the run")
    sample.add_argument("-n", type=int, default=64, help="how many (default 64)")
    sample.add_argument("--seed", type=int, default=0, help="of the noise (default 0)")
    sample.add_argument(
        "--out", type=Path, metavar="FILE", help="a .png or .npz file (default: RUN/samples.png)"
    )
    sample.add_argument("--device", help="cpu, cuda, cuda:1 or auto (default: the run's)")
    sample.set_defaults(run=_sample)

    info = commands.add_parser("info", help="versions, devices, and why CUDA is or is not usable")
    info.set_defaults(run=_info)

    check = commands.add_parser(
        "gradcheck",
        help="every operation's derivatives against finite differences, on this machine",
    )
    check.add_argument("names", nargs="*", metavar="NAME", help="of an operation (default: all)")
    check.add_argument(
        "--order", type=int, default=3, choices=(1, 2, 3, 4), help="the highest (default 3)"
    )
    check.add_argument("--device", help="cpu, cuda, cuda:1 (default: all that can be used)")
    check.set_defaults(run=_gradcheck)

    listing = commands.add_parser("recipes", help="the recipes, or one recipe's settings")
    listing.add_argument("name", nargs="?")
    listing.set_defaults(run=_recipes)
    return parser


def _train(options: argparse.Namespace) -> None:
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


def _sample(options: argparse.Namespace) -> None:
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


def _info(options: argparse.Namespace) -> None:
    cuda = cuda_status()
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    print(f"tinygen      {__version__}")
    print(f"python       {platform.python_version()} on {platform.platform()}")
    print(f"numpy        {np.__version__} with {blas['name']} {blas.get('version', '')}")
    for library in ("safetensors", "tqdm", "pooch", "pillow"):
        try:
            print(f"{library:12} {metadata.version(library)}")
        except metadata.PackageNotFoundError:
            print(f"{library:12} not installed; pip install {library}")
    print("cpu          usable")
    print(f"cuda         {'usable' if cuda is None else 'not usable: ' + cuda}")


def _gradcheck(options: argparse.Namespace) -> int:
    """Print a table of the worst errors; exit code 1 if any is too large."""
    from .selfcheck import Result, selfcheck

    orders = [f"order {n + 1}" for n in range(options.order)]
    devices = [options.device] if options.device else None
    results: list[Result] = []
    try:
        for result in selfcheck(options.names, order=options.order, devices=devices):
            if not results:
                heads = "".join(f"{head:>10}" for head in orders)
                print(f"{'operation':24}{'device':8}{heads}   float32")
            results.append(result)
            errors = "".join(f"{error:10.1e}" if error else f"{0:10}" for error in result.errors)
            kept = "kept" if result.keeps_float32 else "LOST"
            verdict = "   FAILED" if result.failure else ""
            print(f"{result.primitive:24}{result.device:8}{errors}   {kept}{verdict}")
    except ValueError as error:
        raise ConfigError(str(error)) from None
    failed = [result for result in results if result.failure]
    for result in failed:
        print(f"\n{result.primitive} on {result.device}: {result.failure}")
    if devices is None and (reason := cuda_status()):
        print(f"\ncuda was not checked: {reason}")
    print(f"\n{len(results) - len(failed)} of {len(results)} right to {orders[-1]}.")
    return 1 if failed else 0


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
    print()
    for data, suited in recipe.per_data.items():
        print(f"  on {data}: " + ", ".join(f"{k}={v}" for k, v in suited.items()))


def _free_folder(recipe: str, data: str) -> Path:
    """The first of runs/gan-digits-1, runs/gan-digits-2, ... that does not exist."""
    number = 1
    while (path := Path("runs") / f"{recipe}-{Path(data).stem}-{number}").exists():
        number += 1
    return path


if __name__ == "__main__":
    sys.exit(main())
