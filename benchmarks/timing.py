"""Turn by turn: A B C A B C ..., so that what slows the machine for a while slows all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
