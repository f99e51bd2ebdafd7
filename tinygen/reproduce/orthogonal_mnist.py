"""Orthogonal gradients on MNIST: tasks learned one after another, and Muon beside Adam.

`tinygen reproduce ogd-permuted` and `muon` run them and judge them by their marks; with `--quick`
one only sees that they work.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from statistics import fmean, median
from typing import Any, NamedTuple

import numpy as np

from .. import nn, ops
from ..autograd import grad
from ..backend import NUMPY
from ..data import BatchLoader, load
from ..optim import SGD, Adam, Muon, Optimizer, OrthogonalToPast
from ..optim.muon import newton_schulz
from ..optim.schedules import linear
from ..random import Generator
from ..tensor import Tensor
from .row import Figures, Row, Verdict

__all__ = ["ROWS"]


class Split(NamedTuple):
    """Rows (N, 784) in [0, 1] and labels (N,), to be trained on and to be judged by."""

    rows: np.ndarray
    labels: np.ndarray
    test: np.ndarray
    test_labels: np.ndarray


def mnist() -> Split:
    """All of it."""
    data = load("mnist")
    rows, test = data.flat()
    return Split(rows, data.train_labels, test, data.test_labels)


def mlp(width: int, rng: Generator) -> nn.Sequential:
    """784-width-width-10 with rectifiers."""
    sizes = (784, width, width, 10)
    layers: list[Any] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs, rng=rng), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def accuracy(net: Any, rows: np.ndarray, labels: np.ndarray) -> float:
    """The share of rows whose largest logit is that of their label."""
    return float((net(Tensor(rows)).numpy().argmax(1) == labels).mean())


def epoch(net: Any, optimizer: Optimizer, loader: BatchLoader) -> None:
    """One pass over the examples of the loader."""
    for _ in range(len(loader)):
        x, y = loader.next_batch()
        optimizer.step(grad(ops.softmax_cross_entropy(net(Tensor(x)), y), optimizer.params))


# -- one task after another ------------------------------------------------------------------------

TASKS = 5
REMEMBERED = 200
"""Gradients of each task."""


def after_all_tasks(seed: int, quick: bool, past: OrthogonalToPast | None) -> list[float]:
    """Accuracy on each task after training on all of them in turn."""
    data = mnist()
    rng = Generator(seed, device="cpu")
    orders = [rng.permutation(784) for _ in range(TASKS)]
    net = mlp(100, rng)
    optimizer = SGD(net.named_parameters(), lr=0.01, transforms=[past] if past else [])
    count, epochs = (2_000, 1) if quick else (len(data.rows), 5)
    for order in orders:
        rows = data.rows[:count].take(order, axis=1)  # in C order, unlike [:count, order]
        loader = BatchLoader((rows, data.labels[:count]), 100, rng)
        for _ in range(epochs):
            epoch(net, optimizer, loader)
        if past is not None and order is not orders[-1]:
            chosen = rng.permutation(count)[: past.capacity // (TASKS - 1)]
            logits = net(Tensor(rows[chosen]))
            past.remember(logits[np.arange(len(chosen)), data.labels[chosen]])
    return [accuracy(net, data.test[:, order], data.test_labels) for order in orders]


def run_permuted(seed: int, quick: bool) -> Figures:
    """Both ways with the same weights, tasks and batches."""
    past = OrthogonalToPast(capacity=(8 if quick else REMEMBERED) * (TASKS - 1))
    ours, plain = (after_all_tasks(seed, quick, kept) for kept in (past, None))
    return {
        "mean accuracy over the tasks, %": 100.0 * fmean(ours),
        **{f"task {i + 1}, %": 100.0 * found for i, found in enumerate(ours)},
        "plain: mean accuracy, %": 100.0 * fmean(plain),
        **{f"plain: task {i + 1}, %": 100.0 * found for i, found in enumerate(plain)},
        "largest element of |B B^T - I|": past.defect().item(),
    }


def judge_permuted(found: Sequence[Figures]) -> Verdict:
    """By means over the seeds."""
    mean, first, last, plain_first, plain_last = (
        fmean(f[name] for f in found)
        for name in (
            "mean accuracy over the tasks, %", "task 1, %", f"task {TASKS}, %", "plain: task 1, %",
            f"plain: task {TASKS}, %",
        )
    )  # fmt: skip
    because = (
        f"task 1 gains {first - plain_first:.1f} points, mean {mean:.2f}%, task {TASKS} "
        f"{last - plain_last:+.2f}"
    )
    passed = first - plain_first >= 8.0 and mean >= 86.0 and last >= plain_last - 1.0
    return Verdict(passed, mean >= 88.4, because)


# -- Muon beside Adam ------------------------------------------------------------------------------

BATCH = 128
HELD_OUT = 10_000
ADAM_RATES = (3e-4, 1e-3, 3e-3, 1e-2)
MUON_RATES = (0.01, 0.02, 0.05, 0.1)


def adam(net: Any, steps: int, lr: float) -> Optimizer:
    """For all parameters; the rate falls to 0 in a straight line."""
    return Adam(net.named_parameters(), lr=linear(lr, 0.0, steps))


def muon(net: Any, steps: int, lr: float, adam_lr: float) -> Optimizer:
    """For the matrices below the last layer; Adam for that and for the biases."""
    named = net.named_parameters()
    hidden = [(name, p) for name, p in named if p.ndim == 2 and p.shape[0] != 10]
    chosen = {name for name, _ in hidden}
    others = [(name, p) for name, p in named if name not in chosen]
    return Muon(hidden, others, lr=linear(lr, 0.0, steps), adam_lr=linear(adam_lr, 0.0, steps))


def first_epoch(
    seed: int, make: Callable[[Any, int], Optimizer], data: Split
) -> tuple[float, Optimizer]:
    """Accuracy after one epoch, and the optimizer; the seed fixes weights and batches."""
    rng = Generator(seed, device="cpu")
    net = mlp(128, rng)
    loader = BatchLoader((data.rows, data.labels), BATCH, rng)
    optimizer = make(net, len(loader))
    epoch(net, optimizer, loader)
    return accuracy(net, data.test, data.test_labels), optimizer


def singular_values(optimizer: Optimizer) -> np.ndarray:
    """Of what Newton's iteration makes of the momentum, where that is not next to nothing."""
    found = []
    for slots in optimizer.state_dict()["state"].values():
        if "v" not in slots:
            size = np.linalg.svd(slots["m"], compute_uv=False) / np.linalg.norm(slots["m"])
            update = np.linalg.svd(newton_schulz(NUMPY, slots["m"]), compute_uv=False)
            found.append(update[: int((size > 0.002).sum())])
    return np.concatenate(found)


