"""Starting real MPI processes: as many as asked for, on this machine, one thread each."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mpi4py", reason="pip install 'tinygen[mpi]' brings MPI")

MPIEXEC = shutil.which("mpiexec", path=sysconfig.get_path("scripts")) or "mpiexec"
ENVIRONMENT = {
    **os.environ,
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
}
TINYGEN = ["-c", "import sys; from tinygen.cli import main; sys.exit(main())"]


class Stored(dict):
    """Arrays by name, which pytest would take minutes to write out."""

    def __repr__(self) -> str:
        return f"<arrays of {', '.join(map(str, self))}>"


def command(ranks: int, *arguments: object) -> list[str]:
    """Python with these arguments on so many ranks."""
    return [MPIEXEC, "-n", str(ranks), sys.executable, *map(str, arguments)]


def run(ranks: int, *arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(ranks, *arguments),
        env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False, **options,
    )  # fmt: skip


def train(ranks: int, cwd: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """`mpiexec -n RANKS tinygen train ...`."""
    return run(ranks, *TINYGEN, "train", *arguments, cwd=cwd)
