"""How likely data are: exact for small models, estimated with error bars for others.

    log p(v) = -F(v) - log Z

    ais = annealed_importance_sampling(rbm, base, rng=rng)
    mean_log_likelihood(rbm, test, ais.log_z)

Estimates of log Z from the weights of forward annealing are too low on average (Jensen), so
likelihoods by it are overstated; annealing backwards from samples of the model errs the other way.
Neither is right without the other: Burda, Grosse and Salakhutdinov 2015, "Accurate and conservative
estimates of MRF log-likelihood using reverse annealing". Everything is computed in float64.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...backend import Array, host
from ...random import Generator
from .gibbs import alone, at_least
from .model import RBM
from .units import Units, raw

__all__ = [
    "LogZ",
    "annealed_importance_sampling",
    "free_energy_gap",
    "log_likelihood",
    "mean_log_likelihood",
    "reverse_annealing",
    "temperatures",
]


@dataclass(frozen=True)
class LogZ:
    """An estimate of log Z, in nats.

    log_z: the logarithm of the mean of the weights (forward), or minus that (reverse). low, high:
    the same where the mean is three standard errors less or more; the lower end of a forward
    estimate is -inf where these reach 0, and so is, turned round, the upper end of a reverse one.
    log_weights: (runs,), of which each has Z as the expectation of its exponential (reverse: 1/Z).

    >>> print(LogZ.of(np.log([9.0, 10.0, 11.0])))
    2.30 (3 standard errors: 2.11 to 2.46)
    """

    log_z: float
    low: float
    high: float
    log_weights: np.ndarray

    @classmethod
    def of(cls, log_weights: np.ndarray, sign: float = 1.0) -> LogZ:
        """From log-weights; sign is -1 for those of 1/Z."""
        most = float(log_weights.max())
        weights = np.exp(log_weights - most)
        mean = float(weights.mean())
        error = 3.0 * float(weights.std(ddof=1)) / math.sqrt(len(weights))
        ends = [sign * (most + _log(mean + e)) for e in (-error, error)]
        return cls(sign * (most + math.log(mean)), min(ends), max(ends), log_weights)

    def __str__(self) -> str:
        return f"{self.log_z:.2f} (3 standard errors: {self.low:.2f} to {self.high:.2f})"


def temperatures(count: int = 10_000) -> np.ndarray:
    """Inverse temperatures 0, ..., 1, in the proportions of Salakhutdinov and Murray 2008.

    Section 4.2.1 there has 500 up to 0.5, 4,000 up to 0.9 and 10,000 up to 1.0, evenly in each.
    Steps of equal variance, measured in a pilot run, are nearly even ones for an RBM of MNIST and
    not better: what costs is a mode that takes over near 1, where these proportions go slowly.
    (count,); ValueError for fewer than 2.

    >>> betas = temperatures(1000)
    >>> float(betas[0]), float(betas[-1]), bool((np.diff(betas) > 0).all())
    (0.0, 1.0, True)
    """
    at_least("temperatures", "count", count, 2)
    cuts = [0, round(count * 500 / 14_500), round(count * 4_500 / 14_500), count - 1]
    return np.interp(np.arange(count), cuts, [0.0, 0.5, 0.9, 1.0])


def annealed_importance_sampling(
    rbm: RBM,
    base: Units,
    *,
    rng: Generator,
    runs: int = 100,
    betas: Sequence[float] | np.ndarray | None = None,
) -> LogZ:
    """log Z by annealing from the base to the model.

    Neal 2001, "Annealed importance sampling"; Salakhutdinov and Murray 2008, section 4.1. The
    distributions between have the energy (1 - beta) E_base(v) + beta E(v, h), and the base is the
    visible units alone, fitted to the data: `rbm.visible.base_rate(data)`.

    Args:
        runs: independent ones, side by side, at least 2.
        betas: rising from 0 to 1; None for `temperatures()`, 10,000 of them.

    Raises:
        ValueError: the units define no exact distribution, or betas do not rise from 0 to 1.

    >>> rbm, v = RBM(6, 4, rng=rng), rng.bernoulli(np.full((10, 6), 0.5, "float32"))
    >>> betas = np.linspace(0.0, 1.0, 50)
    >>> found = annealed_importance_sampling(rbm, rbm.visible.base_rate(v), rng=rng, betas=betas)
    >>> abs(found.log_z - exact_log_z(rbm)) < 0.1
    True
    """
    path = _Path(rbm, base, "annealed_importance_sampling", betas)
    at_least("annealed_importance_sampling", "runs", runs, 2)
    v = alone(path.base, runs, rng)
    total = path.xp.zeros(runs, dtype="float64")
    for before, after in zip(path.betas[:-1], path.betas[1:], strict=True):
        v, gain = path.move(v, before, after, rng, last=after == 1.0)
        total += gain
    return LogZ.of(path.log_z_of_base() + host(total))


def reverse_annealing(
    rbm: RBM,
    base: Units,
    start: Array,
    *,
    rng: Generator,
    burn_in: int = 1000,
    betas: Sequence[float] | np.ndarray | None = None,
) -> LogZ:
    """log Z by annealing from samples of the model back to the base.

    The estimate is too high on average, if the samples are the model's. They come from chains that
    begin at `start`, and as these have not forgotten it, that is not sure: a high likelihood of
    `start` pulls it down.

    Args:
        start: (runs, n_visible), such as rows of the training data, or exact samples.
        burn_in: steps of Gibbs sampling before the annealing; 0 for exact samples.
        betas: rising, as for the forward direction.

    Raises:
        ValueError: start has fewer than two rows, or as `annealed_importance_sampling`.

    >>> rbm, v = RBM(6, 4, rng=rng), np.ones((10, 6), "float32")
    >>> base, betas = rbm.visible.base_rate(v), np.linspace(0.0, 1.0, 50)
    >>> found = reverse_annealing(rbm, base, v, rng=rng, burn_in=10, betas=betas)
    >>> found.log_weights.shape
    (10,)
    """
    path = _Path(rbm, base, "reverse_annealing", betas)
    v = rbm.check(start).astype("float64")
    at_least("reverse_annealing", "rows of start", len(v), 2)
    for _ in range(burn_in):
        v = path.step(v, 1.0, path.model.hidden_input(v), rng)
    total = path.xp.zeros(len(v), dtype="float64")
    for before, after in zip(path.betas[:0:-1], path.betas[-2::-1], strict=True):
        v, gain = path.move(v, before, after, rng, last=after == 0.0)
        total += gain
    return LogZ.of(host(total) - path.log_z_of_base(), sign=-1.0)


class _Path:
    """The distributions between the base and the model."""

    def __init__(
        self, rbm: RBM, base: Units, where: str, betas: Sequence[float] | np.ndarray | None
    ) -> None:
        rbm.require_likelihood(where)
        self.betas = [float(b) for b in (temperatures() if betas is None else betas)]
        if self.betas[0] != 0.0 or self.betas[-1] != 1.0 or np.any(np.diff(self.betas) <= 0):
            raise ValueError(
                f"{where}: betas must rise from 0 to 1, as those of temperatures() do."
            )
        self.model = rbm.arrays("float64")
        self.base = base.mapped(lambda p: raw(p).astype("float64"))
        self.xp = self.model.visible.xp

    def log_z_of_base(self) -> float:
        """log Z at beta = 0: of the base, and of hidden units without inputs."""
        free = self.xp.zeros((1, self.model.hidden.n), dtype="float64")
        alone_in_base = self.base.cumulant(self.base.bias.reshape(1, -1))
        return float(alone_in_base[0] + self.model.hidden.cumulant(free)[0])

    def move(
        self, v: Array, before: float, after: float, rng: Generator, last: bool
    ) -> tuple[Array, Array]:
        """log f_after(v) - log f_before(v), and a step of Gibbs sampling at `after`.

        f_beta is exp of minus the free energy at beta; `last` leaves out the step.
        """
        x = self.model.hidden_input(v)
        hidden = self.model.hidden
        self_energy = self.base.self_energy(v) - self.model.visible.self_energy(v)
        gain = (after - before) * self_energy + hidden.cumulant(after * x)
        gain -= hidden.cumulant(before * x)
        return (v if last else self.step(v, after, x, rng)), gain

    def step(self, v: Array, beta: float, x: Array, rng: Generator) -> Array:
        """A step of Gibbs sampling at beta from states whose hidden input is x."""
        h = self.model.hidden.sample(beta * x, rng)
        units, scale = self.model.visible.blend(self.base, beta)
        return units.sample(scale * self.model.visible_field(h) + units.bias, rng)


def log_likelihood(rbm: RBM, data: Array, log_z: float) -> Array:
    """log p(v) of each row (N, n_visible), (N,), in nats and float64.

    Raises:
        DataError: the rows are no states: grey pixels have no probability under binary units.

    >>> rbm, v = RBM(6, 4, rng=rng, std=0.0), np.ones((2, 6), "float32")
    >>> (log_likelihood(rbm, v, exact_log_z(rbm)) / np.log(2.0)).round(6)
    array([-6., -6.])
    """
    rbm.require_likelihood("log_likelihood")
    rows = rbm.check(data)
    model = rbm.arrays("float64")
    parts = [
        -model.free_energy(rows[i : i + 1000].astype("float64")) - log_z
        for i in range(0, len(rows), 1000)
    ]
    return model.visible.xp.concatenate(parts)


def mean_log_likelihood(rbm: RBM, data: Array, log_z: float) -> float:
    """The mean of log p(v) over the rows (N, n_visible), in nats; raises as `log_likelihood`.

    >>> rbm, v = RBM(6, 4, rng=rng, std=0.0), np.ones((10, 6), "float32")
    >>> round(float(mean_log_likelihood(rbm, v, exact_log_z(rbm)) / np.log(2.0)), 6)
    -6.0
    """
    return float(log_likelihood(rbm, data, log_z).mean())


def free_energy_gap(rbm: RBM, train: Array, validation: Array) -> float:
    """The mean free energy of training data less that of held-out data, in nats.

    log Z drops out: it is how much likelier the held-out data are than the training data, which
    falls below 0 as a model overfits (Hinton 2010, section 6). Both are rows of states,
    (N, n_visible) and (M, n_visible).

    >>> rbm, v = RBM(6, 4, rng=rng), np.ones((10, 6), "float32")
    >>> float(free_energy_gap(rbm, v, v))
    0.0
    """
    return mean_log_likelihood(rbm, validation, 0.0) - mean_log_likelihood(rbm, train, 0.0)


def _log(x: float) -> float:
    return math.log(x) if x > 0 else -math.inf
