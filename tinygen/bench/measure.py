"""The same results first; then the times, turn by turn: A B C A B C ...

What slows the machine for a while slows all of them, and ratios are taken within a turn.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np

from . import machine, ours
from .competitors import Competitor
from .problems import Step, given_noise
from .timing import Summary, quiet_collector, settle, threads
from .workloads import Workload

__all__ = ["Effort", "Failure", "equal_threads", "measure"]

BLOCK_SECONDS = 2e-3
"""One reading takes as many calls as fill this: far beyond the resolution of every clock."""

MOST_CALLS = 1_000
MOST_TURNS = 200
PATIENCE = 4
"""The most for a size, over its seconds: on busy cores, threads wait a thousand times as long."""

WARM_UP = 3
"""Calls before any is timed: kernels are compiled, pools filled, threads started."""


@dataclass(frozen=True)
class Effort:
    """How long each size of a workload is measured, by all competitors together."""

    seconds: float = 1.0
    turns: int = 5
    """At least so many, unless they take `PATIENCE` times as long."""


class Failure(Exception):  # noqa: N818, it ends nothing
    """Why a competitor has no time at a size."""

    def __init__(self, reason: str, fault: bool = True) -> None:
        super().__init__(reason)
        self.fault = fault  # False where the machine is too small


@contextmanager
def equal_threads() -> Iterator[int]:
    """As many threads for every library as NumPy's BLAS has; yields 0 where that is unknown."""
    count = machine.blas_threads()
    if count == 0:
        yield 0
        return
    with threads(count):
        yield count


def measure(
    workload: Workload, size: int, competitors: Sequence[Competitor], effort: Effort, several: bool
) -> dict[str, Any]:
    """Seconds of one call on each competitor, and tinygen's over the others' on the same device.

    Args:
        several: more than one thread is in use, so those of the last competitor are let fall
            asleep before the next one's turn.

    Returns:
        `{"size", "turns", "seconds": {competitor: Summary}, "ratio": {competitor: {to: Summary}},
        "failures": {competitor: {"reason", "fault"}}}`
    """
    failures: dict[str, Failure] = {}
    agreed = _agreeing(workload, size, competitors, failures)
    steps: dict[Competitor, Step] = {}
    calls: dict[Competitor, int] = {}
    for c in agreed:
        with _noting(c, failures):
            steps[c] = c.make(workload.name, workload.problem(size))
            calls[c] = _calls_in_a_block(c, steps[c])
    times = _turns(steps, calls, effort, several, failures)
    return {
        "size": size,
        "turns": max((len(t) for t in times.values()), default=0),
        "seconds": {c.name: Summary.of(t).asdict() for c, t in times.items()},
        "ratio": _ratios(times),
        "failures": {n: {"reason": str(f), "fault": f.fault} for n, f in failures.items()},
    }


def _agreeing(
    workload: Workload,
    size: int,
    competitors: Sequence[Competitor],
    failures: dict[str, Failure],
) -> list[Competitor]:
    """The competitors whose results are those of the first one: of two calls, since the second
    depends on what the first has updated. (Recorded steps are compared with steps in the tests.)
    """
    agreed: list[Competitor] = []
    wanted: list[np.ndarray] = []
    for c in (c for c in competitors if c.takes(workload.name)):
        with _noting(c, failures):
            if c.graphs:  # with noise of its own, which cannot be given
                agreed.append(c)
                continue
            draw = given_noise() if workload.draws else None
            found = c.results(c.make(workload.name, workload.problem(size), draw), calls=2)
            if not agreed:
                wanted = found
            if workload.compared and not _close(found, wanted, workload.tolerance):
                raise Failure(f"its results are not those of {agreed[0].name}")
            agreed.append(c)
    return agreed


def _close(found: list[np.ndarray], wanted: list[np.ndarray], tolerance: float) -> bool:
    return len(found) == len(wanted) and all(
        a.shape == b.shape and bool(np.abs(a - b).max() <= tolerance * np.abs(b).max())
        for a, b in zip(found, wanted, strict=True)
    )  # (nan is never at most anything)


@contextmanager
def _noting(competitor: Competitor, failures: dict[str, Failure]) -> Iterator[None]:
    """Whatever goes wrong with one competitor is told at its place, and the others go on."""
    try:
        yield
    except Failure as failure:
        failures[competitor.name] = failure
    except competitor.library.OUT_OF_MEMORY:
        failures[competitor.name] = Failure("not enough memory", fault=False)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        failures[competitor.name] = Failure(reason)


def _calls_in_a_block(competitor: Competitor, step: Step) -> int:
    for i in range(WARM_UP):
        competitor.seconds(partial(step, i))
    once = competitor.seconds(partial(step, WARM_UP))
    return max(1, min(MOST_CALLS, math.ceil(BLOCK_SECONDS / max(once, 1e-9))))


def _turns(
    steps: dict[Competitor, Step],
    calls: dict[Competitor, int],
    effort: Effort,
    several: bool,
    failures: dict[str, Failure],
) -> dict[Competitor, np.ndarray]:
    """Seconds of one call, in each turn."""
    times: dict[Competitor, list[float]] = {c: [] for c in calls}
    start = perf_counter()
    turn = 0
    with quiet_collector():
        while turn < _turns_until(perf_counter() - start, effort):
            for c in list(times):
                if several:
                    settle()
                with _noting(c, failures):
                    c.seconds(partial(steps[c], turn))  # its data into the caches
                    times[c].append(c.seconds(partial(_repeat, steps[c], calls[c])) / calls[c])
                if c.name in failures:
                    del times[c]
            turn += 1
    return {c: np.array(t) for c, t in times.items()}


def _turns_until(passed: float, effort: Effort) -> int:
    """How many turns there should be after so many seconds."""
    if passed < effort.seconds:
        return MOST_TURNS
    return effort.turns if passed < PATIENCE * effort.seconds or not effort.seconds else 1


def _repeat(step: Step, calls: int) -> None:
    for i in range(calls):
        step(i)


def _ratios(times: dict[Competitor, np.ndarray]) -> dict[str, dict[str, dict[str, float]]]:
    """Turn by turn, so that what slowed both of them falls out."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for mine in (c for c in times if c.library is ours):
        others = [c for c in times if c.device == mine.device and c is not mine]
        found[mine.name] = {
            c.name: Summary.of(times[mine] / times[c]).asdict() for c in others
        }  # fmt: skip
    return found
