"""How the time of a step and its peak of memory grow with the sizes of the problem."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Sequence
from time import process_time
from typing import Any

import numpy as np

from tinygen.bench import ours
from tinygen.bench.problems import BATCHES, Gan, Rbm, Step, dense, rbm_784
from tinygen.bench.timing import quiet_collector, threads
from tinygen.models.rbm import RBM, ContrastiveDivergence, RBMTrainer
from tinygen.random import Generator

from .peers import vae_tinygen
from .vae import Vae, iwae_50


def gan(batch: int = 128, width: int = 128, depth: int = 2) -> Step:
    """The dense GAN with so many hidden layers of this width."""
    rng = np.random.default_rng(0)
    hidden = [width] * depth
    batches = [rng.random((batch, 784), dtype="float32") for _ in range(BATCHES)]
    layers = dense([784, *hidden, 784], rng), dense([784, *hidden, 1], rng)
    return ours.gan(Gan(*layers, batches))


def contrastive_divergence(k: int) -> Step:
    """CD-k on 784 x 500."""
    problem: Rbm = rbm_784()
    hidden, visible = problem.weight.shape
    model = RBM(visible, hidden, rng=Generator(0))
    trainer = RBMTrainer(model, rng=Generator(1), negative=ContrastiveDivergence(k), lr=problem.lr)
    return lambda i: list(trainer.step(problem.batches[i % len(problem.batches)]))


def importance_weighted(k: int) -> Step:
    """The IWAE with k samples."""
    like = iwae_50()
    return vae_tinygen.vae(Vae(like.encoder, like.decoder, like.batches, samples=k, tanh=True))


CURVES: dict[str, tuple[Sequence[int], Callable[[int], Step]]] = {
    "GAN: batch": ((32, 64, 128, 256, 512, 1024), lambda n: gan(batch=n)),
    "GAN: width of the hidden layers": ((64, 128, 256, 512, 1024, 2048), lambda n: gan(width=n)),
    "GAN: hidden layers of 256": ((1, 2, 4, 8, 16), lambda n: gan(width=256, depth=n)),
    "RBM: Gibbs steps k": ((1, 2, 4, 8, 16, 32), contrastive_divergence),
    "IWAE: samples k": ((2, 5, 10, 20, 50, 100), importance_weighted),
}


def measure(rounds: int, note: Callable[[str], None]) -> list[dict[str, Any]]:
    """Of each curve: sizes, milliseconds, MB, and the exponents of both."""
    found = []
    for what, (sizes, make) in CURVES.items():
        note(f"scaling, {what}")
        with threads(1), quiet_collector():
            ms = _milliseconds([make(size) for size in sizes], rounds)
            mb = [_megabytes(make, size) for size in sizes]
        found.append({
            "what": what, "sizes": list(sizes), "ms": ms, "mb": mb,
            "ms_exponent": exponent(sizes, ms), "mb_exponent": exponent(sizes, mb),
        })  # fmt: skip
    return found


def exponent(sizes: Sequence[int], values: Sequence[float]) -> float:
    """p where values grow like sizes^p, by the upper half of the sizes."""
    half = len(sizes) // 2
    x, y = np.log(sizes[half:]), np.log(values[half:])
    return float(np.polyfit(x, y, 1)[0])


def _milliseconds(steps: Sequence[Step], rounds: int) -> list[float]:
    """Medians of processor time, turn by turn."""
    seconds: list[list[float]] = [[] for _ in steps]
    for i in range(rounds + 1):
        for step, found in zip(steps, seconds, strict=True):
            step(2 * i)
            start = process_time()
            step(2 * i + 1)
            found.append(process_time() - start)
    return [1e3 * float(np.median(found[1:])) for found in seconds]


def _megabytes(make: Callable[[int], Step], size: int) -> float:
    """The peak of a step, with the weights and the batches."""
    gc.collect()
    tracemalloc.start()
    try:
        step = make(size)
        step(0)
        tracemalloc.reset_peak()
        step(1)
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()
