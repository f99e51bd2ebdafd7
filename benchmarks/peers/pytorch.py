"""PyTorch, eager: the code of its tutorials, and the algorithm that tinygen uses."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812, as its users write it

from ..ops import Chain
from ..workloads import Classifier, Critic, Dcgan, Draw, Gan, Layers, Maker, Step

VERSION = torch.__version__
ROWS, CHANNELS_LAST = torch.contiguous_format, torch.channels_last


def network(layers: Layers, slope: float = 0.0) -> nn.Sequential:
    """Dense layers with these weights."""
    parts: list[nn.Module] = []
    for weight, bias in layers:
        linear = nn.Linear(weight.shape[1], weight.shape[0])
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(weight))
            linear.bias.copy_(torch.from_numpy(bias))
        parts += [linear, nn.LeakyReLU(slope) if slope else nn.ReLU()]
    return nn.Sequential(*parts[:-1])


def players(problem: Gan | Dcgan, layout: Any) -> tuple[nn.Module, nn.Module]:
    """G and D; `layout` is the memory format of images and filters."""
    if isinstance(problem, Gan):
        return network(problem.generator), network(problem.discriminator)
    low, middle, high = problem.channels
    g = nn.Sequential(
        nn.ConvTranspose2d(problem.noise_shape[0], high, 4, 1, 0, bias=False),
        nn.BatchNorm2d(high), nn.ReLU(),
        nn.ConvTranspose2d(high, middle, 4, 2, 1, bias=False), nn.BatchNorm2d(middle), nn.ReLU(),
        nn.ConvTranspose2d(middle, low, 4, 2, 1, bias=False), nn.BatchNorm2d(low), nn.ReLU(),
        nn.ConvTranspose2d(low, 1, 4, 2, 1, bias=False), nn.Sigmoid(),
    )  # fmt: skip
    d = nn.Sequential(
        nn.Conv2d(1, low, 4, 2, 1, bias=False), nn.LeakyReLU(0.2),
        nn.Conv2d(low, middle, 4, 2, 1, bias=False), nn.BatchNorm2d(middle), nn.LeakyReLU(0.2),
        nn.Conv2d(middle, high, 4, 2, 1, bias=False), nn.BatchNorm2d(high), nn.LeakyReLU(0.2),
        nn.Conv2d(high, 1, 4, 1, 0, bias=False), nn.Flatten(),
    )  # fmt: skip
    for model, state in ((g, problem.generator), (d, problem.discriminator)):
        model.load_state_dict({name: torch.from_numpy(array) for name, array in state.items()})
    return g.to(memory_format=layout), d.to(memory_format=layout)


def noise_source(draw: Draw | None) -> Any:
    """A function of the lengths of a shape."""
    if draw is None:
        return torch.randn
    return lambda *shape: torch.from_numpy(draw(shape))


def adam(params: Any, problem: Any, fused: bool) -> torch.optim.Adam:
    return torch.optim.Adam(params, lr=problem.lr, betas=problem.betas, fused=fused or None)


def in_layout(batches: list[Any], layout: Any) -> list[Any]:
    return [torch.from_numpy(x).contiguous(memory_format=layout) for x in batches]


def gan_as_written(
    problem: Gan | Dcgan, draw: Draw | None = None, *, fused: bool = False, layout: Any = ROWS
) -> Step:
    """As most tutorials have it: D on real, D on generated, zero_grad, backward, step."""
    g, d = players(problem, layout)
    optimizer_g, optimizer_d = (adam(m.parameters(), problem, fused) for m in (g, d))
    noise = noise_source(draw)
    criterion = nn.BCEWithLogitsLoss()
    batches = in_layout(problem.batches, layout)
    n = len(batches[0])
    real_label, fake_label = torch.ones(n, 1), torch.zeros(n, 1)

    def step(i: int) -> list[Any]:
        real = batches[i % len(batches)]
        optimizer_d.zero_grad()
        fake = g(noise(n, *problem.noise_shape)).detach()
        loss_d = criterion(d(real), real_label) + criterion(d(fake), fake_label)
        loss_d.backward()
        optimizer_d.step()

        optimizer_g.zero_grad()
        loss_g = criterion(d(g(noise(n, *problem.noise_shape))), real_label)
        loss_g.backward()
        optimizer_g.step()
        return [loss_d.detach(), loss_g.detach()]

    return step


def gan_same_algorithm(
    problem: Gan | Dcgan, draw: Draw | None = None, *, fused: bool = False, layout: Any = ROWS
) -> Step:
    """As tinygen does it: no gradient but the player's own; one batch for D without batch norm."""
    g, d = players(problem, layout)
    of_g, of_d = list(g.parameters()), list(d.parameters())
    optimizer_g, optimizer_d = (adam(params, problem, fused) for params in (of_g, of_d))
    noise = noise_source(draw)
    batches = in_layout(problem.batches, layout)
    n = len(batches[0])
    ones = torch.ones(n, 1)
    is_real = torch.cat([ones, torch.zeros(n, 1)])
    one_batch = isinstance(problem, Gan)

    def step(i: int) -> list[Any]:
        real = batches[i % len(batches)]
        with torch.no_grad():
            fake = g(noise(n, *problem.noise_shape))
        logits = d(torch.cat([real, fake])) if one_batch else torch.cat([d(real), d(fake)])
        loss_d = 2.0 * F.binary_cross_entropy_with_logits(logits, is_real)
        update(optimizer_d, of_d, loss_d)
        loss_g = F.binary_cross_entropy_with_logits(d(g(noise(n, *problem.noise_shape))), ones)
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
    optimizer = adam(model.parameters(), problem, fused)
    batches = [(torch.from_numpy(x), torch.from_numpy(labels)) for x, labels in problem.batches]

    def step(i: int) -> list[Any]:
        x, labels = batches[i % len(batches)]
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()
        return [loss.detach()]

    return step


