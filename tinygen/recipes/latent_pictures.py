"""What an autoencoder has learned: RUN/reconstructions, RUN/interpolation, ..., RUN/latents."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from statistics import NormalDist
from typing import Any

import numpy as np

from ..backend import host
from ..data import Dataset
from ..models.latent import spherical_path
from ..models.vae import Latents
from ..pictures import bars, image_grid, png_bytes
from ..random import Generator
from ..tensor import Tensor
from .recipe import picture_maker

__all__ = ["image_columns", "latent_pictures"]

SHOWN = 64
POINTS = 1000
"""Samples in a picture of points in the plane."""

PATHS, ON_A_PATH = 8, 10
GRID = 12
"""Values of each of two components of z."""

MEASURED = 1000
"""Held-out examples by which components are measured."""


def latent_pictures(
    trainer: Any, data: Dataset, rng: Generator, labelled: bool
) -> Callable[[], Mapping[str, bytes]]:
    """What draws the pictures of the trainer as it is.

    samples: of the same noise each time; of a model with classes, a column for each. And of images:
    reconstructions, held-out examples each with its own to the right; interpolation, from one
    held-out example to another in each row; latent-grid, over the two components of z that carry
    most, at quantiles of the prior and the others 0; and where the objective has a posterior,
    kl-by-component, in nats, the greatest first. latents.json, then on any data, has the numbers:
    see `_measured`.
    """
    picture = picture_maker(data)
    _, test = data.flat()
    labels = data.test_labels
    as_columns = labelled and data.is_image
    n = SHOWN if data.is_image else POINTS
    columns = data.n_classes if labelled else 8
    noise = rng.normal((max(1, n // columns) if labelled else n, trainer.latent))
    if labelled:
        noise = noise.repeat(data.n_classes, 0)

    def held(count: int) -> tuple[Any, ...]:
        parts = (test[:count], labels[:count]) if labelled else (test[:count],)
        return tuple(rng.backend.from_host(part) for part in parts)

    def images(rows: np.ndarray, columns: int) -> bytes:
        return image_columns(rows, columns, data)

    def draw() -> Mapping[str, bytes]:
        samples = trainer.sample(len(noise), noise)
        shown = {"samples": images(samples, columns) if as_columns else picture(samples)}
        if data.is_image:
            shown["reconstructions"] = _pairs(trainer, held(SHOWN // 2), images)
            if hasattr(trainer, "encode") and not labelled:
                shown["interpolation"] = _paths(trainer, held(2 * PATHS), images)
                shown["latent-grid"] = _grid(trainer, held(MEASURED), images)
        if hasattr(trainer, "latents") and trainer.objective != "autoencoder":
            found = trainer.latents(*held(MEASURED))
            shown["latents.json"] = _measured(found)
            if data.is_image:
                shown["kl-by-component"] = png_bytes(bars(np.sort(found.kl)[::-1]))
        return shown

    return draw


def _measured(found: Latents) -> bytes:
    """Lists by component of z, in their order: kl in nats; spread, the variance of the posterior
    mean; whether it is active. All over held-out examples.
    """
    numbers = {
        "kl": [float(f"{value:.6g}") for value in found.kl],
        "spread": [float(f"{value:.6g}") for value in found.spread],
        "active": found.active.tolist(),
    }
    return json.dumps(numbers, indent=1).encode()


def image_columns(rows: np.ndarray, columns: int, data: Dataset) -> bytes:
    """Images of the data's shape, given as rows (N, D), in so many columns, as a PNG."""
    grey = rows.reshape(len(rows), -1, data.shape[-1])  # colours lie one below the other
    return png_bytes(image_grid(grey, columns=columns))


def _pairs(trainer: Any, held: tuple[Any, ...], images: Callable) -> bytes:
    """Examples, each beside its reconstruction."""
    rows = host(held[0])
    both = np.stack([rows, trainer.reconstruct(*held)], axis=1)
    return images(both.reshape(2 * len(rows), -1), 8)


def _paths(trainer: Any, held: tuple[Any, ...], images: Callable) -> bytes:
    """Rows from one example to another, by way of the sphere."""
    codes = _codes(trainer, held)
    half = len(codes) // 2
    path = spherical_path(codes[:half], codes[half : 2 * half], ON_A_PATH)
    return images(_decoded(trainer, path.reshape(-1, codes.shape[1])), ON_A_PATH)


def _grid(trainer: Any, held: tuple[Any, ...], images: Callable) -> bytes:
    """The plane of the two components whose codes vary most, or of the only one."""
    codes = _codes(trainer, held)
    chosen = codes.var(0).argsort()[::-1][:2]
    values = [NormalDist().inv_cdf((i + 0.5) / GRID) for i in range(GRID)]
    z = np.zeros((GRID, GRID, codes.shape[1]), codes.dtype)
    z[..., chosen[0]] = values
    z[..., chosen[-1]] = z[..., chosen[0]] if len(chosen) == 1 else np.array(values)[:, None]
    return images(_decoded(trainer, z.reshape(GRID * GRID, -1)), GRID)


def _codes(trainer: Any, held: tuple[Any, ...]) -> np.ndarray:
    with trainer.evaluating():
        return host(trainer.encode(*held).data)


def _decoded(trainer: Any, z: np.ndarray) -> np.ndarray:
    with trainer.evaluating():
        return host(trainer.decode(Tensor(trainer.backend.from_host(z))).data)
