"""What is timed, and what is expected of tinygen on it.

A workload names a problem in NumPy arrays; `benchmarks/peers/` holds one file for each library
that solves it. To add a workload, declare it here and give the adapters a maker for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tinygen.bench.problems import classifier, dcgan_32, gan_784, rbm_784, wgan_gp_2d

from .problems import attention, gan_wide, gru, og_gan
from .vae import iwae_50, vae_784


@dataclass(frozen=True)
class Workload:
    """A problem and what is expected of tinygen on it.

    Args:
        mark: the ratio to PyTorch eager that tinygen should stay below; None where there is none.
        floor_mark: the same of the time over that of its products and random numbers alone.
        draws: whether a step draws noise, which the check replaces by given noise.
        tolerance: how far apart two competitors' losses may be in the check.
    """

    name: str
    summary: str
    problem: Callable[[], Any]
    rounds: int
    mark: float | None
    draws: bool = False
    tolerance: float = 1e-4
    floor_mark: float | None = None


WORKLOADS = {
    w.name: w
    for w in (
        Workload("gan-784", "G 784-128-128-784, D 784-128-128-1, batch 128, Adam: a step of each",
                 gan_784, rounds=100, mark=0.95, draws=True, floor_mark=1.3),
        Workload("gan-wide", "G 100-4096-4096-784, D 784-4096-4096-1, batch 128, Adam: a step of "
                 "each", gan_wide, rounds=5, mark=0.8, draws=True, floor_mark=1.3),
        Workload("og-gan", "G 100-128-128-100-784, D 784-128-128-1, batch 128, Adam after the "
                 "projection orthogonal to each weight: a step of each",
                 og_gan, rounds=100, mark=None, draws=True, tolerance=1e-6),
        Workload("classifier", "64-32-10, batch 32, softmax cross-entropy, Adam",
                 classifier, rounds=400, mark=0.30),
        Workload("dcgan-32", "G 100-256-128-64-1, D 1-64-128-256-1, 4x4 kernels, batch norm, "
                 "batch 64 of 32x32, Adam: a step of each",
                 dcgan_32, rounds=20, mark=1.3, draws=True, tolerance=1e-3),
        Workload("wgan-gp-2d", "a critic 2-128-128-1, batch 256, gradient penalty, Adam",
                 wgan_gp_2d, rounds=200, mark=0.6),
        Workload("vae-784", "784-256-(256, 256), 256-256-784, batch 256, ELBO, Adam",
                 vae_784, rounds=60, mark=1.05, draws=True, tolerance=1e-2, floor_mark=1.3),
        Workload("iwae-50", "784-200-200-(50, 50), 50-200-200-784, tanh, 50 samples, batch 20, "
                 "Adam", iwae_50, rounds=30, mark=1.05, draws=True, tolerance=1e-2),
        Workload("rbm-784", "784 visible and 500 hidden units, CD-1, batch 100, plain descent",
                 rbm_784, rounds=60, mark=0.95, draws=True, tolerance=1e-6, floor_mark=1.3),
        Workload("attention", "self-attention of 4 heads on 16 sequences of 64 places of 128, "
                 "Adam", attention, rounds=60, mark=None),
        Workload("gru", "a GRU of 128 units on 64 sequences of 28 rows of 28, Adam",
                 gru, rounds=30, mark=None),
    )
}  # fmt: skip
