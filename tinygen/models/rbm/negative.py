"""The negative phase: where the visible states come from that the model is to find less likely.

The gradient of the mean of -log p(v) is the mean of dF/dw over the data minus its mean under the
model. The first is exact; the samplers here stand for the second. Whatever gives visible states can
be one of them: Gibbs steps from the data, chains that go on from update to update, tempered chains,
all states with their probabilities, or a generator network.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ...backend import Array, host
from ...ops import exp
from ...parallel import team
from ...random import Generator
from .enumeration import all_states, log_weights
from .gibbs import alone, at_least, gibbs, swap_neighbours, tempered_sweep
from .model import RBM

__all__ = [
    "ContrastiveDivergence",
    "Exact",
    "FastPersistentChains",
    "NegativeSampler",
    "Particles",
    "PersistentChains",
    "TemperedChains",
]


class Particles(NamedTuple):
    """Visible states that stand for a distribution, and the hidden inputs that they give.

    visible: (M, n_visible). inputs: (M, n_hidden), of this RBM for these states. weights: (M,),
    adding up to 1; None for equal ones.

    >>> rbm, v = RBM(6, 4, rng=rng), np.ones((10, 6), "float32")
    >>> data = Particles(v, rbm.arrays().hidden_input(v))
    >>> model = Exact().draw(rbm.arrays(), data, rng)
    >>> model.visible.shape, round(float(model.weights.sum()), 4)
    ((64, 6), 1.0)
    """

    visible: Array
    inputs: Array
    weights: Array | None = None


class NegativeSampler:
    """Base of the negative phases.

    >>> class DataAgain(NegativeSampler):  # with which nothing is learned
    ...     def draw(self, rbm, data, rng):
    ...         return data
    >>> rbm = RBM(6, 4, rng=rng)
    >>> before = rbm.weight.numpy().copy()
    >>> _ = RBMTrainer(rbm, rng=rng, negative=DataAgain()).step(np.ones((10, 6), "float32"))
    >>> np.allclose(rbm.weight.numpy(), before)
    True
    """

    def draw(self, rbm: RBM, data: Particles, rng: Generator) -> Particles:
        """Particles that stand for the model.

        Args:
            rbm: with raw arrays, from `RBM.arrays()`.
            data: the positive phase.
        """
        raise NotImplementedError

    def follow(self, gradients: Mapping[str, Array]) -> None:
        """Take notice of the gradient of the update that was made, by the parameters' names."""

    def state_dict(self) -> dict[str, Any]:
        """What a continued run needs, on the host."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where `state_dict` was taken."""


class ContrastiveDivergence(NegativeSampler):
    """k steps of Gibbs sampling from the data, anew for each update: CD-k.

    Hinton 2002, section 3. Not the gradient of any function (Sutskever and Tieleman 2010), and
    biased, the less so the greater k. Visible states are drawn, not replaced by probabilities as
    section 3 of Hinton's guide allows, so that the estimate of E[dF/dw] is what its formula says.

    Args:
        k: steps, at least 1, else ValueError.

    >>> trainer = RBMTrainer(RBM(6, 4, rng=rng), rng=rng, negative=ContrastiveDivergence(k=5))
    >>> sorted(trainer.step(rng.bernoulli(np.full((10, 6), 0.5, "float32"))))
    ['free_energy_gap', 'reconstruction']
    """

    def __init__(self, k: int = 1) -> None:
        self.k = at_least("ContrastiveDivergence", "k", k, 1)

    def draw(self, rbm: RBM, data: Particles, rng: Generator) -> Particles:
        """The data's states, k steps later."""
        return Particles(*gibbs(rbm, rbm.hidden.sample(data.inputs, rng), self.k, rng))


class _Chains(NegativeSampler):
    """Samplers that keep an array of states under a name.

    Where several ranks train together each keeps its part of the chains; a state has all of them,
    so that another number of ranks can go on with them.
    """

    array: Array | None = None
    rungs = 1
    """Rows of the array are first the chains of one temperature, then those of the next."""

    def state_dict(self) -> dict[str, Any]:
        """The chains' states, of all ranks."""
        if self.array is None:
            return {}
        mine = np.array(host(self.array))
        return {"chains": team().gather(self._by_rung(mine), 1).reshape(-1, mine.shape[1])}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Put the chains where they were, on the device at the next draw."""
        self.array = None
        if "chains" in state:
            mine = team().part(self._by_rung(np.array(state["chains"])), 1)
            self.array = np.array(mine.reshape(-1, mine.shape[2]))

    def _by_rung(self, states: np.ndarray) -> np.ndarray:
        """(rungs, chains, n)."""
        return states.reshape(self.rungs, -1, states.shape[1])

    def _keep(self, states: Array) -> None:
        """Write the states where the last ones are: a recorded step reads them there."""
        if isinstance(self.array, type(states)) and self.array.shape == states.shape:
            self.array[...] = states
        else:
            self.array = states

    def _placed(self, rbm: RBM) -> Array | None:
        """The states on the RBM's device; they are on the host after loading."""
        if self.array is not None and not isinstance(self.array, rbm.visible.xp.array_type):
            self.array = rbm.visible.xp.from_host(self.array)
        return self.array