def critic(problem: Critic, draw: Draw | None = None, *, fused: bool = False) -> Step:
    """As most implementations of WGAN-GP have it."""
    model = network(problem.layers, problem.slope)
    optimizer = adam(model.parameters(), problem, fused)
    batches = [tuple(map(torch.from_numpy, batch)) for batch in problem.batches]

    def step(i: int) -> list[Any]:
        real, generated, share = batches[i % len(batches)]
        optimizer.zero_grad()
        x = (share * real + (1.0 - share) * generated).requires_grad_(True)
        scores = model(x)
        (slope,) = torch.autograd.grad(scores, x, torch.ones_like(scores), create_graph=True)
        penalty = ((slope.norm(2, dim=1) - 1.0) ** 2).mean()
        loss = model(generated).mean() - model(real).mean() + problem.penalty * penalty
        loss.backward()
        optimizer.step()
        return [loss.detach()]

    return step


MAKERS: dict[str, dict[str, Maker]] = {
    "gan-784": {
        "PyTorch eager": gan_as_written,
        "PyTorch, tinygen's algorithm": gan_same_algorithm,
        "PyTorch, tinygen's algorithm, fused Adam": partial(gan_same_algorithm, fused=True),
    },
    "classifier": {
        "PyTorch eager": classifier,
        "PyTorch eager, fused Adam": partial(classifier, fused=True),
    },
    "dcgan-32": {
        "PyTorch eager": gan_as_written,
        "PyTorch eager, fused Adam": partial(gan_as_written, fused=True),
        "PyTorch eager, channels-last": partial(gan_as_written, layout=CHANNELS_LAST),
        "PyTorch, tinygen's algorithm": gan_same_algorithm,
        "PyTorch, tinygen's algorithm, fused Adam, channels-last": partial(
            gan_same_algorithm, fused=True, layout=CHANNELS_LAST
        ),
    },
    "wgan-gp-2d": {
        "PyTorch eager": critic,
        "PyTorch eager, fused Adam": partial(critic, fused=True),
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
