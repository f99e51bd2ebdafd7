"""The state of a GAN at one step, in a few numbers that tell its ways of failing apart.

    vitals = measure(trainer, landmarks_of(data), batch)

Training does not notice: statistics of layers and random streams are put back to the bit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ... import nn
from ...autograd import grad
from ...backend import Array, host
from ...data import MIXTURES, Dataset
from ...ops import sum
from ...random import Generator
from ...tensor import Tensor
from .trainer import GANTrainer

__all__ = ["Landmarks", "Vitals", "landmarks_of", "length", "measure", "undisturbed"]

SAMPLES = 256
"""Drawn at each look: ten for each mode of the grid."""

NEIGHBOURS = 256
"""Training examples whose classes samples are given."""

MOST_CLASSES = 50
"""With more, a class has too few of the samples."""

REGIONS = 20
"""Parts of data without names for them: 13 samples for each."""

REACHED = 0.2
"""A mode is reached if samples go there a fifth as often as data does."""


class Vitals(NamedTuple):
    """What is seen in one look.

    d_accuracy: the share of pairs (real, generated) in which D takes the real one for the more
        real: 0.5 if it knows nothing, 1 if it knows all. A threshold on logits would mean nothing
        to Wasserstein and relativistic critics.
    pull: how much G's loss heeds D, |d loss_g / d x~| over |d mean C(x~) / d x~|: 1 with hinge and
        Wasserstein; minimax lets it go to 0 where D is sure of itself.
    gradient: length of the gradient of G's loss with respect to its weights.
    diversity: root mean square distance between samples over that between data.
    coverage: what the shares of modes have in common among samples and among data: 1 minus their
        total variation distance; 0.9 or so, by chance, for data itself.
    modes: how many are reached.
    weights: lengths of G's weights and of D's.
    """

    d_accuracy: float
    pull: float
    gradient: float
    diversity: float
    coverage: float
    modes: int
    weights: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Landmarks:
    """Where data is.

    points: (P, D). modes: (P,), which of the M modes a point stands for. shares: (M,), of the data.
    spread: root mean square distance of the data from its mean. kind: what the modes are called,
    "modes" of a mixture or "classes"; "" for mere regions, whose number means nothing.
    """

    points: np.ndarray
    modes: np.ndarray
    shares: np.ndarray
    spread: float
    kind: str


def landmarks_of(data: Dataset, seed: int = 0) -> Landmarks:
    """The modes of a named mixture, or the classes of random training examples, or regions.

    A region is all that is nearest to one of `REGIONS` random training examples. Points are (K, D).

    >>> landmarks = landmarks_of(tg.data.load("ring", rng))
    >>> landmarks.points.shape, landmarks.kind
    ((8, 2), 'modes')
    """
    rows, _ = data.flat()
    order = np.random.RandomState(seed % 2**32).permutation(len(rows))
    some = rows[order[:2048]]
    spread = _spread(some)
    if data.name in MIXTURES and data.origin is None:
        points = MIXTURES[data.name].centres.astype(rows.dtype)
        shares = np.full(len(points), 1.0 / len(points))
        return Landmarks(points, np.arange(len(points)), shares, spread, "modes")
    if 1 < data.n_classes <= MOST_CLASSES:
        chosen = order[:NEIGHBOURS]
        shares = np.bincount(data.train_labels, minlength=data.n_classes) / len(rows)
        return Landmarks(rows[chosen], data.train_labels[chosen], shares, spread, "classes")
    points = some[:REGIONS]
    modes = np.arange(len(points))
    shares = _shares(some, points, modes, len(points))
    return Landmarks(points, modes, shares, spread, "")


def measure(trainer: GANTrainer, landmarks: Landmarks, real: Array, *conditions: Array) -> Vitals:
    """Look at both players; training goes on as if nobody had.

    They are run as in training, batch statistics and all, on a batch of real examples (N, ...) with
    their conditions, and as many generated ones. Diversity and coverage are of `trainer.sample`.
    """
    with np.errstate(all="ignore"), undisturbed(trainer):
        players = _players(trainer, real, conditions)
        labels = [c[trainer.backend.arange(SAMPLES) % len(c)] for c in conditions]
        samples = trainer.sample(SAMPLES, None, *labels).reshape(SAMPLES, -1)
        shares = _shares(samples, landmarks.points, landmarks.modes, len(landmarks.shares))
        return Vitals(
            *players,
            # Data that is all the same has no diversity to be compared with.
            _spread(samples) / landmarks.spread if landmarks.spread else 1.0,
            float(np.minimum(shares, landmarks.shares).sum()),
            int(((shares > 0) & (shares >= REACHED * landmarks.shares)).sum()),
            (length(trainer.generator.parameters()), length(trainer.discriminator.parameters())),
        )


@contextmanager
def undisturbed(trainer: GANTrainer) -> Iterator[None]:
    """Inside, the players may be run in any way; then buffers and streams are what they were."""
    networks = [part for part in vars(trainer).values() if isinstance(part, nn.Module)]
    modules = [module for network in networks for module in network.modules()]
    parts = [part for owner in (trainer, *modules) for part in vars(owner).values()]
    streams = [(part, part.state_dict()) for part in parts if isinstance(part, Generator)]
    buffers = [(b, b.data.copy()) for network in networks for _, b in network.named_buffers()]
    try:
        yield
    finally:
        for stream, state in streams:
            stream.load_state_dict(state)
        for buffer, values in buffers:
            buffer[...] = values


def length(parts: list[Tensor]) -> float:
    """The length of all of them as one vector; waits for the device."""
    return math.sqrt(math.fsum(float(host(sum(p.data * p.data))) for p in parts))


def _players(
    trainer: GANTrainer, real: Array, conditions: tuple[Array, ...]
) -> tuple[float, float, float]:
    """`d_accuracy`, `pull` and `gradient`."""
    seen = trainer._round(real, conditions)
    parameters = trainer.generator.parameters()
    loss = trainer.generator_terms(seen)["loss_g"]
    push, *gradients = grad(loss, [seen.fake, *parameters], allow_unused=True)
    fake = Tensor(seen.fake.data, requires_grad=True)
    logits = trainer._logits(seen._replace(real=seen.real.detach(), fake=fake))
    half = len(logits) // 2
    slope = length([grad(sum(logits[half:]), fake)]) / half
    on_real, on_fake = np.split(host(logits.data).reshape(-1), 2)
    return (
        _share_in_order(on_real, on_fake),
        length([push]) / slope if slope else 0.0,
        length([g for g in gradients if g is not None]),
    )


def _share_in_order(above: np.ndarray, below: np.ndarray) -> float:
    """The share of pairs of an element of each that are in order; half of those that are equal."""
    below = np.sort(below)
    smaller = np.searchsorted(below, above, "left") + np.searchsorted(below, above, "right")
    return float(smaller.sum() / (2 * len(above) * len(below)))


def _shares(rows: np.ndarray, points: np.ndarray, modes: np.ndarray, count: int) -> np.ndarray:
    """The share (count,) of rows (N, D) whose nearest point stands for each mode."""
    squares = (points**2).sum(1) - 2.0 * (rows @ points.T)
    return np.bincount(modes[squares.argmin(1)], minlength=count) / len(rows)


def _spread(rows: np.ndarray) -> float:
    """Root mean square distance of rows (N, D) from their mean."""
    return math.sqrt(float(((rows - rows.mean(0)) ** 2).sum(1).mean(dtype=np.float64)))
