"""On what a run ran.

`environment("cpu")` gives versions, machine, threads, command line and time as a dict; a run
keeps it in env.json.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from dataclasses import asdict
from typing import Any

import numpy as np

from .. import __version__
from ..backend import backend_for, cuda_status

__all__ = ["environment", "gpu"]


def environment(device: str | None = None) -> dict[str, Any]:
    """Versions, machine and command line, for whoever repeats the run.

    Args:
        device: what it computes on; of a GPU, its name, driver and pool of memory are told too.
    """
    cuda = cuda_status()
    return {
        "tinygen": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "cuda": "usable" if cuda is None else cuda,
        "gpu": gpu(device),
        "platform": platform.platform(),
        "processors": os.cpu_count(),
        "threads": {
            k: v
            for k, v in os.environ.items()
            if k.endswith("_NUM_THREADS") or k.startswith("OPENBLAS_")
        },
        "command": sys.argv,
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def gpu(device: str | None) -> dict[str, Any] | None:
    """Name, driver, compute capability and so on, and the pool of memory now, in bytes.

    None on the processor.
    """
    backend = backend_for(device)
    pool = backend.memory()
    return {**backend.facts(), "pool": asdict(pool)} if pool else None
