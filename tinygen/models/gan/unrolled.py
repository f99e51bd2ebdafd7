"""A generator that looks ahead: its loss is taken after the discriminator's answer to it.

    trainer = UnrolledGANTrainer(G, D, unroll=5, rng=rng, noise_shape=64)

Metz et al., "Unrolled generative adversarial networks" (2017).
"""

from __future__ import annotations

from typing import Any

from ... import nn
from ...autograd import grad
from ...ops import mean_across
from ...optim import Adam, UnrolledAdam
from ...tensor import Tensor
from .rounds import Round, total
from .trainer import GANTrainer

__all__ = ["UnrolledGANTrainer"]


class UnrolledGANTrainer(GANTrainer):
    """G descends f(w_G, w_D^k(w_G)), with w_D^k the weights of D after k more steps of its own.

    Metz et al., "Unrolled generative adversarial networks" (2017), eqs. 8 to 11: the steps of D
    depend on what G generates, and G's gradient flows through them (eq. 12's second term), so that
    moving all samples to where D is weak now does not pay. D itself is updated as ever (eq. 11).

    The k steps are Adam's, with the moments and rate of D's optimizer, on one batch and on D's
    objective alone, without penalties. (The article's eq. 8 descends plainly, its code by Adam.)

    Args: as `GANTrainer`, and
        unroll: k; 0 is the plain GAN, bit for bit.

    Raises:
        ValueError: as `GANTrainer`; unroll is negative, or D's rule is not Adam.

    >>> trainer = UnrolledGANTrainer(
    ...     mlp([4, 8, 2], rng), mlp([2, 8, 1], rng), unroll=2, rng=rng, noise_shape=4
    ... )
    >>> sorted(trainer.step(rng.normal((16, 2))))
    ['loss_d', 'loss_g']
    """

    def __init__(
        self, generator: nn.Module, discriminator: nn.Module, *, unroll: int, **options: Any
    ) -> None:
        if unroll < 0:
            raise ValueError(f"UnrolledGANTrainer: unroll must be at least 0, not {unroll}.")
        super().__init__(generator, discriminator, **options)
        if unroll and type(self.optimizer_d) is not Adam:
            raise ValueError(
                "UnrolledGANTrainer: the steps ahead are Adam's; leave D's rule at 'adam'."
            )
        self.unroll = unroll

    def generator_terms(self, seen: Round) -> dict[str, Tensor]:
        """G's terms as D would judge after k steps on this very round."""
        if not self.unroll:
            return super().generator_terms(seen)
        assert isinstance(self.optimizer_d, Adam)
        ahead = UnrolledAdam(self.optimizer_d, self.unroll)
        for _ in range(self.unroll):
            with self.discriminator.substituted(ahead.weights):
                loss = total(self.discriminator_terms(seen))
            slopes = grad(loss, ahead.weights, create_graph=True)
            ahead.step([mean_across(slope) for slope in slopes])
        with self.discriminator.substituted(ahead.weights):
            return super().generator_terms(seen)
