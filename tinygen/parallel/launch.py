"""Finding out that mpiexec started this process as one of several, and ending together.

with together() as ranks:        # Alone, unless mpiexec was asked for more than one
    ...
"""

from __future__ import annotations

import atexit
import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout

from ..backend import DeviceError
from .communicator import Communicator
from .team import ALONE, joined, team

__all__ = ["LaunchError", "local_rank", "on_device", "together"]

LAUNCHERS = (
    # size, rank, rank on this machine
    ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_LOCAL_RANK"),  # Open MPI
    ("PMI_SIZE", "PMI_RANK", "MPI_LOCALRANKID"),  # MPICH, Intel MPI, Slurm's PMI-2
)
"""The variables by which they tell a process what it is."""

GRACE = 5.0
"""Seconds that the other ranks wait before they tell an error: most are all ranks', and rank 0,
which tells them and ends all, may have had to wait for a core."""


class LaunchError(RuntimeError):
    """The processes that mpiexec started cannot find one another; one sentence says why."""


def _told(which: int) -> int | None:
    """What the launcher says: the number of ranks (0), this one (1), its place here (2)."""
    for names in LAUNCHERS:
        if names[0] in os.environ:
            return int(os.environ.get(names[which], "0"))
    return None


def local_rank() -> int:
    """Which of the ranks on this machine this is, from 0."""
    return _told(2) or 0


@contextmanager
def together() -> Iterator[Communicator]:
    """Inside, this process trains with all others that the same mpiexec started.

    Only rank 0 writes to the terminal. Where one rank fails, all end: the error goes on, is told by
    whoever tells errors, and as this process exits MPI ends the others.

    Raises:
        LaunchError: mpi4py is missing, or is made for another MPI than this mpiexec.
    """
    if (_told(0) or 1) < 2:
        yield ALONE
        return
    communicator = _found(_told(0) or 1)
    try:
        with ExitStack() as stack:
            stack.enter_context(joined(communicator))
            if communicator.rank:
                nowhere = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))
                stack.enter_context(redirect_stdout(nowhere))
                stack.enter_context(redirect_stderr(nowhere))
            yield communicator
            communicator.barrier()
    except BaseException as error:
        if communicator.rank:
            time.sleep(GRACE)  # rank 0 may be about to say the same
            error.args = (f"on rank {communicator.rank}, {error}", *error.args[1:])
        code = 130 if isinstance(error, KeyboardInterrupt) else 2
        atexit.register(communicator.abort, code)
        raise


def _found(size: int) -> Communicator:
    from .mpi import MPICommunicator

    try:
        communicator = MPICommunicator()
    except (ImportError, RuntimeError) as error:
        if _told(1):
            sys.exit(2)  # rank 0 tells it
        raise LaunchError(
            f"mpiexec started {size} processes, which need MPI to train together "
            f"({str(error).partition(chr(10))[0]}): pip install 'tinygen[mpi]'."
        ) from None
    if communicator.size != size:
        raise LaunchError(
            f"mpiexec started {size} processes, but MPI knows of {communicator.size}: this mpiexec "
            "is of another MPI than the one that mpi4py found; use the one installed beside Python."
        )
    return communicator


@contextmanager
def on_device(device: str) -> Iterator[str]:
    """Inside, the team's arrays on a device go by the fastest way; gives this rank's device.

    "cuda" is a GPU for each rank of a machine, and NCCL between them; ranks that are sent to one
    device by its number share it, which NCCL cannot, and MPI can.

    Raises:
        DeviceError: there is no such GPU, or NCCL does not start.
    """
    if team().size == 1 or device != "cuda":
        yield device
        return
    mine = f"cuda:{local_rank()}"
    with joined(_fastest(mine)):
        yield mine


def _fastest(device: str) -> Communicator:
    from .nccl import NCCLCommunicator

    try:
        return NCCLCommunicator(device)
    except ImportError:  # a CuPy without NCCL
        return team()
    except RuntimeError as error:
        raise DeviceError(
            f"NCCL does not start on {device} for rank {team().rank} "
            f"({str(error).partition(chr(10))[0]}): start as many ranks on a machine as it has "
            "GPUs, or name one that they share, --device cuda:0."
        ) from None
