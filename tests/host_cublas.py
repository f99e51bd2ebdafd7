"""cuBLAS for the host: the functions that tinygen calls, with the same arguments, by NumPy.

Addresses and distances are taken at their word, as cuBLAS takes them: a wrong one reads or writes
somewhere else, and the results differ.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from strict_tape import do


class Function:
    """A function with a place for `argtypes`, as ctypes has it."""

    argtypes: Any = None

    def __init__(self, call: Any) -> None:
        self.call = call

    def __call__(self, *arguments: Any) -> int:
        assert len(arguments) == len(self.argtypes), "the number of arguments is not cuBLAS's"
        return self.call(*arguments)


def _matrices(address: int, real: Any, shape: tuple[int, ...], strides: tuple[int, ...]) -> Any:
    """A view (count, rows, columns) of memory, strides in elements."""
    last = sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    flat = np.ctypeslib.as_array(ctypes.cast(address, ctypes.POINTER(real)), (last + 1,))
    size = flat.itemsize
    return np.lib.stride_tricks.as_strided(flat, shape, tuple(s * size for s in strides))


def _tf32(x: np.ndarray) -> np.ndarray:
    """Rounded to 10 bits after the leading one, as tensor cores read float32."""
    bits = np.ascontiguousarray(x).view("uint32")
    return ((bits + np.uint32(0x1000)) & np.uint32(0xFFFFE000)).view("float32")


def _products(real: Any, modes: dict) -> Any:
    def call(handle: Any, ta: int, tb: int, m: int, n: int, k: int, alpha: Any, a: int, lda: int,
             stride_a: int, b: int, ldb: int, stride_b: int, beta: Any, c: int, ldc: int,
             stride_c: int, count: int) -> int:  # fmt: skip
        rows_a, rows_b = (k if ta else m), (n if tb else k)
        if lda < rows_a or ldb < rows_b or ldc < m or alpha.value != 1.0 or beta.value != 0.0:
            return 7  # CUBLAS_STATUS_INVALID_VALUE
        x = _matrices(a, real, (count, m, k), (stride_a, *((lda, 1) if ta else (1, lda))))
        y = _matrices(b, real, (count, k, n), (stride_b, *((ldb, 1) if tb else (1, ldb))))
        if modes["math"] == 3 and real is ctypes.c_float:
            x, y = _tf32(x), _tf32(y)
        out = _matrices(c, real, (count, m, n), (stride_c, 1, ldc))
        do(lambda: np.matmul(x, y, out=out), out)
        return 0

    return call


class HostCublas:
    """What stands for the loaded library."""

    def __init__(self) -> None:
        self.cublasCreate_v2 = Function(lambda handle: 0)
        self.cublasSetStream_v2 = Function(lambda handle, stream: 0)
        self.cublasSetWorkspace_v2 = Function(lambda handle, address, size: 0)
        modes = {"math": 0}
        self.cublasSetMathMode = Function(lambda handle, mode: modes.update(math=mode) or 0)
        self.cublasSgemmStridedBatched = Function(_products(ctypes.c_float, modes))
        self.cublasDgemmStridedBatched = Function(_products(ctypes.c_double, modes))
