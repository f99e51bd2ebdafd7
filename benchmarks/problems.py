"""Training problems that only `python -m benchmarks` has; the others are in `tinygen.bench`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinygen.bench.problems import BATCHES, Array, Gan, State, dense


def gan_wide(batch: int = 128) -> Gan:
    """G 100-4096-4096-784 and D 784-4096-4096-1: matrix products and Adam on 40 million weights."""
    rng = np.random.default_rng(7)
    return Gan(
        dense([100, 4096, 4096, 784], rng),
        dense([784, 4096, 4096, 1], rng),
        [rng.random((batch, 784), dtype="float32") for _ in range(BATCHES)],
    )


def og_gan(batch: int = 128) -> Gan:
    """G 100-128-128-100-784 and D 784-128-128-1, for steps orthogonal to the weights."""
    rng = np.random.default_rng(10)
    return Gan(
        dense([100, 128, 128, 100, 784], rng),
        dense([784, 128, 128, 1], rng),
        [rng.random((batch, 784), dtype="float32") for _ in range(BATCHES)],
    )


@dataclass(frozen=True)
class Sequences:
    """One Adam update of a layer on sequences, by the mean square of output less target.

    state: of the layer, by PyTorch's names. batches: (sequences (N, L, features), targets).
    """

    state: State
    batches: list[tuple[Array, Array]]
    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)


HEADS = 4


def attention(batch: int = 16, length: int = 64, width: int = 128) -> Sequences:
    """Multi-head self-attention, 4 heads, with a target for every place of the sequence."""
    rng = np.random.default_rng(8)
    names = {
        "in_proj_weight": (3 * width, width), "in_proj_bias": (3 * width,),
        "out_proj.weight": (width, width), "out_proj.bias": (width,),
    }  # fmt: skip
    shape = (batch, length, width)
    batches = [_pair(shape, shape, rng) for _ in range(BATCHES)]
    return Sequences(_uniform(names, width, rng), batches)


def gru(batch: int = 64, length: int = 28, inputs: int = 28, width: int = 128) -> Sequences:
    """Rows of images as a sequence, with a target for the last state."""
    rng = np.random.default_rng(9)
    names = {
        "weight_ih_l0": (3 * width, inputs), "weight_hh_l0": (3 * width, width),
        "bias_ih_l0": (3 * width,), "bias_hh_l0": (3 * width,),
    }  # fmt: skip
    shapes = (batch, length, inputs), (1, batch, width)
    return Sequences(_uniform(names, width, rng), [_pair(*shapes, rng) for _ in range(BATCHES)])


def _uniform(shapes: dict[str, tuple[int, ...]], width: int, rng: np.random.Generator) -> State:
    bound = width**-0.5
    return {
        name: rng.uniform(-bound, bound, shape).astype("float32") for name, shape in shapes.items()
    }


def _pair(
    shape: tuple[int, ...], target: tuple[int, ...], rng: np.random.Generator
) -> tuple[Array, Array]:
    return (
        rng.standard_normal(shape, dtype="float32"),
        rng.standard_normal(target, dtype="float32"),
    )
