"""What a step cannot do without: its matrix products and random numbers, and nothing else.

A workload's `Need` lists them; `alone` makes a step of them, which competes as "the floor". The
products are those of the best known algorithm, not of a library: D sees real and generated examples
in one batch, and no gradient is computed that no update reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygen.bench.problems import Classifier, Critic, Dcgan, Gan, Layers, Rbm, Step
from tinygen.random import Generator

from .problems import HEADS, Sequences
from .vae import Vae

Product = tuple[int, int, int, int]
"""So many products of (m, k) by (k, n): (count in one call, m, k, n)."""


@dataclass
class Need:
    """Of one step. normals, uniforms: how many of each."""

    products: list[Product] = field(default_factory=list)
    normals: int = 0
    uniforms: int = 0

    @property
    def gigaflop(self) -> float:
        """Of the products: two operations for each multiplication."""
        return sum(2e-9 * c * m * k * n for c, m, k, n in self.products)


def alone(need: Need) -> Step:
    """These products, into arrays that are there, and these numbers."""
    rng = np.random.default_rng(0)
    prepared = []
    arrays: dict[tuple[int, ...], np.ndarray] = {}

    def array(*shape: int) -> np.ndarray:
        if shape not in arrays:
            arrays[shape] = rng.standard_normal(shape, dtype="float32")
        return arrays[shape]

    for count, m, k, n in need.products:
        batch = (count,) if count > 1 else ()
        out = np.empty((*batch, m, n), "float32")
        prepared.append((array(*batch, m, k), array(*batch, k, n), out))
    draws = Generator(0)

    def step(i: int) -> list[Any]:
        for a, b, out in prepared:
            np.matmul(a, b, out=out)
        if need.normals:
            draws.normal((need.normals,))
        if need.uniforms:
            draws.uniform((need.uniforms,))
        return []

    return step


def dense(
    layers: Layers, n: int, *, train: bool = True, to_input: bool = False
) -> Iterator[Product]:
    """Forward, and back to the weights (`train`) and to the input."""
    for place, (weight, _) in enumerate(layers):
        outputs, inputs = weight.shape
        yield 1, n, inputs, outputs
        if train:
            yield 1, outputs, n, inputs
        if place or to_input:
            yield 1, n, outputs, inputs


def forward(layers: Layers, n: int) -> Iterator[Product]:
    """Nothing but the outputs."""
    for weight, _ in layers:
        yield 1, n, weight.shape[1], weight.shape[0]


def gan(problem: Gan) -> Need:
    """D's step on 2n examples, G's through D."""
    n, g, d = len(problem.batches[0]), problem.generator, problem.discriminator
    products = [*forward(g, n), *dense(d, 2 * n), *dense(d, n, train=False, to_input=True)]
    return Need([*products, *dense(g, n)], normals=2 * n * problem.noise_shape[0])


def dcgan(problem: Dcgan) -> Need:
    """Each convolution as one product: places x (inputs x kernel) x outputs."""
    n = len(problem.batches[0])
    low, middle, high = problem.channels
    sides = (1, 4, 8, 16)  # of the smaller map of each layer, from the noise to the image
    filters = [(problem.noise_shape[0], high), (high, middle), (middle, low), (low, 1)]

    def layer(k: int, count: int, passes: int) -> list[Product]:
        few, many = filters[k]
        return [(1, count * sides[k] ** 2, few, many * 16)] * passes

    of_d = [(high, 1), (middle, high), (low, middle), (1, low)]

    def judge(k: int, count: int, passes: int) -> list[Product]:
        inputs, outputs = of_d[k]
        return [(1, count * sides[k] ** 2, inputs * 16, outputs)] * passes

    products: list[Product] = []
    for k in range(4):
        reads_image = k == 3
        products += layer(k, n, 1)  # what D is shown
        products += judge(k, 2 * n, 2 if reads_image else 3)  # D: back to weights and inputs
        products += layer(k, n, 2 if k == 0 else 3)  # G: the noise needs no gradient
        products += judge(k, n, 2)  # D on the way: back to inputs alone
    return Need(products, normals=2 * n * problem.noise_shape[0])


def critic(problem: Critic) -> Need:
    """Three batches forward; the slope and back through it; weights of all."""
    n, layers = len(problem.batches[0][0]), problem.layers
    products = list(dense(layers, 2 * n))
    for weight, _ in layers:
        outputs, inputs = weight.shape
        products += [(1, n, inputs, outputs), (1, n, outputs, inputs)]  # C, and its slope
        products += [(1, n, inputs, outputs), (1, outputs, n, inputs)]  # back through the slope
    return Need(products)


def classifier(problem: Classifier) -> Need:
    """Forward and back."""
    return Need(list(dense(problem.layers, len(problem.batches[0][0]))))


def vae(problem: Vae) -> Need:
    """The decoder on k samples of each example."""
    n, k = len(problem.batches[0]), problem.samples
    products = [*dense(problem.encoder, n), *dense(problem.decoder, n * k, to_input=True)]
    return Need(products, normals=n * k * problem.latent)


def rbm(problem: Rbm) -> Need:
    """Up, down, up; the statistics of both phases in one."""
    n, (hidden, visible) = len(problem.batches[0]), problem.weight.shape
    up, down = (1, n, visible, hidden), (1, n, hidden, visible)
    both = (1, hidden, 2 * n, visible)
    return Need([up, down, up, both], uniforms=n * (hidden + visible))


def attention(problem: Sequences) -> Need:
    """Four projections; scores and sums of every head."""
    n, length, width = problem.batches[0][0].shape
    rows, head = n * length, width // HEADS
    project: list[Product] = [(1, rows, width, 3 * width), (1, 3 * width, rows, width)]
    out: list[Product] = [(1, rows, width, width)] * 2 + [(1, width, rows, width)]
    inside: list[Product] = [(n * HEADS, length, head, length)] * 3
    inside += [(n * HEADS, length, length, head)] * 3
    return Need([*project, *out, *inside])


def gru(problem: Sequences) -> Need:
    """The inputs of all steps at once, the states step by step."""
    n, length, inputs = problem.batches[0][0].shape
    gates, width = problem.state["weight_hh_l0"].shape
    rows = n * length
    products: list[Product] = [(1, rows, inputs, gates), (1, gates, rows, inputs)]
    products += [(1, n, width, gates), (1, n, gates, width)] * length
    return Need([*products, (1, gates, rows, width)])
