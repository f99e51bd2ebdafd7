"""tinygen itself, as its users run it: the GANTrainer, and training loops of a few lines."""

from __future__ import annotations

from typing import Any

import tinygen as tg
from tinygen.models import dcgan
from tinygen.models.gan import GANTrainer, mlp

from ..ops import Chain
from ..workloads import Classifier, Critic, Dcgan, Draw, Gan, Layers, Maker, Step

VERSION = tg.__version__


def network(layers: Layers, slope: float = 0.0) -> tg.nn.Sequential:
    """Dense layers with these weights."""
    sizes = [layers[0][0].shape[1], *(len(bias) for _, bias in layers)]
    model = mlp(sizes, tg.Generator(0), slope=slope)
    for p, array in zip(model.parameters(), (a for pair in layers for a in pair), strict=True):
        p[...] = array
    return model


def players(problem: Gan | Dcgan) -> tuple[tg.nn.Sequential, tg.nn.Sequential]:
    """G and D."""
    if isinstance(problem, Gan):
        return network(problem.generator), network(problem.discriminator)
    rng = tg.Generator(0)
    g = dcgan.generator(problem.noise_shape[0], problem.channels, 1, rng)
    d = dcgan.discriminator(problem.channels, 1, rng)
    g.load_state_dict(problem.generator)
    d.load_state_dict(problem.discriminator)
    return g, d


class Given:
    """In the place of a Generator: noise that was drawn elsewhere."""

    def __init__(self, draw: Draw) -> None:
        self.normal = draw


def trainer(problem: Gan | Dcgan, draw: Draw | None = None) -> GANTrainer:
    """The trainer of the `gan` and `dcgan` recipes."""
    rng: Any = tg.Generator(0) if draw is None else Given(draw)
    return GANTrainer(
        *players(problem), rng=rng, noise_shape=problem.noise_shape, lr=problem.lr,
        betas=problem.betas, one_batch=isinstance(problem, Gan),
    )  # fmt: skip


def gan(problem: Gan | Dcgan, draw: Draw | None = None) -> Step:
    train = trainer(problem, draw)
    batches = problem.batches

    def step(i: int) -> list[Any]:
        return list(train.step(batches[i % len(batches)]).values())

    return step


def classifier(problem: Classifier, draw: Draw | None = None) -> Step:
    model = network(problem.layers)
    optimizer = tg.optim.Adam(model.named_parameters(), lr=problem.lr, betas=problem.betas)
    batches = problem.batches

    def step(i: int) -> list[Any]:
        x, labels = batches[i % len(batches)]
        loss = tg.softmax_cross_entropy(model(tg.Tensor(x)), labels)
        optimizer.step(tg.grad(loss, optimizer.params))
        return [loss]

    return step


def critic(problem: Critic, draw: Draw | None = None) -> Step:
    model = network(problem.layers, problem.slope)
    optimizer = tg.optim.Adam(model.named_parameters(), lr=problem.lr, betas=problem.betas)
    batches = problem.batches

    def step(i: int) -> list[Any]:
        real, generated, share = batches[i % len(batches)]
        x = tg.Tensor(share * real + (1.0 - share) * generated, requires_grad=True)
        slope = tg.grad(tg.sum(model(x)), x, create_graph=True)
        penalty = tg.mean((tg.norm(slope, axis=1) - 1.0) ** 2)
        distance = tg.mean(model(tg.Tensor(real))) - tg.mean(model(tg.Tensor(generated)))
        loss = problem.penalty * penalty - distance
        optimizer.step(tg.grad(loss, optimizer.params))
        return [loss.detach()]

    return step


MAKERS: dict[str, dict[str, Maker]] = {
    "gan-784": {"tinygen": gan},
    "classifier": {"tinygen": classifier},
    "dcgan-32": {"tinygen": gan},
    "wgan-gp-2d": {"tinygen": critic},
}


class chain(Chain):  # noqa: N801, an adapter's function
    """y = tanh(y) * a + b."""

    def prepare(self, y: Any, a: Any, b: Any, trained: bool) -> None:
        self.y = tg.tensor(y, requires_grad=True)
        self.a = tg.tensor(a, requires_grad=trained)
        self.b = tg.tensor(b, requires_grad=trained)
        self.inputs = [self.y, self.a, self.b] if trained else [self.y]
        self.one = tg.Tensor(y * 0 + 1)

    def forward(self) -> Any:
        y, a, b = self.y, self.a, self.b
        for _ in range(self.links):
            y = tg.tanh(y) * a + b
        return y

    def backward(self, y: Any, keep: bool = False) -> list[Any]:
        found = tg.grad(y, self.inputs, cotangent=self.one, create_graph=keep)
        return [g.data for g in found]
