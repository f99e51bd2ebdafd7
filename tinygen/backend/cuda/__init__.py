"""What a CUDA device computes by kernels of our own, apart from the library that holds its arrays.

Each `name.cu` holds kernels, and `name.py` beside it the methods of the backend that launch them.
Nothing here imports CuPy: `tinygen.backend.cupy` gives these classes a real device, and the tests
give them the host's processor, where the same sources run on NumPy's memory.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base import Array
from .convolution import Convolution
from .graphs import Graphs
from .losses import Losses
from .normalization import Normalization
from .optimizers import Optimizers
from .pooling import Pooling
from .random import Random
from .softmax import Softmax
from .source import source

__all__ = ["CudaBackend", "source"]


class CudaBackend(Graphs, Convolution, Pooling, Normalization, Losses, Softmax, Optimizers, Random):
    """A backend whose fused operations are the kernels in this folder."""

    def scatter_add(self, values: Array, index: Any, shape: tuple[int, ...]) -> Array:
        """Zeros with `values` added at `index` (atomic where an index is an array)."""
        out = self.zeros(shape, dtype=values.dtype)
        parts = index if isinstance(index, tuple) else (index,)
        if any(isinstance(part, (self.array_type, np.ndarray, list)) for part in parts):
            self.add.at(out, index, values)
        else:
            out[index] = values
        return out
