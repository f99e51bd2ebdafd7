"""A CUDA device apart from arithmetic: its name, its pool of memory, its clock."""

from __future__ import annotations

import math

import pytest
import strict

from tinygen.backend import DeviceError, backend_for, cuda_device
from tinygen.backend.cuda_device import CudaDevice
from tinygen.backend.cupy import CupyBackend
from tinygen.backend.memory import Memory, as_text, read_limit


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "0.977 KiB"), (1024, "1.00 KiB"), (1536, "1.50 KiB"),
     (2**30, "1.00 GiB"), (150_000_000_000, "140 GiB")],
)  # fmt: skip
def test_memory_has_three_digits(size, text):
    assert as_text(size) == text


@pytest.mark.parametrize(
    ("text", "size"),
    [("4GB", 4 * 10**9), ("4 GiB", 4 * 2**30), ("512mib", 2**29), ("0.5 kB", 500), ("50%", 2**32),
     (" 100 % ", 2**33), ("12.5%", 2**30), ("8589934592B", 2**33)],
)  # fmt: skip
def test_limits_are_sizes_or_shares(text, size):
    assert read_limit(text, 2**33) == size


@pytest.mark.parametrize(
    "text",
    ["", "4", "GB", "-4GB", "4 G B", "4GB%", "nan%", "1e3B", "0GB", "0%", "101%", "9GB", "4PB",
     "0.1B", "4,5GB"],
)  # fmt: skip
def test_other_limits_are_refused_in_a_sentence(text):
    with pytest.raises(ValueError, match="limit") as caught:
        read_limit(text, 2**33)
    assert str(caught.value).endswith(".")


def test_a_pool_describes_itself():
    assert Memory(0, 2**20, None, 2**33).describe() == "0 B used, 1.00 MiB reserved, no limit"
    assert "limit 4.00 GiB" in Memory(0, 0, 2**32, 2**33).describe()


# -- the device itself -----------------------------------------------------------------------------


def test_the_gpu_is_asked_by_the_code_that_the_stand_in_runs():
    assert issubclass(CupyBackend, CudaDevice)
    for name in ("facts", "memory", "limit_memory", "seconds", "current"):
        assert getattr(CupyBackend, name) is getattr(CudaDevice, name)


def test_the_host_has_no_pool(backend):
    if backend.name == "numpy":
        assert backend.memory() is None
        assert backend.facts() == {}


@pytest.mark.parametrize("device", ["strict", pytest.param("cuda", marks=pytest.mark.cuda)])
def test_facts_memory_and_limit_of_a_device(device):
    try:
        backend = backend_for(device)
    except DeviceError as reason:
        pytest.skip(str(reason))
    facts = backend.facts()
    assert facts["name"]
    assert float(facts["compute_capability"]) >= 5
    assert facts["cupy"] >= "14"
    before = backend.memory()
    held = backend.zeros(2**20, dtype="float32")
    after = backend.memory()
    assert after.used - before.used == held.nbytes
    assert after.reserved >= after.used
    try:
        backend.limit_memory(after.total // 2)
        assert backend.memory().limit == after.total // 2
    finally:
        backend.limit_memory(0)  # CuPy's word for none
    assert backend.memory().limit is None
    del held
    assert backend.memory().used == before.used


def test_work_is_timed_until_the_device_is_done(backend):
    done = []
    with strict.measure() as spent:
        seconds = backend.seconds(lambda: done.append(1))
    assert done == [1]
    assert 0 <= seconds < 5
    if backend.name == "strict":
        assert spent.syncs == 2  # until it is idle, and until it is done


def test_a_device_says_which_driver_it_has(tmp_path, monkeypatch):
    version = tmp_path / "version"
    monkeypatch.setattr(cuda_device, "DRIVER_FILE", version)
    assert strict.STRICT.facts()["driver"] is None
    version.write_text(
        "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build\n"
        "GCC version:  gcc version 12.3.0 (Ubuntu 12.3.0-1ubuntu1~22.04)\n"
    )
    facts = strict.STRICT.facts()
    assert facts["driver"] == "580.65.06"
    assert (facts["cuda_of_driver"], facts["cuda_runtime"]) == ("13.2", "13.0")
    assert math.isclose(facts["memory"], 8 * 2**30)
