"""How fast n ranks will be: from a step's time on one, and two numbers of the link between them.

    step = StepCost(fixed=4e-4, per_example=6e-6, calls=2, bytes=940_000)
    predict(step, Link(latency=2e-6, bandwidth=8e9), ranks=64, batch=128)

A message of M bytes takes latency + M / bandwidth. Sums over n ranks are made in one of two ways
(Thakur, Rabenseifner & Gropp, "Optimization of collective communication operations in MPICH", 2005,
section 4; the ring is Patarasuk & Yuan's, 2009):

    ring    2 (n - 1) (latency + M / (n bandwidth))         each rank sends 2 M in all, whatever n
    tree    2 ceil(log2 n) (latency + M / bandwidth)        few messages, each of them whole

What the model leaves out: slow ranks that all others wait for, links that ranks share, and memory.
"""

from __future__ import annotations

import math
from typing import NamedTuple

__all__ = ["Link", "Prediction", "StepCost", "all_reduce", "fit_link", "predict", "ring", "tree"]

BACKWARD = 2.0 / 3.0
"""Of a step's arithmetic: two products for each one of the forward pass."""

PIECES = (1, 2, 4, 8, 16, 32)
"""In which a gradient may be sent while the rest of it is computed."""


class Link(NamedTuple):
    """Seconds before a message's first byte arrives, and bytes a second from then on."""

    latency: float
    bandwidth: float


class StepCost(NamedTuple):
    """Of one training step on one rank.

    fixed: seconds, whatever the batch. per_example: seconds for each example more. calls: sums over
    all ranks. bytes: in all of these together.
    """

    fixed: float
    per_example: float
    calls: int
    bytes: int


class Prediction(NamedTuple):
    """Of one update by n ranks: seconds, and examples a second of all ranks together.

    communication: seconds of it. efficiency: the throughput over n times one rank's. overlapped:
    the throughput if the gradient were sent in pieces while the backward pass goes on, at the best
    number of pieces: all but the last can be hidden, and each has a latency of its own.
    """

    seconds: float
    throughput: float
    communication: float
    efficiency: float
    overlapped: float


def ring(ranks: int, size: float, link: Link) -> float:
    """Seconds to sum `size` bytes round a ring."""
    return 2 * (ranks - 1) * (link.latency + size / (ranks * link.bandwidth))


def tree(ranks: int, size: float, link: Link) -> float:
    """Seconds to sum `size` bytes up a binary tree and send the sum down."""
    return 2 * math.ceil(math.log2(ranks)) * (link.latency + size / link.bandwidth)


def all_reduce(ranks: int, size: float, link: Link) -> float:
    """Seconds by the better of both, as MPI and NCCL choose."""
    return min(ring(ranks, size, link), tree(ranks, size, link))


def predict(step: StepCost, link: Link, ranks: int, batch: int, accumulate: int = 1) -> Prediction:
    """An update of `batch` examples a rank and pass, by the mean gradient of `accumulate` passes.

    Args:
        ranks: at least 1.
        accumulate: passes whose gradients are added up on each rank before they are summed over
            the ranks: as many times fewer messages, and as many times larger a batch.
    """
    compute = accumulate * (step.fixed + step.per_example * batch)
    talk = _talk(step, link, ranks)
    examples = ranks * batch * accumulate
    last = BACKWARD * compute / accumulate  # earlier passes have no sum of the gradient yet
    in_pieces = [
        compute + whole - min(whole * (1.0 - 1.0 / pieces), last)
        for pieces, whole in ((k, _talk(step, link, ranks, k)) for k in PIECES)
    ]
    return Prediction(
        seconds=compute + talk,
        throughput=examples / (compute + talk),
        communication=talk,
        efficiency=compute / (compute + talk),
        overlapped=examples / min(in_pieces),
    )


def _talk(step: StepCost, link: Link, ranks: int, pieces: int = 1) -> float:
    """Seconds of an update's sums, each made in so many pieces."""
    if ranks == 1:
        return 0.0
    calls = step.calls * pieces
    return calls * all_reduce(ranks, step.bytes / calls, link)


def fit_link(times: dict[int, float]) -> Link:
    """The link between two ranks, from the seconds of sums of some bytes.

    Of two ranks the ring's formula is 2 latency + size / bandwidth: the smallest message tells the
    first, the largest the second.
    """
    small, large = min(times), max(times)
    bandwidth = (large - small) / max(times[large] - times[small], 1e-12)
    return Link(max(times[small] - small / bandwidth, 1e-9) / 2, bandwidth)
