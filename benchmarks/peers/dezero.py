"""DeZero 0.0.13: an autograd on NumPy in the manner of Chainer.

It predates NumPy 2, so two things are put back as they were: the name `np.int`, for the import, and
that a Python number does not turn float32 into float64.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygen.bench.problems import Array, Classifier, Draw, Gan, Layers, Maker, Step

from ..ops import Chain

missing_name = not hasattr(np, "int")
if missing_name:
    np.int = int  # type: ignore[attr-defined]  # noqa: NPY001
try:
    import dezero
    from dezero import core, optimizers
    from dezero import functions as F  # noqa: N812, as its users write it
finally:
    if missing_name:
        del np.int  # type: ignore[attr-defined]  # noqa: NPY001

VERSION = "0.0.13"
EPSILON = 1e-8
_as_array = core.as_array


def _as_weak_array(x: Any, array_module: Any = np) -> Any:
    return np.array(x, "float32") if type(x) in (int, float) else _as_array(x, array_module)


core.as_array = _as_weak_array


class Network(dezero.Model):
    """Dense layers with these weights, laid out (in, out) as DeZero wants them."""

    def __init__(self, layers: Layers) -> None:
        super().__init__()
        self.layers = []
        for i, (weight, bias) in enumerate(layers):
            linear = dezero.layers.Linear(len(bias), in_size=weight.shape[1])
            linear.W.data = np.array(weight.T, order="C")
            linear.b.data = bias.copy()
            setattr(self, f"l{i}", linear)
            self.layers.append(linear)

    def forward(self, x: Any) -> Any:
        for linear in self.layers[:-1]:
            x = F.relu(linear(x))
        return self.layers[-1](x)


class Adam(optimizers.Adam):
    """Its epsilon stands beside sqrt(v) before the bias is corrected; here it means what others'
    does, which decides where gradients are smaller than it, as many of gan-wide's are."""

    def update(self, *args: Any, **kwargs: Any) -> None:
        self.eps = EPSILON * math.sqrt(1.0 - self.beta2 ** (self.t + 1))
        super().update(*args, **kwargs)


def adam(problem: Gan | Classifier, model: Network) -> Any:
    beta1, beta2 = problem.betas
    return Adam(alpha=problem.lr, beta1=beta1, beta2=beta2).setup(model)


def bce(logits: Any, label: float) -> Any:
    """The mean of softplus(s) - label * s (its own sigmoid_cross_entropy ends in nan)."""
    total = F.sum(F.log(1.0 + F.exp(logits)))
    if label:
        total = total - F.sum(logits)
    return total * (1.0 / len(logits))


def gan(problem: Gan, draw: Draw | None = None) -> Step:
    g, d = Network(problem.generator), Network(problem.discriminator)
    optimizer_g, optimizer_d = adam(problem, g), adam(problem, d)
    batches = problem.batches
    n = len(batches[0])
    random = np.random.default_rng(0)

    def noise() -> Array:
        shape = (n, *problem.noise_shape)
        return random.standard_normal(shape, dtype="float32") if draw is None else draw(shape)

    def step(i: int) -> list[Any]:
        with dezero.no_grad():
            fake = g(noise())
        loss_d = bce(d(batches[i % len(batches)]), 1.0) + bce(d(fake.data), 0.0)
        d.cleargrads()
        loss_d.backward()
        optimizer_d.update()

        loss_g = bce(d(g(noise())), 1.0)
        g.cleargrads()
        d.cleargrads()
        loss_g.backward()
        optimizer_g.update()
        return [loss_d.data, loss_g.data]

    return step


def classifier(problem: Classifier, draw: Draw | None = None) -> Step:
    model = Network(problem.layers)
    optimizer = adam(problem, model)
    # Labels of one byte, because its loss would turn wider ones, and all gradients, into float64.
    batches = [(x, labels.astype("int8")) for x, labels in problem.batches]

    def step(i: int) -> list[Any]:
        x, labels = batches[i % len(batches)]
        loss = F.softmax_cross_entropy(model(x), labels)
        model.cleargrads()
        loss.backward()
        optimizer.update()
        return [loss.data]

    return step


MAKERS: dict[str, dict[str, Maker]] = {
    "gan-784": {"DeZero": gan},
    "gan-wide": {"DeZero": gan},
    "classifier": {"DeZero": classifier},
}


class chain(Chain):  # noqa: N801, an adapter's function
    """y = tanh(y) * a + b."""

    def prepare(self, y: Any, a: Any, b: Any, trained: bool) -> None:
        # It has no constants: it differentiates with respect to everything it meets.
        self.y, self.a, self.b = dezero.Variable(y), dezero.Variable(a), dezero.Variable(b)
        self.inputs = [self.y, self.a, self.b] if trained else [self.y]

    def forward(self) -> Any:
        y, a, b = self.y, self.a, self.b
        for _ in range(self.links):
            y = F.tanh(y) * a + b
        return y

    def backward(self, y: Any, keep: bool = False) -> list[Any]:
        for x in (self.y, self.a, self.b):
            x.cleargrad()
        y.backward(create_graph=keep)
        return [x.grad.data for x in self.inputs]
