"""Whole training steps: the same losses first, then the times."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygen.bench.problems import Maker, given_noise
from tinygen.bench.timing import Summary

from .peers import FLOOR, REFERENCE, Peers
from .timing import interleave
from .workloads import Workload


def measure(workload: Workload, peers: Peers, threads: int, rounds: int) -> dict[str, Any]:
    """Milliseconds of a step and its ratio to the reference, competitor by competitor."""
    makers = peers.makers(workload.name)
    losses = check(workload, makers)
    # A problem for each: a competitor that wrote into it would change the others' as well.
    steps = {name: make(workload.problem(), None) for name, make in makers.items()}
    seconds = interleave(steps, rounds, several=threads > 1, warm_up=min(10, 1 + rounds // 4))

    def over(found: np.ndarray, name: str) -> dict[str, float] | None:
        # Round by round, so that what slowed both of them falls out.
        return Summary.of(found / seconds[name]).asdict() if name in seconds else None

    return {
        name: {
            "ms": Summary.of(1e3 * found).asdict(),
            "ratio": over(found, REFERENCE),
            "over_floor": over(found, FLOOR),
            "losses": losses.get(name),
        }
        for name, found in seconds.items()
    }


def check(workload: Workload, makers: dict[str, Maker], steps: int = 2) -> dict[str, list[float]]:
    """The means of what the first steps return, losses or weights, which must be the same for all.

    All have the same weights, data and noise. The second step's losses depend on both players'
    first updates, so these are checked too. Who returns nothing is not compared.
    """
    results: dict[str, list[np.ndarray]] = {}
    for name, make in makers.items():
        step = make(workload.problem(), given_noise() if workload.draws else None)
        found = [_read(result) for i in range(steps) for result in step(i)]
        if found:
            results[name] = found
    means = {name: [float(a.mean()) for a in found] for name, found in results.items()}
    for name, found in results.items():
        off = [float(np.abs(a - b).mean()) for a, b in zip(found, results["tinygen"], strict=True)]
        if not max(off) <= workload.tolerance:  # which nan is not either
            raise RuntimeError(
                f"{workload.name}: {name} has losses {means[name]}, tinygen {means['tinygen']}"
            )
    return means


def _read(result: Any) -> np.ndarray:
    """A copy: the next step may write over it."""
    return np.array(result.numpy() if hasattr(result, "numpy") else result, dtype="float64")
