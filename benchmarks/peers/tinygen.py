"""tinygen itself, as its users run it: the GANTrainer, and a training loop of four lines."""

from __future__ import annotations

from typing import Any

import tinygen as tg
from tinygen.models.gan import GANTrainer, mlp

from ..ops import Chain
from ..workloads import Classifier, Draw, Gan, Layers, Maker, Step

VERSION = tg.__version__


def network(layers: Layers) -> tg.nn.Sequential:
    """Dense layers with these weights."""
    sizes = [layers[0][0].shape[1], *(len(bias) for _, bias in layers)]
    model = mlp(sizes, tg.Generator(0))
    for p, array in zip(model.parameters(), (a for pair in layers for a in pair), strict=True):
        p[...] = array
    return model


class Given:
    """In the place of a Generator: noise that was drawn elsewhere."""

    def __init__(self, draw: Draw) -> None:
        self.normal = draw


def trainer(problem: Gan, draw: Draw | None = None) -> GANTrainer:
    """The trainer of the `gan` recipe."""
    rng: Any = tg.Generator(0) if draw is None else Given(draw)
    return GANTrainer(
        network(problem.generator), network(problem.discriminator), rng=rng,
        noise_shape=problem.noise_shape, lr=problem.lr, betas=problem.betas,
    )  # fmt: skip


def gan(problem: Gan, draw: Draw | None = None) -> Step:
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


MAKERS: dict[str, dict[str, Maker]] = {
    "gan-784": {"tinygen": gan},
    "classifier": {"tinygen": classifier},
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
