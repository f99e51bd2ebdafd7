"""Incomplete observations: what is missing, expected given what is known, by each family.

    filled = by_gibbs(rbm, values, known, rng=rng)
    filled = by_importance(vae, values, known, rng=rng).mean()
    filled = by_search(gan_trainer, values, known)

values: (N, D), known: (N, D) of 1 and 0. What stands in `values` where it is not known is where the
first two begin, such as the mean of the data; all keep what is known.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..backend import BACKEND_OF, Array
from ..ops import exp, expand_dims, log_softmax, square, sum
from ..primitive import no_grad
from ..random import Generator
from ..tensor import Tensor
from .gan import GANTrainer
from .latent_search import best_of
from .rbm import RBM, gibbs_samples
from .vae import VAE

__all__ = ["Proposals", "by_gibbs", "by_importance", "by_search"]


def by_gibbs(
    rbm: RBM,
    values: Array,
    known: Array,
    *,
    rng: Generator,
    burn_in: int = 100,
    draws: int = 50,
) -> Array:
    """Means over the states of a chain for each row, with what is known clamped: (N, D).

    Of each state the visible units' expectations are taken given the hidden ones, which has the
    same mean and less variance (Rao and Blackwell).
    """
    found = gibbs_samples(
        rbm, rng=rng, start=values, known=known, values=values,
        burn_in=burn_in, draws=draws, means=True,
    )  # fmt: skip
    return _kept(values, known, BACKEND_OF[type(found)].sum(found, 0) * (1.0 / draws))


@dataclass(frozen=True)
class Proposals:
    """Completed rows (N, k, D) and the logarithms of their weights (N, k), which sum to 1."""

    rows: Array
    log_weights: Array

    def mean(self) -> Array:
        """The expectation of what is missing given what is known: (N, D)."""
        xp = BACKEND_OF[type(self.rows)]
        return xp.sum(self.rows * exp(self.log_weights)[:, :, None], 1)

    def draw(self, rng: Generator) -> Array:
        """One of each row's, chosen by weight: (N, D).

        The Gumbel trick: the greatest of log w - log(-log u) is i with probability w_i.
        """
        xp = BACKEND_OF[type(self.rows)]
        u = rng.uniform(self.log_weights.shape, dtype=str(self.log_weights.dtype))
        chosen = xp.argmax(self.log_weights - xp.log(-xp.log(u + 1e-12) + 1e-12), 1)
        return self.rows[xp.arange(len(chosen)), chosen]


def by_importance(
    model: VAE, values: Array, known: Array, *, rng: Generator, rounds: int = 5, draws: int = 50
) -> Proposals:
    """Proposals by the encoder, weighted by how well they explain what is known.

    Rezende et al., "Stochastic backpropagation and approximate inference in deep generative models"
    (2014), appendix F: fill in, encode, draw, decode, over again. After such `rounds` the encoder's
    q is where z come from, of weight p(known | z) p(z) / q(z): Mattei and Frellsen, "MIWAE" (2019),
    eq. 12. The more that is missing the less its q resembles p(z | known), and a few z have all
    the weight.
    """
    was_training = model.training
    model.eval()
    try:
        with no_grad():
            rows = values
            for _ in range(rounds):
                z = model.posterior(Tensor(rows)).sample(rng)
                rows = _kept(values, known, model.likelihood(z).mean.data)
            return _weighted(model, rows, values, known, rng, draws)
    finally:
        model.train(was_training)


def by_search(
    trainer: GANTrainer,
    values: Array,
    known: Array,
    *,
    steps: int = 200,
    restarts: int = 2,
    prior: float = 1e-3,
) -> Array:
    """What the generator makes of the noise that explains best what is known: (N, D).

    Yeh et al. 2017, eq. 2: the squared distance on what is known, and a prior that keeps z where
    the generator was trained; theirs is D's verdict, here it is -log p(z) times `prior`.
    """
    x, mask = Tensor(values), Tensor(known)

    def loss(made: Tensor, z: Tensor) -> Tensor:
        return sum(mask * square(made - x), axis=1) + prior * 0.5 * sum(square(z), axis=1)

    z, _ = best_of(trainer, loss, len(values), restarts=restarts, steps=steps)
    with trainer.evaluating():
        return _kept(values, known, trainer.generator(Tensor(z)).data)


def _weighted(
    model: VAE, rows: Array, values: Array, known: Array, rng: Generator, draws: int
) -> Proposals:
    q = model.posterior(Tensor(rows))
    z = q.sample(rng, draws)
    p = model.likelihood(z)
    of_known = sum(Tensor(known[:, None]) * _by_feature(model, z, values), axis=2)
    of_z = 0.5 * (_squared_noise(q, z) - sum(square(z), axis=2))
    log_w = log_softmax(of_known + of_z, axis=1).data
    return Proposals(_kept(values[:, None], known[:, None], p.mean.data), log_w)


def _by_feature(model: VAE, z: Tensor, values: Array) -> Tensor:
    """log p(x_d | z) for each feature: (N, k, D).

    Features are independent given z; with an axis behind them none is summed over.
    """
    n, k, _ = z.shape
    decoded = model.decoder(model.decoder_rows(z, None)).reshape((n, k, -1))
    return model.output.distribution(expand_dims(decoded, -1)).log_prob(
        Tensor(values[:, None, :, None])
    )


def _squared_noise(q: object, z: Tensor) -> Tensor:
    """|(z - mean) / std|^2 + sum of log-variances, that is -2 log q(z) but for constants."""
    v = expand_dims(q.log_variance, -2)  # type: ignore[attr-defined]
    m = expand_dims(q.mean, -2)  # type: ignore[attr-defined]
    return sum(square(z - m) * exp(-v) + v, axis=2)


def _kept(values: Array, known: Array, filled: Array) -> Array:
    """What is known as it is, the rest as filled in."""
    return known * values + (1.0 - known) * filled
