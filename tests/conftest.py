"""What every test folder shares: the `backend` fixture, and a look for leaked global state."""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import tempfile
from collections.abc import Iterator

import host_kernels
import hypothesis
import pytest
import strict  # noqa: F401  registers the device "strict"
import threadpoolctl

import tinygen as tg
from tinygen.backend import Backend, cuda_status

DEVICES = {"numpy": "cpu", "strict": "strict", "cupy": "cuda"}

hypothesis.settings.register_profile(
    "tinygen", max_examples=40, deadline=None, derandomize=True, database=None
)
hypothesis.settings.load_profile("tinygen")

# The user's own judges are neither read nor added to, also by commands in processes of their own.
os.environ["TINYGEN_JUDGES"] = tempfile.mkdtemp(prefix="tinygen-judges-")
atexit.register(shutil.rmtree, os.environ["TINYGEN_JUDGES"], ignore_errors=True)

# Two test processes with a BLAS of two threads each would wait for one another on two cores.
threadpoolctl.threadpool_limits(1)


def pytest_collection_finish() -> None:
    """Thousands of collected tests are no garbage, and need not be looked through for it."""
    gc.collect()
    gc.freeze()


@pytest.fixture(params=["numpy", "strict", pytest.param("cupy", marks=pytest.mark.cuda)])
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """Each array library in turn; tensors and generators made without a device go there."""
    if request.param == "cupy" and (reason := cuda_status()):
        pytest.skip(reason)
    with tg.use_device(DEVICES[request.param]) as chosen:
        yield chosen


@pytest.fixture(params=["strict", pytest.param("cuda", marks=pytest.mark.cuda)])
def device(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """Each library that records steps in turn; tensors made without a device go there."""
    if request.param == "cuda" and (reason := cuda_status()):
        pytest.skip(reason)
    with tg.use_device(request.param) as chosen:
        yield chosen


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the kernels that were launched, in order."""
    names: list[str] = []
    launch = host_kernels.launch

    def noted(name: str, *arguments: object) -> None:
        names.append(name)
        launch(name, *arguments)

    monkeypatch.setattr(host_kernels, "launch", noted)
    return names


@pytest.fixture(autouse=True)
def nothing_leaks() -> Iterator[None]:
    """A test leaves tinygen recording, and the default device as it was."""
    device = tg.default_device()
    yield
    assert tg.default_device() == device, "the default device leaked"
    assert (tg.tensor(1.0, device="cpu", requires_grad=True) * 2.0).requires_grad, "no_grad leaked"
