"""Whole training steps: the same losses first, then the times."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygen.bench.problems import Maker, given_noise
from tinygen.bench.timing import Summary

from .peers import REFERENCE, Peers
from .timing import interleave
from .workloads import Workload


def measure(workload: Workload, peers: Peers, threads: int, rounds: int) -> dict[str, Any]:
    """Milliseconds of a step and its ratio to the reference, competitor by competitor."""
    makers = peers.makers(workload.name)
    losses = check(workload, makers)
    # A problem for each: a competitor that wrote into it would change the others' as well.
    steps = {name: make(workload.problem(), None) for name, make in makers.items()}
    seconds = interleave(steps, rounds, several=threads > 1)
    reference = seconds.get(REFERENCE)
    return {
        name: {
            "ms": Summary.of(1e3 * found).asdict(),
            # Round by round, so that what slowed both of them falls out.
            "ratio": None if reference is None else Summary.of(found / reference).asdict(),
            "losses": losses[name],
        }
        for name, found in seconds.items()
    }


def check(workload: Workload, makers: dict[str, Maker], steps: int = 2) -> dict[str, list[float]]:
    """The losses of the first steps, which must be the same for all: same weights, data, noise.

    The second step's losses depend on both players' first updates, so these are checked too.
    """
    losses: dict[str, list[float]] = {}
    for name, make in makers.items():
        step = make(workload.problem(), given_noise() if workload.draws else None)
        losses[name] = [float(loss) for i in range(steps) for loss in step(i)]
    want = losses["tinygen"]
    for name, found in losses.items():
        if not np.allclose(found, want, rtol=0, atol=workload.tolerance):
            raise RuntimeError(f"{workload.name}: {name} has losses {found}, tinygen {want}")
    return losses
