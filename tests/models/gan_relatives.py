"""Small GANs of every kind that is told a class, reads something off examples, or encodes them."""

from __future__ import annotations

from typing import Any

import numpy as np

import tinygen as tg
from tinygen import nn
from tinygen.backend import Backend
from tinygen.models.gan import (
    ACGANTrainer,
    AuxiliaryDiscriminator,
    BiGANTrainer,
    Codes,
    Conditional,
    GANTrainer,
    InfoGANTrainer,
    ProjectionDiscriminator,
)

FEATURES, HIDDEN, NOISE, CLASSES, BATCH = 6, 7, 4, 3, 8
CODES = Codes(categorical=(3, 2), continuous=2, std=0.5)


def smooth(sizes: tuple[int, int, int], rng: tg.Generator, dtype: Any) -> nn.Sequential:
    """With tanh between: finite differences do not cross kinks."""
    inputs, hidden, outputs = sizes
    return nn.Sequential(
        nn.Linear(inputs, hidden, rng=rng, dtype=dtype),
        nn.Tanh(),
        nn.Linear(hidden, outputs, rng=rng, dtype=dtype),
    )


def cgan(rng: tg.Generator, dtype: Any, **options: Any) -> GANTrainer:
    discriminator = Conditional(smooth((FEATURES + CLASSES, HIDDEN, 1), rng, dtype), CLASSES)
    return _told(GANTrainer, discriminator, rng, dtype, options)


def projection(rng: tg.Generator, dtype: Any, **options: Any) -> GANTrainer:
    discriminator = ProjectionDiscriminator(
        _trunk(rng, dtype), nn.Linear(HIDDEN, 1, rng=rng, dtype=dtype),
        classes=CLASSES, width=HIDDEN, rng=rng, dtype=dtype,
    )  # fmt: skip
    return _told(GANTrainer, discriminator, rng, dtype, options)


def acgan(rng: tg.Generator, dtype: Any, **options: Any) -> GANTrainer:
    return _told(ACGANTrainer, two_headed(CLASSES, rng, dtype), rng, dtype, options)


def infogan(rng: tg.Generator, dtype: Any, **options: Any) -> InfoGANTrainer:
    generator = smooth((NOISE + CODES.width, HIDDEN, FEATURES), rng, dtype)
    discriminator = two_headed(CODES.width, rng, dtype)
    return InfoGANTrainer(
        generator, discriminator, codes=CODES, rng=rng, noise_shape=NOISE, **options
    )


def bigan(rng: tg.Generator, dtype: Any, **options: Any) -> BiGANTrainer:
    sizes = ((NOISE, HIDDEN, FEATURES), (FEATURES, HIDDEN, NOISE), (FEATURES + NOISE, HIDDEN, 1))
    return BiGANTrainer(*(smooth(s, rng, dtype) for s in sizes), latent=NOISE, rng=rng, **options)


def two_headed(second: int, rng: tg.Generator, dtype: Any) -> AuxiliaryDiscriminator:
    heads = (nn.Linear(HIDDEN, outputs, rng=rng, dtype=dtype) for outputs in (1, second))
    return AuxiliaryDiscriminator(_trunk(rng, dtype), *heads)


KINDS = {f.__name__: f for f in (cgan, projection, acgan, infogan, bigan)}


def make(kind: str, dtype: Any = "float32", seed: int = 0, **options: Any) -> Any:
    """A trainer on the default device; its stream draws weights, then noise."""
    return KINDS[kind](tg.Generator(seed), dtype, **options)


def batches(kind: str, backend: Backend, count: int, dtype: Any = "float32") -> list[tuple]:
    """What `step` takes: examples, and labels where the kind is told them."""
    rng = np.random.default_rng(9)
    told = kind in ("cgan", "projection", "acgan")
    made = []
    for _ in range(count):
        arrays = [rng.normal(size=(BATCH, FEATURES)).astype(dtype)]
        arrays += [rng.integers(0, CLASSES, BATCH)] * told
        made.append(tuple(map(backend.from_host, arrays)))
    return made


def _told(
    kind: Any, discriminator: nn.Module, rng: tg.Generator, dtype: Any, options: dict[str, Any]
) -> GANTrainer:
    generator = Conditional(smooth((NOISE + CLASSES, HIDDEN, FEATURES), rng, dtype), CLASSES)
    return kind(generator, discriminator, rng=rng, noise_shape=NOISE, classes=CLASSES, **options)


def _trunk(rng: tg.Generator, dtype: Any) -> nn.Sequential:
    return nn.Sequential(nn.Linear(FEATURES, HIDDEN, rng=rng, dtype=dtype), nn.Tanh())
