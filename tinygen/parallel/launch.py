"""Finding out that mpiexec started this process as one of several, and ending together.

with together() as ranks:        # Alone, unless mpiexec was asked for more than one
    ...
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout

from ..backend import DeviceError, backend_for, cuda_status
from .communicator import Communicator
from .team import ALONE, joined, team

__all__ = ["LaunchError", "alone", "on_device", "together"]

LAUNCHERS = (
    ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"),  # Open MPI
    ("PMI_SIZE", "PMI_RANK"),  # MPICH, Intel MPI, Slurm's PMI-2
)
"""The variables by which they tell a process how many there are, and which of them it is."""

THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "OMP_NUM_THREADS")
"""Variables by which users say how many threads a matrix product may have."""

GRACE = 5.0
"""Seconds that the other ranks wait before they tell an error: most are all ranks', and rank 0,
which tells them and ends all, may have had to wait for a core."""


class LaunchError(RuntimeError):
    """The processes that mpiexec started cannot find one another; one sentence says why."""


def _told(which: int) -> int | None:
    """What the launcher says: the number of ranks (0), this one (1)."""
    for names in LAUNCHERS:
        if names[0] in os.environ:
            return int(os.environ.get(names[which], "0"))
    return None


def alone(command: str) -> None:
    """Refuse to do n times over, side by side, what one process does.

    Raises:
        LaunchError: mpiexec started more than one.
    """
    if (_told(0) or 1) > 1:
        if _told(1):
            sys.exit(2)  # rank 0 tells it
        raise LaunchError(
            f"only `tinygen train` is shared by the processes that mpiexec starts: run `tinygen "
            f"{command}` without mpiexec."
        )


@contextmanager
def together() -> Iterator[Communicator]:
    """Inside, this process trains with all others that the same mpiexec started.

    Only rank 0 writes to the terminal, and the cores of a machine are shared by its ranks. Where
    one rank fails, all end: the error goes on, is told by whoever tells errors, and as this process
    exits MPI ends the others.

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
            stack.enter_context(_sharing_cores(communicator.local_size))
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
        import threadpoolctl  # noqa: F401  of the same extra

        communicator = MPICommunicator()
    except (ImportError, RuntimeError) as error:
        told = (
            f"mpiexec started {size} processes, which need MPI to train together "
            f"({str(error).partition(chr(10))[0]}): pip install 'tinygen[mpi]'"
        )
        # Others may be waiting in MPI for this one. A signal ends all; an exit would not.
        atexit.register(os.kill, os.getpid(), signal.SIGTERM)
        if _told(1):
            time.sleep(GRACE)  # rank 0 may be about to say the same
            raise LaunchError(f"on rank {_told(1)}, {told}.") from None
        raise LaunchError(f"{told}.") from None
    if communicator.size != size:
        if _told(1):
            sys.exit(2)  # rank 0 tells it
        raise LaunchError(
            f"mpiexec started {size} processes, but MPI knows of {communicator.size}: this mpiexec "
            "is of another MPI than the one that mpi4py found; use the one installed beside Python."
        )
    return communicator


@contextmanager
def _sharing_cores(ranks: int) -> Iterator[None]:
    """Inside, a matrix product has as many threads as there are cores for each of the ranks.

    Every rank would else start one for each core, and they would wait for one another's cores. What
    the user has set is left alone.
    """
    if any(name in os.environ for name in THREADS):
        yield
        return
    from threadpoolctl import threadpool_limits

    cores = os.cpu_count() or 1
    with threadpool_limits(max(1, cores // ranks), user_api="blas"):
        yield


@contextmanager
def on_device(device: str) -> Iterator[str]:
    """Inside, the team's arrays on a device go by the fastest way; gives this rank's device.

    "cuda", and "auto" where there is one, is a GPU for each rank of a machine, and NCCL between
    them; ranks that are sent to one device by its number share it, which NCCL cannot, and MPI can.

    Raises:
        DeviceError: there is no such GPU, or NCCL does not start.
    """
    found = "cuda" if device == "auto" and cuda_status() is None else device
    if team().size == 1 or found != "cuda":
        yield device
        return
    backend_for("cuda")  # or its own sentence about what is missing
    mine = f"cuda:{team().local_rank}"
    with joined(_fastest(mine)):
        yield mine


def _fastest(device: str) -> Communicator:
    from .nccl import NCCLCommunicator

    try:
        return NCCLCommunicator(device)
    except ImportError as error:
        if team().rank == 0:
            print(f"tinygen: {error}; until then gradients go by MPI.", file=sys.stderr)
        return team()
    except RuntimeError as error:
        raise DeviceError(
            f"NCCL does not start on {device} for rank {team().rank} "
            f"({str(error).partition(chr(10))[0]}): start as many ranks on a machine as it has "
            "GPUs, or name one that they share, --device cuda:0."
        ) from None
