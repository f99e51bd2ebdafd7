"""One run of a GAN of several scales, measured; and a file in which finished runs are kept."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from functools import cache
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

import numpy as np

from .. import recipes, runs
from ..data import DataError, Dataset, load, resized
from ..data.download import cache_folder
from ..metrics import Judge, judge_of, prdc, sliced_wasserstein
from ..random import Generator

__all__ = ["REAL", "Kept", "Run", "measured", "one_thread"]

SECONDS = 45.0
"""Of one processor, for the training of each run."""

LOOKS = 5
"""Rough measures on the way, at equal times."""

SAMPLES, ROUGH_SAMPLES, ROUGH_DIRECTIONS = 16_384, 2_048, 64
COVERED = 2_500
AT_ONCE = 512
"""Samples drawn at a time."""

REAL = "training images"
"""In the place of a model: what one that is perfect would get."""


class Run(NamedTuple):
    """A recipe with some of its settings, and a seed.

    label: what it is called in the table.
    """

    label: str
    recipe: str
    settings: tuple[tuple[str, Any], ...]
    seed: int

    @property
    def name(self) -> str:
        """In the file of finished runs."""
        return f"{self.label}, seed {self.seed}"

    def config(self, quick: bool) -> Any:
        """The recipe's own, on MNIST, but for the settings; nothing is watched."""
        data = "digits" if quick else "mnist"
        more = {"data": data, "seed": self.seed, "watch_every": 10**9}
        return recipes.resolve(recipes.find(self.recipe), {**dict(self.settings), **more})

    def identity(self) -> str:
        """Of all settings that decide what the run gives; after a change of code, begin anew."""
        facts: list[Any] = [SECONDS, LOOKS, SAMPLES, COVERED]
        if self.recipe != REAL:
            facts.append(asdict(self.config(quick=False)))
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


# -- one run ---------------------------------------------------------------------------------------


class Measures:
    """Samples against held-out images: distances of patches at 32 and 16 pixels, and coverage."""

    def __init__(self, quick: bool) -> None:
        self.data = images(quick)
        self.samples, self.rough, self.covered = (
            (64, 64, 60) if quick else (SAMPLES, ROUGH_SAMPLES, COVERED)
        )
        self.directions = 8 if quick else 4 * 128
        self._judge = judge(quick)
        # More are asked for than are held out; patches of a repeated image lie elsewhere.
        order = np.random.RandomState(0).permutation(len(self.data.test))
        self.held = self.data.test[np.resize(order, self.samples)]

    def distances(self, drawn: np.ndarray, rough: bool = False) -> dict[str, float]:
        """By level, times 1000."""
        n, directions = (self.rough, ROUGH_DIRECTIONS) if rough else (self.samples, self.directions)
        size = self.held.shape[-1]
        found = sliced_wasserstein(
            drawn.reshape(-1, size, size)[:n], self.held[:n], 0, directions=directions
        )
        sides = (f"{height}x{width}" for height, width in found.sides)
        return dict(zip(sides, found.levels, strict=True))

    def coverage(self, drawn: np.ndarray) -> float:
        """In the features of a classifier: see `metrics.prdc`."""
        real, fake = (
            self._judge.features(x[: self.covered].reshape(self.covered, -1))
            for x in (self.held, drawn)
        )
        return prdc(real, fake).coverage


@cache
def images(quick: bool) -> Dataset:
    """Of 32 x 32 pixels."""
    return resized(load("digits" if quick else "mnist"), 32)


@cache
def judge(quick: bool) -> Judge:
    """Of those; trained once, and kept."""
    return (
        Judge(images(True), Generator(0, device="cpu"), epochs=1)
        if quick
        else judge_of(images(False))
    )


def measured(run: Run, quick: bool = False) -> dict[str, float]:
    """Train for so many seconds of the processor; what came of it, and on the way."""
    measures = Measures(quick)
    if run.recipe == REAL:
        order = np.random.RandomState(1).permutation(len(measures.data.train))
        drawn = measures.data.train[order[: measures.samples]]
        return {**measures.distances(drawn), "coverage": measures.coverage(drawn)}
    experiment = recipes.find(run.recipe).build(run.config(quick))
    used = 0.0
    figures: dict[str, float] = {}
    for look in range(1, LOOKS + 1):
        used += train(experiment, 0.0 if quick else look * SECONDS / LOOKS - used)
        share = f"after {100 * look // LOOKS}% of the seconds"
        some = draw(experiment.trainer, measures.rough)
        figures |= {f"{k} {share}": v for k, v in measures.distances(some, rough=True).items()}
    drawn = draw(experiment.trainer, measures.samples)
    return {
        **measures.distances(drawn),
        "coverage": measures.coverage(drawn),
        "steps": float(experiment.trainer.steps),
        "seconds": used,
        **figures,
    }


def train(experiment: recipes.Experiment, seconds: float) -> float:
    """For so long, but a step at least; returns how long."""
    start = process_time()
    while True:
        experiment.step()
        used = process_time() - start
        if used >= seconds:
            return used


def draw(trainer: Any, n: int) -> np.ndarray:
    """(n, C, S, S), in parts: the maps of all at once would be gigabytes."""
    sizes = [AT_ONCE] * (n // AT_ONCE) + [n % AT_ONCE] * (n % AT_ONCE > 0)
    return np.concatenate([trainer.sample(size) for size in sizes])


# -- finished runs ---------------------------------------------------------------------------------


class Kept:
    """Figures of finished runs, in one JSON file that is written after each of them.

    A run is found again if its settings have not changed since (see `Run.identity`). What is no
    such file is as good as none.

    Args:
        path: None to keep nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._runs: dict[str, Any] = {}
        if path is not None:
            with suppress(OSError, ValueError, LookupError, TypeError):
                self._runs = dict(json.loads(path.read_text(encoding="utf-8"))["runs"])

    @classmethod
    def usual(cls) -> Kept:
        """In the folder `$TINYGEN_REPRODUCED`, or beside what was downloaded."""
        setting = os.environ.get("TINYGEN_REPRODUCED")
        if setting:
            return cls(Path(setting) / "multiscale-runs.json")
        with suppress(DataError):
            return cls(cache_folder() / "reproduced" / "multiscale-runs.json")
        return cls(None)

    def find(self, run: Run) -> dict[str, float] | None:
        """What it gave, if it was run."""
        found = self._runs.get(run.name)
        if not isinstance(found, Mapping) or found.get("identity") != run.identity():
            return None
        return found.get("figures")

    def add(self, run: Run, figures: Mapping[str, float]) -> None:
        """Write it down, with the machine that it ran on."""
        facts = {k: v for k, v in runs.environment().items() if k != "command"}
        self._runs[run.name] = {
            "identity": run.identity(), "figures": dict(figures), "environment": facts,
        }  # fmt: skip
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            runs.write_file(self._path, runs.as_json({"runs": self._runs}))


@contextmanager
def one_thread() -> Iterator[None]:
    """Inside, processes that are started compute with one thread each, as their seconds count."""
    name = "OPENBLAS_NUM_THREADS"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
