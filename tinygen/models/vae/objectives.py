"""What a variational autoencoder is trained to make small: one function each.

    terms = negative_elbo(model, View(seen, target), rng)
    optimizer.step(terms.gradients(optimizer.params))

All are bounds on -log p(x), or are made of one, as means over the rows, in nats:

    log p(x) >= E_q log p(x, z) / q(z | x) = E_q log p(x | z) - KL(q(z | x) || p(z))
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ...autograd import grad
from ...backend import Array
from ...distributions import Normal, StandardNormal
from ...ops import expand_dims, logsumexp, maximum, mean_across, softmax, sum
from ...random import Generator
from ...tensor import Tensor
from .model import VAE

__all__ = [
    "OBJECTIVES",
    "Terms",
    "View",
    "autoencoder",
    "doubly_reparameterised",
    "importance_weighted",
    "log_weights",
    "negative_elbo",
    "sticking_the_landing",
]

PRIOR = StandardNormal()


class View(NamedTuple):
    """One batch: what the encoder sees, what is to be explained, both (N, D), and the labels (N,).

    The two differ where the encoder is shown a corrupted copy.

    >>> x = rng.bernoulli(np.full((20, 8), 0.5, "float32"))
    >>> half_hidden = View(x * (np.arange(8) < 4), x)
    >>> half_hidden.seen.shape, half_hidden.labels
    ((20, 8), None)
    """

    seen: Tensor
    target: Tensor
    labels: Array | None = None


@dataclass
class Terms:
    """The loss, a 0-d tensor; and constants by name to be shown, the parts before the whole."""

    loss: Tensor
    shown: dict[str, Tensor]

    def gradients(self, parameters: Sequence[Tensor]) -> list[Any]:
        """Of the loss, or an unbiased estimate of its expectation's."""
        return grad(self.loss, parameters)


def negative_elbo(
    model: VAE,
    view: View,
    rng: Generator,
    *,
    samples: int = 1,
    beta: Any = 1.0,
    free_bits: float = 0.0,
) -> Terms:
    """-E_q log p(x | z) + beta KL(q(z | x) || p(z)), the KL in closed form, in nats.

    Kingma & Welling 2014, eq. 10. With beta above 1 it is the beta-VAE's (Higgins et al. 2017, eq.
    4), with beta rising to 1 the warm-up of Bowman et al. 2016, section 3.1; either way it is a
    bound at beta >= 1 only, and what is shown is the ELBO itself.

    Args:
        samples: draws of z for each row.
        beta: a number, or a 0-d array.
        free_bits: nats: each component of z pays for this much at least, on average over the batch,
            and so has no reason to carry less (Kingma et al. 2016, appendix C.8).

    >>> model = dense_vae(8, (16,), 3, BernoulliOutput(), rng=rng)
    >>> x = rng.bernoulli(np.full((20, 8), 0.5, "float32"))
    >>> sorted(negative_elbo(model, View(x, x), rng).shown)
    ['kl', 'negative_elbo', 'reconstruction']
    """
    q = model.posterior(view.seen, view.labels)
    log_p = _log_likelihood(model, view, _draws(q, rng, samples))
    n = len(view.target)
    by_component = sum(q.kl_by_component(PRIOR), 0) * (1.0 / n)
    kl = sum(by_component)
    reconstruction = sum(log_p) * (-1.0 / (n * samples))
    paid = sum(maximum(mean_across(by_component), free_bits)) if free_bits else kl
    loss = reconstruction + (paid if isinstance(beta, float) and beta == 1.0 else paid * beta)
    return Terms(loss, _shown(reconstruction, kl, reconstruction + kl))


def sticking_the_landing(model: VAE, view: View, rng: Generator, *, samples: int = 1) -> Terms:
    """The ELBO with log q(z | x) at the draw, and q's parameters in it taken as constants.

    What is left out, the score of q, has expectation 0; without it the gradient's variance vanishes
    where q is exact. Roeder et al. 2017, "Sticking the landing: simple, lower-variance gradient
    estimators for variational inference", eq. 8. In nats; `samples` is the draws of z for each row.

    >>> model = dense_vae(8, (16,), 3, BernoulliOutput(), rng=rng)
    >>> x = rng.bernoulli(np.full((20, 8), 0.5, "float32"))
    >>> sorted(sticking_the_landing(model, View(x, x), rng).shown)
    ['kl', 'negative_elbo', 'reconstruction']
    """
    q = model.posterior(view.seen, view.labels)
    z = _draws(q, rng, samples)
    fixed = q.detached().with_sample_axis() if samples > 1 else q.detached()
    log_p = _log_likelihood(model, view, z)
    share = 1.0 / (len(view.target) * samples)
    kl = sum(fixed.log_prob(z) - PRIOR.log_prob(z)) * share
    reconstruction = sum(log_p) * -share
    loss = reconstruction + kl
    return Terms(loss, _shown(reconstruction, kl, loss))


