"""JAX: whole steps, compiled by `jit`, which may reuse what it is given."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as xp

from tinygen.bench.problems import Classifier, Critic, Draw, Gan, Maker, Rbm, Step

from ..vae import Vae
from . import functional as f

VERSION = jax.__version__
Tree = Any


def start(params: Tree) -> Tree:
    """(params, Adam's two moments, steps)."""
    params = jax.tree.map(xp.array, params)
    return params, *(jax.tree.map(xp.zeros_like, params) for _ in range(2)), xp.zeros(())


def adam(problem: Any, state: Tree, gradients: Tree) -> Tree:
    """One update."""
    params, m, v, t = state
    (beta1, beta2), t = problem.betas, t + 1
    m = jax.tree.map(lambda m, g: beta1 * m + (1 - beta1) * g, m, gradients)
    v = jax.tree.map(lambda v, g: beta2 * v + (1 - beta2) * g * g, v, gradients)
    root = xp.sqrt(1 - beta2**t)
    size = problem.lr * root / (1 - beta1**t)
    params = jax.tree.map(lambda p, m, v: p - size * m / (xp.sqrt(v) + 1e-8 * root), params, m, v)
    return params, m, v, t


def compiled(
    update: Callable[..., tuple[Tree, list[Any]]],
    state: Tree,
    batches: list[Any],
    shapes: list[tuple[int, ...]],
    draw: Draw | None,
    source: Callable[..., Any] = jax.random.normal,
) -> Step:
    """Steps of `update(state, batch, *noise)`, whose noise has these shapes."""

    def with_own_noise(state: Tree, batch: Any, key: Any) -> tuple[Tree, list[Any]]:
        keys = jax.random.split(key, max(1, len(shapes)))
        return update(state, batch, *(source(k, s) for k, s in zip(keys, shapes, strict=False)))

    batches = jax.tree.map(xp.asarray, batches)
    run = jax.jit(update if draw else with_own_noise, donate_argnums=0)
    keys = jax.random.split(jax.random.key(0), 64)

    def step(i: int) -> list[Any]:
        nonlocal state
        noise = [draw(s) for s in shapes] if draw else [keys[i % len(keys)]]
        state, results = run(state, batches[i % len(batches)], *noise)
        jax.block_until_ready(state)
        return results or [state[0]]  # a weight, until the next step writes over it

    return step


def gan(problem: Gan, draw: Draw | None = None) -> Step:
    def update(state: Tree, real: Any, z: Any, z_next: Any) -> tuple[Tree, list[Any]]:
        g, d = state
        fake = f.network(xp, g[0], z)
        loss_d, slopes = jax.value_and_grad(partial(f.discriminator_loss, xp))(d[0], real, fake)
        d = adam(problem, d, slopes)
        loss_g, slopes = jax.value_and_grad(partial(f.generator_loss, xp))(g[0], d[0], z_next)
        return (adam(problem, g, slopes), d), [loss_d, loss_g]

    state = start(problem.generator), start(problem.discriminator)
    shape = (len(problem.batches[0]), *problem.noise_shape)
    return compiled(update, state, problem.batches, [shape, shape], draw)


def classifier(problem: Classifier, draw: Draw | None = None) -> Step:
    def update(state: Tree, batch: Any, *noise: Any) -> tuple[Tree, list[Any]]:
        x, labels = batch
        one_hot = jax.nn.one_hot(labels, 10)
        loss, slopes = jax.value_and_grad(partial(f.cross_entropy, xp))(state[0], x, one_hot)
        return adam(problem, state, slopes), [loss]

    return compiled(update, start(problem.layers), problem.batches, [], draw)


def critic(problem: Critic, draw: Draw | None = None) -> Step:
    loss_of = partial(f.critic_loss, xp, jax.grad, problem)

    def update(state: Tree, batch: Any, *noise: Any) -> tuple[Tree, list[Any]]:
        loss, slopes = jax.value_and_grad(loss_of)(state[0], batch)
        return adam(problem, state, slopes), [loss]

    return compiled(update, start(problem.layers), problem.batches, [], draw)


def vae(problem: Vae, draw: Draw | None = None) -> Step:
    def update(state: Tree, x: Any, e: Any) -> tuple[Tree, list[Any]]:
        loss, slopes = jax.value_and_grad(lambda p: f.vae_loss(xp, problem, *p, x, e))(state[0])
        return adam(problem, state, slopes), [loss]

    n, k = len(problem.batches[0]), problem.samples
    shape = (n, problem.latent) if k == 1 else (n, k, problem.latent)
    state = start((problem.encoder, problem.decoder))
    return compiled(update, state, problem.batches, [shape], draw)


def rbm(problem: Rbm, draw: Draw | None = None) -> Step:
    def update(state: Tree, v: Any, u_hidden: Any, u_visible: Any) -> tuple[Tree, list[Any]]:
        w, b, c = state
        mean = jax.nn.sigmoid(v @ w.T + c)
        h = (u_hidden < mean).astype(xp.float32)
        v1 = (u_visible < jax.nn.sigmoid(h @ w + b)).astype(xp.float32)
        mean1 = jax.nn.sigmoid(v1 @ w.T + c)
        rate = problem.lr / len(v)
        w = w + rate * (mean.T @ v - mean1.T @ v1)
        b = b + rate * (v - v1).sum(0)
        c = c + rate * (mean - mean1).sum(0)
        return (w, b, c), []

    n, (hidden, visible) = len(problem.batches[0]), problem.weight.shape
    state = tuple(map(xp.array, (problem.weight, problem.visible_bias, problem.hidden_bias)))
    shapes = [(n, hidden), (n, visible)]
    return compiled(update, state, problem.batches, shapes, draw, jax.random.uniform)


MAKERS: dict[str, dict[str, Maker]] = {
    "gan-784": {"JAX, jit": gan},
    "gan-wide": {"JAX, jit": gan},
    "classifier": {"JAX, jit": classifier},
    "wgan-gp-2d": {"JAX, jit": critic},
    "vae-784": {"JAX, jit": vae},
    "iwae-50": {"JAX, jit": vae},
    "rbm-784": {"JAX, jit": rbm},
}