def run_muon(seed: int, quick: bool) -> Figures:
    """Test accuracies; held-out training images choose both rates of learning."""
    data = mnist()
    count = 3_000 if quick else len(data.rows) - HELD_OUT
    fit = Split(
        data.rows[:count], data.labels[:count], data.rows[-HELD_OUT:], data.labels[-HELD_OUT:]
    )
    adam_rates, muon_rates = (r[1:2] if quick else r for r in (ADAM_RATES, MUON_RATES))
    by_adam = {lr: partial(adam, lr=lr) for lr in adam_rates}
    best_adam = max(adam_rates, key=lambda lr: first_epoch(seed, by_adam[lr], fit)[0])
    by_muon = {lr: partial(muon, lr=lr, adam_lr=best_adam) for lr in muon_rates}
    best_muon = max(muon_rates, key=lambda lr: first_epoch(seed, by_muon[lr], fit)[0])
    whole = fit if quick else data
    ours, optimizer = first_epoch(seed, by_muon[best_muon], whole)
    theirs, _ = first_epoch(seed, by_adam[best_adam], whole)
    values = singular_values(optimizer)
    return {
        "test accuracy after an epoch, Muon": ours,
        "test accuracy after an epoch, Adam": theirs,
        "least singular value of an update": float(values.min()),
        "largest singular value of an update": float(values.max()),
        "chosen: rate of Muon": best_muon,
        "chosen: rate of Adam": best_adam,
    }


def judge_muon(found: Sequence[Figures]) -> Verdict:
    """The medians of accuracy, and the worst singular values."""
    ours, theirs = (median(f[name] for f in found) for name in list(found[0])[:2])
    least = min(f["least singular value of an update"] for f in found)
    largest = max(f["largest singular value of an update"] for f in found)
    because = (
        f"medians {ours:.4f} against {theirs:.4f}, singular values from {least:.2f} to "
        f"{largest:.2f}"
    )
    return Verdict(ours >= theirs and least >= 0.6 and largest <= 1.3, None, because)


ROWS = (
    Row(
        "ogd-permuted",
        "permuted MNIST, five tasks in turn: gradients orthogonal to those of old outputs",
        "the method of Farajtabar et al. 2020; their figures were not at hand",
        f"784-100-100-10 with rectifiers, SGD of rate 0.01, batch 100, 5 epochs a task, gradients "
        f"of {REMEMBERED} logits of the right class remembered of each task",
        "task 1 gains at least 8 points, mean at least 86%, task 5 within 1 point of SGD",
        "mean at least 88.4%",
        1,
        run_permuted,
        judge_permuted,
    ),
    Row(
        "muon",
        "an MLP on MNIST for one epoch: Muon beside a tuned Adam",
        "no figure is claimed: KellerJordan/Muon is for hidden matrices, by 5 steps of Newton and "
        "Schulz, whose result is U S' V^T",
        f"784-128-128-10 with rectifiers, batch {BATCH}, rates that fall to 0 in a straight line, "
        f"chosen by {HELD_OUT} held-out training images of {ADAM_RATES} for Adam and {MUON_RATES} "
        "for Muon, whose other parameters have Adam's",
        "median accuracy at least Adam's; singular values of the update in [0.6, 1.3] where those "
        "of the momentum exceed 0.002 of its norm",
        "none",
        5,
        run_muon,
        judge_muon,
    ),
)
