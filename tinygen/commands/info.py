"""`tinygen info`: versions, devices, and why CUDA is or is not usable."""

from __future__ import annotations

import argparse
import platform
from importlib import metadata
from typing import Any

import numpy as np

from .. import __version__
from ..backend import cuda_status


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
