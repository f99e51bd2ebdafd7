"""Distributions as small objects: `log_prob(x)`, `sample(rng)`, `mean`, `kl(other)`.

    q = Normal(mean, log_variance)
    z = q.sample(rng)                     # a function of mean and log_variance: gradients pass
    q.kl(StandardNormal())                # in closed form where there is one
    monte_carlo_kl(q, p, rng, samples=100)

All of them are of independent components along the last axis, D: parameters and values are (..., D)
and broadcast, densities are summed over that axis. Everything is in nats.
"""

from __future__ import annotations

import math
from typing import Any

from .backend import BACKEND_OF
from .ops import (
    bernoulli_log_prob,
    clip,
    exp,
    expand_dims,
    expm1,
    log,
    normal_kl,
    reparameterised,
    sigmoid,
    softplus,
    square,
    sum,
    where,
    zeros_like,
)
from .random import Generator
from .tensor import Tensor

__all__ = [
    "Bernoulli",
    "DiscretisedLogistic",
    "Normal",
    "StandardNormal",
    "monte_carlo_kl",
]

LOG_2_PI = math.log(2.0 * math.pi)


class StandardNormal:
    """N(0, 1) in each component: the prior of a latent vector, (..., D). Log-densities are in nats.

    >>> StandardNormal().log_prob(tg.zeros(1, 2))
    Tensor([-1.8379])
    """

    def log_prob(self, x: Any) -> Any:
        """(..., D) to (...)."""
        return sum(square(x), -1) * -0.5 - 0.5 * LOG_2_PI * x.shape[-1]

    def sample(self, rng: Generator, shape: tuple[int, ...], dtype: Any = "float32") -> Tensor:
        """Of this shape, (..., D)."""
        return Tensor(rng.normal(shape, dtype=dtype))


class Normal:
    """N(mean, exp(log_variance)) in each component.

    Args:
        mean: (..., D). log_variance: of a shape that broadcasts with it, or a number.

    Log-densities and divergences are in nats, (...): sums over the last axis.

    >>> Normal(tg.zeros(1, 2), 0.0).log_prob(tg.zeros(1, 2))
    Tensor([-1.8379])
    """

    def __init__(self, mean: Any, log_variance: Any) -> None:
        self.mean = mean
        is_number = isinstance(log_variance, int | float)
        self.log_variance: Any = float(log_variance) if is_number else log_variance

    def sample(self, rng: Generator, times: int | None = None) -> Any:
        """A draw (..., D), or so many along a new axis before the last: (..., times, D).

        It is mean + std * noise, so that gradients pass into the parameters: Kingma & Welling
        2014, "Auto-encoding variational Bayes", section 2.4.
        """
        m, v = self.mean, self._log_variances()
        if times is None:
            return reparameterised(m, v, rng.normal(m.shape, dtype=m.dtype))
        noise = rng.normal((*m.shape[:-1], times, m.shape[-1]), dtype=m.dtype)
        return reparameterised(expand_dims(m, -2), expand_dims(v, -2), noise)

    def log_prob(self, x: Any) -> Any:
        """(..., D) to (...)."""
        v = self.log_variance
        if isinstance(v, float):
            squares = sum(square(x - self.mean), -1) * math.exp(-v)
            return squares * -0.5 - 0.5 * (LOG_2_PI + v) * x.shape[-1]
        terms = square(x - self.mean) * exp(-v) + v
        return sum(terms, -1) * -0.5 - 0.5 * LOG_2_PI * x.shape[-1]

    def kl_by_component(self, other: StandardNormal | Normal) -> Any:
        """KL(self || other) of each component, (..., D)."""
        mine = self._log_variances()
        if isinstance(other, StandardNormal):
            return normal_kl(self.mean, mine)
        theirs = other._log_variances()
        difference = mine - theirs
        shift = square(self.mean - other.mean) * exp(-theirs)
        return (exp(difference) - 1.0 - difference + shift) * 0.5

    def kl(self, other: StandardNormal | Normal) -> Any:
        """KL(self || other), (...)."""
        return sum(self.kl_by_component(other), -1)

    def with_sample_axis(self) -> Normal:
        """The same for values (..., times, D), as `sample(rng, times)` draws them."""
        v = self.log_variance
        return Normal(expand_dims(self.mean, -2), v if isinstance(v, float) else expand_dims(v, -2))

    def detached(self) -> Normal:
        """The same with parameters that are constants."""
        v = self.log_variance
        return Normal(self.mean.detach(), v if isinstance(v, float) else v.detach())

    def _log_variances(self) -> Any:
        """An array in any case, of the mean's type."""
        v = self.log_variance
        return zeros_like(self.mean) + v if isinstance(v, float) else v