class PersistentChains(_Chains):
    """Chains that go on from where they were, k steps for each update: PCD-k.

    Tieleman 2008, "Training restricted Boltzmann machines using approximations to the likelihood
    gradient"; Younes 1989. The hidden states are what is kept, which saves a matrix product.

    Args:
        chains: how many, at least 1, else ValueError.
        k: steps for each update, likewise.

    >>> trainer = RBMTrainer(RBM(6, 4, rng=rng), rng=rng, negative=PersistentChains(20))
    >>> sorted(trainer.step(rng.bernoulli(np.full((10, 6), 0.5, "float32"))))
    ['free_energy_gap', 'reconstruction']
    """

    def __init__(self, chains: int = 100, k: int = 1) -> None:
        self.chains = at_least("PersistentChains", "chains", chains, 1)
        self.k = at_least("PersistentChains", "k", k, 1)

    def draw(self, rbm: RBM, data: Particles, rng: Generator) -> Particles:
        """The chains' states, k steps later."""
        hidden = self._placed(rbm)
        if hidden is None:
            v = alone(rbm.visible, team().share(self.chains, "chains"), rng)
            hidden = rbm.hidden.sample(rbm.hidden_input(v), rng)
        visible, inputs = gibbs(rbm, hidden, self.k, rng)
        self._keep(rbm.hidden.sample(inputs, rng))
        return Particles(visible, inputs)


class FastPersistentChains(_Chains):
    """Persistent chains driven by weights of which a fast part fades away.

    Tieleman and Hinton 2009, "Using fast weights to improve persistent contrastive divergence": the
    chains see w + f, where f = decay * f - lr * gradient after each update, which lowers the
    probability of where they are and keeps them moving. The statistics are those of w alone.

    Args:
        chains: how many.
        lr: of the fast weights.
        decay: 19/20 in the article.

    Raises:
        ValueError: there are no chains, or the decay is not in [0, 1).

    >>> trainer = RBMTrainer(RBM(6, 4, rng=rng), rng=rng, negative=FastPersistentChains(20))
    >>> sorted(trainer.step(rng.bernoulli(np.full((10, 6), 0.5, "float32"))))
    ['free_energy_gap', 'reconstruction']
    """

    def __init__(self, chains: int = 100, lr: float = 0.01, decay: float = 0.95) -> None:
        self.chains = at_least("FastPersistentChains", "chains", chains, 1)
        if not 0.0 <= decay < 1.0:
            raise ValueError(f"FastPersistentChains: decay must lie in [0, 1), not {decay}.")
        self.lr, self.decay = lr, decay
        self.fast: dict[str, Array] = {}

    def draw(self, rbm: RBM, data: Particles, rng: Generator) -> Particles:
        """The chains' states, one step later."""
        driven = self._driven(rbm)
        visible = self._placed(rbm)
        if visible is None:
            visible = alone(rbm.visible, team().share(self.chains, "chains"), rng)
        hidden = rbm.hidden.sample(driven.hidden_input(visible), rng)
        visible = driven.visible.sample(driven.visible_input(hidden), rng)
        self._keep(visible)
        return Particles(visible, rbm.hidden_input(visible))

    def follow(self, gradients: Mapping[str, Array]) -> None:
        """Move the fast weights."""
        for name, g in gradients.items():
            if name not in self.fast:
                self.fast[name] = -self.lr * g
                continue
            self.fast[name] *= self.decay
            self.fast[name] -= self.lr * g

    def state_dict(self) -> dict[str, Any]:
        """The chains' states and the fast weights."""
        fast = {name: np.array(host(f)) for name, f in self.fast.items()}
        return {**super().state_dict(), "fast": fast}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        super().load_state_dict(state)
        self.fast = {name: np.array(f) for name, f in state["fast"].items()}

    def _driven(self, rbm: RBM) -> RBM:
        """The RBM with the fast weights added."""
        if not self.fast:
            return rbm
        xp = rbm.visible.xp
        for name, f in self.fast.items():
            if not isinstance(f, xp.array_type):
                self.fast[name] = xp.from_host(f)
        driven = rbm.mapped(lambda p: p)
        driven.weight = rbm.weight + self.fast["weight"]
        for part in ("visible", "hidden"):
            units = getattr(rbm, part)
            changed = {
                name: value + self.fast[f"{part}.{name}"]
                for name, value in vars(units).items()
                if f"{part}.{name}" in self.fast
            }
            setattr(driven, part, units.with_parameters(**changed))
        return driven


