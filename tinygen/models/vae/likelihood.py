"""How likely data are under a trained model: bounds by importance sampling, with error bars.

    found = importance_sampled(model, test, rng=rng, samples=5000)
    print(found)                        # -86.76 +- 0.41 (1000 examples, L_5000)

Burda et al., "Importance weighted autoencoders" (2016), section 3: with w = p(x, z) / q(z | x) and
z from q, L_k = E log mean(w_1 ... w_k) never falls with k, and tends to log p(x). The mean of the
weights is an unbiased estimate of p(x) itself; it is the logarithm that makes L_k too low.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ...backend import BACKEND_OF, Array, host
from ...data import DataError
from ...distributions import Normal
from ...ops import logsumexp, reparameterised
from ...primitive import no_grad
from ...random import Generator
from ...tensor import Tensor
from .base import at_least
from .decoded import Score, decoded_log_prob
from .model import VAE

__all__ = ["Bounds", "importance_sampled"]


@dataclass(frozen=True)
class Bounds:
    """Estimates of L_k for each example and each k, in nats.

    values: k to (N,), of the same draws, so that differences between two k are paired.

    >>> bounds = Bounds({1: np.array([-3.0, -1.0])})
    >>> bounds.mean(1)
    -2.0
    """

    values: dict[int, np.ndarray]

    @property
    def best(self) -> int:
        """The greatest k."""
        return max(self.values)

    def mean(self, k: int | None = None) -> float:
        """Over the examples; of the greatest k unless told otherwise."""
        return float(self.values[self.best if k is None else k].mean())

    def standard_error(self, k: int | None = None) -> float:
        """Of that mean, by the spread over the examples; nan for a single one."""
        values = self.values[self.best if k is None else k]
        return float(values.std(ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else math.nan

    def __str__(self) -> str:
        n = len(self.values[self.best])
        return f"{self.mean():.2f} +- {self.standard_error():.2f} ({n} examples, L_{self.best})"


def importance_sampled(
    model: VAE,
    x: Array,
    *,
    rng: Generator,
    samples: int = 5000,
    also: Sequence[int] = (),
    labels: Array | None = None,
    rows: int = 1000,
) -> Bounds:
    """L_samples of each example, from a stream of draws in bounded memory.

    Args:
        x: (N, D) on the model's device, with values that p(x | z) can have: of grey pixels, draw
            zeros and ones first (`rng.bernoulli`).
        samples: k.
        also: smaller k whose bounds are wanted too; each divides `samples`. From the same draws,
            taken as samples / k groups: the mean over those is an unbiased estimate of L_k.
        labels: (N,), of a model with classes.
        rows: pairs (x, z) that are decoded at a time.

    Raises:
        ValueError: k below 1, or one that does not divide `samples`.
        DataError: x is not (N, D) with N at least 1, or has values that p(x | z) cannot have.

    >>> model = dense_vae(8, (16,), 3, BernoulliOutput(), rng=rng)
    >>> x = rng.bernoulli(np.full((20, 8), 0.5, "float32"))
    >>> bounds = importance_sampled(model, x, rng=rng, samples=100, also=(1,))
    >>> bounds.mean(1) < bounds.mean(100)
    True
    """
    at_least("importance_sampled", samples=(samples, 1), rows=(rows, 1))
    wanted = sorted({*also, samples})
    for k in wanted:
        if k < 1 or samples % k:
            raise ValueError(
                f"importance_sampled: {samples} samples do not divide into groups of {k}; take a "
                f"multiple of it."
            )
    if x.ndim != 2 or len(x) == 0:
        raise DataError(
            f"importance_sampled: x has shape {tuple(x.shape)}; give rows (N, D), N at least 1."
        )
    model.output.check(host(x), "importance_sampled: x")
    was_training = model.training
    model.eval()
    try:
        with no_grad():
            log_w = _streamed_log_weights(model, x, labels, rng, samples, rows)
            found = [{k: _bound(w, k) for k in wanted} for w in log_w]
    finally:
        model.train(was_training)
    return Bounds({k: np.concatenate([values[k] for values in found]) for k in wanted})


def _streamed_log_weights(
    model: VAE, x: Array, labels: Array | None, rng: Generator, samples: int, rows: int
) -> Iterator[Array]:
    """log w of a few examples at a time, (n, samples), on the device.

    One number is kept of each pair; all else that a pair needs is there for `rows` of them only.
    """
    xp = BACKEND_OF[type(x)]
    log_prob = decoded_log_prob(model)
    at_once = min(samples, rows)
    n = max(1, rows // at_once)
    for start in range(0, len(x), n):
        target = x[start : start + n]
        known = None if labels is None else labels[start : start + n]
        q = model.posterior(Tensor(target), known)
        log_w = xp.empty((len(target), samples), dtype=x.dtype)
        for done in range(0, samples, at_once):
            part = slice(done, done + at_once)
            log_w[:, part] = _log_weights(log_prob, q, target, known, rng, log_w[:, part].shape)
        yield log_w


def _log_weights(
    log_prob: Score,
    q: Normal,
    x: Array,
    labels: Array | None,
    rng: Generator,
    shape: tuple[int, int],
) -> Array:
    """log p(x | z_i) + log p(z_i) - log q(z_i | x) of k draws for each example: shape = (n, k).

    With z = mean + std * noise, the last two make (|noise|^2 - |z|^2 + sum of log-variances) / 2.
    """
    mean, log_variance = q.mean.data[:, None], q.log_variance.data[:, None]
    noise = rng.normal((*shape, mean.shape[-1]), dtype=mean.dtype)
    z = reparameterised(mean, log_variance, noise)
    xp = BACKEND_OF[type(x)]
    ratio = xp.sum_products(noise, noise, (2,)) - xp.sum_products(z, z, (2,))
    ratio += xp.sum(log_variance, 2)
    return log_prob(x, labels, z) + 0.5 * ratio


def _bound(log_w: Array, k: int) -> np.ndarray:
    """L_k of each example, (n,) on the host: the mean over groups of k samples."""
    n, samples = log_w.shape
    by_group = logsumexp(log_w.reshape(n, samples // k, k), 2)
    return host(by_group).astype(np.float64).mean(1) - math.log(k)
