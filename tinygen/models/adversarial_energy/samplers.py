"""Negative phases made of others: half of the states from a generator, half from chains.

    negative = MixtureSampler([GeneratorSampler(...), PersistentChains(100)], shares=[1, 1])
    trainer = AdversarialEnergyTrainer(rbm, rng=rng, negative_sampler=negative)

The chains see to regions that the generator never visits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...backend import Array
from ...random import Generator
from ..rbm import RBM, NegativeSampler, Particles

__all__ = ["MixtureSampler"]


class MixtureSampler(NegativeSampler):
    """Each of several samplers stands for a share of the model.

    A generator alone may never visit a region that the energy digs out beside it; a few chains or
    steps from the data see to it.

    Args:
        samplers: two or more.
        shares: positive, of each; they are scaled to add up to 1. None for equal ones.

    Raises:
        ValueError: there are fewer than two samplers, or shares do not fit them.

    >>> from tinygen.models.rbm import RBM, ContrastiveDivergence, PersistentChains
    >>> both = MixtureSampler([ContrastiveDivergence(1), PersistentChains(20)], shares=[1, 3])
    >>> both.shares
    [0.25, 0.75]
    """

    def __init__(
        self, samplers: Sequence[NegativeSampler], shares: Sequence[float] | None = None
    ) -> None:
        self.samplers = list(samplers)
        given = [1.0] * len(self.samplers) if shares is None else [float(s) for s in shares]
        if len(self.samplers) < 2 or len(given) != len(self.samplers):
            raise ValueError(
                f"MixtureSampler: {len(self.samplers)} samplers and {len(given)} shares; give two "
                "samplers or more, and a share for each."
            )
        if not all(0.0 < share < float("inf") for share in given):
            raise ValueError(f"MixtureSampler: shares must be positive and finite, not {given}.")
        whole = sum(given)
        self.shares = [share / whole for share in given]

    def draw(self, rbm: RBM, data: Particles, rng: Generator) -> Particles:
        """The particles of all, one after the other, weighted."""
        found = [sampler.draw(rbm, data, rng) for sampler in self.samplers]
        weights = [
            share * _weights(particles) for share, particles in zip(self.shares, found, strict=True)
        ]
        xp = rbm.visible.xp
        return Particles(
            xp.concatenate([particles.visible for particles in found]),
            xp.concatenate([particles.inputs for particles in found]),
            xp.concatenate(weights),
        )

    def follow(self, gradients: Mapping[str, Array]) -> None:
        """Each of them takes notice."""
        for sampler in self.samplers:
            sampler.follow(gradients)

    def state_dict(self) -> dict[str, Any]:
        """Those of all, by their places."""
        return {str(i): sampler.state_dict() for i, sampler in enumerate(self.samplers)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        for i, sampler in enumerate(self.samplers):
            # What remembers nothing leaves no trace in a file of arrays.
            sampler.load_state_dict(state.get(str(i), {}))


def _weights(particles: Particles) -> Array:
    """Adding up to 1: (M,)."""
    if particles.weights is not None:
        return particles.weights
    inputs = particles.inputs
    return inputs[:, 0] * 0.0 + 1.0 / len(inputs)
