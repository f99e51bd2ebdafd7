"""A GAN whose critic ends as the log-density of the data, up to a constant.

Dai et al., "Calibrating energy-based generative adversarial networks" (2017):

    min over F, max over G of   E_data F - E_G F + H(G)

Given F, the best G has the density exp(-F) / Z, since E_G F - H(G) = KL(G || exp(-F) / Z) - log Z.
Put in, what F minimises is E_data F + log Z, minus the log-likelihood of the data: the same that
contrastive divergence approximates, with a network for the chain. At the end G has the data's
density and -F is its logarithm. Without H, F ends constant where G and data agree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np

from ... import nn, optim
from ...backend import Array, host
from ...random import Generator
from ...tensor import Tensor
from ..gan import Extra, GANTrainer
from .entropy import Encoded, NearestNeighbourEntropy, VariationalEntropy

__all__ = ["EnergyGANTrainer"]


class EnergyGANTrainer(GANTrainer):
    """The Wasserstein objective, a generator that is paid for its entropy, and no Lipschitz bound.

    D's logits are -F. Penalties at both kinds of examples keep the game from circling (`R1`, `R2`),
    and flatten F: on a Gaussian in the plane weights of 0.03 with a generator four times as fast as
    the critic gave a correlation of 0.93 to 0.97 with the log-density, a weight of 0.001 none.

    Args: as `GANTrainer`, and
        encoder: examples to means and log-variances of the noise, for `VariationalEntropy`; None
            for `NearestNeighbourEntropy`.
        entropy: what a nat of H is worth, in nats of F. At the optimum -F is `entropy` times the
            log-density.
        critic_ema: keep a moving average of D's weights, by which `log_density` answers: a critic
            that goes on playing is never at rest; 0 for none.

    Dai et al., "Calibrating energy-based generative adversarial networks" (2017).

    Raises:
        ValueError: as `GANTrainer`; another objective is asked for, or a log-density where the
            entropy weighs nothing.

    >>> from tinygen.models.gan import R1, mlp
    >>> trainer = EnergyGANTrainer(
    ...     mlp([3, 8, 2], rng), mlp([2, 8, 1], rng), rng=rng, noise_shape=3,
    ...     regularizers=[R1(0.03)],
    ... )
    >>> losses = trainer.step(rng.normal((16, 2)))
    >>> trainer.log_density(rng.normal((5, 2))).shape
    (5,)
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        *,
        rng: Generator,
        encoder: nn.Module | None = None,
        entropy: float = 1.0,
        critic_ema: float = 0.999,
        extras_g: Sequence[Extra] = (),
        **options: Any,
    ) -> None:
        if options.setdefault("objective", "wasserstein") != "wasserstein":
            raise ValueError(
                f"EnergyGANTrainer: the objective {options['objective']!r} does not leave an "
                "energy behind; leave it at 'wasserstein'."
            )
        player: nn.Module = generator
        spread: Extra = NearestNeighbourEntropy(entropy)
        if encoder is not None:
            player = Encoded(generator, encoder)
            spread = VariationalEntropy(player, entropy)
        self.entropy = entropy
        super().__init__(player, discriminator, rng=rng, extras_g=[spread, *extras_g], **options)
        self.rested = (
            optim.ExponentialMovingAverage(discriminator, critic_ema) if critic_ema else None
        )

    def _update(self, plan: Any, batch: Array, *conditions: Array) -> dict[str, Tensor]:
        losses = super()._update(plan, batch, *conditions)
        if self.rested is not None:
            self.rested.update()
        return losses

    def log_density(self, batch: Array) -> np.ndarray:
        """-F / entropy of examples (N, ...) on the host, (N,): log p up to a constant, in nats."""
        if self.entropy == 0:
            raise ValueError(
                "EnergyGANTrainer.log_density: without entropy the critic is no log-density; "
                "train with entropy above 0."
            )
        with self.evaluating(), self.rested.swapped() if self.rested else nullcontext():
            logits: Callable[[Tensor], Tensor] = self.discriminator
            return host(logits(Tensor(batch)).data)[:, 0] / self.entropy

    def state_dict(self) -> dict[str, Any]:
        """That of the GAN, and the averaged critic."""
        rested = {"rested": self.rested.state_dict()} if self.rested else {}
        return {**super().state_dict(), **rested}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        super().load_state_dict(state)
        if self.rested:
            self.rested.load_state_dict(state["rested"])
