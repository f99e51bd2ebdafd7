"""PyTorch, eager: the code of its tutorials, and the algorithm that tinygen uses."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812, as its users write it

from ..ops import Chain
from ..workloads import Classifier, Draw, Gan, Layers, Maker, Step

VERSION = torch.__version__


def network(layers: Layers) -> nn.Sequential:
    """Dense layers with these weights."""
    parts: list[nn.Module] = []
    for weight, bias in layers:
        linear = nn.Linear(weight.shape[1], weight.shape[0])
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(weight))
            linear.bias.copy_(torch.from_numpy(bias))
        parts += [linear, nn.ReLU()]
    return nn.Sequential(*parts[:-1])


def noise_source(draw: Draw | None) -> Any:
    """A function of (rows, features)."""
    if draw is None:
        return torch.randn
    return lambda rows, features: torch.from_numpy(draw((rows, features)))


def gan_as_written(problem: Gan, draw: Draw | None = None) -> Step:
    """As most tutorials have it: D on real, D on generated, zero_grad, backward, step."""
    g, d = network(problem.generator), network(problem.discriminator)
    optimizer_g = torch.optim.Adam(g.parameters(), lr=problem.lr, betas=problem.betas)
    optimizer_d = torch.optim.Adam(d.parameters(), lr=problem.lr, betas=problem.betas)
    noise = noise_source(draw)
    criterion = nn.BCEWithLogitsLoss()
    batches = [torch.from_numpy(x) for x in problem.batches]
    n = len(batches[0])
    real_label, fake_label = torch.ones(n, 1), torch.zeros(n, 1)

    def step(i: int) -> list[Any]:
        real = batches[i % len(batches)]
        optimizer_d.zero_grad()
        fake = g(noise(n, problem.noise_shape)).detach()
        loss_d = criterion(d(real), real_label) + criterion(d(fake), fake_label)
        loss_d.backward()
        optimizer_d.step()

        optimizer_g.zero_grad()
        loss_g = criterion(d(g(noise(n, problem.noise_shape))), real_label)
        loss_g.backward()
        optimizer_g.step()
        return [loss_d.detach(), loss_g.detach()]

    return step


def gan_same_algorithm(problem: Gan, draw: Draw | None = None, *, fused: bool) -> Step:
    """As tinygen does it: one batch for D, no gradient but the player's own."""
    g, d = network(problem.generator), network(problem.discriminator)
    of_g, of_d = list(g.parameters()), list(d.parameters())
    optimizer_g = torch.optim.Adam(of_g, lr=problem.lr, betas=problem.betas, fused=fused or None)
    optimizer_d = torch.optim.Adam(of_d, lr=problem.lr, betas=problem.betas, fused=fused or None)
    noise = noise_source(draw)
    batches = [torch.from_numpy(x) for x in problem.batches]
    n = len(batches[0])
    ones = torch.ones(n, 1)
    is_real = torch.cat([ones, torch.zeros(n, 1)])

    def step(i: int) -> list[Any]:
        with torch.no_grad():
            fake = g(noise(n, problem.noise_shape))
        logits = d(torch.cat([batches[i % len(batches)], fake]))
        loss_d = 2.0 * F.binary_cross_entropy_with_logits(logits, is_real)
        update(optimizer_d, of_d, loss_d)
        loss_g = F.binary_cross_entropy_with_logits(d(g(noise(n, problem.noise_shape))), ones)
        update(optimizer_g, of_g, loss_g)
        return [loss_d.detach(), loss_g.detach()]

    return step


def update(optimizer: Any, params: list[Any], loss: Any) -> None:
    """Gradients of these parameters and of nothing else."""
    for p, grad in zip(params, torch.autograd.grad(loss, params), strict=True):
        p.grad = grad
    optimizer.step()


def classifier(problem: Classifier, draw: Draw | None = None, *, fused: bool = False) -> Step:
    model = network(problem.layers)
    optimizer = torch.optim.Adam(
        model.parameters(), lr=problem.lr, betas=problem.betas, fused=fused or None
    )
    batches = [(torch.from_numpy(x), torch.from_numpy(labels)) for x, labels in problem.batches]

    def step(i: int) -> list[Any]:
        x, labels = batches[i % len(batches)]
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()
        return [loss.detach()]

    return step


MAKERS: dict[str, dict[str, Maker]] = {
    "gan-784": {
        "PyTorch eager": gan_as_written,
        "PyTorch, tinygen's algorithm": partial(gan_same_algorithm, fused=False),
        "PyTorch, tinygen's algorithm, fused Adam": partial(gan_same_algorithm, fused=True),
    },
    "classifier": {
        "PyTorch eager": classifier,
        "PyTorch eager, fused Adam": partial(classifier, fused=True),
    },
}


class chain(Chain):  # noqa: N801, an adapter's function
    """y = tanh(y) * a + b."""

    def prepare(self, y: Any, a: Any, b: Any, trained: bool) -> None:
        self.y = torch.tensor(y, requires_grad=True)
        self.a = torch.tensor(a, requires_grad=trained)
        self.b = torch.tensor(b, requires_grad=trained)
        self.inputs = [self.y, self.a, self.b] if trained else [self.y]
        self.one = torch.ones(y.shape)

    def forward(self) -> Any:
        y, a, b = self.y, self.a, self.b
        for _ in range(self.links):
            y = torch.tanh(y) * a + b
        return y

    def backward(self, y: Any, keep: bool = False) -> list[Any]:
        found = torch.autograd.grad(y, self.inputs, self.one, create_graph=keep)
        return [g.detach() for g in found]
