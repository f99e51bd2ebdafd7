"""Which device and how many cores a rank has, in one process that pretends to be one of several."""

from __future__ import annotations

import os

import numpy as np
import pytest
from pretended import Pretended

from tinygen.backend import DeviceError
from tinygen.parallel import joined, launch, nccl, team

threadpoolctl = pytest.importorskip("threadpoolctl")


def threads() -> set[int]:
    """Of the libraries that multiply matrices."""
    np.ones((2, 2)) @ np.ones((2, 2))
    found = threadpoolctl.threadpool_info()
    return {library["num_threads"] for library in found if library["user_api"] == "blas"}


@pytest.fixture
def four_cores(monkeypatch):
    """And no word of the user's about threads."""
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    for name in launch.THREADS:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(("ranks", "each"), [(1, 4), (2, 2), (3, 1), (9, 1)])
def test_ranks_share_the_cores_of_their_machine(ranks, each, four_cores):
    before = threads()
    with launch._sharing_cores(ranks):
        assert threads() == {each}
    assert threads() == before


@pytest.mark.parametrize("name", launch.THREADS)
def test_what_the_user_says_of_threads_holds(name, four_cores, monkeypatch):
    before = threads()
    monkeypatch.setenv(name, "3")
    with launch._sharing_cores(2):
        assert threads() == before


@pytest.fixture
def second_of_two(monkeypatch):
    """A rank on a machine with GPUs."""
    ranks = Pretended(1, 2)
    ranks.local_rank = 1
    monkeypatch.setattr(launch, "cuda_status", lambda: None)
    monkeypatch.setattr(launch, "backend_for", lambda device: None)
    with joined(ranks):
        yield ranks


@pytest.mark.parametrize("asked", ["cuda", "auto"])
def test_each_rank_has_a_gpu_and_nccl(asked, second_of_two, monkeypatch):
    monkeypatch.setattr(nccl, "NCCLCommunicator", lambda device: Pretended(1, 2))
    with launch.on_device(asked) as device:
        assert device == "cuda:1"
        assert team() is not second_of_two


@pytest.mark.parametrize("asked", ["cpu", "cuda:0"])
def test_a_device_by_its_number_is_shared(asked, second_of_two):
    with launch.on_device(asked) as device:
        assert device == asked
        assert team() is second_of_two


def test_a_cupy_without_nccl_is_told_and_mpi_carries_gradients(second_of_two, monkeypatch, capsys):
    def missing(device):
        raise ImportError("CuPy finds no NCCL: pip install nvidia-nccl-cu13")

    monkeypatch.setattr(nccl, "NCCLCommunicator", missing)
    second_of_two.rank = 0
    with launch.on_device("cuda") as device:
        assert device == "cuda:1"
        assert team() is second_of_two
    assert "nvidia-nccl-cu13; until then gradients go by MPI" in capsys.readouterr().err


def test_two_ranks_on_one_gpu_are_told_what_to_do(second_of_two, monkeypatch):
    def refused(device):
        raise RuntimeError("NCCL_ERROR_INVALID_USAGE: invalid usage\nmore")

    monkeypatch.setattr(nccl, "NCCLCommunicator", refused)
    with pytest.raises(DeviceError, match=r"invalid usage\): start as many ranks"):
        launch.on_device("cuda").__enter__()


def test_without_cuda_it_is_cuda_that_is_told_of():
    if launch.cuda_status() is None:
        pytest.skip("CUDA works here")
    with joined(Pretended(1, 2)):
        with pytest.raises(DeviceError, match=r"^CUDA cannot be used"):
            launch.on_device("cuda").__enter__()
        with launch.on_device("auto") as device:
            assert device == "auto"