class Bernoulli:
    """Ones with probability sigmoid(logits), else zeros.

    Args:
        logits: (..., D), the log-odds.

    Log-probabilities and divergences are in nats, (...): sums over the last axis. Raises ValueError
    for an x that does not broadcast to the logits.

    >>> Bernoulli(tg.zeros(1, 3)).log_prob(tg.ones(1, 3))
    Tensor([-2.0794])
    """

    def __init__(self, logits: Any) -> None:
        self.logits = logits

    @property
    def mean(self) -> Any:
        """The probabilities of ones."""
        return sigmoid(self.logits)

    def sample(self, rng: Generator) -> Tensor:
        """A draw (..., D), a constant: it has no derivative in the logits."""
        return Tensor(rng.bernoulli_logits(self.logits))

    def log_prob(self, x: Any) -> Any:
        """(..., D) to (...); for x between 0 and 1, the expectation over draws with that mean."""
        return bernoulli_log_prob(self.logits, x)

    def kl(self, other: Bernoulli) -> Any:
        """KL(self || other), (...)."""
        a, b = self.logits, other.logits
        return sum(sigmoid(a) * (a - b) - softplus(a) + softplus(b), -1)


class DiscretisedLogistic:
    """Numbers 0, 1/(L-1), ..., 1, each with the logistic distribution's mass around it.

    The mass of x is F(x + h) - F(x - h), with h half a step and F the distribution function of a
    logistic variable, sigmoid((x - mean) / scale); at 0 and 1 it has the whole tail. Kingma et al.
    2016, "Improved variational inference with inverse autoregressive flow", section 5.1; Salimans
    et al. 2017, "PixelCNN++", eq. 2.

    Args:
        mean: (..., D). log_scale: broadcasts with it. levels: L, such as 256.

    Log-probabilities are in nats, (...): sums over the last axis. Raises ValueError for fewer than
    two levels.

    >>> grey = DiscretisedLogistic(tg.full((1, 1), 0.5), tg.full((1, 1), -2.0), levels=17)
    >>> grey.sample(rng).shape
    (1, 1)
    """

    def __init__(self, mean: Any, log_scale: Any, levels: int) -> None:
        if levels < 2:
            raise ValueError(f"DiscretisedLogistic: levels must be at least 2, not {levels}.")
        self.location = mean
        self.log_scale = log_scale
        self.levels = levels

    @property
    def mean(self) -> Any:
        """The centre of the logistic variable, kept within [0, 1]."""
        return clip(self.location, 0.0, 1.0)

    def sample(self, rng: Generator) -> Tensor:
        """A draw (..., D), a constant: it has no derivative in the parameters."""
        centre = self.location.data
        xp = BACKEND_OF[type(centre)]
        u = rng.uniform(centre.shape, dtype=centre.dtype)
        u = xp.clip(u, 1e-7, 1.0 - 1e-7)
        x = centre + xp.exp(self.log_scale.data) * (xp.log(u) - xp.log(1.0 - u))
        steps = self.levels - 1
        return Tensor(xp.clip(xp.round(x * steps), 0, steps) * (1.0 / steps))

    def log_prob(self, x: Any) -> Any:
        """(..., D) to (...).

        sigmoid(b) - sigmoid(a) = (1 - exp(a - b)) / ((1 + exp(-b)) (1 + exp(a))), which loses no
        digits where both ends of the interval are far out in one tail.
        """
        half = 0.5 / (self.levels - 1)
        rate = exp(-self.log_scale)
        high = (x + half - self.location) * rate
        low = (x - half - self.location) * rate
        width = rate * (2.0 * half)
        inside = log(-expm1(-width)) - softplus(-high) - softplus(low)
        at_top = where(x > 1.0 - half, -softplus(low), inside)
        return sum(where(x < half, -softplus(-high), at_top), -1)


def monte_carlo_kl(q: Any, p: Any, rng: Generator, samples: int = 1) -> Any:
    """KL(q || p) as the mean of log q(x) - log p(x) over draws from q, where no closed form exists.

    Unbiased; gradients pass through the draws where q's are reparameterised. (...), in nats, for
    distributions of (..., D). Raises ValueError for fewer than one sample.

    >>> q = Normal(tg.ones(1, 2), 0.0)
    >>> estimate = monte_carlo_kl(q, StandardNormal(), rng, samples=1000)
    >>> abs(estimate.item() - 1.0) < 0.2  # half the squared distance of the means is exact
    True
    """
    if samples < 1:
        raise ValueError(f"monte_carlo_kl: samples must be at least 1, not {samples}.")
    total: Any = 0.0
    for _ in range(samples):
        x = q.sample(rng)
        total = q.log_prob(x) - p.log_prob(x) + total
    return total * (1.0 / samples)
