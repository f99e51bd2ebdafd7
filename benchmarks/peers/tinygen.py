"""tinygen itself, as its users run it: the training steps of `tinygen bench`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tinygen as tg
from tinygen.bench.ours import classifier, critic, gan, rbm, trainer
from tinygen.bench.problems import Draw, Gan, Maker, Step

from ..ops import Chain
from ..problems import HEADS, Sequences
from . import tinygen_traced
from .vae_tinygen import vae

VERSION = tg.__version__


def og_gan(problem: Gan, draw: Draw | None = None) -> Step:
    """Both players' gradients orthogonal to their weights."""
    orthogonal = [tg.optim.OrthogonalToWeights()], [tg.optim.OrthogonalToWeights()]
    train = trainer(problem, draw, transforms=orthogonal)
    return lambda i: list(train.step(problem.batches[i % len(problem.batches)]).values())


def sequences(
    problem: Sequences, layer: tg.nn.Module, run: Callable[[tg.Tensor], tg.Tensor]
) -> Step:
    """Updates of a layer by the mean square of `run(x)` less the target."""
    layer.load_state_dict(problem.state)
    optimizer = tg.optim.Adam(layer.named_parameters(), lr=problem.lr, betas=problem.betas)

    def step(i: int) -> list[Any]:
        x, target = problem.batches[i % len(problem.batches)]
        loss = tg.mse(run(tg.Tensor(x)), target)
        optimizer.step(tg.grad(loss, optimizer.params))
        return [loss.detach()]

    return step


def attention(problem: Sequences, draw: Draw | None = None) -> Step:
    width = problem.batches[0][0].shape[2]
    layer = tg.nn.MultiheadAttention(width, HEADS, rng=tg.Generator(0))
    return sequences(problem, layer, layer)


def gru(problem: Sequences, draw: Draw | None = None) -> Step:
    width = problem.state["weight_hh_l0"].shape[1]
    inputs = problem.batches[0][0].shape[2]
    layer = tg.nn.GRU(inputs, width, batch_first=True, rng=tg.Generator(0))
    return sequences(problem, layer, lambda x: layer(x)[1])


MAKERS: dict[str, dict[str, Maker]] = {
    "gan-784": {"tinygen": gan, "tinygen, traced": tinygen_traced.gan},
    "gan-wide": {"tinygen": gan},
    "og-gan": {"tinygen": og_gan},
    "classifier": {"tinygen": classifier, "tinygen, traced": tinygen_traced.classifier},
    "dcgan-32": {"tinygen": gan},
    "wgan-gp-2d": {"tinygen": critic, "tinygen, traced": tinygen_traced.critic},
    "vae-784": {"tinygen": vae},
    "iwae-50": {"tinygen": vae},
    "rbm-784": {"tinygen": rbm},
    "attention": {"tinygen": attention},
    "gru": {"tinygen": gru},
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


def traced_chain(links: int, trained: bool) -> Callable[[], list[Any]]:
    """The chain and its gradients as one program."""
    return tinygen_traced.chain(chain(links, trained), trained)
