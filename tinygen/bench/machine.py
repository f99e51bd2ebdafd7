"""What the figures were measured on, and whether something else was running meanwhile."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

CHOICES = (
    "ATEN_",
    "DNNL_",
    "GOMP_",
    "KMP_",
    "MALLOC_",
    "MKL_",
    "NPY_",
    "OMP_",
    "ONEDNN_",
    "OPENBLAS_",
)
CHOSEN = {name: value for name, value in sorted(os.environ.items()) if name.startswith(CHOICES)}
"""Variables that tell the libraries to compute otherwise, as they were when the command started."""

BUSY = 0.05
"""A machine is busy when others use more than this part of one core."""


def facts(versions: dict[str, str]) -> dict[str, Any]:
    """Processor, cores, memory, libraries: whatever moves the figures."""
    return {
        "processor": _processor(),
        "cores": cores(),
        "memory_gib": _memory_gib(),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": _blas(),
        "environment": CHOSEN,
        "versions": versions,
    }


def blas_threads() -> int:
    """How many threads NumPy's products run on; 0 where threadpoolctl is missing, which tells."""
    return max((pool["num_threads"] for pool in _blas_pools()), default=0)


def cores() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def is_busy(others: float | None) -> bool:
    """Whether figures measured meanwhile are not to be built on."""
    return others is not None and others > BUSY


def _blas_pools() -> list[dict[str, Any]]:
    try:
        from threadpoolctl import threadpool_info
    except ModuleNotFoundError:
        return []
    return [pool for pool in threadpool_info() if pool["user_api"] == "blas"]


def _blas() -> list[str]:
    """The libraries in this process; without threadpoolctl, the one that NumPy was built with."""
    pools = _blas_pools()
    if not pools:
        built: Any = np.show_config(mode="dicts")
        library = built["Build Dependencies"]["blas"]
        return [f"{library['name']} {library.get('version', '')}".rstrip()]
    return [
        f"{pool['internal_api']} {pool['version']} ({pool.get('architecture', '?')} kernels)"
        for pool in pools
    ]


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):  # not a Unix, or one that does not say
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    named = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor())


@dataclass
class Load:
    """The processor time that other processes take from `Load()` on, in cores."""

    def __post_init__(self) -> None:
        self._start = perf_counter()
        self._others = _others_seconds()

    def others(self) -> float | None:
        """Cores that others kept busy on average; None where the system does not say."""
        now = _others_seconds()
        if now is None or self._others is None:
            return None
        # The system counts in hundredths of a second, so a small negative number means none.
        return max(0.0, (now - self._others) / max(perf_counter() - self._start, 1e-9))


def _others_seconds() -> float | None:
    """Processor seconds of the whole machine since it started, less our own and our children's."""
    try:
        fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    except OSError:
        return None
    import resource  # which only Unix has, as it has /proc

    user, nice, system, _, _, irq, softirq, steal = map(int, fields[:8])
    total = (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
    mine = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return total - sum(usage.ru_utime + usage.ru_stime for usage in mine)
