"""Turn by turn: A B C A B C ..., so that what slows the machine for a while slows all of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from time import perf_counter

import numpy as np

from tinygen.bench.timing import quiet_collector, settle


def interleave(
    steps: Mapping[str, Callable[[int], object]], rounds: int, several: bool, warm_up: int = 10
) -> dict[str, np.ndarray]:
    """Seconds of each step in each round.

    Args:
        steps: competitors by name.
        several: threads are in use, so let those of the last competitor fall asleep.
        warm_up: rounds that are not counted.
    """
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    count = 0
    with quiet_collector():
        for _ in range(warm_up + rounds):
            for name, step in steps.items():
                if several:
                    settle()
                step(count)  # brings its weights into the cache and its threads to life
                start = perf_counter()
                step(count + 1)
                seconds[name].append(perf_counter() - start)
            count += 2
    return {name: np.array(values[warm_up:]) for name, values in seconds.items()}


@contextmanager
def on_cores(count: int) -> Iterator[None]:
    """All threads of this process on its first `count` cores, where the system lets it.

    For JAX, which cannot be told how many threads to use; so nobody has more cores than threads.
    """
    if not hasattr(os, "sched_setaffinity") or not os.path.isdir("/proc/self/task"):
        yield
        return
    before = os.sched_getaffinity(0)
    _pin(set(sorted(before)[:count]))
    try:
        yield
    finally:
        _pin(before)


def _pin(cores: set[int]) -> None:
    for thread in os.listdir("/proc/self/task"):
        with suppress(ProcessLookupError):  # it ended meanwhile
            os.sched_setaffinity(int(thread), cores)
