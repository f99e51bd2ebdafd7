"""Making tensors from values, sizes and other libraries' arrays.

    x = tg.tensor([[1.0, 2.0]], requires_grad=True)      # floats of Python become float32
    y = tg.zeros(3, 4, device="cuda")
    z = tg.from_dlpack(torch_tensor)                     # the same memory, not a copy

Numbers go to the default device unless `device` says otherwise: see `tg.use_device`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .backend import ARRAY_TYPES, BACKEND_OF, backend_for
from .tensor import Tensor

__all__ = ["arange", "eye", "from_dlpack", "full", "ones", "tensor", "zeros"]


def tensor(
    data: Any, *, dtype: Any = None, device: str | None = None, requires_grad: bool = False
) -> Tensor:
    """A tensor with a copy of `data`.

    Args:
        data: numbers, nested lists (floats become float32, integers int64), an array of NumPy or
            CuPy (keeps its dtype), or a Tensor.
        device: "cpu", "cuda", "cuda:1", "auto"; None for the default, or for where `data` is.
        requires_grad: record what is computed from it, so that `tg.grad` can come back to it.

    Raises:
        TypeError: it holds no numbers, or gradients are required of integers.
        ValueError: nested lists have rows of different lengths.
        DeviceError: the device does not exist or cannot be used.

    >>> tg.tensor([[1, 2], [3, 4]])
    Tensor([[1, 2],
            [3, 4]], dtype=int64)
    >>> tg.tensor([1.0, 2.0], requires_grad=True)
    Tensor([1., 2.], requires_grad=True)
    """
    if isinstance(data, Tensor):
        data = data.data
    if type(data) in ARRAY_TYPES and type(data) is not np.ndarray:
        array = data.astype(data.dtype if dtype is None else dtype)
        if device is None:
            return Tensor(array, requires_grad=requires_grad)
        data = BACKEND_OF[type(array)].to_host(array)
    listed = not isinstance(data, (np.ndarray, np.generic))
    try:
        array = np.array(data, dtype=dtype)
    except ValueError as error:
        raise ValueError(f"tensor: the nested lists do not form an array ({error}).") from None
    if array.dtype.kind not in "fiubc":
        raise TypeError(f"tensor: takes numbers and arrays of numbers, not {type(data).__name__}.")
    if listed and dtype is None and array.dtype.kind == "f":
        array = array.astype(np.float32)
    backend = backend_for(device)
    return Tensor(backend.move(array), requires_grad=requires_grad)


def zeros(*shape: Any, dtype: Any = "float32", device: str | None = None) -> Tensor:
    """A tensor of zeros; the shape as one tuple or as several lengths.

    >>> tg.zeros(2, 3).shape
    (2, 3)
    """
    return full(_as_shape(shape), 0, dtype=dtype, device=device)


def ones(*shape: Any, dtype: Any = "float32", device: str | None = None) -> Tensor:
    """A tensor of ones; the shape as for `zeros`.

    >>> tg.ones(2)
    Tensor([1., 1.])
    """
    return full(_as_shape(shape), 1, dtype=dtype, device=device)


def full(shape: Any, value: Any, *, dtype: Any = "float32", device: str | None = None) -> Tensor:
    """A tensor of one value; the shape as a tuple.

    >>> tg.full((2, 2), 0.5)
    Tensor([[0.5, 0.5],
            [0.5, 0.5]])
    """
    backend = backend_for(device)
    with backend.current():
        return Tensor(backend.full(_as_shape((shape,)), value, dtype=dtype))


def arange(*bounds: Any, dtype: Any = None, device: str | None = None) -> Tensor:
    """start, start + step, ... below stop, (n,), as NumPy counts; integers unless one is a float.

    >>> tg.arange(3), tg.arange(1.0, 2.0, 0.5)
    (Tensor([0, 1, 2], dtype=int64), Tensor([1. , 1.5]))
    """
    floats = any(isinstance(b, float) for b in bounds)
    return tensor(np.arange(*bounds, dtype=dtype or ("float32" if floats else None)), device=device)


def eye(n: int, *, dtype: Any = "float32", device: str | None = None) -> Tensor:
    """The identity matrix, (n, n).

    >>> tg.eye(2)
    Tensor([[1., 0.],
            [0., 1.]])
    """
    return tensor(np.eye(n, dtype=dtype), device=device)


def from_dlpack(array: Any) -> Tensor:
    """A tensor that shares the memory of another library's array (PyTorch, JAX, CuPy, ...).

    Shape, dtype and device are those of the array. Raises DeviceError if it is on a GPU that cannot
    be used here.

    >>> array = np.zeros(2, dtype="float32")
    >>> shared = tg.from_dlpack(array)
    >>> array[0] = 5.0
    >>> shared
    Tensor([5., 0.])
    """
    on_host = array.__dlpack_device__()[0] == 1
    backend = backend_for("cpu" if on_host else "cuda")
    return Tensor(backend.library.from_dlpack(array))


def _as_shape(shape: tuple) -> tuple[int, ...]:
    return tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
