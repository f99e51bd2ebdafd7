"""Contrastive divergence and the critic of a GAN are one loss: E_data F - E_model F.

An energy model p(x) = exp(-F(x)) / Z learns by the gradient of E_data F - E_p F, and the draws of p
are what is hard to have. A critic C that learns by the Wasserstein objective minimises
E_G C - E_data C. With C = -F these are the same, and what differs is where the negative examples
come from: k Gibbs steps that start at the data (Hinton 2002), chains that go on from step to step
(Tieleman 2008), a generator network that learns to find low free energies (Kim and Bengio 2016,
section 3), or some of each.

So an RBM takes a generator as its negative phase (`GeneratorSampler`), and a GAN takes an RBM, or
any network that says an energy, as its discriminator:

    GANTrainer(generator, FreeEnergyCritic(rbm), objective="wasserstein", ...)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ... import nn
from ...ops import sum
from ...tensor import Tensor

__all__ = ["FreeEnergyCritic", "contrast"]


def contrast(
    free_energy: Callable[[Any], Tensor], data: Any, model: Any, weights: Any = None
) -> Tensor:
    """E_data F - E_model F, 0-d, in nats. Its gradient at fixed states is that of the update.

    Args:
        free_energy: states (N, ...) to F, (N,).
        data, model: states of the positive and the negative phase.
        weights: (M,) of the model's states, adding up to 1; None for equal ones.

    >>> energy = lambda x: (x**2).sum(1)
    >>> contrast(energy, tg.zeros(5, 2), tg.ones(3, 2))
    Tensor(-2.)
    """
    of_data, of_model = free_energy(data), free_energy(model)
    share = 1.0 / len(of_model) if weights is None else weights
    return sum(of_data) * (1.0 / len(of_data)) - sum(of_model * share)


class FreeEnergyCritic(nn.Module):
    """An energy model as the discriminator of a GAN: its logit is -F.

    Args:
        energy: a module with `free_energy`, states (N, ...) to (N,) in nats, such as an `RBM`.

    >>> from tinygen.models.rbm import RBM
    >>> FreeEnergyCritic(RBM(6, 4, rng=rng))(np.zeros((5, 6), "float32")).shape
    (5, 1)
    """

    def __init__(self, energy: Any) -> None:
        self.energy = energy

    def forward(self, x: Any) -> Any:
        """-F(x) as logits (N, 1)."""
        return -self.energy.free_energy(x).reshape(-1, 1)
