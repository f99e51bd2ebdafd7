"""Variational autoencoders in NumPy by hand: the derivatives written out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygen.bench.problems import Array, Draw, Step

from ..vae import Vae
from .numpy import Network, normal


class Activated(Network):
    """Dense layers with rectifiers or tanh between them."""

    tanh = False

    def forward(self, x: Array) -> list[Array]:
        if not self.tanh:
            return super().forward(x)
        seen = [x]
        for k, (w, b) in enumerate(self.weights):
            x = x @ w.T
            x += b
            if k < len(self.weights) - 1:
                np.tanh(x, out=x)
            seen.append(x)
        return seen

    def backward(self, seen: list[Array], g: Array, train: bool, to_input: bool) -> Array:
        if not self.tanh:
            return super().backward(seen, g, train, to_input)
        for k in reversed(range(len(self.weights))):
            if k < len(self.weights) - 1:
                g *= 1.0 - seen[k + 1] * seen[k + 1]
            dw, db = self.slopes[k]
            np.matmul(g.T, seen[k], out=dw)
            np.matmul(np.ones(len(g), "float32"), g, out=db)
            if k or to_input:
                g = g @ self.weights[k][0]
        return g


def vae(problem: Vae, draw: Draw | None = None) -> Step:
    encoder, decoder = (
        Activated(layers, problem.lr, problem.betas)
        for layers in (problem.encoder, problem.decoder)
    )
    encoder.tanh = decoder.tanh = problem.tanh
    rng = np.random.Generator(np.random.SFC64(0))
    k, latent = problem.samples, problem.latent

    def noise(n: int) -> Array:
        shape = (n, latent) if k == 1 else (n, k, latent)
        return normal(rng, (n * k, latent)).reshape(shape) if draw is None else draw(shape)

    def step(i: int) -> list[Any]:
        x = problem.batches[i % len(problem.batches)]
        n = len(x)
        seen = encoder.forward(x)
        mean, log_variance = seen[-1][:, :latent], seen[-1][:, latent:]
        e = noise(n).reshape(n, k, latent)
        scaled = np.exp(0.5 * log_variance)[:, None] * e
        z = (mean[:, None] + scaled).reshape(n * k, latent)
        seen_z = decoder.forward(z)
        logits = seen_z[-1]
        slope, log_p = likelihood(logits.reshape(n, k, -1), x[:, None])
        if k == 1:
            variance = np.exp(log_variance)
            kl = 0.5 * (mean * mean + variance - 1.0 - log_variance)
            loss = (kl.sum() - log_p.sum()) / n
            slope *= -1.0 / n
            at_z = decoder.backward(seen_z, slope.reshape(n, -1), train=True, to_input=True)
            to_mean = at_z + mean * (1.0 / n)
            to_log_variance = at_z * (0.5 * scaled[:, 0]) + (0.5 / n) * (variance - 1.0)
        else:
            # log p(z) - log q(z | x), without the constants, which cancel
            cube = z.reshape(n, k, latent)
            rest = (
                0.5 * ((e * e).sum(2) - (cube * cube).sum(2)) + 0.5 * log_variance.sum(1)[:, None]
            )
            log_w = log_p + rest
            top = log_w.max(1, keepdims=True)
            w = np.exp(log_w - top)
            total = w.sum(1, keepdims=True)
            loss = -(np.log(total) + top - math.log(k)).mean()
            w *= -1.0 / (n * total)
            slope *= w[:, :, None]
            at_z = decoder.backward(seen_z, slope.reshape(n * k, -1), train=True, to_input=True)
            at_z = at_z.reshape(n, k, latent) - w[:, :, None] * cube
            to_mean = at_z.sum(1)
            to_log_variance = 0.5 * ((at_z * scaled).sum(1) + w.sum(1, keepdims=True))
        encoder.backward(
            seen, np.concatenate([to_mean, to_log_variance], 1), train=True, to_input=False
        )
        encoder.update()
        decoder.update()
        return [loss]

    return step


def likelihood(s: Array, x: Array) -> tuple[Array, Array]:
    """The slope x - sigmoid(s), and the sums of x s - softplus(s) over the last axis."""
    e = np.exp(-np.abs(s))
    terms = x * s
    terms -= np.maximum(s, 0)
    terms -= np.log1p(e)
    slope = x - 1.0 / (1.0 + np.exp(-s))
    return slope, np.add.reduce(terms, axis=-1)
