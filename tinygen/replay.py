"""Training steps that are recorded once on a GPU and then replayed.

A step of a small model is hundreds of kernels of a few microseconds each, and launching one from
Python takes longer than running it. A CUDA graph launches all of them at once.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any

from .backend import Array, Backend, DeviceError
from .tensor import Tensor

__all__ = ["Replay", "suspended"]

Results = dict[str, Tensor]


_suspended = False


@contextmanager
def suspended() -> Iterator[None]:
    """Inside, steps run as ever, kernel by kernel, so that their operations can be watched."""
    global _suspended
    before, _suspended = _suspended, True
    try:
        yield
    finally:
        _suspended = before


class Replay:
    """`run(plan, *arrays)` as before, but from the third time on each plan is replayed.

    The first time it runs as ever, which compiles kernels and fills caches; the second time it is
    recorded. After that no Python of `run` is executed any more: what it decides on the host must
    depend on `plan` and the shapes of the arrays alone, and what it counts on the host must go
    through `Backend.live`, as optimizers and random streams do.

    Args:
        backend: of the arrays; one that records.
        run: takes a hashable plan and arrays, and returns 0-d tensors of one dtype by name.
    """

    def __init__(self, backend: Backend, run: Callable[..., Results]) -> None:
        if not backend.records:
            raise DeviceError(
                "capture: steps are recorded as CUDA graphs, which need device='cuda'; on the "
                "processor a step runs as it is."
            )
        self._backend: Any = backend
        self._run = run
        self._seen: dict[Hashable, _Recording | None] = {}

    def __call__(self, plan: Hashable, *arrays: Array) -> Results:
        """What `run(plan, *arrays)` returns; recorded the second time, replayed after that."""
        if _suspended:
            return self._run(plan, *arrays)
        key = (plan, *((a.shape, a.dtype) for a in arrays))
        if key not in self._seen:
            self._seen[key] = None
            return self._run(plan, *arrays)
        recording = self._seen[key]
        if recording is None:
            recording = _Recording(self._backend, lambda *inputs: self._run(plan, *inputs), arrays)
            self._seen[key] = recording
        return recording.replay(arrays)


class _Recording:
    """One recorded call: where its inputs are put, and where its results appear."""

    def __init__(self, backend: Any, run: Callable[..., Results], arrays: tuple) -> None:
        self._inputs = [a.copy() for a in arrays]
        self._names: list[str] = []

        def side_by_side() -> Array | None:
            results = run(*self._inputs)
            self._names = list(results)
            if not results:
                return None
            first = next(iter(results.values()))
            together = backend.empty(len(results), dtype=first.dtype)
            for i, result in enumerate(results.values()):
                together[i] = result.data
            return together

        self._recorded = backend.record(side_by_side)

    def replay(self, arrays: tuple) -> Results:
        for own, given in zip(self._inputs, arrays, strict=True):
            own[...] = given
        self._recorded.launch()
        if not self._names:
            return {}
        results = self._recorded.result.copy()  # the next replay writes there again
        return {name: Tensor(results[i]) for i, name in enumerate(self._names)}
