"""Trains in processes that are killed, and resumes until one gets through: a script for a test.

    python kills.py random RECIPE KILLS    at random instants
    python kills.py everywhere RECIPE      at every call that changes a file, once

Children are forked from a process that has imported everything, so that a life is training and
little else. It runs in the current folder, which holds own.npz. What it prints is a count of kills;
it exits with an error where a run ended differently from the one that nobody disturbed.
"""

from __future__ import annotations

import builtins
import io
import json
import os
import random
import shutil
import signal
import sys
import threading
import time
import traceback
from functools import partial
from pathlib import Path

from PIL import Image

from tinygen import recipes
from tinygen.cli import main
from tinygen.commands import train as command
from tinygen.recipes import gan_family, gan_multiscale
from tinygen.runs.checkpoints import pack

COMMON = {"batch": 8, "report_every": 3, "checkpoint_every": 4}
DENSE = {"generator": "8", "discriminator": "8"}
SMALL = {
    "gan": DENSE,
    "gan-plain": DENSE,
    "gan-small": DENSE,
    **{recipe.name: DENSE for recipe in gan_family.RECIPES},
    **{recipe.name: {"channels": "4,4,2", "noise": 5} for recipe in gan_multiscale.RECIPES},
    "progressive": {"channels": "4,4,2", "noise": 5, "phase": 1},
    "dcgan": {"channels": "2,3,4", "noise": 5},
    "rbm": {"hidden": 8, "negative": "pcd", "chains": 5, "burn_in": 3},
    "rbm-gaussian": {"hidden": 8, "burn_in": 3},
    "latent-gan": {"hidden": "8", "first": 5},
    "dbn": {"hidden": "8,6", "burn_in": 3},
    "beam": {"hidden": 8, "chains": 5, "burn_in": 3},
    "amortised-cd": {"hidden": 8, "chains": 5, "burn_in": 3, "generator": "8", "noise": 4},
    "rbm-prior-gan": {**DENSE, "noise": 6, "hidden": 5, "burn_in": 3},
    "energy-gan": {**DENSE, "noise": 6},
}
"""Settings that make a recipe's step short; others are trained as they are."""


def train(recipe: str, steps: int, folder: str, **more: int) -> list[str]:
    """The command that begins a run, or goes on with it."""
    if Path(folder, "config.json").exists():
        return ["train", "--resume", folder]
    settings = COMMON | SMALL.get(recipe, {}) | more
    assignments = [word for k, v in settings.items() for word in ("--set", f"{k}={v}")]
    own = ["--data", "own.npz", "--steps", str(steps), "--out", folder]
    return ["train", recipe, *own, *assignments]


def build(name: str, data: Path) -> recipes.Experiment:
    """A recipe with these settings, made ready to run on the arrays in `data`."""
    recipe = recipes.find(name)
    settings = {"batch": 8, "data": str(data.absolute()), **SMALL.get(name, {})}
    return recipe.build(recipes.resolve(recipe, settings))


def measured(folder, experiment, step: int, seed: int) -> str:
    """Stands for an evaluation."""
    return str(folder.write(f"evaluation/step-{step:06d}.json", b"{}"))


def hasten() -> None:
    """Leave out what takes most of a life and has nothing to do with surviving."""
    save = Image.Image.save
    Image.Image.save = lambda image, *where, **how: save(image, *where, compress_level=1)
    os.fsync = lambda handle: None  # a kill is no power cut
    command.write_evaluation = measured


def import_everything(recipe: str) -> None:
    """What is imported late, as by NumPy and Pillow, is imported here and not in every life."""
    experiment = build(recipe, Path("own.npz"))
    experiment.pictures()
    pack(0, experiment.state_dict())


