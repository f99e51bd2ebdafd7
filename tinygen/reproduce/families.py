"""A model of each family, trained on rows for so many steps: for rows that compare them.

Each function returns the trainer after its last step: `gan_of(rows, hidden=256, latent=32,
steps=5_000, seed=0)`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import nn
from ..data import BatchLoader
from ..models.gan import R1, BiGANTrainer, GANTrainer, mlp
from ..models.rbm import (
    RBM,
    Bernoulli,
    DBNTrainer,
    DeepBeliefNetwork,
    Gaussian,
    PersistentChains,
    RBMTrainer,
)
from ..models.vae import BernoulliOutput, GaussianOutput, VAETrainer, dense_vae, start_at_mean
from ..optim.schedules import linear
from ..random import Generator

__all__ = ["bigan_of", "dbn_of", "gan_of", "rbm_of", "run_steps", "vae_of"]

BATCH = 100
SLOPE = 0.2


def run_steps(trainer: Any, rows: np.ndarray, steps: int, seed: int, batch: int = BATCH) -> Any:
    """The trainer after so many steps on batches of the rows (N, D)."""
    rows = rows.astype("float32")
    loader = BatchLoader((rows,), min(batch, len(rows)), Generator(seed, stream=2, device="cpu"))
    for _ in range(steps):
        trainer.step(trainer.rng.backend.move(loader.next_batch()[0]))
    return trainer


def rbm_of(
    rows: np.ndarray, *, hidden: int, steps: int, seed: int, binary: bool = True
) -> RBMTrainer:
    """By persistent chains on zeros and ones; of other rows by CD-1, with Gaussian units."""
    rng = Generator(seed, device="cpu")
    visible = Bernoulli(rows.shape[1]) if binary else Gaussian(rows.shape[1])
    rbm = RBM(visible, Bernoulli(hidden), rng=rng).start_at(rows.astype("float32"))
    rate = 0.05 if binary else 0.005
    trainer = RBMTrainer(
        rbm,
        rng=rng,
        negative=PersistentChains(100) if binary else None,
        centred=True,
        lr=linear(rate, 0.1 * rate, steps),
    )
    return run_steps(trainer, rows, steps, seed)


def dbn_of(
    rows: np.ndarray, sizes: list[int], *, steps: int, rng: Generator, seed: int, batch: int = BATCH
) -> DBNTrainer:
    """A stack of RBMs of zeros and ones, by CD-1: each layer for its share of the steps."""
    rows = (rows > 0.5).astype("float32")
    dbn = DeepBeliefNetwork(sizes, rng=rng)
    dbn.rbms[0].start_at(rows)
    trainer = DBNTrainer(
        dbn,
        rng=rng,
        steps_per_layer=steps // len(dbn.rbms),
        make=lambda rbm, rng: RBMTrainer(rbm, rng=rng, lr=0.05, momentum=0.5),
    )
    return run_steps(trainer, rows, steps, seed, batch)


def vae_of(
    rows: np.ndarray,
    *,
    hidden: int,
    latent: int,
    steps: int,
    seed: int,
    binary: bool = True,
    objective: str = "elbo",
) -> VAETrainer:
    """One hidden layer in each network; Bernoulli pixels, or normal numbers of learned variance."""
    weights = Generator(seed, device="cpu")
    output = BernoulliOutput() if binary else GaussianOutput(rng=weights)
    model = dense_vae(rows.shape[1], (hidden,), latent, output, rng=weights)
    start_at_mean(model, rows)
    rng = Generator(seed, stream=1, device="cpu")
    trainer = VAETrainer(model, rng=rng, objective=objective, lr=linear(2e-3, 2e-4, steps))
    return run_steps(trainer, rows, steps, seed)


def gan_of(
    rows: np.ndarray, *, hidden: int, latent: int, steps: int, seed: int, binary: bool = True
) -> GANTrainer:
    """Two hidden layers in each network, the R1 penalty and an average of G."""
    rng, d = Generator(seed, device="cpu"), rows.shape[1]
    squash = nn.Sigmoid() if binary else None
    trainer = GANTrainer(
        mlp([latent, hidden, hidden, d], rng, slope=SLOPE, output=squash),
        mlp([d, hidden, hidden, 1], rng, slope=SLOPE),
        rng=rng,
        noise_shape=latent,
        regularizers=[R1(0.5, 4)],
        lr=5e-4,
        ema_decay=0.999,
    )
    return run_steps(trainer, rows, steps, seed)


def bigan_of(
    rows: np.ndarray, *, hidden: int, latent: int, steps: int, seed: int, binary: bool = True
) -> BiGANTrainer:
    """The same with an encoder, at a falling rate."""
    rng, d = Generator(seed, device="cpu"), rows.shape[1]
    squash = nn.Sigmoid() if binary else None
    trainer = BiGANTrainer(
        mlp([latent, hidden, hidden, d], rng, slope=SLOPE, output=squash),
        mlp([d, hidden, hidden, latent], rng, slope=SLOPE),
        mlp([d + latent, hidden, hidden, 1], rng, slope=SLOPE),
        latent=latent,
        rng=rng,
        regularizers=[R1(1.0, 4)],
        lr=linear(2e-3, 1e-4, steps),
        ema_decay=0.999,
    )
    return run_steps(trainer, rows, steps, seed)
