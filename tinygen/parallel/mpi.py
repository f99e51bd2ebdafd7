"""The three verbs on MPI: between processes of one machine through memory, else by the network.

mpi4py finds the MPI library when it is imported; `pip install 'tinygen[mpi]'` brings one. Arrays of
a device go to MPI as they are where it is CUDA-aware, and else by way of the host.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

import numpy as np

from ..backend import BACKEND_OF, Array
from .communicator import Communicator

__all__ = ["MPICommunicator"]

CUDA_AWARE = ("MPICH_GPU_SUPPORT_ENABLED", "MV2_USE_CUDA", "OMPI_MCA_opal_cuda_support")
"""Variables by which users tell their MPI to take device pointers, of MPICH and Cray, MVAPICH2 and
Open MPI; `true` or 1."""

HEARD = 0.2
"""Seconds that mpiexec gets to pass on what was told: an abort drops what is still under way."""


class MPICommunicator(Communicator):
    """All processes that mpiexec started.

    Args:
        world: an mpi4py communicator; None for MPI.COMM_WORLD.

    Raises:
        ImportError: mpi4py or its MPI library is missing.
    """

    def __init__(self, world: Any = None) -> None:
        # MPICH's own words about an abort, after ours, would be of no use to anybody.
        os.environ.setdefault("MPIR_CVAR_SUPPRESS_ABORT_MESSAGE", "1")
        from mpi4py import MPI

        self._mpi = MPI
        self._world = MPI.COMM_WORLD if world is None else world
        self.rank = self._world.Get_rank()
        self.size = self._world.Get_size()
        here = self._world.Split_type(MPI.COMM_TYPE_SHARED)
        self.local_rank, self.local_size = here.Get_rank(), here.Get_size()
        self._noticed = False

    def all_reduce(self, array: Array) -> None:
        """As `Communicator.all_reduce`; the sum has the same bits on all ranks and in all runs."""
        self._with(array, lambda a: self._world.Allreduce(self._mpi.IN_PLACE, a))

    def broadcast(self, array: Array) -> None:
        """As `Communicator.broadcast`."""
        self._with(array, self._world.Bcast)

    def barrier(self) -> None:
        """As `Communicator.barrier`."""
        self._world.Barrier()

    def abort(self, code: int) -> None:
        """As `Communicator.abort`, by MPI_Abort: mpiexec ends the ranks of other machines too."""
        sys.stdout.flush()
        sys.stderr.flush()
        time.sleep(HEARD)
        self._world.Abort(code)

    def _with(self, array: Array, say: Any) -> None:
        """Say it of memory that this MPI can read and write."""
        if type(array) is np.ndarray:
            say(array)
            return
        backend = BACKEND_OF[type(array)]
        if cuda_aware():
            backend.synchronize()  # MPI knows nothing of what is queued on the device
            say(array)
            return
        self._notice()
        staged = np.array(backend.to_host(array))
        say(staged)
        array[...] = backend.from_host(staged)

    def _notice(self) -> None:
        """Say once that arrays take the way through the host."""
        if not self._noticed and self.rank == 0:
            print(
                "tinygen: this MPI takes no device arrays, so they are sent by way of the host; "
                f"if yours is CUDA-aware, set {CUDA_AWARE[0]}=1.",
                file=sys.stderr,
            )
        self._noticed = True


def cuda_aware() -> bool:
    """Whether the environment says that this MPI takes pointers to a device's memory."""
    return any(os.environ.get(name, "").lower() in ("1", "true") for name in CUDA_AWARE)
