"""MyGrad: NumPy with gradients of the first order."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import mygrad as mg
import numpy as np
from mygrad.nnet.losses import softmax_crossentropy

from tinygen.bench.problems import Classifier, Draw, Gan, Layers, Maker, Step

from ..ops import Chain
from .adam import Adam
from .hips import noise_source

VERSION = version("mygrad")


class Network:
    """Dense layers with rectifiers between, and Adam on their arrays."""

    def __init__(self, layers: Layers, problem: Gan | Classifier) -> None:
        self.tensors = [mg.tensor(a.copy()) for pair in layers for a in pair]
        self.adam = Adam([t.data for t in self.tensors], problem)

    def __call__(self, x: Any) -> Any:
        for i in range(0, len(self.tensors), 2):
            weight, bias = self.tensors[i : i + 2]
            x = mg.matmul(mg.maximum(x, 0.0) if i else x, weight.T) + bias
        return x

    def update(self) -> None:
        self.adam.step([t.grad for t in self.tensors])


def bce(logits: Any, label: float) -> Any:
    """The mean of softplus(s) - label * s."""
    terms = mg.maximum(logits, 0.0) + mg.log1p(mg.exp(-mg.abs(logits)))
    return mg.mean(terms - logits if label else terms)


def gan(problem: Gan, draw: Draw | None = None) -> Step:
    g, d = Network(problem.generator, problem), Network(problem.discriminator, problem)
    noise, batches = noise_source(draw), problem.batches
    shape = (len(batches[0]), *problem.noise_shape)

    def step(i: int) -> list[Any]:
        with mg.no_autodiff:
            fake = g(noise(shape)).data
        loss_d = bce(d(batches[i % len(batches)]), 1.0) + bce(d(fake), 0.0)
        loss_d.backward()
        d.update()
        loss_g = bce(d(g(noise(shape))), 1.0)
        loss_g.backward()
        g.update()
        return [loss_d.data, loss_g.data]

    return step


def classifier(problem: Classifier, draw: Draw | None = None) -> Step:
    network = Network(problem.layers, problem)

    def step(i: int) -> list[Any]:
        x, labels = problem.batches[i % len(problem.batches)]
        loss = softmax_crossentropy(network(x), labels)
        loss.backward()
        network.update()
        return [loss.data]

    return step


MAKERS: dict[str, dict[str, Maker]] = {
    "gan-784": {"MyGrad": gan},
    "gan-wide": {"MyGrad": gan},
    "classifier": {"MyGrad": classifier},
}


class chain(Chain):  # noqa: N801, an adapter's function
    """y = tanh(y) * a + b."""

    def prepare(self, y: Any, a: Any, b: Any, trained: bool) -> None:
        self.y = mg.tensor(y)
        self.a, self.b = (mg.tensor(x, constant=not trained) for x in (a, b))
        self.inputs = [self.y, self.a, self.b] if trained else [self.y]
        self.one = np.ones_like(y)

    def forward(self) -> Any:
        y, a, b = self.y, self.a, self.b
        for _ in range(self.links):
            y = mg.tanh(y) * a + b
        return y

    def backward(self, y: Any, keep: bool = False) -> list[Any]:
        y.backward(self.one)  # it records no derivatives of derivatives: there is no graph to keep
        return [x.grad for x in self.inputs]
