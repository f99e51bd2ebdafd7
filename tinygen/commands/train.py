"""`tinygen train`: run a recipe into a new folder, or go on with an earlier run."""

from __future__ import annotations

import argparse
import itertools
import sys
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

from .. import recipes, runs
from ..config import ConfigError
from ..data import LOADERS
from ..parallel import joined, team
from ..parallel.launch import together
from ..parallel.team import ALONE
from .evaluate import can_be_evaluated, write_evaluation
from .gpu_memory import add_option
from .ranks import built, held
from .restore import check_data
from .settings import Asked, asked, begun, continued


def add(commands: Any) -> None:
    """Its place on the command line."""
    train = commands.add_parser(
        "train", help="run a recipe into a new folder, or go on with a run",
        epilog="Examples: tinygen train gan --data mnist --steps 30000 --set lr=5e-4. After a "
        "kill or a power cut: tinygen train --resume runs/gan-mnist-1, which ends as if nothing "
        "had happened, to the last bit. On four processes: mpiexec -n 4 tinygen train gan. The "
        "same run again: tinygen train --config runs/gan-mnist-1/config.json.",
    )  # fmt: skip
    train.add_argument(
        "recipe", nargs="?", help=", ".join(recipes.RECIPES) + "; see `tinygen recipes`"
    )
    train.add_argument(
        "--data", help=f"{', '.join(LOADERS)}, or the path of your own (default: digits)"
    )
    train.add_argument("--device", help="cpu, cuda, cuda:1 or auto (default: cpu)")
    train.add_argument("--steps", metavar="N", help="how many updates in all")
    train.add_argument("--seed", metavar="N", help="of all randomness (default: 0)")
    train.add_argument(
        "--out", type=Path, metavar="DIR", help="the run's folder (default: runs/RECIPE-DATA-N)"
    )
    train.add_argument(
        "--resume", type=Path, metavar="RUN",
        help="go on with the run in this folder from its newest checkpoint; --steps and --set may "
        "change its settings",
    )  # fmt: skip
    train.add_argument(
        "--config", type=Path, metavar="FILE",
        help="settings from a .toml file, or from a run's config.json; flags and --set override it",
    )  # fmt: skip
    train.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE",
        help="any setting that `tinygen recipes NAME` lists; may be repeated",
    )  # fmt: skip
    train.add_argument(
        "--on-nonfinite",
        metavar="stop|skip",
        help="at gradients that are not finite: stop (default), or leave out that update",
    )
    train.add_argument(
        "--tensorboard", action="store_true", help="also write RUN/tensorboard (tensorboardX)"
    )
    add_option(train)
    train.set_defaults(run=run, on_ranks=True)


def run(options: argparse.Namespace) -> int:
    """Train, evaluate, and say where everything is; returns the exit code."""
    with together():
        wish = asked(options)
        if options.tensorboard:
            runs.summary_writer()  # before there is a folder
        if options.resume is None:
            return _begin(wish, options)
        if options.out is not None:
            raise ConfigError("--resume goes on in the run's own folder: leave --out out.")
        return _continue(wish, options)


def _begin(wish: Asked, options: argparse.Namespace) -> int:
    recipe, config = begun(wish)
    with built(recipe, config, options.gpu_memory_limit) as experiment:
        _capture(experiment, config)
        folder = runs.shared(lambda: _new_folder(options.out, recipe, config))
        with held(folder):
            _remember_data(folder, experiment)
            print(
                f"{recipe.name}: {experiment.data.describe()}; into {folder.path}", file=sys.stderr
            )
            return _train(folder, config, experiment, runs.Progress(), options.tensorboard)


def _continue(wish: Asked, options: argparse.Namespace) -> int:
    folder = runs.shared(lambda: runs.RunFolder.open(options.resume))
    with held(folder):
        recipe, config, changed = continued(folder, wish)
        with built(recipe, config, options.gpu_memory_limit) as experiment:
            check_data(folder, experiment)
            _capture(experiment, config)
            progress = runs.resume(experiment, folder, config.keep)
            print(f"{recipe.name}: {experiment.data.describe()}; in {folder.path}", file=sys.stderr)
            if progress.step >= config.steps:
                return _nothing_left(folder, config, experiment, progress.step)
            _remember_data(folder, experiment)
            folder.record_resumption(progress.step, changed, recipes.as_dict(recipe, config))
            print(f"step {progress.step}/{config.steps}  resumed", file=sys.stderr)
            return _train(folder, config, experiment, progress, options.tensorboard)


