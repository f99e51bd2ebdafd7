"""How spread out a generator's draws are: what it must be paid for, if it is to copy a density.

Dai et al., "Calibrating energy-based generative adversarial networks" (2017), section 3: a
generator that only looks for low energies ends in one place, and an adversary that only separates
ends flat where both kinds agree. Both losses here are -H(G) up to a constant, in nats, as further
losses of the generator in `GANTrainer(extras_g=[...])`; the article has one of each sort.
"""

from __future__ import annotations

from typing import Any

from ... import nn
from ...backend import BACKEND_OF
from ...ops import exp, log, mean, sum
from ...tensor import Tensor
from ..gan import Extra
from ..gan.rounds import Round
from .critic import distances

__all__ = ["Encoded", "NearestNeighbourEntropy", "VariationalEntropy"]

TINY = 1e-12
"""Added to squared distances: two draws in one place have no logarithm of theirs."""

FAR = 1e30


class NearestNeighbourEntropy(Extra):
    """-weight * H by the distances of each draw to its nearest neighbour among the others.

        H = D mean log |x - neighbour| + constant

    Kozachenko and Leonenko, "Sample estimate of the entropy of a random vector" (1987): where draws
    lie dense, neighbours are near. For few dimensions D; in many all distances are alike. In nats.
    Raises ValueError for a batch of one.

    >>> from tinygen.models.gan import GANTrainer, mlp
    >>> trainer = GANTrainer(
    ...     mlp([3, 8, 2], rng), mlp([2, 8, 1], rng), rng=rng, noise_shape=3,
    ...     extras_g=[NearestNeighbourEntropy(0.1)],
    ... )
    >>> sorted(trainer.step(rng.normal((16, 2))))
    ['loss_d', 'loss_g', 'negative_entropy_g']
    """

    name = "negative_entropy"

    def __call__(self, seen: Round) -> Tensor:
        """Of the generator's draws (N, ...), N at least 2."""
        n = len(seen.fake)
        if n < 2:
            raise ValueError(
                f"NearestNeighbourEntropy: a batch of {n} has no neighbours; give at least 2."
            )
        x = seen.fake.reshape(n, -1)
        apart = x - x[_neighbours(x)]
        return (-0.5 * self.weight * x.shape[1]) * mean(log(sum(apart * apart, axis=1) + TINY))


def _neighbours(x: Tensor) -> Any:
    """The number of the nearest other row, of each: (N,), no function of x for the gradient."""
    xp = BACKEND_OF[type(x.data)]
    apart = distances(x.data, x.data) + FAR * xp.eye(len(x), dtype=x.dtype)
    return xp.argmin(apart, axis=1)


class Encoded(nn.Module):
    """A generator and an encoder that guesses its noise, which are one player.

    Args:
        generator: noise (N, n) to examples (N, ...).
        encoder: examples to means and log-variances of the noise, (N, 2 n).

    Called, it is the generator.

    >>> from tinygen.models.gan import mlp
    >>> player = Encoded(mlp([3, 8, 2], rng), mlp([2, 8, 6], rng))
    >>> player(tg.zeros(5, 3)).shape
    (5, 2)
    """

    def __init__(self, generator: nn.Module, encoder: nn.Module) -> None:
        self.generator = generator
        self.encoder = encoder

    def forward(self, z: Any) -> Any:
        """Examples."""
        return self.generator(z)


class VariationalEntropy(Extra):
    """-weight * H by how well an encoder can tell the noise from the example, for any dimension.

        H(x) >= H(z) + E log r(z | x)           if x = G(z) + a little noise, but for a constant

    Dai et al. (2017), section 3, with a Gaussian r; in nats. Mean and variance are learned with the
    generator. The constant hides the scale: noise that G makes small on the way is told as well.

    Args:
        player: the generator, with its encoder.

    >>> from tinygen.models.gan import GANTrainer, mlp
    >>> player = Encoded(mlp([3, 8, 2], rng), mlp([2, 8, 6], rng))
    >>> trainer = GANTrainer(
    ...     player, mlp([2, 8, 1], rng), rng=rng, noise_shape=3,
    ...     extras_g=[VariationalEntropy(player)],
    ... )
    >>> sorted(trainer.step(rng.normal((16, 2))))
    ['loss_d', 'loss_g', 'negative_entropy_g']
    """

    name = "negative_entropy"

    def __init__(self, player: Encoded, weight: float = 1.0) -> None:
        super().__init__(weight)
        self._player = player

    def __call__(self, seen: Round) -> Tensor:
        """Of the generator's draws and their noise."""
        z = seen.noise.reshape(len(seen.noise), -1)
        statistics = self._player.encoder(seen.fake)
        latent = z.shape[1]
        log_variance = statistics[:, latent:]
        off = (Tensor(z) - statistics[:, :latent]) ** 2
        guess = 0.5 * sum(off * exp(-log_variance) + log_variance)
        return guess * (self.weight / len(z))
