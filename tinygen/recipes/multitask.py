"""Founding system E4: one network for two tasks, whose gradients do not undo each other.

    tinygen train multitask --data mnist

`--set surgery=false` adds the two gradients up as they are, for comparison.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from .. import nn, ops
from ..autograd import grad
from ..backend import Array, host, use_device
from ..config import setting
from ..data import BatchLoader, load
from ..optim import Adam, GradientSurgery
from ..random import Generator
from ..tensor import Tensor
from .recipe import WIDEST, Experiment, Recipe, RunConfig, Score, picture_maker, streams

__all__ = ["RECIPES"]

SHOWN = 32
"""Held-out examples in a picture, each beside what the network made of it."""


@dataclass(frozen=True)
class MultitaskConfig(RunConfig):
    """Settings of the two tasks."""

    steps: int = setting(3_000, "updates", low=1, high=10**9)
    body: tuple[int, ...] = setting((128, 64), "layers that both share", low=1, high=WIDEST)
    lr: float = setting(1e-3, "Adam's", low=1e-12, high=1e3)
    surgery: bool = setting(True, "on the gradients of the shared layers; else their sum")


class TwoTasks(nn.Module):
    """Layers with rectifiers that both tasks share, and a linear one for each.

    Args:
        sizes: of the examples, then of the shared layers.
        classes: how many.
    """

    def __init__(self, sizes: list[int], classes: int, rng: Generator) -> None:
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(sizes):
            layers += [nn.Linear(inputs, outputs, rng=rng), nn.ReLU()]
        self.body = nn.Sequential(*layers)
        self.label = nn.Linear(sizes[-1], classes, rng=rng)
        self.again = nn.Linear(sizes[-1], sizes[0], rng=rng)

    def forward(self, x: Any) -> tuple[Tensor, Tensor]:
        """Logits of the classes (N, classes), and the examples again (N, n)."""
        shared = self.body(x)
        return self.label(shared), self.again(shared)


class MultitaskTrainer:
    """Trains both tasks at once: the label, and the example itself through a narrow layer.

    Args:
        rng: draws the order of surgery.
    """

    def __init__(self, model: TwoTasks, *, rng: Generator, lr: float, surgery: bool) -> None:
        self.model = model
        self.rng = rng
        self.optimizer = Adam(model.named_parameters(), lr=lr)
        self.surgery = GradientSurgery(rng) if surgery else None

    def step(self, x: Array, labels: Array) -> dict[str, Any]:
        """One update; returns both losses and, with surgery, what it reports."""
        logits, again = self.model(Tensor(x))
        losses = [ops.softmax_cross_entropy(logits, labels), ops.mse(again, Tensor(x))]
        body = self.model.body.parameters()
        heads = [self.model.label.parameters(), self.model.again.parameters()]
        found = [
            grad(loss, [*body, *head], retain_graph=True)
            for loss, head in zip(losses, heads, strict=True)
        ]
        shared = [grads[: len(body)] for grads in found]
        joint = [a + b for a, b in zip(*shared, strict=True)]
        if self.surgery is not None:
            joint = self.surgery.combine(shared)
        self.optimizer.step([*joint, *(g for grads in found for g in grads[len(body) :])])
        report = {} if self.surgery is None else self.surgery.report()
        return {"loss_label": losses[0], "loss_again": losses[1], **report}

    def state_dict(self) -> dict[str, Any]:
        """Weights and moments; the stream is the caller's."""
        return {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state_dict`."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])


def build(config: MultitaskConfig) -> Experiment:
    """Labels and examples by one network, on any labelled data."""
    random = streams(config)
    data = load(config.data, random["data"])
    rows, test = data.flat()
    backend = random["noise"].backend
    with use_device(config.device):
        model = TwoTasks([data.n_features, *config.body], data.n_classes, random["weights"])
        trainer = MultitaskTrainer(model, rng=random["noise"], lr=config.lr, surgery=config.surgery)
    held = backend.from_host(test)
    picture = picture_maker(data)

    def draw() -> Mapping[str, bytes]:
        again = host(model(Tensor(held[:SHOWN]))[1].data)
        pairs = np.stack([test[:SHOWN], again], axis=1).reshape(-1, data.n_features)
        return {"samples": picture(pairs.clip(test.min(), test.max()))}

    def accuracy() -> float:
        return float((host(model(Tensor(held))[0].data).argmax(1) == data.test_labels).mean())

    return Experiment(
        trainer,
        data,
        BatchLoader((rows, data.train_labels), config.batch, random["order"]),
        prepare=lambda batch: tuple(map(backend.move, batch)),
        draw=draw,
        picture=picture,
        streams=random,
        device=config.device,
        score=Score("accuracy", accuracy),
    )


RECIPES = (
    Recipe(
        "multitask",
        "founding system E4: labels and pixels by one network, with gradient surgery between them",
        MultitaskConfig(),
        build,
        {"mnist": {"body": (256, 64), "steps": 6_000}},
    ),
)
