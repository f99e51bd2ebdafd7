"""What every recipe is made of: its settings, its streams of numbers, and what it builds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..config import setting
from ..data import Dataset
from ..pictures import image_grid, png_bytes, point_cloud
from ..random import Generator

__all__ = ["WIDEST", "Experiment", "Recipe", "RunConfig", "picture_maker", "streams"]

WIDEST = 2**16
"""Units in a layer."""


@dataclass(frozen=True)
class RunConfig:
    """Settings that every recipe has."""

    data: str = setting("digits", "digits, mnist, fashion-mnist, ring, grid, or an .npz file")
    seed: int = setting(0, "of all randomness", low=0, high=2**63)
    device: str = setting("cpu", "cpu, cuda, cuda:1 or auto")
    steps: int = setting(10_000, "updates", low=1, high=10**9)
    batch: int = setting(64, low=1, high=2**24)
    report_every: int = setting(100, "steps", low=1, high=10**9)
    checkpoint_every: int = setting(5_000, "steps", low=1, high=10**9)


@dataclass
class Experiment:
    """A recipe made ready to run: what `runs.train` drives, and what is done with the result."""

    trainer: Any
    data: Dataset
    next_batch: Callable[[], Any]
    picture: Callable[[np.ndarray], bytes]
    fixed_noise: Any
    device: str

    def draw(self) -> bytes:
        """A PNG of what the fixed noise gives now."""
        return self.picture(self.trainer.sample(len(self.fixed_noise), self.fixed_noise))


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
