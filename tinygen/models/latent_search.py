"""Which noise makes this example? Descent in the latent space of a generator that stays as it is.

    z, loss = search(trainer, lambda made: sum(abs(made - x), axis=1), start, steps=200)

Schlegl et al., "Unsupervised anomaly detection with generative adversarial networks to guide marker
discovery" (2017); Yeh et al., "Semantic image inpainting with deep generative models" (2017).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

import numpy as np

from .. import nn, optim
from ..autograd import grad
from ..backend import Array, host
from ..ops import sum
from ..tensor import Tensor
from .gan import GANTrainer

__all__ = ["best_of", "search"]

RowLoss = Callable[[Tensor, Tensor], Tensor]
"""Of examples (N, D) that the generator made of z (N, latent): (N,)."""


def search(
    trainer: GANTrainer, loss: RowLoss, start: Array, *, steps: int = 200, lr: float = 0.1
) -> tuple[Array, np.ndarray]:
    """z (N, latent) after so many steps of Adam, and each row's least loss, (N,) on the host.

    Adam moves every number by its own gradient alone and the losses are added, so that no row
    depends on another. What is returned of a row is the z at which its loss was least.

    Args:
        loss: of examples (N, D) and the z (N, latent) that they are made of: (N,).
        start: (N, latent).

    Schlegl et al. (2017), Yeh et al. (2017), see above.

    >>> from tinygen.models.gan import GANTrainer, mlp
    >>> trainer = GANTrainer(mlp([4, 8, 2], rng), mlp([2, 8, 1], rng), rng=rng, noise_shape=4)
    >>> z, least = search(trainer, lambda x, z: (x**2).sum(1), trainer.noise(5), steps=3)
    >>> z.shape, least.shape
    ((5, 4), (5,))
    """
    z = nn.Parameter(start.copy())
    optimizer = optim.Adam([z], lr=lr)
    xp = trainer.backend
    best, least = start.copy(), xp.full((len(start),), np.inf, dtype=str(start.dtype))
    with _as_sampled(trainer):
        for step in range(steps + 1):
            losses = loss(trainer.generator(z), z)
            better = losses.data < least
            best = xp.where(better[:, None], z.data, best)
            least = xp.where(better, losses.data, least)
            if step < steps:
                optimizer.step(grad(sum(losses), [z]))
    return best, host(least)


def best_of(
    trainer: GANTrainer, loss: RowLoss, rows: int, *, restarts: int, steps: int, lr: float = 0.1
) -> tuple[Array, np.ndarray]:
    """The best of several searches for each row, from fresh noise each: (rows, latent) and (rows,).

    Arguments as of `search`.

    >>> from tinygen.models.gan import GANTrainer, mlp
    >>> trainer = GANTrainer(mlp([4, 8, 2], rng), mlp([2, 8, 1], rng), rng=rng, noise_shape=4)
    >>> z, least = best_of(trainer, lambda x, z: (x**2).sum(1), 5, restarts=2, steps=3)
    >>> z.shape, least.shape
    ((5, 4), (5,))
    """
    xp = trainer.backend
    best, least = search(trainer, loss, trainer.noise(rows), steps=steps, lr=lr)
    for _ in range(restarts - 1):
        z, losses = search(trainer, loss, trainer.noise(rows), steps=steps, lr=lr)
        better = losses < least
        best = xp.where(xp.from_host(better)[:, None], z, best)
        least = np.where(better, losses, least)
    return best, least


@contextmanager
def _as_sampled(trainer: GANTrainer) -> Iterator[None]:
    """The averaged G where there is one, both players as in evaluation; gradients are recorded."""
    before = [(player, player.training) for player in (trainer.generator, trainer.discriminator)]
    for player, _ in before:
        player.eval()
    try:
        with trainer.average.swapped() if trainer.average else nullcontext():
            yield
    finally:
        for player, training in before:
            player.train(training)