def _nothing_left(
    folder: runs.RunFolder, config: recipes.RunConfig, experiment: recipes.Experiment, step: int
) -> int:
    print(f"{folder.path} is already at step {step}; --steps N goes on to step N.")
    if not (folder.path / f"evaluation/step-{step:06d}.json").exists():
        _finish(folder, experiment, step, config.seed)
    return 0


def _train(
    folder: runs.RunFolder,
    config: recipes.RunConfig,
    experiment: recipes.Experiment,
    progress: runs.Progress,
    tensorboard: bool,
) -> int:
    start, before = progress.step, progress.seconds
    writes = tensorboard and team().rank == 0
    events = runs.event_writer(folder.path, start) if writes else nullcontext()
    try:
        with events as also_report:
            runs.train(
                experiment,
                folder,
                steps=config.steps,
                report_every=config.report_every,
                checkpoint_every=config.checkpoint_every,
                keep=config.keep,
                draw_at=runs.growing_steps(config.steps),
                on_nonfinite=config.on_nonfinite,
                progress=progress,
                also_report=also_report,
                agree=team().agree,
            )
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_standing(folder)) from None
    except runs.Stopped as stopped:
        print(f"\ntinygen: interrupted ({_standing(folder)}).", file=sys.stderr)
        return stopped.code
    folder.record_memory()
    seconds = progress.seconds - before
    rate = (config.steps - start) / seconds
    print(f"{config.steps - start} steps in {seconds:.1f} s ({rate:.0f} a second).")
    _finish(folder, experiment, config.steps, config.seed)
    return 0


def _capture(experiment: recipes.Experiment, config: recipes.RunConfig) -> None:
    if not config.capture:
        return
    if not hasattr(experiment.trainer, "capture"):
        raise ConfigError("capture: this recipe's steps cannot be recorded; leave it out.")
    if config.on_nonfinite == "skip":
        raise ConfigError(
            "a recorded step cannot look at its gradients, so capture and on_nonfinite=skip "
            "exclude each other; take one of them."
        )
    experiment.trainer.capture()


def _finish(folder: runs.RunFolder, experiment: recipes.Experiment, step: int, seed: int) -> None:
    """Evaluate what was trained, and say where it can be seen: of several ranks, rank 0 does."""
    if team().rank == 0:
        with joined(ALONE):
            _evaluate(folder, experiment, step, seed)


def _evaluate(folder: runs.RunFolder, experiment: recipes.Experiment, step: int, seed: int) -> None:
    if experiment.verdict:
        print(f"Verdict: {experiment.verdict}.")
    if can_be_evaluated(experiment):
        print(write_evaluation(folder, experiment, step, seed))
    best = folder.best_checkpoint()
    if best is not None and experiment.score is not None:
        print(f"Best {experiment.score.name}: {best}")
    picture = folder.path / "samples" / f"step-{step:06d}.png"
    if picture.exists():
        print(f"Samples: {picture}\nMore of them: tinygen sample {folder.path}")


def _standing(folder: runs.RunFolder) -> str:
    return f"{folder.standing()}; go on with tinygen train --resume {folder.path}"


def _remember_data(folder: runs.RunFolder, experiment: recipes.Experiment) -> None:
    """Write what the run is trained on, by which it is known again."""
    if not (folder.path / "data.json").exists():
        folder.write("data.json", runs.as_json(experiment.data.record()))


def _new_folder(
    out: Path | None, recipe: recipes.Recipe, config: recipes.RunConfig
) -> runs.RunFolder:
    """`out`, or the first of runs/gan-digits-1, runs/gan-digits-2, ... that nobody has taken."""
    settings = recipes.as_dict(recipe, config)
    if out is not None:
        return runs.RunFolder.create(out, settings)
    for number in itertools.count(1):
        path = Path("runs") / f"{recipe.name}-{Path(config.data).stem}-{number}"
        with suppress(runs.TakenError):  # also by a process that began just now
            return runs.RunFolder.create(path, settings)
    raise AssertionError("numbers have an end")
