"""What the tests of kernels share: each runs twice, and NumPy finds the same numbers its way.

The two runs must agree bit for bit, and leave their inputs as they were.
"""

from __future__ import annotations

from typing import Any

import host_kernels
import numpy as np
import pytest
import strict
from numpy.testing import assert_allclose, assert_array_equal

from tinygen.backend import NUMPY, Backend, host

needs_compiler = pytest.mark.skipif(
    host_kernels.why_not() is not None, reason=str(host_kernels.why_not())
)

DTYPES = ["float32", "float64"]
LAYOUTS = {
    "rows": lambda x: x,
    "channels last": lambda x: np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2),
    "reversed": lambda x: np.ascontiguousarray(x.T).T,
    "with gaps": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "backwards": lambda x: np.ascontiguousarray(x[:, ::-1])[:, ::-1],
    "broadcast": lambda x: np.broadcast_to(x[:1], x.shape),
}


def on_device(argument: Any) -> Any:
    return strict.StrictArray(argument) if isinstance(argument, np.ndarray) else argument


def agree(method: str, *arguments: Any, factor: float = 1.0, gpu: Backend | None = None) -> Any:
    """What a method of the strict backend returns is, but for rounding, what NumPy's returns.

    So is what the backend of a GPU returns, if one is given; there all arrays are dense.
    """
    move = on_device if gpu is None else gpu.from_host
    given = [move(a) if isinstance(a, np.ndarray) else a for a in arguments]
    before = [a.copy() if isinstance(a, np.ndarray) else a for a in arguments]
    found, again = (getattr(gpu or strict.STRICT, method)(*given) for _ in range(2))
    expected = getattr(NUMPY, method)(*arguments)
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    exact = found.dtype == "float64"
    tolerance = factor * (1e-13 if exact else 2e-6)
    assert_allclose(host(found), expected, rtol=tolerance, atol=tolerance)
    assert_array_equal(host(found), host(again))
    for a, b in zip(arguments, before, strict=True):
        assert not isinstance(a, np.ndarray) or np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    return found


def drawn(*shapes: tuple[int, ...], dtype: str, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape).astype(dtype) for shape in shapes]
