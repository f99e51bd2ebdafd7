"""Training problems: networks, initial weights and batches in NumPy arrays, the same for all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

Array = np.ndarray
Layers = list[tuple[Array, Array]]
"""Weight (out, in) and bias (out,) of dense layers, with rectifiers between them."""

State = dict[str, Array]
"""Arrays by the names that PyTorch and tinygen have for them in a state_dict."""

Draw = Callable[[tuple[int, ...]], Array]
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
    def noise_shape(self) -> tuple[int, ...]:
        """Of one draw that the generator takes."""
        return self.generator[0][0].shape[1:]


@dataclass(frozen=True)
class Dcgan:
    """The networks of `tinygen.models.dcgan`, batch norm in both; otherwise as `Gan`.

    D sees real and generated examples apart, since they must not share a batch's statistics.
    """

    generator: State
    discriminator: State
    batches: list[Array]
    channels: tuple[int, int, int] = (64, 128, 256)
    noise_shape: tuple[int, ...] = (100, 1, 1)
    lr: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)


@dataclass(frozen=True)
class Critic:
    """WGAN-GP (Gulrajani et al. 2017, Algorithm 1, lines 6 to 9): one Adam update of the critic.

    loss = mean(C(generated)) - mean(C(real)) + penalty * mean((|grad C(x)| - 1)^2) with x between
    a real and a generated example. These, and where between them x is, are given: (real, generated,
    share), so that nothing but the step is timed.
    """

    layers: Layers
    batches: list[tuple[Array, Array, Array]]
    slope: float = 0.2
    penalty: float = 10.0
    lr: float = 1e-4
    betas: tuple[float, float] = (0.0, 0.9)


@dataclass(frozen=True)
class Rbm:
    """weight: (hidden, visible); biases; batches of binary rows."""

    weight: Array
    visible_bias: Array
    hidden_bias: Array
    batches: list[Array]
    lr: float = 0.01


@dataclass(frozen=True)
class Classifier:
    """A dense network, softmax cross-entropy, one Adam update."""

    layers: Layers
    batches: list[tuple[Array, Array]]
    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)


def dense(sizes: Sequence[int], rng: np.random.Generator) -> Layers:
    """Initial weights as PyTorch and tinygen draw them: U(-1/sqrt(in), 1/sqrt(in))."""
    layers = []
    for inputs, outputs in pairwise(sizes):
        bound = 1.0 / np.sqrt(inputs)
        weight = rng.uniform(-bound, bound, (outputs, inputs)).astype("float32")
        layers.append((weight, rng.uniform(-bound, bound, outputs).astype("float32")))
    return layers


def gan_784(batch: int = 128) -> Gan:
    """G 784-128-128-784 and D 784-128-128-1: the dense GAN on 28x28 pictures."""
    rng = np.random.default_rng(0)
    return Gan(
        dense([784, 128, 128, 784], rng),
        dense([784, 128, 128, 1], rng),
        [rng.random((batch, 784), dtype="float32") for _ in range(BATCHES)],
    )


def rbm_784(batch: int = 100, hidden: int = 500) -> Rbm:
    """784 visible units, a fifth of them on."""
    rng = np.random.default_rng(0)
    return Rbm(
        rng.normal(0.0, 0.1, (hidden, 784)).astype("float32"),
        rng.normal(0.0, 0.1, 784).astype("float32"),
        rng.normal(0.0, 0.1, hidden).astype("float32"),
        [(rng.random((batch, 784)) < 0.2).astype("float32") for _ in range(8)],
    )


def classifier(batch: int = 32) -> Classifier:
    """64-32-10: digits of 8x8 pixels, a step in which overhead rules."""
    rng = np.random.default_rng(1)
    return Classifier(
        dense([64, 32, 10], rng),
        [
            (rng.random((batch, 64), dtype="float32"), rng.integers(0, 10, batch))
            for _ in range(BATCHES)
        ],
    )


def dcgan_32(batch: int = 64) -> Dcgan:
    """G 100-256-128-64-1 and D 1-64-128-256-1, 4x4 kernels: images of 32 x 32."""
    rng = np.random.default_rng(3)

    def state(filters: dict[int, tuple[int, int]], norms: dict[int, int]) -> State:
        """N(0, 0.02^2), batch norm's weights around 1, as the DCGAN article has it."""
        found: State = {}
        for i, shape in filters.items():
            found[f"{i}.weight"] = rng.normal(0.0, 0.02, (*shape, 4, 4)).astype("float32")
        for i, features in norms.items():
            found[f"{i}.weight"] = rng.normal(1.0, 0.02, features).astype("float32")
            found[f"{i}.bias"] = np.zeros(features, "float32")
            found[f"{i}.running_mean"] = np.zeros(features, "float32")
            found[f"{i}.running_var"] = np.ones(features, "float32")
            found[f"{i}.num_batches_tracked"] = np.array(0)
        return found

    return Dcgan(
        state({0: (100, 256), 3: (256, 128), 6: (128, 64), 9: (64, 1)}, {1: 256, 4: 128, 7: 64}),
        state({0: (64, 1), 2: (128, 64), 5: (256, 128), 8: (1, 256)}, {3: 128, 6: 256}),
        [rng.random((batch, 1, 32, 32), dtype="float32") for _ in range(BATCHES)],
    )


def wgan_gp_2d(batch: int = 256) -> Critic:
    """2-128-128-1: points of the plane, a step that differentiates a gradient."""
    rng = np.random.default_rng(4)
    layers = dense([2, 128, 128, 1], rng)
    shapes = (batch, 2), (batch, 2), (batch, 1)
    return Critic(
        layers,
        [
            (rng.standard_normal(real, "float32") + 2.0, rng.standard_normal(generated, "float32"),
             rng.random(share, "float32"))
            for real, generated, share in [shapes] * BATCHES
        ],
    )  # fmt: skip


def given_noise() -> Draw:
    """The same draws for whoever asks."""
    rng = np.random.default_rng(2)

    def draw(shape: tuple[int, ...]) -> Array:
        return rng.standard_normal(shape, dtype="float32")

    return draw
