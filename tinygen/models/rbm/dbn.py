"""Stacks of RBMs: the deep belief network, and unrolling one into networks to fine-tune.

    dbn = DeepBeliefNetwork([784, 500, 250, 30], rng=rng)
    trainer = DBNTrainer(dbn, rng=rng, steps_per_layer=5000)
    autoencoder = nn.Sequential(*dbn.encoder(), *dbn.decoder())

Hinton, Osindero and Teh 2006, "A fast learning algorithm for deep belief nets", section 4: each RBM
learns the states of the hidden units of the one below. Hinton and Salakhutdinov 2006, "Reducing the
dimensionality of data with neural networks": unrolled, the weights are where an autoencoder begins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ... import nn
from ...backend import Array, host
from ...ops import exp
from ...random import Generator
from .discrete import Bernoulli, Softmax
from .gibbs import at_least, gibbs_samples
from .model import RBM
from .real import NoisyRectified
from .trainer import RBMTrainer
from .units import Units

__all__ = ["DBNTrainer", "DeepBeliefNetwork", "unroll"]


class DeepBeliefNetwork(nn.Module):
    """RBMs of which each one's visible units are the hidden ones of the one below.

    Args:
        sizes: units of each layer, from the data up. The first may be `Units`; the others are
            Bernoulli units, which are hidden ones of one RBM and visible ones of the next.
        rng: draws the weights.

    Hinton, Osindero and Teh, "A fast learning algorithm for deep belief nets" (2006). Raises
    ValueError for fewer than two layers, or `Units` other than the first.

    >>> dbn = DeepBeliefNetwork([6, 4, 3], rng=rng)
    >>> dbn.sample(5, rng=rng, burn_in=10).shape
    (5, 6)
    """

    def __init__(self, sizes: Sequence[int | Units], *, rng: Generator) -> None:
        if len(sizes) < 2:
            raise ValueError(f"DeepBeliefNetwork: give at least two layers, not {list(sizes)}.")
        if any(isinstance(size, Units) for size in sizes[1:]):
            raise ValueError("DeepBeliefNetwork: only the first layer may be Units; give numbers.")
        self.rbms = [RBM(below, above, rng=rng) for below, above in pairwise(sizes)]

    def up(self, v: Array, layers: int | None = None) -> Array:
        """The expected hidden states, layer over layer, of the first `layers` RBMs (None: all)."""
        for rbm in self.rbms[:layers]:
            v = rbm.arrays().hidden_mean(v)
        return v

    def down(self, v: Array, rng: Generator | None = None) -> Array:
        """Data from states of the top RBM's visible units; drawn with `rng`, else expectations."""
        for rbm in reversed(self.rbms[:-1]):
            x = rbm.arrays().visible_input(v)
            v = rbm.arrays().visible.mean(x) if rng is None else rbm.arrays().visible.sample(x, rng)
        return v

    def sample(
        self, n: int, *, rng: Generator, burn_in: int = 1000, start: Array | None = None
    ) -> Array:
        """n samples: Gibbs sampling in the top RBM, then one pass down. (n, n_visible).

        Args:
            start: data (n, n_visible) whose states in the top RBM the chains begin with.
        """
        top = None if start is None else self.up(start, len(self.rbms) - 1)
        states = gibbs_samples(self.rbms[-1], n, rng=rng, burn_in=burn_in, start=top)[0]
        return self.down(states, rng)

    def encoder(self) -> nn.Sequential:
        """Data to the expected states of the top layer: `up` as a network that can be trained."""
        return nn.Sequential(*(part for rbm in self.rbms for part in unroll(rbm)[0]))

    def decoder(self) -> nn.Sequential:
        """States of the top layer to expected data, with weights of its own to be trained."""
        return nn.Sequential(*(part for rbm in reversed(self.rbms) for part in unroll(rbm)[1]))


