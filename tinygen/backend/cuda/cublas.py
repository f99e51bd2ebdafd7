"""cuBLAS called directly: its products may be part of a recorded CUDA graph, which CuPy's may not.

(CuPy refuses every cuBLAS call while a stream is captured; cuBLAS itself has allowed it since it
takes its workspace from the caller.) One handle, one workspace, one stream at a time.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any

__all__ = ["WORKSPACE_BYTES", "Blas", "load"]

WORKSPACE_BYTES = 32 << 20
"""What cuBLAS asks for on Hopper, the most of all devices."""

DEFAULT_MATH, TF32_MATH = 0, 3
NORMAL, TRANSPOSED = 0, 1

_int, _long, _pointer = ctypes.c_int, ctypes.c_longlong, ctypes.c_void_p
_sizes = [_int, _int, _int, _int, _int]  # two transpositions, m, n, k
_PARAMETERS = {
    "cublasCreate_v2": [ctypes.POINTER(_pointer)],
    "cublasSetStream_v2": [_pointer, _pointer],
    "cublasSetWorkspace_v2": [_pointer, _pointer, ctypes.c_size_t],
    "cublasSetMathMode": [_pointer, _int],
    **{
        f"cublas{letter}gemmStridedBatched": [
            _pointer, *_sizes, ctypes.POINTER(real), _pointer, _int, _long, _pointer, _int, _long,
            ctypes.POINTER(real), _pointer, _int, _long, _int,
        ]
        for letter, real in (("S", ctypes.c_float), ("D", ctypes.c_double))
    },
}  # fmt: skip


def load(cuda_major: int) -> Any:
    """cuBLAS of this CUDA version, which CuPy has found and loaded before."""
    name = f"cublas64_{cuda_major}.dll" if sys.platform == "win32" else f"libcublas.so.{cuda_major}"
    return ctypes.CDLL(name)


class Blas:
    """One handle to cuBLAS.

    Args:
        library: what `load` returned.
        workspace: the address of `WORKSPACE_BYTES` bytes on the device.
        keep: whatever owns them.
    """

    def __init__(self, library: Any, workspace: int, keep: Any = None) -> None:
        for name, parameters in _PARAMETERS.items():
            getattr(library, name).argtypes = parameters
        self._library = library
        self._workspace = workspace
        self._keep = keep
        self._handle = _pointer()
        self._stream: int | None = None
        self._tf32 = False
        self._call("cublasCreate_v2", ctypes.byref(self._handle))
        self._constants = {
            real: (real(1.0), real(0.0)) for real in (ctypes.c_float, ctypes.c_double)
        }

    def use_stream(self, stream: int) -> None:
        """Queue what follows on this stream."""
        if stream != self._stream:
            self._call("cublasSetStream_v2", self._handle, stream)
            # Setting a stream gives the handle a workspace of cuBLAS's own again.
            self._call("cublasSetWorkspace_v2", self._handle, self._workspace, WORKSPACE_BYTES)
            self._stream = stream

    def use_tf32(self, on: bool) -> None:
        """Round the factors of float32 products to 10 bits, for the tensor cores."""
        if on != self._tf32:
            self._call("cublasSetMathMode", self._handle, TF32_MATH if on else DEFAULT_MATH)
            self._tf32 = on

    def products(
        self, double: bool, sizes: tuple[int, int, int],
        a: tuple[int, int, int, int], b: tuple[int, int, int, int], c: tuple[int, int, int],
        count: int,
    ) -> None:  # fmt: skip
        """c = a b, `count` times, for matrices stored by columns.

        Args:
            double: float64, not float32.
            sizes: m, n, k: c is (m, n), and k the length of what is summed over.
            a, b: address, whether it is stored by rows, distance between columns (or rows), and
                between matrices, in elements.
            c: address, distance between columns, and between matrices.
        """
        real = ctypes.c_double if double else ctypes.c_float
        one, zero = self._constants[real]
        self._call(
            f"cublas{'D' if double else 'S'}gemmStridedBatched", self._handle, a[1], b[1], *sizes,
            one, a[0], a[2], a[3], b[0], b[2], b[3], zero, *c, count,
        )  # fmt: skip

    def _call(self, name: str, *arguments: Any) -> None:
        status = getattr(self._library, name)(*arguments)
        if status != 0:
            raise RuntimeError(f"cuBLAS failed in {name} with status {status}.")
