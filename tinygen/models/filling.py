"""Incomplete observations: what is missing, expected given what is known, by each family.

    filled = by_gibbs(rbm, values, known, rng=rng)
    filled = by_importance(vae, values, known, rng=rng).mean()
    filled = by_search(gan_trainer, values, known).mean()

values: (N, D), known: (N, D) of 1 and 0. What stands in `values` where it is not known is where
Gibbs chains begin, such as the mean of the data; all keep what is known.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..backend import BACKEND_OF, Array
from ..ops import exp, expand_dims, log_softmax, square, sum
from ..primitive import no_grad
from ..random import Generator
from ..tensor import Tensor
from .gan import GANTrainer
from .latent_search import search
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

    Args:
        values, known: (N, D), see above.
        burn_in: Gibbs steps before the first state. draws: states that are averaged.

    Raises:
        ValueError, DataError: as `gibbs_samples`.

    >>> from tinygen.models.rbm import RBM
    >>> half = np.array([[1.0, 1.0, 1.0, 0.0, 0.0, 0.0]], "float32")
    >>> by_gibbs(RBM(6, 4, rng=rng), half, half, rng=rng, burn_in=10, draws=5).shape
    (1, 6)
    """
    found = gibbs_samples(
        rbm, rng=rng, start=values, known=known, values=values,
        burn_in=burn_in, draws=draws, means=True,
    )  # fmt: skip
    return _kept(values, known, BACKEND_OF[type(found)].sum(found, 0) * (1.0 / draws))


@dataclass(frozen=True)
class Proposals:
    """Completed rows (N, k, D) and the logarithms of their weights (N, k), which sum to 1.

    >>> found = Proposals(np.zeros((1, 2, 3)), np.log([[0.25, 0.75]]))
    >>> found.rows.shape
    (1, 2, 3)
    """

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
    model: VAE,
    values: Array,
    known: Array,
    *,
    rng: Generator,
    rounds: int = 20,
    chains: int = 10,
    draws: int = 5,
) -> Proposals:
    """Proposals by the encoder, weighted by how well they explain what is known.

    Rezende et al., "Stochastic backpropagation and approximate inference in deep generative models"
    (2014), appendix F: fill in, encode, draw, decode, over again; each of the chains begins at a z
    of its own, N(0, I). After such `rounds` the encoder's q is where `draws` z come from, of weight
    p(known | z) p(z) / q(z): Mattei and Frellsen, "MIWAE" (2019), eq. 12. A chain stays with what
    it saw first, so that a single one errs more than the mean of the data where half of a digit is
    missing (by 11%).

    Args:
        values, known: (N, D), see above.

    Returns:
        chains * draws proposals for each row.

    >>> from tinygen.models.vae import BernoulliOutput, dense_vae
    >>> model = dense_vae(6, (16,), 3, BernoulliOutput(), rng=rng)
    >>> half = np.array([[1.0, 1.0, 1.0, 0.0, 0.0, 0.0]], "float32")
    >>> by_importance(model, half, half, rng=rng).rows.shape
    (1, 50, 6)
    """
    n = len(values)
    many, mask = values.repeat(chains, 0), known.repeat(chains, 0)
    was_training = model.training
    model.eval()
    try:
        with no_grad():
            z = Tensor(rng.normal((n * chains, model.latent), dtype=str(values.dtype)))
            for _ in range(rounds):
                rows = _kept(many, mask, model.likelihood(z).mean.data)
                z = model.posterior(Tensor(rows)).sample(rng)
            found, log_w = _weighted(model, rows, many, mask, rng, draws)
    finally:
        model.train(was_training)
    log_w = log_softmax(log_w.reshape((n, chains * draws)), axis=1).data
    return Proposals(found.reshape((n, chains * draws, -1)), log_w)


def by_search(
    trainer: GANTrainer,
    values: Array,
    known: Array,
    *,
    steps: int = 200,
    starts: int = 8,
    variance: float = 0.5,
) -> Proposals:
    """What the generator makes of noise that explains what is known, weighted by how well it does.

    What is known is taken for normal around G(z), with that variance, and the search for

        -log p(z | known) = |known - G(z)|^2 / (2 variance) + |z|^2 / 2 + constant

    starts at several places. Yeh et al. 2017, eq. 2, have D's verdict in place of the prior and
    keep the best z only. That errs more: filling in the lower half of binary digits, 0.99 times as
    much as the training mean with the best of 8 (1.09 with a weak prior), on average of them 0.91.

    Args:
        values, known: (N, D), see above. steps: of each search.
        variance: in squared units of the data.

    Returns:
        `starts` proposals for each row.

    >>> from tinygen.models.gan import GANTrainer, mlp
    >>> trainer = GANTrainer(mlp([4, 8, 2], rng), mlp([2, 8, 1], rng), rng=rng, noise_shape=4)
    >>> first = np.array([[1.0, 0.0]], "float32")
    >>> by_search(trainer, first, first, steps=3).mean().shape
    (1, 2)
    """
    x, mask = Tensor(values), Tensor(known)

    def loss(made: Tensor, z: Tensor) -> Tensor:
        return 0.5 / variance * sum(mask * square(made - x), axis=1) + 0.5 * sum(square(z), axis=1)

    xp, rows, losses = trainer.backend, [], []
    for _ in range(starts):
        z, least = search(trainer, loss, trainer.noise(len(values)), steps=steps)
        with trainer.evaluating():
            rows.append(_kept(values, known, trainer.generator(Tensor(z)).data))
        losses.append(xp.from_host(-least))
    return Proposals(xp.stack(rows, 1), log_softmax(Tensor(xp.stack(losses, 1)), axis=1).data)


def _weighted(
    model: VAE, rows: Array, values: Array, known: Array, rng: Generator, draws: int
) -> tuple[Array, Tensor]:
    """Completed rows (N, k, D), and the logarithms of their weights (N, k) but for a constant."""
    q = model.posterior(Tensor(rows))
    z = q.sample(rng, draws)
    p = model.likelihood(z)
    of_known = sum(Tensor(known[:, None]) * _by_feature(model, z, values), axis=2)
    of_z = 0.5 * (_squared_noise(q, z) - sum(square(z), axis=2))
    return _kept(values[:, None], known[:, None], p.mean.data), of_known + of_z


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
