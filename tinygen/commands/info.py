"""`tinygen info`: versions, devices and their memory, and why CUDA is or is not usable."""

from __future__ import annotations

import argparse
import platform
from collections.abc import Iterator
from importlib import metadata
from typing import Any

import numpy as np

from .. import __version__
from ..backend import backend_for, cuda_status
from ..backend.memory import as_text


def add(commands: Any) -> None:
    """Its place on the command line."""
    info = commands.add_parser("info", help="versions, devices, and why CUDA is or is not usable")
    info.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Print them."""
    cuda = cuda_status()
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    print(f"tinygen      {__version__}")
    print(f"python       {platform.python_version()} on {platform.platform()}")
    print(f"numpy        {np.__version__} with {blas['name']} {blas.get('version', '')}")
    for library in ("safetensors", "tqdm", "pooch", "pillow"):
        try:
            print(f"{library:12} {metadata.version(library)}")
        except metadata.PackageNotFoundError:
            print(f"{library:12} not installed; pip install {library}")
    print("cpu          usable")
    print(f"cuda         {'usable' if cuda is None else 'not usable: ' + cuda}")
    if cuda is None:
        for line in _gpus():
            print(line)


def _gpus() -> Iterator[str]:
    """Versions, then each GPU with its memory and tinygen's pool there."""
    facts = backend_for("cuda").facts()
    driver = f"driver {facts['driver']}, which" if facts["driver"] else "the driver"
    yield (
        f"{'':12} CuPy {facts['cupy']} with CUDA {facts['cuda_runtime']}; {driver} runs up to CUDA "
        f"{facts['cuda_of_driver']}"
    )
    for i in range(facts["visible_gpus"]):
        backend = backend_for(f"cuda:{i}")
        gpu, pool = backend.facts(), backend.memory()
        yield (
            f"cuda:{i:<7} {gpu['name']}, compute capability {gpu['compute_capability']}, "
            f"{as_text(gpu['memory'])}" + (f"; pool: {pool.describe()}" if pool else "")
        )