def importance_weighted(model: VAE, view: View, rng: Generator, *, samples: int = 5) -> Terms:
    """-L_k = -E log (1/k) sum_i w_i, with w_i = p(x, z_i) / q(z_i | x), z_i from q(z | x).

    Burda et al. 2016, "Importance weighted autoencoders", eq. 8: L_1 is the ELBO, and L_k rises
    towards log p(x) with k. In nats; `samples` is k, the draws of z for each row.

    >>> model = dense_vae(8, (16,), 3, BernoulliOutput(), rng=rng)
    >>> x = rng.bernoulli(np.full((20, 8), 0.5, "float32"))
    >>> sorted(importance_weighted(model, View(x, x), rng, samples=5).shown)
    ['negative_bound']
    """
    q = model.posterior(view.seen, view.labels)
    log_w = log_weights(model, view, q, q.sample(rng, samples))
    return _bound(log_w)


def doubly_reparameterised(model: VAE, view: View, rng: Generator, *, samples: int = 5) -> Terms:
    """The same bound; the encoder's gradient without the score of q, and still unbiased.

    With the normalised weights v_i = w_i / sum_j w_j, the decoder's gradient is the mean over rows
    of sum_i v_i d log w_i, and the encoder's of

        sum_i v_i^2 (d log w_i / d z_i) (d z_i / d encoder)

    with q's parameters in log w_i taken as constants. Tucker et al. 2019, "Doubly reparameterized
    gradient estimators for Monte Carlo objectives", eq. 8. At k = 1 it is sticking the landing.

    >>> model = dense_vae(8, (16,), 3, BernoulliOutput(), rng=rng)
    >>> x = rng.bernoulli(np.full((20, 8), 0.5, "float32"))
    >>> sorted(doubly_reparameterised(model, View(x, x), rng, samples=5).shown)
    ['negative_bound']
    """
    q = model.posterior(view.seen, view.labels)
    z = q.sample(rng, samples)
    leaf = Tensor(z.data, requires_grad=True)
    log_w = log_weights(model, view, q.detached(), leaf)
    weights = softmax(log_w.detach(), 1)
    loss = sum(weights * log_w) * (-1.0 / len(log_w))
    return _Rerouted(loss, _bound(log_w.detach()).shown, z, leaf, weights)


@dataclass
class _Rerouted(Terms):
    """A loss of draws `z` that are cut off from the encoder at `leaf`, and weighted once more."""

    z: Tensor = field()
    leaf: Tensor = field()
    weights: Tensor = field()

    def gradients(self, parameters: Sequence[Tensor]) -> list[Any]:
        """The decoder's from the loss, the encoder's through z."""
        at_z, *direct = grad(self.loss, [self.leaf, *parameters], allow_unused=True)
        cotangent = at_z * expand_dims(self.weights, -1)
        through = grad(self.z, parameters, cotangent=cotangent, allow_unused=True)
        return [
            a if b is None else b if a is None else a + b
            for a, b in zip(direct, through, strict=True)
        ]


def autoencoder(model: VAE, view: View, rng: Generator) -> Terms:
    """-log p(x | z) at z = the mean of q: no draw, no prior, no bound on anything.

    This is what the founding article calls a VAE. With a corrupted view it is the denoising
    autoencoder of Vincent et al. 2008, "Extracting and composing robust features with denoising
    autoencoders". In nats, a mean over the rows.

    >>> model = dense_vae(8, (16,), 3, BernoulliOutput(), rng=rng)
    >>> x = rng.bernoulli(np.full((20, 8), 0.5, "float32"))
    >>> sorted(autoencoder(model, View(x, x), rng).shown)
    ['reconstruction']
    """
    z = model.posterior(view.seen, view.labels).mean
    log_p = model.likelihood(z, view.labels).log_prob(view.target)
    loss = sum(log_p) * (-1.0 / len(view.target))
    return Terms(loss, {"reconstruction": loss.detach()})


OBJECTIVES: dict[str, Callable[..., Terms]] = {
    "elbo": negative_elbo,
    "stl": sticking_the_landing,
    "iwae": importance_weighted,
    "dreg": doubly_reparameterised,
    "autoencoder": autoencoder,
}


# -- shared pieces ---------------------------------------------------------------------------------


def log_weights(model: VAE, view: View, q: Normal, z: Any) -> Any:
    """log p(x, z_i) - log q(z_i | x) of draws z (N, k, latent): (N, k)."""
    log_p = _log_likelihood(model, view, z) + PRIOR.log_prob(z)
    return log_p - q.with_sample_axis().log_prob(z)


def _draws(q: Normal, rng: Generator, samples: int) -> Any:
    return q.sample(rng) if samples == 1 else q.sample(rng, samples)


def _log_likelihood(model: VAE, view: View, z: Any) -> Any:
    """log p(x | z), (N,) or (N, k)."""
    target = view.target if z.ndim == 2 else expand_dims(view.target, 1)
    return model.likelihood(z, view.labels).log_prob(target)


def _bound(log_w: Any) -> Terms:
    n, k = log_w.shape
    loss = sum(logsumexp(log_w, 1)) * (-1.0 / n) + math.log(k)
    return Terms(loss, {"negative_bound": loss.detach()})


def _shown(reconstruction: Tensor, kl: Tensor, whole: Tensor) -> dict[str, Tensor]:
    return {
        "reconstruction": reconstruction.detach(),
        "kl": kl.detach(),
        "negative_elbo": whole.detach(),
    }