def life(arguments: list[str], seconds: float = 1e9, doom: Doom | None = None) -> bool:
    """Run the command in a child for so long; whether it was killed before it ended."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        with open("log.txt", "a") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        if doom is not None:
            doom.arm()
        code = 1
        try:
            code = main(arguments)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(code)
    timer = threading.Timer(seconds, os.kill, (child, signal.SIGKILL))
    if seconds < 1e9:
        timer.start()
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)  # its number is not given away yet
    timer.cancel()
    if timer.is_alive():
        timer.join()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True
    if os.WEXITSTATUS(status) != 0:
        sys.exit(f"{arguments} failed: " + Path("log.txt").read_text()[-3000:])
    return False


def outcome(folder: str) -> dict[str, object]:
    """All of a finished run but its times, which differ from run to run."""
    files = {}
    for path in sorted(Path(folder).rglob("*")):
        name = str(path.relative_to(folder))
        assert "/." not in f"/{name}", f"{name} was left behind"
        if not path.is_file() or name in ("env.json", "history.jsonl"):
            continue
        files[name] = path.read_bytes()
        if name.endswith("state.json"):
            state = json.loads(files[name])
            assert state["state"]["progress"].pop("seconds") > 0
            del state["sha256"]
            files[name] = state
        if name == "metrics.jsonl":
            lines = [json.loads(line) for line in files[name].splitlines()]
            files[name] = [{k: v for k, v in line.items() if k != "seconds"} for line in lines]
    return files


def compare(folder: str, expected: dict[str, object], how: str) -> None:
    found = outcome(folder)
    wrong = [n for n in {*found, *expected} if found.get(n) != expected.get(n)]
    if wrong:
        sys.exit(f"{how}: these differ from the undisturbed run's: {sorted(wrong)}")


def at_random(recipe: str, kills: int) -> int:
    steps = 41
    began = time.perf_counter()
    life(train(recipe, steps, "calm"))
    whole = time.perf_counter() - began
    expected = outcome("calm")
    chance = random.Random(recipe)
    done = runs = 0
    while done < kills:
        runs += 1
        folder = f"run-{runs}"
        while life(train(recipe, steps, folder), chance.uniform(0, whole)):
            done += 1
        compare(folder, expected, f"{done} kills")
    return done


class Doom:
    """Kills the process at the n-th call that changes a file, halfway through where it can be."""

    def __init__(self, n: int) -> None:
        self.left = n

    def arm(self) -> None:
        for module, name in (
            (os, "replace"), (os, "mkdir"), (os, "unlink"), (os, "rmdir"), (os, "fsync"),
        ):  # fmt: skip
            setattr(module, name, self.before(getattr(module, name), name == "fsync"))
        really = builtins.open

        def opened(file, mode="r", *args, **options):
            if mode == "ab":
                return Half(file, mode, self)
            return really(file, mode, *args, **options)

        builtins.open = opened

    def before(self, function, truncates: bool):
        def call(*args, **options):
            self.strike((lambda: halve(args[0])) if truncates else lambda: None)
            return function(*args, **options)

        return call

    def strike(self, damage) -> None:
        self.left -= 1
        if self.left == 0:
            damage()
            os.kill(os.getpid(), signal.SIGKILL)


class Half(io.FileIO):
    """A file of which the last line may be written in part."""

    def __init__(self, file, mode: str, doom: Doom) -> None:
        super().__init__(file, mode)
        self.doom = doom

    def write(self, line) -> int:
        self.doom.strike(lambda: io.FileIO.write(self, line[: len(line) // 2]))
        return super().write(line)


def halve(handle: int) -> None:
    """What was written and not yet flushed may be lost."""
    name = os.readlink(f"/proc/self/fd/{handle}")
    if ".writing" in os.path.basename(name) and os.path.isfile(name):
        os.truncate(name, os.path.getsize(name) // 2)


def everywhere(recipe: str) -> int:
    begin = partial(train, recipe, 5, checkpoint_every=2)
    life(begin("calm"))
    expected = outcome("calm")
    n = 0
    while True:
        n += 1
        shutil.rmtree("run", ignore_errors=True)
        if not life(begin("run"), doom=Doom(n)):
            return n - 1
        # And once more soon after, for what is done on resuming only.
        life(begin("run"), doom=Doom(n % 7 + 1))
        life(begin("run"))
        compare("run", expected, f"killed at call {n}")


if __name__ == "__main__":
    what, recipe, *kills = sys.argv[1:]
    hasten()
    import_everything(recipe)
    print(at_random(recipe, int(kills[0])) if what == "random" else everywhere(recipe))
