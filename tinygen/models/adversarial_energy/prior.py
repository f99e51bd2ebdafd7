"""An RBM as the prior of a GAN: noise that is like what D sees in the data.

Arici and Celikyilmaz, "Associative adversarial networks" (2016): a layer of D turns examples into
features, an RBM learns their distribution by contrastive divergence, and its Gibbs samples, in
place of white noise, are what G turns into examples. Data that lie in separate places have features
in separate places, so G need not tear one cloud of noise into many.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import nn
from ...backend import Array
from ...ops import sigmoid
from ...primitive import no_grad
from ...random import Generator
from ...tensor import Tensor
from ..gan import Discriminator, GANTrainer
from ..rbm import RBM, Bernoulli, Particles, RBMTrainer, gibbs_samples
from ..rbm.gibbs import alone, at_least, gibbs

__all__ = ["AssociativeMemory", "RBMPriorGANTrainer"]

RATE = 0.01
"""Of the moving averages of the features' means and squares."""
SHARPNESS = 4.0
"""A feature one deviation above its mean is on with probability sigmoid(4) = 0.98: most of what a
feature says survives as a bit."""
TINY = 1e-12


class AssociativeMemory(nn.Module):
    """An RBM of D's features, and chains that stand for its distribution.

    Args:
        rbm: of Bernoulli visible units, as many as there are features.
        chains: Gibbs chains side by side.
        rng: where they begin.
    """

    def __init__(self, rbm: RBM, chains: int, rng: Generator) -> None:
        if type(rbm.visible) is not Bernoulli:
            raise ValueError(
                "AssociativeMemory: squashed features are probabilities of Bernoulli units, and "
                f"the visible units are {type(rbm.visible).__name__}; take Bernoulli ones."
            )
        at_least("AssociativeMemory", "chains", chains, 1)
        self.rbm = rbm
        xp, n, dtype = rbm.visible.xp, rbm.visible.n, rbm.weight.dtype
        self.mean = Tensor(xp.zeros(n, dtype=dtype))
        self.square = Tensor(xp.ones(n, dtype=dtype))
        self.chains = Tensor(alone(rbm.arrays().visible, chains, rng))

    def squashed(self, features: Array) -> Array:
        """Features (N, n) as probabilities: standardised by their moving averages, and steep."""
        if features.shape[1:] != self.mean.shape:
            raise ValueError(
                f"AssociativeMemory: D has features of shape {tuple(features.shape[1:])}, the RBM "
                f"{self.rbm.visible.n} visible units; make them as many."
            )
        xp = self.rbm.visible.xp
        for average, values in ((self.mean, features), (self.square, features * features)):
            average[...] = average.data + RATE * (xp.sum(values, 0) / len(values) - average.data)
        spread = xp.sqrt(xp.maximum(self.square.data - self.mean.data**2, TINY))
        return sigmoid((features - self.mean.data) * (SHARPNESS / spread))

    def move(self, n: int, rng: Generator) -> Particles:
        """The first n chains, after a Gibbs step of all."""
        if n > len(self.chains):
            raise ValueError(
                f"AssociativeMemory: {n} states are asked for, and there are {len(self.chains)} "
                "chains; take as many chains as a batch has examples."
            )
        rbm = self.rbm.arrays()
        hidden = rbm.hidden.sample(rbm.hidden_input(self.chains.data), rng)
        visible, inputs = gibbs(rbm, hidden, 1, rng)
        self.chains[...] = visible
        return Particles(visible[:n], inputs[:n])

    def recall(self, n: int, steps: int, rng: Generator) -> Array:
        """n states, so many Gibbs steps after the chains, which stay where they are."""
        xp = self.rbm.visible.xp
        start = self.chains.data[xp.arange(n) % len(self.chains)]
        return gibbs_samples(self.rbm, rng=rng, chains=n, burn_in=steps, start=start)[0]


