"""Amortised contrastive divergence: a network learns to draw what Gibbs sampling would arrive at.

Kim and Bengio, "Deep directed generative models with energy-based probability estimation" (2016):
the negative phase of an energy model is one pass of a generator q that descends

    KL(q || p) = E_q F(v) - H(q) + log Z

so it looks for low free energy, and its entropy H(q) keeps it from ending in one place. Neither log
Z nor a chain is needed; what the generator misses, the energy model does not push away.

The article has an energy of real numbers and measures H by the scales of batch normalisation. Here
states are binary, and H has a bound with no such layer. With noise z of fair bits, states
s ~ Bernoulli(sigmoid(G(z))) unit by unit, and an encoder r that guesses z from s,

    H(q) >= H(z) + E H(s | z) + E log r(z | s)        (equal where r is the posterior of z)

which the encoder raises, and the generator with it. The same three factors say how wrong a draw is:

    weight = exp(-F(s)) r(z | s) / (p(z) q(s | z))

With these weights, scaled to add up to 1, the draws stand for p itself and no longer for q. The
article has none: with them a generator that lags behind gives a noisy negative phase and not a
wrong one (importance sampling of the pair (s, z); Burda et al., "Importance weighted autoencoders",
2016, have the same weights).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ... import nn, optim
from ...autograd import grad
from ...backend import Array
from ...ops import sigmoid, softmax, softplus, sum
from ...primitive import no_grad
from ...random import Generator
from ...tensor import Tensor
from ..rbm import RBM, Bernoulli, NegativeSampler, Particles
from ..rbm.gibbs import at_least

__all__ = ["GeneratorSampler"]


class GeneratorSampler(NegativeSampler):
    """A generator network as the negative phase of an RBM.

    Each draw also makes one step of the generator and its encoder, downhill on the bound of
    KL(q || p) at the RBM's present weights.

    Args:
        generator: bits as -1 and 1, (N, noise), to logits (N, n) of the layer that it draws.
        encoder: states (N, n) of that layer to logits (N, noise) of the bits.
        noise: the number of bits.
        layer: "visible"; or "hidden", from which the visible states are drawn, p(v | h): half a
            Gibbs step, for which the generator has only the hidden units' distribution to learn.
        particles: drawn for each update.
        weighted: weigh them, so that they stand for the model; else as in the article.
        lr, betas: of the generator's and the encoder's Adam.

    Kim and Bengio, "Deep directed generative models with energy-based probability estimation"
    (2016).

    Raises:
        ValueError: the layer is unknown or not of Bernoulli units, a count is below 1, or the
            generator does not fit the layer.

    >>> from tinygen.models.gan import mlp
    >>> from tinygen.models.rbm import RBM
    >>> negative = GeneratorSampler(mlp([3, 8, 6], rng), mlp([6, 8, 3], rng), noise=3)
    >>> trainer = AdversarialEnergyTrainer(RBM(6, 4, rng=rng), rng=rng, negative_sampler=negative)
    >>> sorted(trainer.step(np.eye(6, dtype="float32")))
    ['free_energy_gap', 'reconstruction']
    """

    def __init__(
        self,
        generator: nn.Module,
        encoder: nn.Module,
        *,
        noise: int,
        layer: str = "visible",
        particles: int = 100,
        weighted: bool = True,
        lr: float | optim.optimizer.Schedule = 3e-3,
        betas: tuple[float, float] = (0.5, 0.999),
    ) -> None:
        if layer not in ("visible", "hidden"):
            raise ValueError(
                f"GeneratorSampler: layer must be 'visible' or 'hidden', not {layer!r}."
            )
        self.noise = at_least("GeneratorSampler", "noise", noise, 1)
        self.particles = at_least("GeneratorSampler", "particles", particles, 1)
        self.generator, self.encoder = generator, encoder
        self.layer, self.weighted = layer, weighted
        self.networks = nn.Sequential(generator, encoder)
        self.optimizer = optim.Adam(self.networks.named_parameters(), lr=lr, betas=betas)

    def draw(self, rbm: RBM, data: Particles, rng: Generator) -> Particles:
        """States of the generator, which then learns from the free energies that they have."""
        bits, logits, states = self._drawn(rbm, rng)
        surprise = self.bound(rbm, bits, logits, states)
        loss = sum(surprise) * (1.0 / len(states))
        log_weights = -self.log_ratio(rbm, bits, logits.data, states)
        self.optimizer.step(grad(loss, self.optimizer.params))
        visible = states
        if self.layer == "hidden":
            visible = rbm.visible.sample(rbm.visible_input(states), rng)
        weights = softmax(log_weights, 0) if self.weighted else None
        return Particles(visible, rbm.hidden_input(visible), weights)

    def sample(self, rbm: RBM, rng: Generator, n: int) -> Array:
        """n visible states of the generator, (n, n_visible), unweighted; nothing is learned."""
        with no_grad():
            _, _, states = self._drawn(rbm, rng, n)
        if self.layer == "hidden":
            return rbm.visible.sample(rbm.visible_input(states), rng)
        return states

    def _drawn(self, rbm: RBM, rng: Generator, n: int | None = None) -> tuple[Array, Tensor, Array]:
        """Bits (N, noise), logits and states (N, units of the layer)."""
        units = getattr(rbm, self.layer)
        if type(units) is not Bernoulli:
            raise ValueError(
                f"GeneratorSampler: the generator draws zeros and ones, and the {self.layer} units "
                f"are {type(units).__name__}; take Bernoulli ones, or the other layer."
            )
        shape = (self.particles if n is None else n, self.noise)
        bits = rng.bernoulli(units.xp.full(shape, 0.5, dtype=rbm.weight.dtype))
        logits = self.generator(Tensor(2.0 * bits - 1.0))
        if logits.shape != (shape[0], units.n):
            raise ValueError(
                f"GeneratorSampler: the generator gives {logits.shape}, and there are {units.n} "
                f"{self.layer} units; give it as many outputs."
            )
        return bits, logits, rng.bernoulli_logits(logits.data)

    def bound(self, rbm: RBM, bits: Array, logits: Tensor, states: Array) -> Tensor:
        """F - H(s | z) - log r(z | s) of each draw, (N,), in nats.

        Its gradient passes the draw as if a state were its probability (straight through: Bengio et
        al., "Estimating or propagating gradients through stochastic neurons", 2013).
        """
        p = sigmoid(logits)
        state = p + Tensor(states - p.data)
        entropy = sum(softplus(logits) - logits * p, axis=1)
        # The RBM's parameters are arrays, so no gradient is taken in them.
        return self._free_energy(rbm)(state) - entropy + _surprise(self.encoder(state), bits)

    def log_ratio(self, rbm: RBM, bits: Array, logits: Array, states: Array) -> Array:
        """F + log q(s | z) - log r(z | s) of each draw, (N,): minus its log-weight, in nats."""
        with no_grad():
            guess = self.encoder(Tensor(states)).data
        return self._free_energy(rbm)(states) - _surprise(logits, states) + _surprise(guess, bits)

    def _free_energy(self, rbm: RBM) -> Callable[[Any], Any]:
        return rbm.free_energy if self.layer == "visible" else rbm.free_energy_of_hidden

    def state_dict(self) -> dict[str, Any]:
        """Weights and moments."""
        return {"networks": self.networks.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        self.networks.load_state_dict(state["networks"])
        self.optimizer.load_state_dict(state["optimizer"])


def _surprise(logits: Any, states: Array) -> Any:
    """-log Bernoulli(states; sigmoid(logits)) of rows: (N, n) to (N,)."""
    return sum(softplus(logits) - logits * states, axis=1)
