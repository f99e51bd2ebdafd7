"""What stands for `cupy.cuda`, `cupy.RawModule` and CuPy's memory pool: one device, the host.

`tinygen.backend.cuda_device` and `tinygen.backend.cupy` run on it unchanged.
"""

from __future__ import annotations

import gc
from contextlib import nullcontext
from functools import partial
from time import perf_counter
from types import SimpleNamespace
from typing import Any

import host_kernels
import strict_tape

from tinygen.backend import NUMPY
from tinygen.backend.cuda.source import THREADS, source

TOTAL = 8 * 2**30


class Event:
    """A moment in the device's queue, to be looked at only after waiting for it."""

    def __init__(self, counts: Any) -> None:
        self.counts = counts
        self.moment: float | None = None
        self.waited = False

    def record(self) -> None:
        self.moment = perf_counter()

    def synchronize(self) -> None:
        self.counts.syncs += 1
        self.waited = True


def elapsed_milliseconds(before: Event, after: Event) -> float:
    if before.moment is None or after.moment is None or not after.waited:
        raise RuntimeError("cudaErrorNotReady")
    return 1e3 * (after.moment - before.moment)


class Device:
    """`with Device(0):`, and waiting for it."""

    def __init__(self, counts: Any, index: int) -> None:
        if index != 0:
            raise RuntimeError("cudaErrorInvalidDevice")
        self.counts = counts

    def use(self) -> None:
        pass

    def __enter__(self) -> Device:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def synchronize(self) -> None:
        self.counts.syncs += 1


class Pool:
    """The bytes of all arrays that are alive, found by asking the garbage collector."""

    def __init__(self, array_type: type) -> None:
        self.array_type = array_type
        self.limit = self.most = 0

    def used_bytes(self) -> int:
        arrays = [x for x in gc.get_objects() if type(x) is self.array_type]
        owners = {id(owner): owner for owner in (NUMPY.owner(x._host) for x in arrays)}
        used = sum(owner.nbytes for owner in owners.values())
        self.most = max(self.most, used)
        return used

    def total_bytes(self) -> int:
        return max(self.most, self.used_bytes())

    def get_limit(self) -> int:
        return self.limit

    def set_limit(self, size: int) -> None:
        self.limit = size


class Stream:
    """A queue whose operations can be put on a tape."""

    def __init__(self, non_blocking: bool) -> None:
        assert non_blocking, "a blocking stream cannot be captured beside others"

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    begin_capture = staticmethod(strict_tape.begin)
    end_capture = staticmethod(strict_tape.end)


class RawModule:
    """The kernels, compiled for the host."""

    def __init__(self, counts: Any, array_type: type, code: str, options: tuple[str, ...]) -> None:
        assert code == source()
        self.counts = counts
        self.array_type = array_type
        self.real = next(real for real in ("float", "double") if f"-DReal={real}" in options)

    def get_function(self, name: str) -> Any:
        def launch(grid: tuple[int], block: tuple[int], arguments: tuple) -> None:
            assert block == (THREADS,)
            self.counts.launches += 1
            arrays = [a for a in arguments if hasattr(a, "_host")]
            assert all(a.flags.c_contiguous for a in arrays), f"{name}: an array has gaps"
            host_kernels.check_types(name, arguments, self.array_type)
            passed = [a.data.ptr if hasattr(a, "_host") else a for a in arguments]
            strict_tape.do(
                lambda: host_kernels.launch(name, self.real, grid[0], passed),
                *(a._host for a in arrays),
            )

        return launch


class GraphPool:
    """What a graph's temporaries are given from; here they are counted with the rest."""

    malloc = None

    def __init__(self) -> None:
        self.limit = 0

    def used_bytes(self) -> int:
        return 0

    def total_bytes(self) -> int:
        return 0

    def get_limit(self) -> int:
        return self.limit

    def set_limit(self, size: int) -> None:
        self.limit = size


def equip(library: Any, array_type: type, counts: Any) -> None:
    """Give the strict library what CuPy has beside its arrays."""
    pool = Pool(array_type)
    library.__version__ = "14.2.0"
    library.get_default_memory_pool = lambda: pool
    library.RawModule = partial(RawModule, counts, array_type)
    library.cuda = SimpleNamespace(
        Device=lambda index=0: Device(counts, index),
        Stream=Stream,
        MemoryPool=GraphPool,
        using_allocator=lambda malloc: nullcontext(),
        get_current_stream=lambda: SimpleNamespace(ptr=0),
        Event=lambda: Event(counts),
        get_elapsed_time=elapsed_milliseconds,
        runtime=SimpleNamespace(
            getDevice=lambda: 0,
            getDeviceCount=lambda: 1,
            getDeviceProperties=lambda index: {
                "name": b"Strict 9000", "major": 9, "minor": 0,
                "multiProcessorCount": 132, "totalGlobalMem": TOTAL,
            },
            driverGetVersion=lambda: 13020,
            runtimeGetVersion=lambda: 13000,
            memGetInfo=lambda: (TOTAL - pool.used_bytes(), TOTAL),
        ),
    )  # fmt: skip
