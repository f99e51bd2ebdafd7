"""The three verbs on NCCL, between GPUs: `cupyx.distributed`, which MPI introduces to one another.

It cannot carry the few host numbers that ranks agree on, so these go by MPI, and so does the end.
"""

from __future__ import annotations

import numpy as np

from ..backend import Array, backend_for
from .mpi import MPICommunicator

__all__ = ["NCCLCommunicator"]


class NCCLCommunicator(MPICommunicator):
    """One GPU for each rank.

    Args:
        device: this rank's, such as "cuda:1"; no other rank may have the same.

    Raises:
        ImportError: CuPy has no NCCL, or mpi4py is missing.
        RuntimeError: NCCL does not start; two ranks may have the same GPU.
    """

    def __init__(self, device: str) -> None:
        super().__init__()
        self._device = backend_for(device)
        self._nccl = self._device.nccl(self.size, self.rank)

    def all_reduce(self, array: Array) -> None:
        """As `Communicator.all_reduce`, queued on the device: nobody waits."""
        if type(array) is np.ndarray:
            super().all_reduce(array)
        else:
            self._nccl.all_reduce(array, array)

    def broadcast(self, array: Array) -> None:
        """As `Communicator.broadcast`."""
        if type(array) is np.ndarray:
            super().broadcast(array)
        else:
            self._nccl.broadcast(array, 0)
