"""PyTorch, eager: the code of its tutorials, and the algorithm that tinygen uses."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch.nn import functional as F  # noqa: N812, as its users write it

from tinygen.bench.problems import Dcgan, Draw, Gan, Maker, Step
from tinygen.bench.pytorch import (
    CHANNELS_LAST,
    ROWS,
    adam,
    adversaries,
    classifier,
    critic,
    gan,
    in_layout,
    noise_source,
    players,
    rbm,
)  # fmt: skip

from ..ops import Chain
from ..problems import HEADS, Sequences
from .orthogonal_pytorch import by_three_products, orthogonal_adam
from .vae_pytorch import vae

VERSION = torch.__version__


def gan_same_algorithm(
    problem: Gan | Dcgan, draw: Draw | None = None, *, fused: bool = False, layout: Any = ROWS,
    adam_of: Callable[..., torch.optim.Adam] = adam,
) -> Step:  # fmt: skip
    """As tinygen does it: no gradient but the player's own; one batch for D without batch norm."""
    g, d = players(problem, layout)
    of_g, of_d = list(g.parameters()), list(d.parameters())
    optimizer_g, optimizer_d = (adam_of(params, problem, fused) for params in (of_g, of_d))
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


def og_gan(problem: Gan, draw: Draw | None = None) -> Step:
    """As a user has it: the loop of the tutorials, and an Adam that projects first."""
    batches = in_layout(problem.batches, ROWS)
    update = adversaries(problem, draw, partial(orthogonal_adam, problem=problem), ROWS, "cpu")
    return lambda i: update(batches[i % len(batches)])


def sequences(problem: Sequences, layer: torch.nn.Module, run: Callable[[Any], Any]) -> Step:
    """Updates of a layer by the mean square of `run(x)` less the target."""
    layer.load_state_dict({name: torch.from_numpy(a) for name, a in problem.state.items()})
    optimizer = adam(layer.parameters(), problem, False)
    batches = [(torch.from_numpy(x), torch.from_numpy(y)) for x, y in problem.batches]

    def step(i: int) -> list[Any]:
        x, target = batches[i % len(batches)]
        optimizer.zero_grad()
        loss = F.mse_loss(run(x), target)
        loss.backward()
        optimizer.step()
        return [loss.detach()]

    return step


def attention(problem: Sequences, draw: Draw | None = None) -> Step:
    width = problem.batches[0][0].shape[2]
    layer = torch.nn.MultiheadAttention(width, HEADS, batch_first=True)
    return sequences(problem, layer, lambda x: layer(x, x, x, need_weights=False)[0])


def gru(problem: Sequences, draw: Draw | None = None) -> Step:
    width = problem.state["weight_hh_l0"].shape[1]
    layer = torch.nn.GRU(problem.batches[0][0].shape[2], width, batch_first=True)
    return sequences(problem, layer, lambda x: layer(x)[1])


MAKERS: dict[str, dict[str, Maker]] = {
    "gan-784": {
        "PyTorch eager": gan,
        "PyTorch, tinygen's algorithm": gan_same_algorithm,
        "PyTorch, tinygen's algorithm, fused Adam": partial(gan_same_algorithm, fused=True),
    },
    "gan-wide": {
        "PyTorch eager": gan,
        "PyTorch, tinygen's algorithm, fused Adam": partial(gan_same_algorithm, fused=True),
    },
    "og-gan": {
        "PyTorch eager": og_gan,
        "PyTorch, tinygen's algorithm, fused Adam": partial(
            gan_same_algorithm,
            fused=True,
            adam_of=partial(orthogonal_adam, project=by_three_products),
        ),
    },
    "rbm-784": {"PyTorch eager": rbm},
    "attention": {"PyTorch eager": attention},
    "gru": {"PyTorch eager": gru},
    "classifier": {
        "PyTorch eager": classifier,
        "PyTorch eager, fused Adam": partial(classifier, fused=True),
    },
    "dcgan-32": {
        "PyTorch eager": gan,
        "PyTorch eager, fused Adam": partial(gan, fused=True),
        "PyTorch eager, channels-last": partial(gan, layout=CHANNELS_LAST),
        "PyTorch, tinygen's algorithm": gan_same_algorithm,
        "PyTorch, tinygen's algorithm, fused Adam, channels-last": partial(
            gan_same_algorithm, fused=True, layout=CHANNELS_LAST
        ),
    },
    "wgan-gp-2d": {
        "PyTorch eager": critic,
        "PyTorch eager, fused Adam": partial(critic, fused=True),
    },
    "vae-784": {
        "PyTorch eager": vae,
        "PyTorch eager, fused Adam": partial(vae, fused=True),
    },
    "iwae-50": {
        "PyTorch eager": vae,
        "PyTorch eager, fused Adam": partial(vae, fused=True),
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
