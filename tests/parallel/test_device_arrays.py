"""Arrays of a device: by way of the host with MPI, by NCCL as they are."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import mpiexec
import numpy as np
import pytest

import tinygen as tg
from tinygen.backend import host
from tinygen.parallel.nccl import NCCLCommunicator

NOTICE = "tinygen: this MPI takes no device arrays, so they are sent by way of the host"


@pytest.mark.slow
def test_device_arrays_go_by_way_of_the_host_with_one_notice(tmp_path):
    script = Path(__file__).with_name("staged.py")
    found = {}
    for device in ("cpu", "strict"):
        ended = mpiexec.run(2, script, device, tmp_path / f"{device}.npz")
        assert ended.returncode == 0, ended.stderr
        assert ended.stderr.count(NOTICE) == (device == "strict")
        with np.load(tmp_path / f"{device}.npz") as stored:
            found[device] = dict(stored)
    for name, array in found["cpu"].items():
        np.testing.assert_allclose(found["strict"][name], array, rtol=1e-4, atol=1e-5)


class Recorded:
    """What `cupyx.distributed.NCCLBackend` is asked for; it doubles what it sums, as two ranks."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def all_reduce(self, in_array, out_array) -> None:
        assert in_array is out_array
        self.asked.append("all_reduce")
        out_array *= 2.0

    def broadcast(self, in_out_array, root) -> None:
        self.asked.append(f"broadcast {root}")


@pytest.fixture
def nccl() -> NCCLCommunicator:
    """One of two ranks, whose MPI and NCCL are pretended."""
    communicator = object.__new__(NCCLCommunicator)
    communicator.rank, communicator.size = 0, 2
    communicator._nccl = Recorded()
    said = communicator.said_by_mpi = []
    communicator._mpi = SimpleNamespace(IN_PLACE="in place")
    communicator._world = SimpleNamespace(
        Allreduce=lambda how, a: said.append(("all_reduce", len(a))),
        Bcast=lambda a: said.append(("broadcast", len(a))),
    )
    return communicator


def test_nccl_carries_device_arrays_and_mpi_the_numbers_that_ranks_agree_on(nccl):
    with tg.use_device("strict"):
        gradient = tg.ones(4).data
    nccl.average(gradient)
    nccl.broadcast(gradient)
    assert nccl._nccl.asked == ["all_reduce", "broadcast 0"]
    assert nccl.said_by_mpi == []
    np.testing.assert_array_equal(host(gradient), np.ones(4))
    nccl.agree(2)
    nccl.tell(b"x")
    assert nccl.said_by_mpi == [("all_reduce", 2), ("broadcast", 1), ("broadcast", 1)]
    assert len(nccl._nccl.asked) == 2
