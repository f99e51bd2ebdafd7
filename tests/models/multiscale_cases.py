"""Small GANs of several scales: every model with every kind of features, and images for them."""

from __future__ import annotations

from typing import Any

import numpy as np

import tinygen as tg
from tinygen.backend import Backend
from tinygen.models.multiscale import FEATURES, MODELS, Scales

SIZES = (4, 8, 16)
NOISE, BATCH, PHASE = 5, 4, 2
EVERY = [(model, kind) for model in MODELS for kind in FEATURES]
COUNTS = {"lapgan": 3, "multiscale-d": 3}
"""Judges of those that have several."""


def scales(kind: str = "convolutional", **changes: Any) -> Scales:
    return Scales(sizes=SIZES, channels=(8, 6, 4), features=kind)._replace(**changes)


def make(model: str, kind: str = "convolutional", seed: int = 0, **options: Any) -> Any:
    """A trainer on the default device."""
    if model == "progressive":
        options = {"phase": PHASE, **options}
    return MODELS[model](
        scales(kind),
        noise=NOISE,
        weights=tg.Generator(seed),
        rng=tg.Generator(seed, stream=1),
        **options,
    )


def images(backend: Backend, count: int, n: int = BATCH) -> list[tuple]:
    """Batches as `step` takes them, random and smooth enough to have a pyramid worth the name."""
    rng = np.random.default_rng(9)
    size = SIZES[-1]
    made = rng.random((count, n, 1, size, size), dtype="float32")
    return [(backend.from_host(batch),) for batch in made]


def cotangent(shape: tuple[int, ...], seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype("float32")
