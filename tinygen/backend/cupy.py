"""CuPy: the CUDA backend. The only file that imports CuPy, and only when a GPU is asked for.

Written against CuPy 14 and checked on machines without a GPU by the tests' `strict` backend;
the README's table says what has been run on a GPU.
"""

from __future__ import annotations

import functools
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from .base import Array, Backend, adam_step_size


@functools.cache
def why_not() -> str | None:
    """None where CuPy can compute on a GPU, else why it cannot and what to install, as a sentence.

    `cupy.cuda.is_available()` says nothing of a missing cuBLAS or NVRTC, so this multiplies two
    small matrices, once.
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
        float((a @ a).sum())
    except Exception as error:
        return (
            f"a GPU is there but a CUDA library is missing ({type(error).__name__}: "
            f"{str(error).splitlines()[0]}); pip install 'cupy-cuda13x[ctk]' brings them."
        )
    return None


class CupyBackend(Backend):
    """Arrays in the memory of one CUDA device, computed by CuPy."""

    name = "cupy"

    def __init__(self, index: int) -> None:
        import cupy

        self.library = cupy
        self.array_type = cupy.ndarray
        self.index = index

    @classmethod
    @functools.cache
    def on(cls, index: int) -> CupyBackend:
        """The one backend of device `index`."""
        return cls(index)

    def current(self) -> AbstractContextManager[Any]:
        """Make this device CuPy's current one."""
        return self.library.cuda.Device(self.index)

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

    def scatter_add(self, values: Array, index: Any, shape: tuple[int, ...]) -> Array:
        """Zeros with `values` added at `index` (atomic where an index is an array)."""
        out = self.library.zeros(shape, dtype=values.dtype)
        parts = index if isinstance(index, tuple) else (index,)
        if any(isinstance(part, (self.array_type, np.ndarray, list)) for part in parts):
            self.library.add.at(out, index, values)
        else:
            out[index] = values
        return out

    def sgd_update(
        self,
        w: Array,
        g: Array,
        velocity: Array | None,
        lr: float,
        momentum: float,
        nesterov: bool,
        weight_decay: float,
    ) -> None:
        """One step of SGD in one kernel."""
        if velocity is None:
            _kernel("sgd")(g, lr, weight_decay, w)
        else:
            _kernel("sgd_momentum")(g, lr, momentum, int(nesterov), weight_decay, velocity, w)

    def adam_update(
        self,
        w: Array,
        g: Array,
        m: Array,
        v: Array,
        lr: float,
        beta1: float,
        beta2: float,
        eps: float,
        step: int,
        weight_decay: float,
        decoupled: bool,
    ) -> None:
        """One step of Adam in one kernel."""
        size, root = adam_step_size(lr, beta1, beta2, step)
        l2 = 0.0 if decoupled else weight_decay
        shrink = 1.0 - lr * weight_decay if decoupled else 1.0
        _kernel("adam")(g, size, beta1, beta2, eps * root, l2, shrink, m, v, w)


_KERNELS = {
    # name: (inputs, outputs that are also read, body)
    "sgd": ("T g, T lr, T decay", "T w", "w -= lr * (g + decay * w)"),
    "sgd_momentum": (
        "T g, T lr, T momentum, int32 nesterov, T decay", "T velocity, T w",
        "const T d = g + decay * w;"
        "velocity = momentum * velocity + d;"
        "w -= lr * (nesterov ? d + momentum * velocity : velocity)",
    ),
    "adam": (
        "T g, T size, T beta1, T beta2, T eps, T l2, T shrink", "T m, T v, T w",
        "const T d = g + l2 * w;"
        "m = beta1 * m + d;"
        "v = beta2 * v + d * d;"
        "w = shrink * w - size * m / (sqrt(v) + eps)",
    ),
}  # fmt: skip


@functools.cache
def _kernel(name: str) -> Any:
    import cupy

    inputs, outputs, body = _KERNELS[name]
    return cupy.ElementwiseKernel(inputs, outputs, body, f"tinygen_{name}")