class RBMPriorGANTrainer(GANTrainer):
    """A GAN whose noise is drawn from an RBM, which learns D's features as D does.

    Each step updates D, G, and then the RBM, whose data are the features of the real batch. Its
    chains serve twice: each state is a draw of the noise, and a particle of the negative phase.

    Args: as `GANTrainer` but for `noise_shape`, and
        generator: takes rows (N, n_visible) of -1 and 1.
        discriminator: its `features` are (N, n_visible), any numbers.
        rbm: of Bernoulli units.
        chains: at least as many as a batch has examples.
        prior_lr: of the RBM's plain gradient descent.
        burn_in: Gibbs steps from the chains to a draw of `sample`.

    Arici and Celikyilmaz, "Associative adversarial networks" (2016).

    Raises:
        ValueError: as `GANTrainer`; the visible units are not Bernoulli or not as many as D's
            features, or a batch has more examples than there are chains.

    >>> from tinygen.models.gan import Discriminator, mlp
    >>> from tinygen.models.rbm import RBM
    >>> trainer = RBMPriorGANTrainer(
    ...     mlp([6, 8, 2], rng), Discriminator(mlp([2, 6], rng), mlp([6, 1], rng)),
    ...     RBM(6, 4, rng=rng), rng=rng, chains=16,
    ... )
    >>> losses = trainer.step(rng.normal((16, 2)))
    >>> trainer.sample(5).shape
    (5, 2)
    """

    discriminator: Discriminator

    def __init__(
        self,
        generator: nn.Module,
        discriminator: Discriminator,
        rbm: RBM,
        *,
        rng: Generator,
        chains: int = 128,
        prior_lr: float = 0.05,
        burn_in: int = 100,
        **options: Any,
    ) -> None:
        self.memory = AssociativeMemory(rbm, chains, rng)
        self.prior = RBMTrainer(rbm, rng=rng, lr=prior_lr)
        self.burn_in = at_least("RBMPriorGANTrainer", "burn_in", burn_in, 0)
        super().__init__(generator, discriminator, rng=rng, noise_shape=rbm.visible.n, **options)

    def step(self, batch: Array, *conditions: Array) -> dict[str, Tensor]:
        """Update D, G and the RBM; see `GANTrainer.step`."""
        losses = super().step(batch, *conditions)
        self.prior.steps = self.steps  # a step that is replayed as a graph counts nothing itself
        return losses

    def _update(self, plan: Any, batch: Array, *conditions: Array) -> dict[str, Tensor]:
        losses = super()._update(plan, batch, *conditions)
        self.learn_features(batch)
        return losses

    def learn_features(self, batch: Array) -> None:
        """One update of the RBM on D's features of examples (N, ...)."""
        with no_grad():
            features = self.discriminator.features(Tensor(batch)).data
        likely = self.memory.squashed(features)
        data = Particles(likely, self.memory.rbm.arrays().hidden_input(likely))
        self.prior.update(data, self.memory.move(len(batch), self.rng))

    def noise(self, n: int) -> Array:
        """n states of the chains, as -1 and 1: (n, n_visible)."""
        return 2.0 * self.memory.move(n, self.rng).visible - 1.0

    def sample(self, n: int, noise: Array | None = None, labels: Array | None = None) -> np.ndarray:
        """n generated examples on the host, from chains that go on from where training left them.

        Training's own chains stay where they are.
        """
        if noise is None:
            noise = 2.0 * self.memory.recall(n, self.burn_in, self.rng) - 1.0
        return super().sample(n, noise, labels)

    def state_dict(self) -> dict[str, Any]:
        """That of the GAN, of the RBM's training, and the memory's chains and averages."""
        own = {"memory": self.memory.state_dict(), "prior": self.prior.state_dict()}
        return {**super().state_dict(), **own}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        super().load_state_dict(state)
        self.memory.load_state_dict(state["memory"])
        self.prior.load_state_dict(state["prior"])
