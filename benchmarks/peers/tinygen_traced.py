"""tinygen's steps with losses and gradients traced, see `tinygen.tracing`; Adam runs as ever."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tinygen as tg
from tinygen.bench.ours import Given, network, players
from tinygen.bench.problems import Classifier, Critic, Draw, Gan, Step
from tinygen.tracing import traced


def adam(model: tg.nn.Module, problem: Any) -> tg.optim.Adam:
    """Of all parameters of a model."""
    return tg.optim.Adam(model.named_parameters(), lr=problem.lr, betas=problem.betas)


def classifier(problem: Classifier, draw: Draw | None = None) -> Step:
    """Softmax cross-entropy and Adam."""
    model = network(problem.layers)
    optimizer = adam(model, problem)

    @traced
    def loss_and_gradients(x: tg.Tensor, labels: Any) -> list[Any]:
        loss = tg.softmax_cross_entropy(model(x), labels)
        return [loss, *tg.grad(loss, optimizer.params)]

    def step(i: int) -> list[Any]:
        x, labels = problem.batches[i % len(problem.batches)]
        loss, *gradients = loss_and_gradients(tg.Tensor(x), labels)
        optimizer.step(gradients)
        return [loss]

    return step


def gan(problem: Gan, draw: Draw | None = None) -> Step:
    """A step of each player; D sees real and generated examples in one batch."""
    g, d = players(problem)
    optimizer_g, optimizer_d = adam(g, problem), adam(d, problem)
    rng: Any = tg.Generator(0) if draw is None else Given(draw, "cpu")
    n = len(problem.batches[0])
    target = np.repeat(np.float32([[1.0], [0.0]]), n, 0)

    @traced
    def of_d(real: tg.Tensor, noise: tg.Tensor) -> list[Any]:
        with tg.no_grad():
            fake = g(noise)
        loss = 2.0 * tg.bce_with_logits(d(tg.concatenate([real, fake])), target)
        return [loss, *tg.grad(loss, optimizer_d.params)]

    @traced
    def of_g(noise: tg.Tensor) -> list[Any]:
        loss = tg.bce_with_logits(d(g(noise)), 1.0)
        return [loss, *tg.grad(loss, optimizer_g.params)]

    def noise() -> tg.Tensor:
        return tg.Tensor(rng.normal((n, *problem.noise_shape)))

    def step(i: int) -> list[Any]:
        real = tg.Tensor(problem.batches[i % len(problem.batches)])
        loss_d, *gradients = of_d(real, noise())
        optimizer_d.step(gradients)
        loss_g, *gradients = of_g(noise())
        optimizer_g.step(gradients)
        return [loss_d, loss_g]

    return step


def critic(problem: Critic, draw: Draw | None = None) -> Step:
    """The critic of WGAN-GP: the gradient of a gradient."""
    model = network(problem.layers, problem.slope)
    optimizer = adam(model, problem)

    @traced
    def loss_and_gradients(real: tg.Tensor, generated: tg.Tensor, share: tg.Tensor) -> list[Any]:
        x = share * real + (1.0 - share) * generated
        x.requires_grad = True
        slope = tg.grad(tg.sum(model(x)), x, create_graph=True)
        penalty = tg.mean((tg.norm(slope, axis=1) - 1.0) ** 2)
        distance = tg.mean(model(real)) - tg.mean(model(generated))
        loss = problem.penalty * penalty - distance
        return [loss, *tg.grad(loss, optimizer.params)]

    def step(i: int) -> list[Any]:
        batch = problem.batches[i % len(problem.batches)]
        loss, *gradients = loss_and_gradients(*map(tg.Tensor, batch))
        optimizer.step(gradients)
        return [loss]

    return step


def chain(eager: Any, trained: bool) -> Callable[[], list[Any]]:
    """All links of a chain of `benchmarks.ops`, and back."""

    @traced
    def gradients(y: tg.Tensor, a: tg.Tensor, b: tg.Tensor, one: tg.Tensor) -> list[Any]:
        end = y
        for _ in range(eager.links):
            end = tg.tanh(end) * a + b
        return tg.grad(end, [y, a, b] if trained else [y], cotangent=one)

    return lambda: [g.data for g in gradients(eager.y, eager.a, eager.b, eager.one)]
