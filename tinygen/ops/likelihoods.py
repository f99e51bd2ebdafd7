"""What variational autoencoders compute most, as single operations: see `tinygen.distributions`.

Beside each stands its `_reference`, the plain composition that says what it computes; the tests hold
the two together at orders 1 to 3.
"""

from __future__ import annotations

from typing import Any

from ..primitive import ShapeError, primitive
from .elementwise import exp, sigmoid, softplus, square
from .reductions import sum
from .shape import expand_dims

# -- Bernoulli: logits s (..., D), x that broadcasts to them ------------------------------------------

_bernoulli = primitive("bernoulli_log_prob", lambda xp, s, x: _log_prob(xp, s, x),
                       lambda g, s, x: _bernoulli_slope(g, s, x),
                       lambda g, s: expand_dims(g, -1) * s)

_bernoulli_slope = primitive("bernoulli_slope", lambda xp, u, s, x: _slope(xp, u, s, x),
                             lambda g, s, x: sum(g * (x - sigmoid(s)), -1),
                             lambda g, u, s: -g * expand_dims(u, -1) * _variance(sigmoid(s)),
                             lambda g, u: g * expand_dims(u, -1))

# -- normal, of independent components: mean m and log-variance v, elementwise ------------------------

_reparameterised = primitive("reparameterised", lambda xp, m, v, noise: m + xp.exp(0.5 * v) * noise,
                             lambda g: g,
                             lambda g, v, noise: g * (0.5 * noise * exp(0.5 * v)),
                             lambda g, v: g * exp(0.5 * v))

_normal_kl = primitive("normal_kl", lambda xp, m, v: _kl(xp, m, v),
                       lambda g, m: g * m,
                       lambda g, v: g * (0.5 * exp(v) - 0.5))


def bernoulli_log_prob(logits: Any, x: Any) -> Any:
    """log p(x) of independent Bernoulli variables, summed over the last axis: (...), in nats.

    Args:
        logits: (..., D), the log-odds of ones.
        x: (..., D) that broadcasts to the logits, of 0 and 1; for x between them, the expectation over
            draws of ones with probability x.

    Raises:
        ValueError: x does not broadcast to the logits.
    """
    if x.shape[-1:] != logits.shape[-1:] or x.ndim > logits.ndim:
        raise ShapeError(
            f"bernoulli_log_prob: x {x.shape} must broadcast to the logits {logits.shape}."
        )
    return _bernoulli(logits, x)


def bernoulli_log_prob_reference(logits: Any, x: Any) -> Any:
    """What `bernoulli_log_prob` computes."""
    return sum(logits * x - softplus(logits), -1)


def reparameterised(mean: Any, log_variance: Any, noise: Any) -> Any:
    """mean + exp(log_variance / 2) * noise: a normal draw as a function of its parameters.

    The three broadcast to the shape of the result; noise is standard normal.
    Kingma & Welling 2014, "Auto-encoding variational Bayes", section 2.4.
    """
    return _reparameterised(mean, log_variance, noise)


def reparameterised_reference(mean: Any, log_variance: Any, noise: Any) -> Any:
    """What `reparameterised` computes."""
    return mean + exp(log_variance * 0.5) * noise


def normal_kl(mean: Any, log_variance: Any) -> Any:
    """KL(N(mean, exp(log_variance)) || N(0, 1)) of each component, in nats; the shape stays.

    (mean^2 + variance - 1 - log variance) / 2: Kingma & Welling 2014, appendix B.
    """
    return _normal_kl(mean, log_variance)


def normal_kl_reference(mean: Any, log_variance: Any) -> Any:
    """What `normal_kl` computes."""
    return 0.5 * (square(mean) + exp(log_variance) - 1.0 - log_variance)


# -- shared pieces -----------------------------------------------------------------------------------


def _log_prob(xp: Any, s: Any, x: Any) -> Any:
    """sum(x s - softplus(s)) as sum((2 x - 1) s - |s|) / 2 - sum(log(1 + exp(-|s|)))."""
    a = abs(s)
    y = s * (2.0 * x - 1.0)
    y -= a
    xp.negative(a, out=a)
    xp.exp(a, out=a)
    a += 1.0
    xp.log(a, out=a)  # log1p takes seven times as long, for digits that the sum loses anyway
    return 0.5 * _row_sums(xp, y) - _row_sums(xp, a)


def _row_sums(xp: Any, a: Any) -> Any:
    """The sum over the last axis, as a product with a column of ones: four times as fast."""
    return xp.matmul(a, xp.ones((a.shape[-1], 1), dtype=a.dtype))[..., 0]


def _slope(xp: Any, u: Any, s: Any, x: Any) -> Any:
    """(x - sigmoid(s)) * u, u being one axis shorter."""
    y = xp.sigmoid(s)
    xp.subtract(x, y, out=y)
    y *= u[..., None]
    return y


def _kl(xp: Any, m: Any, v: Any) -> Any:
    y = xp.exp(v)
    y -= v
    y += m * m
    y -= 1.0
    y *= 0.5
    return y


def _variance(p: Any) -> Any:
    return p * (1.0 - p)
