"""What is timed, and at which sizes: operations on float32 arrays, and whole training steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import problems

__all__ = ["WORKLOADS", "Workload"]

ELEMENTS = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)


@dataclass(frozen=True)
class Workload:
    """A problem of a size; each library's module says how it solves it.

    Args:
        size_is: what the size counts.
        largest: the largest size that may be asked for: its arrays take some GiB.
        problem: what the makers take, of a size.
        draws: it draws noise, which is given while results are compared.
        compared: whether every library must compute the same.
        tolerance: how far apart two libraries' results may be, relative to the largest of them.
    """

    name: str
    summary: str
    size_is: str
    sizes: tuple[int, ...]
    largest: int
    problem: Callable[[int], Any]
    draws: bool = False
    compared: bool = True
    tolerance: float = 1e-4

    @property
    def quick_sizes(self) -> tuple[int, ...]:
        """The two before the largest, but the smallest."""
        return self.sizes[1:-1][-2:]


def arrays(*shapes: Callable[[int], tuple[int, ...]]) -> Callable[[int], list[np.ndarray]]:
    """Arrays of standard normal numbers, of shapes that depend on the size."""

    def make(n: int) -> list[np.ndarray]:
        rng = np.random.default_rng(0)
        return [rng.standard_normal(shape(n), dtype="float32") for shape in shapes]

    return make


def logits(rows: int) -> list[np.ndarray]:
    """(rows, 10), and labels."""
    rng = np.random.default_rng(0)
    return [rng.standard_normal((rows, 10), dtype="float32"), rng.integers(0, 10, rows)]


def positive(n: int) -> list[np.ndarray]:
    """Numbers whose sum does not cancel, so that its relative error is small."""
    return [np.random.default_rng(0).random(n, dtype="float32")]


def _images(n: int) -> tuple[int, ...]:
    return n, 64, 16, 16


def _filters(n: int) -> tuple[int, ...]:
    return 128, 64, 4, 4


def _convolved(n: int) -> tuple[int, ...]:
    return n, 128, 8, 8


def _row(n: int) -> tuple[int, ...]:
    return (n,)


def _square(n: int) -> tuple[int, ...]:
    return n, n


WORKLOADS = {
    w.name: w
    for w in (
        Workload("add", "a + b", "elements", ELEMENTS, 2**28, arrays(_row, _row)),
        Workload("exp", "exp(a)", "elements", ELEMENTS, 2**28, arrays(_row)),
        Workload("sum", "the sum of all elements", "elements", ELEMENTS, 2**28, positive),
        Workload("matmul", "the product of two square matrices", "rows",
                 (16, 64, 256, 1024), 2**14, arrays(_square, _square)),
        Workload("conv2d", "64 to 128 channels at 16x16, 4x4 kernel, stride 2", "images",
                 (1, 8, 64), 2**13, arrays(_images, _filters)),
        Workload("conv2d-gradients", "the same, with its gradients in images and filters",
                 "images", (1, 8, 64), 2**13, arrays(_images, _filters, _convolved)),
        Workload("cross-entropy", "softmax cross-entropy of 10 classes, and its gradient", "rows",
                 (32, 1_024, 32_768, 262_144), 2**24, logits),
        Workload("adam", "an update of one array (PyTorch: fused)", "elements",
                 ELEMENTS, 2**28, arrays(_row, _row)),
        Workload("normal", "standard normal numbers", "elements", ELEMENTS, 2**28, arrays(_row),
                 compared=False),
        Workload("classifier", "a training step: 64-32-10, cross-entropy, Adam", "examples",
                 (32, 512, 8_192), 2**20, problems.classifier),
        Workload("gan-784", "a step of each player: G 784-128-128-784, D 784-128-128-1, Adam",
                 "examples", (16, 128, 1_024), 2**16, problems.gan_784, draws=True),
        Workload("rbm-cd1", "a CD-1 update of an RBM 784-500, plain gradient descent",
                 "examples", (10, 100, 1_000), 2**16, problems.rbm_784, draws=True, tolerance=2e-3),
        Workload("wgan-gp", "a critic's step: 2-128-128-1, gradient penalty, Adam", "examples",
                 (64, 512, 4_096), 2**20, problems.wgan_gp_2d),
        Workload("dcgan-32", "a step of each player: convolutions on 32x32, batch norm, Adam",
                 "examples", (4, 16, 64), 2**12, problems.dcgan_32, draws=True, tolerance=1e-3),
    )
}  # fmt: skip
