"""HIPS autograd: derivatives of functions of its own NumPy."""

from __future__ import annotations

from functools import partial
from importlib.metadata import version
from typing import Any

import autograd.numpy as xp
import numpy as np
from autograd import grad, make_vjp, value_and_grad

from tinygen.bench.problems import Array, Classifier, Critic, Draw, Gan, Layers, Maker, Step

from ..ops import Chain
from ..vae import Vae
from . import functional as f
from .adam import Adam

VERSION = version("autograd")


def copied(layers: Layers) -> Layers:
    """Weights of its own, since updates are in place."""
    return [(weight.copy(), bias.copy()) for weight, bias in layers]


def flat(*networks: Layers) -> list[Array]:
    """The arrays, one after the other."""
    return [a for layers in networks for pair in layers for a in pair]


def noise_source(draw: Draw | None) -> Draw:
    random = np.random.default_rng(0)
    return draw or (lambda shape: random.standard_normal(shape, dtype="float32"))


def gan(problem: Gan, draw: Draw | None = None) -> Step:
    g, d = copied(problem.generator), copied(problem.discriminator)
    adam_g, adam_d = Adam(flat(g), problem), Adam(flat(d), problem)
    noise, batches = noise_source(draw), problem.batches
    shape = (len(batches[0]), *problem.noise_shape)
    of_d = value_and_grad(partial(f.discriminator_loss, xp))
    of_g = value_and_grad(partial(f.generator_loss, xp))

    def step(i: int) -> list[Any]:
        fake = f.network(np, g, noise(shape))
        loss_d, slopes = of_d(d, batches[i % len(batches)], fake)
        adam_d.step(flat(slopes))
        loss_g, slopes = of_g(g, d, noise(shape))
        adam_g.step(flat(slopes))
        return [loss_d, loss_g]

    return step


def classifier(problem: Classifier, draw: Draw | None = None) -> Step:
    layers = copied(problem.layers)
    adam = Adam(flat(layers), problem)
    of_layers = value_and_grad(partial(f.cross_entropy, xp))
    eye = np.eye(10, dtype="float32")
    batches = [(x, eye[labels]) for x, labels in problem.batches]

    def step(i: int) -> list[Any]:
        loss, slopes = of_layers(layers, *batches[i % len(batches)])
        adam.step(flat(slopes))
        return [loss]

    return step


def critic(problem: Critic, draw: Draw | None = None) -> Step:
    layers = copied(problem.layers)
    adam = Adam(flat(layers), problem)
    of_layers = value_and_grad(partial(f.critic_loss, xp, grad, problem))

    def step(i: int) -> list[Any]:
        loss, slopes = of_layers(layers, problem.batches[i % len(problem.batches)])
        adam.step(flat(slopes))
        return [loss]

    return step


def vae(problem: Vae, draw: Draw | None = None) -> Step:
    both = copied(problem.encoder), copied(problem.decoder)
    adam = Adam(flat(*both), problem)
    noise, k = noise_source(draw), problem.samples
    of_both = value_and_grad(lambda both, x, e: f.vae_loss(xp, problem, *both, x, e))

    def step(i: int) -> list[Any]:
        x = problem.batches[i % len(problem.batches)]
        shape = (len(x), problem.latent) if k == 1 else (len(x), k, problem.latent)
        loss, slopes = of_both(both, x, noise(shape))
        adam.step(flat(*slopes))
        return [loss]

    return step


MAKERS: dict[str, dict[str, Maker]] = {
    "gan-784": {"HIPS autograd": gan},
    "gan-wide": {"HIPS autograd": gan},
    "classifier": {"HIPS autograd": classifier},
    "wgan-gp-2d": {"HIPS autograd": critic},
    "vae-784": {"HIPS autograd": vae},
    "iwae-50": {"HIPS autograd": vae},
}


class chain(Chain):  # noqa: N801, an adapter's function
    """y = tanh(y) * a + b."""

    def prepare(self, y: Any, a: Any, b: Any, trained: bool) -> None:
        self.y, self.a, self.b, self.trained = y, a, b, trained
        self.one = np.ones_like(y)

    def links_of(self, inputs: Any) -> Any:
        y, a, b = inputs if self.trained else (*inputs, self.a, self.b)
        for _ in range(self.links):
            y = xp.tanh(y) * a + b
        return y

    def forward(self) -> Any:
        inputs = (self.y, self.a, self.b) if self.trained else (self.y,)
        return make_vjp(self.links_of, 0)(inputs)[0]

    def backward(self, y: Any, keep: bool = False) -> list[Any]:
        # Recorded derivatives are had by differentiating a function that differentiates; there is
        # no graph to keep.
        return list(y(self.one))
