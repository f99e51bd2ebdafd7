"""What a fair time needs: middles and spreads, equal threads, no one else's leftovers."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from time import perf_counter, process_time, sleep

import numpy as np


@dataclass(frozen=True)
class Summary:
    """Middle and spread of some numbers: the median, the 10th and the 90th percentile."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: list[float] | np.ndarray) -> Summary:
        """Of these numbers."""
        low, median, high = np.percentile(np.asarray(values), [10, 50, 90])
        return cls(float(median), float(low), float(high))

    def asdict(self) -> dict[str, float]:
        """For JSON."""
        return asdict(self)


@contextmanager
def threads(count: int) -> Iterator[None]:
    """BLAS and PyTorch with so many threads inside."""
    import sys

    from threadpoolctl import threadpool_limits

    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch else 0
    with threadpool_limits(count):
        if torch:
            torch.set_num_threads(count)
        try:
            yield
        finally:
            if torch:
                torch.set_num_threads(before)


@contextmanager
def quiet_collector() -> Iterator[None]:
    """The garbage collector runs, but does not look through what the imports have left.

    Importing PyTorch makes hundreds of thousands of objects; without this its presence would slow
    every Python-level competitor's collections, and not its own. Where the caller has frozen its
    heap, it stays so.
    """
    was_frozen = gc.get_freeze_count() > 0
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        if not was_frozen:
            gc.unfreeze()


def settle(patience: float = 0.5) -> float:
    """Wait until this process's worker threads are asleep; returns the seconds that it took.

    After their last task they go on asking for the next one, OpenBLAS's for about 0.1 seconds and
    PyTorch's for a few milliseconds, each on a core that the next competitor needs.
    """
    start = perf_counter()
    while perf_counter() - start < patience:
        used = process_time()
        sleep(0.004)
        if process_time() - used < 0.001:
            break
    return perf_counter() - start
