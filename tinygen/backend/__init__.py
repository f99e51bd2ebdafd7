"""Which array library computes: found from the type of an array, or from the name of a device.

`BACKEND_OF[type(a)]` is how every operation finds its library: one dictionary look-up, 0.02 us.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from .base import Array, Backend
from .numpy import NumpyBackend

__all__ = [
    "BACKEND_OF",
    "Array",
    "Backend",
    "DeviceError",
    "backend_for",
    "cuda_status",
    "default_device",
    "register",
    "set_matmul_precision",
    "use_device",
]


class DeviceError(RuntimeError):
    """A device that was asked for cannot be used; the message says why and what to do.

    >>> try:
    ...     tg.zeros(3, device="quantum")
    ... except tg.DeviceError as error:
    ...     print(str(error)[:24])
    unknown device 'quantum'
    """


NUMPY = NumpyBackend()

BACKEND_OF: dict[type, Backend] = {
    np.ndarray: NUMPY,
    # NumPy's 0-d results are scalars of these types, and Python's own numbers go with them.
    **dict.fromkeys((np.float16, np.float32, np.float64, np.longdouble, np.complex64,
                     np.complex128, np.bool_, np.int8, np.int16, np.int32, np.int64, np.uint8,
                     np.uint16, np.uint32, np.uint64, bool, int, float, complex), NUMPY),
}  # fmt: skip
ARRAY_TYPES: set[type] = {np.ndarray}
"""The types that may stand inside a Tensor."""

_device_makers: dict[str, Callable[[int], Backend]] = {}
_default_device: str | None = None


def register(device: str, make: Callable[[int], Backend], array_type: type | None = None) -> None:
    """Make a backend known under a device name; `make(index)` returns it for device `index`.

    With `array_type` it is also found from its arrays at once; without, when first asked for.
    """
    _device_makers[device] = make
    if array_type is not None:
        _adopt(make(0), array_type)


def _adopt(backend: Backend, array_type: type) -> Backend:
    BACKEND_OF[array_type] = backend
    ARRAY_TYPES.add(array_type)
    return backend


def _cuda(index: int) -> Backend:
    from .cupy import CupyBackend, why_not

    reason = why_not()
    if reason is not None:
        raise DeviceError(f"CUDA cannot be used: {reason}")
    backend = CupyBackend.on(index)
    # Any of them serves the arrays of all: what they launch goes to CuPy's current device.
    return backend if backend.array_type in BACKEND_OF else _adopt(backend, backend.array_type)


register("cpu", lambda index: NUMPY)
register("cuda", _cuda)


def cuda_status() -> str | None:
    """None where CUDA can be used, else one sentence that says why not and what to install."""
    from .cupy import why_not

    return why_not()


def backend_for(device: str | None = None) -> Backend:
    """The backend behind "cpu", "cuda", "cuda:1", "auto" (CUDA where it works), or the default.

    Raises:
        DeviceError: the device does not exist or cannot be used; the message says why.
    """
    name = default_device() if device is None else device
    if name == "auto":
        name = "cuda" if cuda_status() is None else "cpu"
    kind, _, index = name.partition(":")
    if kind not in _device_makers or not (index or "0").isdigit():
        known = ", ".join([*_device_makers, "auto"])
        raise DeviceError(f"unknown device {name!r}; known are {known}, and cuda:1 and so on.")
    return _device_makers[kind](int(index or 0))


def default_device() -> str:
    """Where new tensors go: `use_device`, else the environment's TINYGEN_DEVICE, else "cpu".

    >>> with tg.use_device("cpu"):
    ...     tg.default_device()
    'cpu'
    """
    return _default_device or os.environ.get("TINYGEN_DEVICE") or "cpu"


class use_device:  # noqa: N801  called as a function, and in `with`
    """New tensors and generators go to this device unless told otherwise.

        tg.use_device("cuda")            # from here on
        with tg.use_device("cuda"):      # in this block

    Raises:
        DeviceError: the device does not exist or cannot be used; the message says why.

    >>> with tg.use_device("cpu"):
    ...     tg.zeros(2).device
    'cpu'
    """

    def __init__(self, device: str) -> None:
        global _default_device
        self._backend = backend_for(device)
        self._current = self._backend.current()
        self._current.__enter__()
        self._before, _default_device = _default_device, device

    def __enter__(self) -> Backend:
        return self._backend

    def __exit__(self, *error: Any) -> None:
        global _default_device
        _default_device = self._before
        self._current.__exit__(*error)


def set_matmul_precision(precision: str) -> None:
    """How float32 matrix products are computed on CUDA devices, from now on.

    Args:
        precision: "highest" (the default), in float32; "high", with factors rounded to the 10 bits
            of TF32, which tensor cores multiply several times as fast. Results then have three
            digits. On the processor both are float32.

    Raises:
        ValueError: the precision is neither.

    >>> tg.set_matmul_precision("high")  # on a GPU; nothing changes on the processor
    >>> tg.ones(1, 2) @ tg.ones(2, 1)
    Tensor([[2.]])
    >>> tg.set_matmul_precision("highest")
    """
    from .cuda.products import Products

    if precision not in ("highest", "high"):
        raise ValueError(f'set_matmul_precision: takes "highest" or "high", not {precision!r}.')
    Products.tf32 = precision == "high"


def host(array: Any) -> np.ndarray:
    """Any backend's array, or a number, as a NumPy array."""
    return np.asarray(BACKEND_OF[type(array)].to_host(array))
