"""CuPy: the CUDA backend. The only file that imports CuPy, and only when a GPU is asked for.

Written against CuPy 14 and checked on machines without a GPU by the tests' `strict` backend;
the README's table says what has been run on a GPU.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

import numpy as np

from .base import Array
from .cuda import CudaBackend, cublas, products
from .cuda.source import THREADS, options, source
from .cuda_device import CudaDevice


@functools.cache
def why_not() -> str | None:
    """None where CuPy can compute on a GPU, else why it cannot and what to install, as a sentence.

    `cupy.cuda.is_available()` says nothing of a missing cuBLAS or NVRTC, so this multiplies two
    small matrices and runs a kernel, once.
    """
    try:
        import cupy
    except ModuleNotFoundError:
        return "CuPy is not installed; pip install 'tinygen[cuda13]' (or cuda12, as your driver)."
    except Exception as error:  # e.g. OSError where CuPy's cache folder cannot be made
        return f"importing CuPy failed ({type(error).__name__}: {error})."
    try:
        if not cupy.cuda.is_available():
            return "no NVIDIA driver or no GPU was found; `nvidia-smi` should list one."
        a = cupy.arange(4, dtype="f4").reshape(2, 2)
        float((a @ a).sum())  # which also loads the libraries that we call ourselves
        backend = CupyBackend.on(cupy.cuda.Device().id)
        backend.approach(a, backend.dot(a, a), (0.5,))
    except Exception as error:
        line = str(error).partition("\n")[0]
        return (
            f"a GPU is there but a CUDA library is missing ({type(error).__name__}: "
            f"{line}); pip install 'cupy-cuda13x[ctk]' brings them."
        )
    return None


class CupyBackend(CudaDevice, CudaBackend):
    """Arrays in the memory of one CUDA device, computed by CuPy and by kernels of our own."""

    name = "cupy"

    def __init__(self, index: int) -> None:
        import cupy

        self.library = cupy
        self.array_type = cupy.ndarray
        self.index = index
        self._kernels: dict[tuple[str, str], Any] = {}
        self._handles: dict[int, cublas.Blas] = {}
        self.graphs: WeakSet[_Graph] = WeakSet()

    @classmethod
    @functools.cache
    def on(cls, index: int) -> CupyBackend:
        """The one backend of device `index`."""
        return cls(index)

    def from_host(self, array: np.ndarray) -> Array:
        """Copy to this device."""
        with self.current():
            return self.library.asarray(array)

    def to_host(self, array: Array) -> np.ndarray:
        """Copy to the host; waits for the device."""
        return self.library.asnumpy(array)

    def device_of(self, array: Array) -> str:
        """ "cuda:0", "cuda:1", ..."""
        return f"cuda:{array.device.id}"

    def owner(self, array: Array) -> Any:
        """The array that allocated the memory (whose blocks themselves take no weak references)."""
        return array if array.base is None else array.base

    def address(self, array: Array) -> int:
        """Of the first element."""
        return array.data.ptr

    def synchronize(self) -> None:
        """Wait for the device."""
        self.library.cuda.Device(self.index).synchronize()

    def sum(self, x: Array, axis: Any = None, keepdims: bool = False) -> Array:
        """Sum over `axis`, in the dtype of `x`."""
        return self.library.sum(x, axis=axis, keepdims=keepdims)

    def amax(self, x: Array, axis: Any = None, keepdims: bool = False) -> Array:
        """Largest element along `axis`."""
        return self.library.amax(x, axis=axis, keepdims=keepdims)

    def amin(self, x: Array, axis: Any = None, keepdims: bool = False) -> Array:
        """Smallest element along `axis`."""
        return self.library.amin(x, axis=axis, keepdims=keepdims)

    def erf(self, x: Array) -> Array:
        """CUDA's own error function."""
        from cupyx.scipy.special import erf

        return erf(x)

    def launch(self, name: str, dtype: Any, blocks: int, *arguments: Any) -> None:
        """Launch a kernel: see `tinygen.backend.cuda.launching`."""
        real = "float" if dtype == np.float32 else "double"
        if (name, real) not in self._kernels:
            self._kernels[name, real] = self._module(real).get_function(name)
        self._kernels[name, real]((blocks,), (THREADS,), arguments)

    @functools.cache  # noqa: B019, backends live as long as the program
    def _module(self, real: str) -> Any:
        return self.library.RawModule(code=source(), options=options(real))

    def blas(self) -> cublas.Blas:
        """The current device's cuBLAS, queueing on the current stream."""
        cuda = self.library.cuda
        device = cuda.runtime.getDevice()
        if device not in self._handles:
            self._handles[device] = self._new_handle()
        blas = self._handles[device]
        blas.use_tf32(products.Products.tf32)
        blas.use_stream(cuda.get_current_stream().ptr)
        return blas

    def _new_handle(self) -> cublas.Blas:
        workspace = self.library.empty(cublas.WORKSPACE_BYTES, dtype="uint8")
        loaded = self.load_cublas(self.library.cuda.runtime.runtimeGetVersion() // 1000)
        return cublas.Blas(loaded, self.address(workspace), keep=workspace)

    load_cublas = staticmethod(cublas.load)

    @contextmanager
    def capture(self) -> Iterator[list[Any]]:
        """Inside, launches are recorded; afterwards the list holds the graph.

        Its temporaries come from a pool of its own: memory that the graph will write to again must
        not be given to anybody else.
        """
        cuda = self.library.cuda
        cuda.Device().synchronize()
        stream = cuda.Stream(non_blocking=True)
        pool = self.new_graph_pool()
        graphs: list[Any] = []
        with stream, cuda.using_allocator(pool.malloc):
            self.blas()  # setting the stream may not be recorded
            stream.begin_capture()
            try:
                yield graphs
            finally:
                graphs.append(_Graph(stream.end_capture(), pool))
                self.graphs.add(graphs[0])

    def nccl(self, size: int, rank: int) -> Any:
        """NCCL between `size` ranks, this one with this device; MPI tells them of one another.

        Raises:
            ImportError: CuPy has found no NCCL.
        """
        from cupy.cuda import nccl
        from cupyx.distributed import NCCLBackend

        if not nccl.available:
            raise ImportError(
                "CuPy finds no NCCL: pip install nvidia-nccl-cu13 (or cu12, as your CuPy)"
            )
        with self.current():
            return NCCLBackend(size, rank, use_mpi=True)

    def fill_from_host(self, array: Array, values: np.ndarray) -> None:
        """Copy host values into an array; CUDA has put them aside when this returns."""
        array.set(values)


class _Graph:
    """A recorded graph with the memory of its temporaries."""

    def __init__(self, graph: Any, pool: Any) -> None:
        self._graph = graph
        self.pool = pool

    def launch(self) -> None:
        self._graph.launch()
