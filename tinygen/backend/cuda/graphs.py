"""CUDA graphs: what a function launches, recorded once and launched again as a whole.

A graph repeats the same kernels on the same memory with the same arguments. What must differ from
one time to the next is therefore kept on the device: the inputs are copied into place, and numbers
such as a learning rate or the counter of a random stream come from `Backend.live`, which here gives
an array that each launch fills anew. While recording, nothing is computed, and whatever would wait
for the device or copy to it is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np

from ..base import Array
from .launching import Launching

__all__ = ["Graphs", "Recorded"]

MOST_NUMBERS = 4096
"""Of eight bytes each, that may change from launch to launch of one graph."""


class Graph(Protocol):
    """What a device makes of a recording."""

    def launch(self) -> None:
        """Queue all of it on the current stream."""


class Numbers:
    """The numbers of one graph that change from launch to launch, on the host and on the device."""

    def __init__(self, backend: Graphs) -> None:
        self._backend = backend
        self._host = np.zeros(MOST_NUMBERS, "uint64")
        self._device = backend.zeros(MOST_NUMBERS, dtype="uint64")
        self._used = 0
        self._sources: list[tuple[Callable[[], tuple], np.ndarray]] = []

    def add(self, compute: Callable[[], tuple], dtype: str) -> Array:
        """Place for what `compute()` returns, now and before every launch but the first."""
        values = compute()
        part = slice(self._used, self._used + len(values))
        if part.stop > MOST_NUMBERS:
            raise RuntimeError(f"a recorded step has more than {MOST_NUMBERS} changing numbers.")
        self._used = part.stop
        place = self._host[part].view(dtype)
        place[:] = values
        self._sources.append((compute, place))
        return self._device[part].view(dtype)

    def renew(self) -> None:
        """Compute them anew, in the order in which they were added."""
        for compute, place in self._sources:
            place[:] = compute()

    def send(self) -> None:
        """Copy them to the device."""
        if self._used:
            self._backend.fill_from_host(self._device[: self._used], self._host[: self._used])


class Recorded:
    """A function's work on the device, ready to be launched."""

    def __init__(self, graph: Graph, numbers: Numbers, result: Any) -> None:
        self.result = result
        """What the function returned: arrays which each launch writes anew."""
        self._graph = graph
        self._numbers = numbers
        self._fresh = True

    def launch(self) -> None:
        """Do on the device what the function did there, with the numbers that are due now."""
        if not self._fresh:
            self._numbers.renew()
        self._fresh = False
        self._numbers.send()
        self._graph.launch()


class Graphs(Launching):
    """`record` and `live`."""

    records = True
    _numbers: Numbers | None = None

    def live(self, compute: Callable[[], tuple], dtype: str = "float64") -> Any:
        """What `compute()` returns; while recording, an array that every launch fills with it."""
        return compute() if self._numbers is None else self._numbers.add(compute, dtype)

    def record(self, function: Callable[[], Any]) -> Recorded:
        """What `function` launches, as a graph; nothing is computed before `launch`.

        Every array that it uses must live as long as the graph, and whatever `function` launches
        must have run once before, so that kernels are compiled and caches filled.
        """
        numbers = Numbers(self)
        self._numbers = numbers
        try:
            with self.capture() as graphs:
                result = function()
        finally:
            self._numbers = None
        return Recorded(graphs[0], numbers, result)

    def capture(self) -> AbstractContextManager[list[Graph]]:
        """Inside, launches are recorded; afterwards the list holds the graph."""
        raise NotImplementedError

    def fill_from_host(self, array: Array, values: np.ndarray) -> None:
        """Copy host values into an array; `values` may change as soon as this returns."""
        raise NotImplementedError
