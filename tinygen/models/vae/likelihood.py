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
from ...ops import logsumexp
from ...primitive import no_grad
from ...random import Generator
from ...tensor import Tensor
from .base import at_least
from .model import VAE
from .objectives import View, log_weights

__all__ = ["Bounds", "importance_sampled"]


@dataclass(frozen=True)
class Bounds:
    """Estimates of L_k for each example and each k, in nats.

    values: k to (N,), of the same draws, so that differences between two k are paired.
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
    """
    at_least("importance_sampled", samples=(samples, 1), rows=(rows, 1))
    wanted = sorted({*also, samples})
    for k in wanted:
        if k < 1 or samples % k:
            raise ValueError(
                f"importance_sampled: {samples} samples do not divide into groups of {k}; take a "
                f"multiple of it."
            )
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
    at_once = min(samples, rows)
    n = max(1, rows // at_once)
    for start in range(0, len(x), n):
        part = slice(start, start + n)
        target = Tensor(x[part])
        view = View(target, target, None if labels is None else labels[part])
        q = model.posterior(view.seen, view.labels)
        log_w = xp.empty((len(target), samples), dtype=x.dtype)
        for done in range(0, samples, at_once):
            z = q.sample(rng, min(at_once, samples - done))
            log_w[:, done : done + at_once] = log_weights(model, view, q, z).data
        yield log_w


def _bound(log_w: Array, k: int) -> np.ndarray:
    """L_k of each example, (n,) on the host: the mean over groups of k samples."""
    n, samples = log_w.shape
    by_group = logsumexp(log_w.reshape(n, samples // k, k), 2)
    return host(by_group).astype(np.float64).mean(1) - math.log(k)
