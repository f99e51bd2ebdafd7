"""Losses in NumPy's names, for libraries that differentiate functions of them: HIPS autograd, JAX.

`xp` is the library's own numpy; parameters are lists of (weight, bias).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tinygen.bench.problems import Critic

from ..vae import Vae


def network(xp: Any, layers: Any, x: Any, slope: float = 0.0, tanh: bool = False) -> Any:
    """Dense layers with (leaky) rectifiers or tanh between them."""
    for i, (weight, bias) in enumerate(layers):
        if i:
            x = xp.tanh(x) if tanh else xp.maximum(x, slope * x if slope else 0.0)
        x = xp.dot(x, weight.T) + bias
    return x


def softplus(xp: Any, s: Any) -> Any:
    """log(1 + exp(s)) for every s."""
    return xp.maximum(s, 0.0) + xp.log1p(xp.exp(-xp.abs(s)))


def discriminator_loss(xp: Any, d: Any, real: Any, fake: Any) -> Any:
    """bce(D(x), 1) + bce(D(G(z)), 0)."""
    at_real, at_fake = network(xp, d, real), network(xp, d, fake)
    return xp.mean(softplus(xp, -at_real)) + xp.mean(softplus(xp, at_fake))


def generator_loss(xp: Any, g: Any, d: Any, z: Any) -> Any:
    """bce(D(G(z)), 1)."""
    return xp.mean(softplus(xp, -network(xp, d, network(xp, g, z))))


def cross_entropy(xp: Any, layers: Any, x: Any, one_hot: Any) -> Any:
    """The mean of -log softmax at the labels."""
    s = network(xp, layers, x)
    s = s - xp.max(s, axis=1, keepdims=True)
    log_p = s - xp.log(xp.sum(xp.exp(s), axis=1, keepdims=True))
    return -xp.sum(log_p * one_hot) * (1.0 / len(x))


def critic_loss(
    xp: Any, grad: Callable[..., Any], problem: Critic, layers: Any, batch: tuple[Any, Any, Any]
) -> Any:
    """That of WGAN-GP; `grad(f)` differentiates f in its first argument."""
    real, generated, share = batch

    def total(x: Any) -> Any:
        return xp.sum(network(xp, layers, x, problem.slope))

    slope = grad(total)(share * real + (1.0 - share) * generated)
    penalty = xp.mean((xp.sqrt(xp.sum(slope * slope, axis=1)) - 1.0) ** 2)
    at_real, at_generated = (network(xp, layers, x, problem.slope) for x in (real, generated))
    return problem.penalty * penalty + xp.mean(at_generated) - xp.mean(at_real)


def vae_loss(xp: Any, problem: Vae, encoder: Any, decoder: Any, x: Any, e: Any) -> Any:
    """Minus the ELBO; with k samples, e (N, k, latent), minus L_k."""
    n, k, latent = len(x), problem.samples, problem.latent
    statistics = network(xp, encoder, x, tanh=problem.tanh)
    mean, log_variance = statistics[:, :latent], statistics[:, latent:]
    if k == 1:
        z = mean + xp.exp(0.5 * log_variance) * e
        s = network(xp, decoder, z, tanh=problem.tanh)
        kl = 0.5 * xp.sum(mean * mean + xp.exp(log_variance) - 1.0 - log_variance)
        return (kl + xp.sum(softplus(xp, s) - x * s)) * (1.0 / n)
    mean, log_variance = mean[:, None], log_variance[:, None]
    z = mean + xp.exp(0.5 * log_variance) * e
    s = network(xp, decoder, xp.reshape(z, (n * k, latent)), tanh=problem.tanh)
    s = xp.reshape(s, (n, k, -1))
    log_p = xp.sum(x[:, None] * s - softplus(xp, s), axis=2)
    # log p(z) - log q(z | x), without the constants, which cancel
    log_w = log_p + 0.5 * xp.sum(e * e - z * z + log_variance, axis=2)
    top = xp.max(log_w, axis=1, keepdims=True)
    total = xp.sum(xp.exp(log_w - top), axis=1)
    return -xp.mean(xp.log(total) + top[:, 0] - math.log(k))
