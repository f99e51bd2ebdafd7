"""A CUDA device apart from arithmetic: its name, its pool of memory, its clock.

    class CupyBackend(CudaDevice, Backend): ...

Everything is reached through `self.library`, the module `cupy`, so that nothing is imported here
and the tests can put a stand-in in its place.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from weakref import WeakSet

from .memory import Memory

__all__ = ["CudaDevice"]

DRIVER_FILE = Path("/proc/driver/nvidia/version")


class CudaDevice:
    """What `Backend` asks about the device itself, by CuPy's own means."""

    library: Any
    index: int
    graphs: WeakSet[Any]
    """Those that are alive; each has a `pool`, for its temporaries alone."""

    def current(self) -> AbstractContextManager[Any]:
        """Make this device CuPy's current one."""
        return self.library.cuda.Device(self.index)

    def make_current(self) -> None:
        """Make this device CuPy's current one for good."""
        self.library.cuda.Device(self.index).use()

    def facts(self) -> dict[str, Any]:
        """Name, compute capability, multiprocessors, memory; how many GPUs; driver and versions.

        `driver` is the kernel module's version where the system tells it; `cuda_of_driver` is the
        newest CUDA that it can run and `cuda_runtime` the one that CuPy runs.
        """
        runtime = self.library.cuda.runtime
        device = runtime.getDeviceProperties(self.index)
        name = device["name"]
        return {
            "name": name.decode() if isinstance(name, bytes) else name,
            "compute_capability": f"{device['major']}.{device['minor']}",
            "multiprocessors": device["multiProcessorCount"],
            "memory": device["totalGlobalMem"],
            "visible_gpus": runtime.getDeviceCount(),
            "driver": _driver_version(),
            "cuda_of_driver": _cuda_version(runtime.driverGetVersion()),
            "cuda_runtime": _cuda_version(runtime.runtimeGetVersion()),
            "cupy": self.library.__version__,
        }

    def memory(self) -> Memory:
        """CuPy's default pool on this device, and the pools of recorded graphs."""
        with self.current():
            pool = self.library.get_default_memory_pool()
            pools = [pool, *(graph.pool for graph in self.graphs)]
            used, reserved = (
                sum(getattr(p, what)() for p in pools) for what in ("used_bytes", "total_bytes")
            )
            total = self.library.cuda.runtime.memGetInfo()[1]
            return Memory(used, reserved, pool.get_limit() or None, total)

    def limit_memory(self, size: int) -> None:
        """Let all pools together reserve no more than so many bytes: beyond, a MemoryError."""
        with self.current():
            self.library.get_default_memory_pool().set_limit(size=size)

    def new_graph_pool(self) -> Any:
        """Memory for the temporaries of one graph, which nobody else may be given."""
        pool = self.library.cuda.MemoryPool()
        memory = self.memory()
        if memory.limit is not None:
            pool.set_limit(size=max(1, memory.limit - memory.reserved))
        return pool

    def seconds(self, work: Callable[[], object]) -> float:
        """Between two events in the device's queue, just before `work()` and just after it."""
        cuda = self.library.cuda
        with self.current():
            cuda.Device(self.index).synchronize()
            before, after = cuda.Event(), cuda.Event()
            before.record()
            work()
            after.record()
            after.synchronize()
            return cuda.get_elapsed_time(before, after) / 1e3


def _driver_version() -> str | None:
    try:
        found = re.search(r"\s(\d{3,}\.\d+(\.\d+)*)\s", DRIVER_FILE.read_text(errors="replace"))
    except OSError:
        return None
    return found[1] if found else None


def _cuda_version(number: int) -> str:
    """13020, as CUDA has it, is "13.2"."""
    return f"{number // 1000}.{number % 1000 // 10}"