def unroll(rbm: RBM) -> tuple[nn.Sequential, nn.Sequential]:
    """E[h | v] and E[v | h] as dense layers, with copies of the RBM's parameters.

    (N, n_visible) to (N, n_hidden), and back.

    Raises:
        ValueError: of softmax units, whose groups no layer here knows.

    >>> up, down = unroll(RBM(6, 4, rng=rng))
    >>> down(up(tg.zeros(5, 6))).shape
    (5, 6)
    """
    if isinstance(rbm.visible, Softmax) or isinstance(rbm.hidden, Softmax):
        raise ValueError("unroll: softmax units have no layer; take Bernoulli or Gaussian ones.")
    model = rbm.arrays()
    up = model.weight
    if rbm.visible.further:  # the weights see v / sigma^2
        up = up * exp(-model.visible.log_variance)  # type: ignore[attr-defined]
    encode = _dense(up, model.hidden.bias, _activation(rbm.hidden))
    decode = _dense(model.weight.T, model.visible.bias, _activation(rbm.visible))
    return encode, decode


def _dense(weight: Array, bias: Any, activation: nn.Module | None) -> nn.Sequential:
    outputs, inputs = weight.shape
    layer = nn.Linear(inputs, outputs, rng=Generator(0, device="cpu"))
    layer.weight, layer.bias = (nn.Parameter(a.copy()) for a in (weight, bias))
    return nn.Sequential(layer, *([] if activation is None else [activation]))


def _activation(units: Units) -> nn.Module | None:
    if isinstance(units, Bernoulli):
        return nn.Sigmoid()
    return nn.Softplus() if isinstance(units, NoisyRectified) else None


class DBNTrainer:
    """Greedy training: each RBM for so many steps, then the next, on what comes up to it.

    Args:
        dbn: on the device of `rng`.
        rng: draws all states.
        steps_per_layer: updates of each RBM; the top one goes on for ever.
        make: a trainer of one RBM from (rbm, rng); None for CD-1 with rate 0.1, momentum 0.5.
        burn_in: steps of Gibbs sampling in the top RBM to a sample.

    Raises:
        ValueError: steps_per_layer is below 1.

    >>> trainer = DBNTrainer(DeepBeliefNetwork([6, 4, 3], rng=rng), rng=rng, steps_per_layer=2)
    >>> for _ in range(4):
    ...     losses = trainer.step(rng.bernoulli(np.full((10, 6), 0.5, "float32")))
    >>> trainer.sample(5).shape
    (5, 6)
    """

    def __init__(
        self,
        dbn: DeepBeliefNetwork,
        *,
        rng: Generator,
        steps_per_layer: int,
        make: Callable[[RBM, Generator], RBMTrainer] | None = None,
        burn_in: int = 1000,
    ) -> None:
        self.dbn = dbn
        self.burn_in = burn_in
        self.rng = rng
        self.steps_per_layer = at_least("DBNTrainer", "steps_per_layer", steps_per_layer, 1)
        make = _contrastive if make is None else make
        self.trainers = [make(rbm, rng) for rbm in dbn.rbms]

    @property
    def layer(self) -> int:
        """Of the RBM that is trained next."""
        done = sum(trainer.steps for trainer in self.trainers)
        return min(done // self.steps_per_layer, len(self.trainers) - 1)

    def step(self, batch: Array) -> dict[str, Any]:
        """One update of the RBM whose turn it is, on a batch (n, n_visible) of data.

        Its data are draws of the hidden units below, as the layers above must take states.
        """
        layer = self.layer
        for rbm in self.dbn.rbms[:layer]:
            model = rbm.arrays()
            batch = model.hidden.sample(model.hidden_input(batch), self.rng)
        return self.trainers[layer].step(batch)

    def sample(self, n: int) -> np.ndarray:
        """n samples on the host."""
        return host(self.dbn.sample(n, rng=self.rng, burn_in=self.burn_in))

    def state_dict(self) -> dict[str, Any]:
        """All that a continued run needs."""
        return {str(i): trainer.state_dict() for i, trainer in enumerate(self.trainers)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        if len(state) != len(self.trainers):
            raise ValueError(
                f"DBNTrainer.load_state_dict: the state is of {len(state)} RBMs, these are "
                f"{len(self.trainers)}."
            )
        for i, trainer in enumerate(self.trainers):
            trainer.load_state_dict(state[str(i)])


def _contrastive(rbm: RBM, rng: Generator) -> RBMTrainer:
    return RBMTrainer(rbm, rng=rng, lr=0.1, momentum=0.5)
