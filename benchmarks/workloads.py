"""What is timed: networks, initial weights and batches, the same for every competitor.

A workload declares a problem in NumPy arrays; `benchmarks/peers/` holds one file for each library
that solves it. To add a workload, declare it here and give the adapters a maker for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

Array = np.ndarray
Layers = list[tuple[Array, Array]]
"""Weight (out, in) and bias (out,) of dense layers, with rectifiers between them."""

Draw = Callable[[tuple[int, int]], Array]
"""Noise of a given shape."""

Step = Callable[[int], Sequence[Any]]
"""One training step on batch i; returns its losses, not yet read."""

Maker = Callable[..., Step]
"""`(problem, draw) -> step`; with `draw` None the competitor draws noise in its own way."""

BATCHES = 8
"""How many batches the steps take in turn."""


@dataclass(frozen=True)
class Gan:
    """Two dense networks against each other: one Adam update of D, then one of G.

    loss_d = bce(D(x), 1) + bce(D(G(z)), 0) and loss_g = bce(D(G(z')), 1), z and z' drawn afresh.
    """

    generator: Layers
    discriminator: Layers
    batches: list[Array]
    lr: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)

    @property
    def noise_shape(self) -> int:
        """What the generator takes."""
        return self.generator[0][0].shape[1]


@dataclass(frozen=True)
class Classifier:
    """A dense network, softmax cross-entropy, one Adam update."""

    layers: Layers
    batches: list[tuple[Array, Array]]
    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)


@dataclass(frozen=True)
class Workload:
    """A problem and what is expected of tinygen on it.

    Args:
        mark: the ratio to PyTorch eager that tinygen should stay below.
        draws: whether a step draws noise, which the check replaces by given noise.
    """

    name: str
    summary: str
    problem: Callable[[], Any]
    rounds: int
    mark: float
    draws: bool = field(default=False)


def dense(sizes: Sequence[int], rng: np.random.Generator) -> Layers:
    """Initial weights as PyTorch and tinygen draw them: U(-1/sqrt(in), 1/sqrt(in))."""
    layers = []
    for inputs, outputs in pairwise(sizes):
        bound = 1.0 / np.sqrt(inputs)
        weight = rng.uniform(-bound, bound, (outputs, inputs)).astype("float32")
        layers.append((weight, rng.uniform(-bound, bound, outputs).astype("float32")))
    return layers


def gan_784() -> Gan:
    """G 784-128-128-784 and D 784-128-128-1, batch 128: the dense GAN on 28x28 pictures."""
    rng = np.random.default_rng(0)
    return Gan(
        dense([784, 128, 128, 784], rng),
        dense([784, 128, 128, 1], rng),
        [rng.random((128, 784), dtype="float32") for _ in range(BATCHES)],
    )


def classifier() -> Classifier:
    """64-32-10, batch 32: digits of 8x8 pixels, a step in which overhead rules."""
    rng = np.random.default_rng(1)
    return Classifier(
        dense([64, 32, 10], rng),
        [(rng.random((32, 64), dtype="float32"), rng.integers(0, 10, 32)) for _ in range(BATCHES)],
    )


WORKLOADS = {
    w.name: w
    for w in (
        Workload("gan-784", "G 784-128-128-784, D 784-128-128-1, batch 128, Adam: a step of each",
                 gan_784, rounds=100, mark=0.95, draws=True),
        Workload("classifier", "64-32-10, batch 32, softmax cross-entropy, Adam",
                 classifier, rounds=400, mark=0.30),
    )
}  # fmt: skip
