"""Founding system E4: tasks one after another, by steps that leave alone what was said before.

    tinygen train continual --data mnist

`--set remembered=0` takes plain steps, for comparison.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from .. import nn, ops
from ..autograd import grad
from ..backend import Array, backend_for, host, use_device
from ..config import setting
from ..data import BatchLoader, load
from ..optim import SGD, OrthogonalToPast
from ..parallel import team
from ..pictures import bars, png_bytes
from ..random import Generator
from ..tensor import Tensor
from .recipe import WIDEST, Experiment, Recipe, RunConfig, Score, picture_maker, streams

__all__ = ["RECIPES"]


@dataclass(frozen=True)
class ContinualConfig(RunConfig):
    """Settings of the tasks and of what is remembered of each."""

    steps: int = setting(5_000, "updates, shared evenly by the tasks", low=1, high=10**9)
    batch: int = setting(50, "examples in an update", low=1, high=2**24)
    tasks: int = setting(5, "orders of the pixels, one after another", low=1, high=1_000)
    remembered: int = setting(40, "outputs of each task; 0: plain SGD", low=0, high=10_000)
    hidden: tuple[int, ...] = setting((100, 100), "layers", low=1, high=WIDEST)
    lr: float = setting(0.05, "of SGD", low=1e-12, high=1e3)


class ContinualTrainer:
    """Trains a classifier on examples whose features come in another order in each task.

    Args:
        orders: of the features, one for each task: (tasks, n).
        per_task: steps.
        remembered: how many outputs of a task are kept when it ends, of its last batch: each
            example's logit of its own label. Fewer if the batch is smaller.
    """

    def __init__(
        self, model: nn.Module, orders: np.ndarray, *, per_task: int, remembered: int, lr: float
    ) -> None:
        params = model.named_parameters()
        backend = backend_for(params[0][1].device)
        self.model = model
        self.orders = [backend.from_host(order) for order in orders]
        self.per_task = per_task
        self.remembered = remembered
        earlier = remembered * (len(orders) - 1)
        self.past = OrthogonalToPast(earlier) if earlier else None
        self.optimizer = SGD(params, lr=lr, transforms=[self.past] if self.past else [])

    @property
    def task(self) -> int:
        """The number of the present one."""
        return min(self.optimizer.steps // self.per_task, len(self.orders) - 1)

    def step(self, x: Array, labels: Array) -> dict[str, Any]:
        """One update by a batch of the present task; the last of a task adds to the past."""
        now = self.task
        x = x[:, self.orders[now]]
        loss = ops.softmax_cross_entropy(self.model(Tensor(x)), labels)
        self.optimizer.step(grad(loss, self.optimizer.params))
        if self.past is not None and self.task > now:
            ranks = team()  # of all of whose rows the first are remembered, and not of each one's
            x, labels = (ranks.part(ranks.gather(a)[: self.remembered]) for a in (x, labels))
            places = backend_for(loss.device).arange(len(x))
            self.past.remember(self.model(Tensor(x))[places, labels])
        return {"loss": loss}

    def accuracies(self, rows: Array, labels: np.ndarray) -> np.ndarray:
        """The share of right answers in each task, (tasks,), on the host."""
        found = [host(self.model(Tensor(rows[:, order])).data) for order in self.orders]
        return np.array([(logits.argmax(1) == labels).mean() for logits in found])

    def state_dict(self) -> dict[str, Any]:
        """Weights, steps and what is remembered; the orders are drawn anew from the seed."""
        return {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state_dict`."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])


def build(config: ContinualConfig) -> Experiment:
    """A dense classifier and tasks of any labelled data."""
    random = streams(config)
    data = load(config.data, random["data"])
    rows, test = data.flat()
    backend = random["noise"].backend
    orders = np.stack([random["weights"].permutation(data.n_features) for _ in range(config.tasks)])
    with use_device(config.device):
        trainer = ContinualTrainer(
            _classifier([data.n_features, *config.hidden, data.n_classes], random["weights"]),
            orders,
            per_task=max(1, config.steps // config.tasks),
            remembered=config.remembered,
            lr=config.lr,
        )
    held = backend.from_host(test)

    def accuracies() -> np.ndarray:
        return trainer.accuracies(held, data.test_labels)

    return Experiment(
        trainer,
        data,
        BatchLoader((rows, data.train_labels), config.batch, random["order"]),
        prepare=lambda batch: tuple(map(backend.move, batch)),
        draw=lambda: {"samples": png_bytes(bars(accuracies()))},
        picture=picture_maker(data),
        streams=random,
        device=config.device,
        score=Score("mean_accuracy", lambda: float(accuracies().mean())),
    )


def _classifier(sizes: list[int], rng: Generator) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs, rng=rng), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


RECIPES = (
    Recipe(
        "continual",
        "founding system E4: permuted pixels, task after task, steps orthogonal to old outputs",
        ContinualConfig(),
        build,
        {"mnist": {"steps": 15_000, "batch": 100, "remembered": 100, "lr": 0.01}},
    ),
)
