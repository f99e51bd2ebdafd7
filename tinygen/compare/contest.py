"""Training each model for the same seconds, into a folder of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from .. import recipes, runs
from .measures import Field

__all__ = ["Entry", "contest", "folder_name"]

ENDLESS = 10**9
LOOK_EVERY = 10
"""Steps between looks at the clock, and lines of metrics.jsonl."""


@dataclass
class Entry:
    """How one recipe did from one seed.

    steps, seconds: of training. measures: of its samples, and its score by the score's name.
    failure: why training stopped before its time, if it did.
    """

    recipe: str
    seed: int
    folder: Path
    steps: int = 0
    seconds: float = 0.0
    measures: dict[str, float] = field(default_factory=dict)
    score: dict[str, float] = field(default_factory=dict)
    failure: str = ""

    def as_dict(self) -> dict:
        """For JSON, which has no nan."""
        found = {k: v for k, v in vars(self).items() if k != "folder"}
        for name in ("measures", "score"):
            found[name] = {k: v if np.isfinite(v) else None for k, v in found[name].items()}
        return {**found, "folder": self.folder.name}


class Spent(Exception):  # noqa: N818, it is no error
    """The budget is."""


def folder_name(recipe: str, seed: int) -> str:
    """Of a run, within the folder of the comparison."""
    return f"{recipe}-seed-{seed}"


def contest(
    names: Sequence[str],
    settings: dict[str, str],
    out: Path,
    *,
    budget: float,
    seeds: int,
    measuring: Field,
    note: Callable[[str], None],
) -> list[Entry]:
    """Train and measure every recipe from every seed: all recipes of seed 0, then of seed 1, ...

    Args:
        settings: of all recipes, such as data and device.
        out: a folder, for a run's folder each.
        budget: seconds of training for each run; building, pictures and measuring come on top.
        note: is told how it goes.
    """
    found = []
    for seed in range(seeds):
        for name in names:
            note(f"{name}, seed {seed}: {budget:g} s")
            found.append(
                _entry(name, {**settings, "seed": str(seed)}, seed, out, budget, measuring)
            )
    return found


def _entry(
    name: str, settings: dict[str, str], seed: int, out: Path, budget: float, measuring: Field
) -> Entry:
    recipe = recipes.find(name)
    config = recipes.resolve(recipe, settings)
    experiment = recipe.build(config)
    folder = runs.RunFolder.create(out / folder_name(name, seed), recipes.as_dict(recipe, config))
    entry = Entry(name, seed, folder.path)
    with folder.taken():
        folder.write("data.json", runs.as_json(experiment.data.record()))
        try:
            _train(experiment, folder, entry, budget)
        except runs.RunError as error:
            entry.failure = str(error)
            return entry
        folder.show(entry.steps, experiment.pictures())
        progress = runs.Progress(entry.steps, entry.seconds)
        state = {**experiment.state_dict(), "progress": asdict(progress)}
        entry.score = experiment.measure()
        folder.save_checkpoint(entry.steps, state, 1, next(iter(entry.score.values()), None))
        entry.measures = measuring.measure(experiment.trainer.sample)
        results = {"step": entry.steps, "seed": seed, **entry.as_dict()["measures"], **entry.score}
        folder.write(f"evaluation/step-{entry.steps:06d}.json", runs.as_json(results))
    return entry


def _train(
    experiment: recipes.Experiment, folder: runs.RunFolder, entry: Entry, budget: float
) -> None:
    """Steps until the clock says stop, at a step whose losses have been read."""
    start = time.perf_counter()

    def look(step: int, values: dict[str, float]) -> None:
        entry.steps, entry.seconds = step, time.perf_counter() - start
        if entry.seconds >= budget:
            raise Spent

    with suppress(Spent):
        runs.train(
            experiment,
            folder,
            steps=ENDLESS,
            report_every=LOOK_EVERY,
            checkpoint_every=ENDLESS,
            also_report=look,
        )
