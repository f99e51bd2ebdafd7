"""What every recipe is made of: its settings, its streams of numbers, and what it builds.

    recipe = recipes.find("gan")
    experiment = recipe.build(recipes.resolve(recipe, {"data": "mnist"}))
    losses = experiment.step()

A recipe of your own is a `Recipe` whose `build` makes an `Experiment` of its settings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..config import setting
from ..data import BatchLoader, Dataset
from ..pictures import image_grid, png_bytes, point_cloud
from ..random import Generator

__all__ = [
    "HIGHEST_SEED",
    "WIDEST",
    "Experiment",
    "Recipe",
    "RunConfig",
    "Score",
    "picture_maker",
    "streams",
]

WIDEST = 2**16
"""Units in a layer."""

HIGHEST_SEED = 2**63

ON_NONFINITE = ("stop", "skip")


@dataclass(frozen=True)
class RunConfig:
    """Settings that every recipe has."""

    data: str = setting("digits", "digits, mnist, fashion-mnist, ring, grid, or a path of your own")
    seed: int = setting(0, "of all randomness", low=0, high=HIGHEST_SEED)
    device: str = setting("cpu", "cpu, cuda, cuda:1 or auto")
    steps: int = setting(10_000, "updates", low=1, high=10**9)
    batch: int = setting(64, "examples a step", low=1, high=2**24)
    report_every: int = setting(100, "steps", low=1, high=10**9)
    checkpoint_every: int = setting(5_000, "steps", low=1, high=10**9)
    keep: int = setting(2, "newest checkpoints, besides the best", low=1, high=10**6)
    capture: bool = setting(False, "replay whole steps as CUDA graphs, on a GPU")
    on_nonfinite: str = setting(
        "stop", "at infinite or nan gradients; skip: leave out the update", choices=ON_NONFINITE
    )


class Score(NamedTuple):
    """A number on held-out data; the greater the better. The best checkpoint by it is kept."""

    name: str
    measure: Callable[[], float]


@dataclass
class Experiment:
    """A recipe made ready to run: what `runs.train` drives, and what is done with the result.

    trainer: has `step(batch)`, `state_dict()` and `load_state_dict(state)`; also `sample(n)`, rows
        on the host, where new samples can be drawn from the model.
    loader: gives batches without end; `prepare` makes of one what `trainer.step` takes, examples
        and perhaps labels, on its device.
    draw: PNGs by name of what the model shows now, which go to RUN/NAME/step-000100.png; "samples"
        is the one that is looked at first. It leaves the trainer as it was.
    picture: samples (n, ...) as a PNG.
    streams: all randomness that the others draw from.
    score: taken at each checkpoint, if there is one.
    inputs: rows (n, n_features) of the data, on the host, as the trainer's networks take them.
    watch: says how training goes: has `remark(losses)`, `text`, `state_dict()` and
        `load_state_dict(state)`. None where there is nothing to be watched.
    """

    trainer: Any
    data: Dataset
    loader: BatchLoader
    prepare: Callable[[tuple[np.ndarray, ...]], tuple[Any, ...]]
    draw: Callable[[], Mapping[str, bytes]]
    picture: Callable[[np.ndarray], bytes]
    streams: Mapping[str, Generator]
    device: str
    score: Score | None = None
    watch: Any = None
    inputs: Callable[[np.ndarray], np.ndarray] = np.asarray

    def step(self) -> dict[str, Any]:
        """Train on the next batch; returns the trainer's named 0-d results."""
        return self.trainer.step(*self.prepare(self.loader.next_batch()))

    def pictures(self) -> Mapping[str, bytes]:
        """What `draw` gives; the streams go on as if nothing had been drawn."""
        with self._streams_restored():
            return self.draw()

    def measure(self) -> dict[str, float]:
        """The score by its name, if there is one; the streams go on as if nothing was drawn."""
        if self.score is None:
            return {}
        with self._streams_restored():
            return {self.score.name: float(self.score.measure())}

    def remark(self, losses: Mapping[str, float]) -> tuple[dict[str, float], str]:
        """What `watch` says, if there is one; the streams go on as if nothing was drawn."""
        if self.watch is None:
            return {}, ""
        with self._streams_restored():
            return self.watch.remark(losses)

    @property
    def verdict(self) -> str:
        """How training went by the latest look of `watch`; "" where nobody watched."""
        return "" if self.watch is None else self.watch.text

    def state_dict(self) -> dict[str, Any]:
        """All that a continued run needs: host arrays and plain values, nested by name."""
        return {
            "trainer": self.trainer.state_dict(),
            "loader": self.loader.state_dict(),
            "streams": {name: stream.state_dict() for name, stream in self.streams.items()},
            **({} if self.watch is None else {"watch": self.watch.state_dict()}),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where `state_dict` was taken.

        Raises:
            ValueError, LookupError, TypeError, AttributeError: the state is of something else.
                Part of it may be loaded by then: build the experiment anew.
        """
        if set(state["streams"]) != set(self.streams):
            raise ValueError(
                f"it has the streams {', '.join(state['streams'])}, not {', '.join(self.streams)}"
            )
        self.trainer.load_state_dict(state["trainer"])
        self._load_streams(state["streams"])
        self.loader.load_state_dict(state["loader"])
        if self.watch is not None and "watch" in state:  # checkpoints of 0.1 had none
            self.watch.load_state_dict(state["watch"])

    @contextmanager
    def _streams_restored(self) -> Iterator[None]:
        before = {name: stream.state_dict() for name, stream in self.streams.items()}
        try:
            yield
        finally:
            self._load_streams(before)

    def _load_streams(self, states: Mapping[str, Any]) -> None:
        for name, stream in self.streams.items():
            stream.load_state_dict(states[name])


@dataclass(frozen=True)
class Recipe:
    """A name, what it does, its settings and how to build it."""

    name: str
    summary: str
    defaults: Any
    build: Callable[[Any], Experiment]
    per_data: Mapping[str, Mapping[str, Any]]  # settings that suit one dataset better


def streams(config: RunConfig) -> dict[str, Generator]:
    """A stream of numbers for each purpose: a change in one leaves the others as they were."""
    names = ("weights", "noise", "order", "pictures", "data")
    on_host = ("order", "data")
    return {
        name: Generator(config.seed, stream=i, device="cpu" if name in on_host else config.device)
        for i, name in enumerate(names)
    }


def picture_maker(data: Dataset) -> Callable[[np.ndarray], bytes]:
    """What shows some samples (n, ...) of such data as a PNG."""
    if data.is_image and (len(data.shape) == 2 or data.shape[0] in (1, 3)):
        return lambda samples: png_bytes(image_grid(samples.reshape(-1, *data.shape)))
    if data.shape == (2,):
        return lambda samples: png_bytes(point_cloud(samples, data.test))
    return lambda samples: png_bytes(image_grid(_as_stripes(samples, data)))


def _as_stripes(samples: np.ndarray, data: Dataset) -> np.ndarray:
    """Any examples as one picture: the first 64, each a row, scaled by the range of the data."""
    low, high = data.train.min(), data.train.max()
    rows = samples[:64].reshape(1, min(64, len(samples)), -1)
    return (rows - low) / max(high - low, 1e-12)
