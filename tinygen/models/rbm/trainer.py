"""Training restricted Boltzmann machines: contrastive divergence and its relatives.

    rbm = RBM(784, 500, rng=rng).start_at(images)
    trainer = RBMTrainer(rbm, rng=rng, negative=PersistentChains(100), centred=True, lr=0.01)
    for (batch,) in loader:
        trainer.step(batch)

The founding article (A1) calls contrastive divergence the descent of a Kullback-Leibler divergence.
It descends, roughly, a difference of two of them (Hinton 2002, eq. 5), whose gradient it takes but
for one term, and it is the gradient of no function; the likelihood can fall as training goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ... import optim
from ...backend import BACKEND_OF, Array, host
from ...data import DataError
from ...ops import sum
from ...parallel import team
from ...random import Generator
from ...replay import Replay
from ...state import check_state
from ..when_read import WhenRead
from .gibbs import gibbs_samples
from .gradient import Gradient, Offsets
from .model import RBM
from .negative import ContrastiveDivergence, NegativeSampler, Particles
from .units import Units

__all__ = ["RBMTrainer"]


class RBMTrainer:
    """Stochastic descent of minus the log-likelihood.

    Args:
        rbm: on the device of `rng`.
        rng: draws all states.
        negative: where the model's states come from; CD-1 by default.
        optimizer: of `rbm.named_parameters()`; None for SGD with `lr` and `momentum`.
        lr: the learning rate, or a function of the step number.
        momentum: Hinton 2010, section 9, begins with 0.5 and goes on with 0.9.
        weight_decay: the strength of an L2 penalty on the weights; biases have none.
        centred: use the centred gradient (see `gradient.py`).
        offset_rate: of the moving averages of the data's means that are the offsets.
        sparsity: pull the mean of each hidden unit towards `sparsity_target`, this strongly: the
            slope of the cross-entropy of the two, mean - target, is added to the hidden inputs'
            (Hinton 2010, section 11).
        sparsity_decay: of the moving average of those means.
        base: units fitted to the data, as by `rbm.visible.base_rate(data)`, from which `sample`
            anneals; None begins at the visible units alone and at temperature 1.
        burn_in: steps of Gibbs sampling to a sample.

    Raises:
        ValueError: a number is out of range.
        DataError: in `step`, the batch is no rows (n, n_visible) in the dtype of the weights.

    >>> trainer = RBMTrainer(RBM(6, 4, rng=rng), rng=rng, lr=0.1)
    >>> sorted(trainer.step(rng.bernoulli(np.full((10, 6), 0.5, "float32"))))
    ['free_energy_gap', 'reconstruction']
    >>> trainer.sample(5).shape
    (5, 6)
    """

    def __init__(
        self,
        rbm: RBM,
        *,
        rng: Generator,
        negative: NegativeSampler | None = None,
        optimizer: optim.Optimizer | None = None,
        lr: float | optim.optimizer.Schedule = 0.01,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        centred: bool = False,
        offset_rate: float = 0.01,
        sparsity: float = 0.0,
        sparsity_target: float = 0.1,
        sparsity_decay: float = 0.99,
        base: Units | None = None,
        burn_in: int = 1000,
    ) -> None:
        for name, value in (("weight_decay", weight_decay), ("sparsity", sparsity)):
            if not 0.0 <= value < float("inf"):
                raise ValueError(f"RBMTrainer: {name} must be finite and at least 0, not {value}.")
        for name, value in (("offset_rate", offset_rate), ("sparsity_decay", sparsity_decay),
                            ("sparsity_target", sparsity_target)):  # fmt: skip
            if not 0.0 <= value <= 1.0:
                raise ValueError(f"RBMTrainer: {name} must lie in [0, 1], not {value}.")
        self.rbm = rbm
        self.rng = rng
        self.negative = ContrastiveDivergence(1) if negative is None else negative
        self.optimizer = (
            optim.SGD(rbm.named_parameters(), lr=lr, momentum=momentum)
            if optimizer is None else optimizer
        )  # fmt: skip
        self.weight_decay = weight_decay
        self.offset_rate = offset_rate
        self.sparsity, self.sparsity_target = sparsity, sparsity_target
        self.sparsity_decay = sparsity_decay
        self.base, self.burn_in = base, burn_in
        self.steps = 0
        self._run: Callable[..., Any] = self._work
        self._arrays = rbm.arrays()
        self._gradients = self.optimizer.gradients
        self._gradient = Gradient(self._arrays, self._gradients)
        self.offsets = self._first_offsets() if centred else None
        self._activity = (
            self._arrays.visible.xp.full(rbm.hidden.n, sparsity_target, dtype=rbm.weight.dtype)
            if sparsity else None
        )  # fmt: skip

    def step(self, batch: Array) -> dict[str, Any]:
        """One update on a batch (n, n_visible) of states of the visible units.

        What it holds is not looked at here, since that would wait for the device: `RBM.check` does.
        Bernoulli units take values between 0 and 1 as probabilities, whose statistics they use.

        Returns:
            Numbers that are computed when they are read, with the parameters of that moment:
            `reconstruction`, the mean squared difference between the batch and its mean-field
            reconstruction (no measure of the fit, but it shows training that goes astray); and
            `free_energy_gap`, the mean free energy of the batch less that of the model's states,
            which drifts from 0 when these lag behind the model.
        """
        self._check(batch)
        self._run(None, batch)
        self.steps += 1
        rbm, model = self._arrays, self._model
        return {
            "reconstruction": WhenRead(lambda: _reconstruction_error(rbm, batch)),
            "free_energy_gap": WhenRead(lambda: _free_energy_gap(rbm, batch, model)),
        }

    def capture(self) -> None:
        """Replay steps as CUDA graphs from now on: the same numbers, launched all at once.

        Raises:
            DeviceError: the model is not on a CUDA device.
        """
        self._run = Replay(self._arrays.visible.xp, self._work)

    def _work(self, plan: None, batch: Array) -> dict[str, Any]:
        """A step's work on the device. What it draws stays where it is, and is written anew."""
        data = Particles(batch, self._arrays.hidden_input(batch))
        self._model = self.negative.draw(self._arrays, data, self.rng)
        self._update(data, self._model)
        return {}

    def update(self, data: Particles, model: Particles) -> None:
        """One update by the particles of both phases, wherever these come from."""
        self._update(data, model)
        self.steps += 1

    def _update(self, data: Particles, model: Particles) -> None:
        mean = self._write_gradient(data, model)
        self.optimizer.step(list(self._gradients.values()))
        self.negative.follow(self._gradients)
        if self.offsets is not None:
            _approach(self.offsets.visible, data.visible, self.offset_rate)
            _approach(self.offsets.hidden, mean, self.offset_rate)
        if self._activity is not None:
            _approach(self._activity, mean, 1.0 - self.sparsity_decay)

    def _write_gradient(self, data: Particles, model: Particles) -> Array:
        """Write the gradient to where the optimizer reads it; returns the data's E[h | v]."""
        push = None
        if self._activity is not None:
            push = self.sparsity * (self._activity - self.sparsity_target)
        return self._gradient.write(data, model, self.offsets, push, self.weight_decay)

    def sample(self, n: int) -> np.ndarray:
        """n samples of the visible units on the host, (n, n_visible), by Gibbs sampling."""
        draws = gibbs_samples(self.rbm, n, rng=self.rng, burn_in=self.burn_in, base=self.base)
        return host(draws[0])

    def state_dict(self) -> dict[str, Any]:
        """All that a continued run needs, chains and stream included, on the host."""
        averages = {name: np.array(host(a)) for name, a in self._averages().items()}
        return {
            "steps": self.steps,
            "rng": self.rng.state_dict(),
            "rbm": self.rbm.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "negative": self.negative.state_dict(),
            "averages": averages,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        own = self._averages()
        averages = check_state("RBMTrainer.load_state_dict", own, state["averages"])
        self.rbm.load_state_dict(state["rbm"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.negative.load_state_dict(state["negative"])
        for name, array in own.items():
            array[...] = self._arrays.visible.xp.from_host(averages[name])
        self.rng.load_state_dict(state["rng"])
        self.steps = int(state["steps"])

    def _averages(self) -> dict[str, Array]:
        """What is averaged from step to step, by name."""
        found = {} if self.offsets is None else {f"offset.{k}": v for k, v in self._pairs()}
        return found if self._activity is None else {**found, "activity": self._activity}

    def _pairs(self) -> list[tuple[str, Array]]:
        assert self.offsets is not None
        return [("visible", self.offsets.visible), ("hidden", self.offsets.hidden)]

    def _first_offsets(self) -> Offsets:
        """Undecided hidden units, and what they expect: the data's means after `RBM.start_at`."""
        rbm = self._arrays
        hidden = rbm.hidden.mean(0.0 * rbm.hidden.bias.reshape(1, -1))
        return Offsets(rbm.visible.mean(rbm.visible_input(hidden))[0].copy(), hidden[0].copy())

    def _check(self, batch: Array) -> None:
        wanted = self._arrays.weight
        if batch.ndim != 2 or batch.shape[1] != wanted.shape[1] or len(batch) == 0:
            raise DataError(
                f"RBMTrainer.step: the batch has shape {tuple(batch.shape)}; give rows "
                f"(n, {wanted.shape[1]}), n at least 1."
            )
        if batch.dtype != wanted.dtype:
            raise DataError(
                f"RBMTrainer.step: the batch is {batch.dtype}, the weights are {wanted.dtype}; "
                f"convert it with batch.astype({str(wanted.dtype)!r})."
            )


def _reconstruction_error(rbm: RBM, batch: Array) -> Array:
    difference = rbm.reconstruction(batch) - batch
    return sum(difference * difference) * (1.0 / difference.size)


def _free_energy_gap(rbm: RBM, batch: Array, model: Particles) -> Array:
    of_model = rbm.free_energy(model.visible)
    share = 1.0 / len(of_model) if model.weights is None else model.weights
    return sum(rbm.free_energy(batch)) * (1.0 / len(batch)) - sum(share * of_model)


def _approach(average: Array, rows: Array, rate: float) -> None:
    """Move an average (n,) towards the mean of rows (N, n) of all ranks, in place."""
    step = (rate / len(rows)) * BACKEND_OF[type(rows)].column_sum(rows)
    team().average(step)
    average *= 1.0 - rate
    average += step