class TemperedChains(_Chains):
    """Chains at several temperatures that exchange their states; the coldest is the model's.

    Desjardins et al. 2010, "Tempered Markov chain Monte Carlo for training of restricted Boltzmann
    machines"; Cho, Raiko and Ilin 2010. At inverse temperature beta the energy is
    (1 - beta) E_base(v) + beta E(v, h), where the base is units of all biases 0. After the Gibbs
    steps, the temperatures 0-1, 2-3, ... and then 1-2, 3-4, ... exchange states where Metropolis's
    rule accepts it.

    Args:
        chains: how many at each temperature.
        temperatures: how many, at least 2; their inverses lie evenly from 0 to 1.
        k: steps for each update, at least 1.

    Raises:
        ValueError: one of these is too small.

    >>> chains = TemperedChains(20, temperatures=3)
    >>> trainer = RBMTrainer(RBM(6, 4, rng=rng), rng=rng, negative=chains)
    >>> sorted(trainer.step(np.ones((10, 6), "float32")))
    ['free_energy_gap', 'reconstruction']
    """

    def __init__(self, chains: int = 100, temperatures: int = 10, k: int = 1) -> None:
        self.chains = at_least("TemperedChains", "chains", chains, 1)
        self.rungs = at_least("TemperedChains", "temperatures", temperatures, 2)
        self.k = at_least("TemperedChains", "k", k, 1)

    def draw(self, rbm: RBM, data: Particles, rng: Generator) -> Particles:
        """The coldest chains' states, k steps and exchanges later."""
        rbm.require_likelihood("TemperedChains")
        base = rbm.visible.mapped(lambda p: 0.0 * p)
        v = self._placed(rbm)
        chains = team().share(self.chains, "chains")
        xp = rbm.visible.xp
        rungs = xp.arange(self.rungs).astype(rbm.weight.dtype) / (self.rungs - 1)
        beta = xp.repeat(rungs, chains).reshape(-1, 1)
        with rng.stacked(self.rungs):
            if v is None:
                v = alone(base, self.rungs * chains, rng)
            for _ in range(self.k):
                v, h = tempered_sweep(rbm, v, beta, base, rng)
                slope = rbm.energy(v, h) - base.self_energy(v)
                self._exchange(v, slope, rng)
        self._keep(v)
        coldest = v[-chains:].copy()
        return Particles(coldest, rbm.hidden_input(coldest))

    def _exchange(self, v: Array, slope: Array, rng: Generator) -> None:
        """Both rounds of exchanges; slope (N,) is the derivative of the energy in beta."""
        by_rung = v.reshape(self.rungs, -1, v.shape[1])
        slopes = slope.reshape(self.rungs, -1)
        for first in (0, 1):
            pairs = (self.rungs - first) // 2
            if pairs:
                part = slice(first, first + 2 * pairs)
                states = [a[part].reshape(pairs, 2, *a.shape[1:]) for a in (by_rung, slopes)]
                gain = (states[1][:, 1] - states[1][:, 0]) / (self.rungs - 1)
                with rng.stacked(pairs):
                    swap_neighbours(states, gain, rng)


class Exact(NegativeSampler):
    """All visible states with their probabilities: the exact gradient, for small models.

    Raises:
        ValueError: there are too many states, or they are real numbers.

    >>> trainer = RBMTrainer(RBM(6, 4, rng=rng), rng=rng, negative=Exact())
    >>> sorted(trainer.step(rng.bernoulli(np.full((10, 6), 0.5, "float32"))))
    ['free_energy_gap', 'reconstruction']
    """

    LIMIT = 2**16

    def __init__(self) -> None:
        self._states: Array | None = None

    def draw(self, rbm: RBM, data: Particles, rng: Generator) -> Particles:
        """Every visible state, weighted."""
        rbm.require_likelihood("Exact")
        if self._states is None:
            self._states = all_states(rbm.visible, "Exact", self.LIMIT)
        inputs = rbm.hidden_input(self._states)
        energy = rbm.visible.self_energy(self._states) - rbm.hidden.cumulant(inputs)
        return Particles(self._states, inputs, exp(log_weights(-energy)))
