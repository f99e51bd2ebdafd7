"""Reading elements and adding them back: getitem and scatter_add, each the other's rule.

An index is whatever NumPy takes: integers, slices, None, ..., integer arrays, boolean masks; and
Tensors of integers or booleans in their place.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..backend import ARRAY_TYPES, BACKEND_OF
from ..primitive import primitive
from ..tensor import Tensor

_getitem = primitive("getitem", lambda xp, x, index: x[index],
                     lambda g, x_shape, index: scatter_add(g, index, x_shape))

_scatter_add = primitive("scatter_add", lambda xp, values, index, shape: xp.scatter_add(values, index, shape),
                         lambda g, index: _getitem(g, index))

_tril = primitive("tril", lambda xp, x, k: xp.tril(x, k),
                  lambda g, k: _tril(g, k))

_triu = primitive("triu", lambda xp, x, k: xp.triu(x, k),
                  lambda g, k: _triu(g, k))


def getitem(x: Any, index: Any) -> Any:
    """x[index], as NumPy takes it; Tensors of integers or booleans may stand in the index too."""
    return _getitem(x, _plain(index, x))


def scatter_add(values: Any, index: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of `shape` with `values` added at `index`; an index named twice receives both.

    `values` has the shape of `zeros[index]`, or one that broadcasts to it.
    """
    return _scatter_add(values, _plain(index, values), tuple(shape))


def take(x: Any, indices: Any, axis: int = 0) -> Any:
    """The elements (rows, ...) of x at integer `indices` along `axis`, whose place these axes take.

    x (N, D) and indices (M,) give (M, D). IndexError, on the host, for one that is not there.
    """
    return getitem(x, (slice(None),) * nth_axis(axis, x.ndim) + (indices,))


def tril(x: Any, k: int = 0) -> Any:
    """The lower triangle of matrices (..., M, N), in their shape: zero above diagonal k."""
    return _tril(x, k)


def triu(x: Any, k: int = 0) -> Any:
    """The upper triangle of matrices (..., M, N), in their shape: zero below diagonal k."""
    return _triu(x, k)


def diagonal(x: Any) -> Any:
    """The main diagonal of the last two axes, as the last: (..., M, N) to (..., min(M, N))."""
    along = np.arange(min(x.shape[-2:]))
    return getitem(x, (Ellipsis, along, along))


def nth_axis(axis: int, ndim: int) -> int:
    """An axis counted from the front; IndexError where there is none of that number."""
    if not -ndim <= axis < ndim:
        raise IndexError(f"axis {axis} is out of bounds for {ndim} axes.")
    return operator.index(axis) % ndim


def _plain(index: Any, x: Any) -> Any:
    """The index with raw arrays in place of Tensors and lists, on the device of `x`."""
    if type(index) is tuple:
        return tuple(_plain(part, x) for part in index)
    if type(index) is Tensor:
        return index._data
    if isinstance(index, list):
        index = np.asarray(index)
    raw = x._data if type(x) is Tensor else x
    if type(index) is np.ndarray and type(raw) in ARRAY_TYPES and type(raw) is not np.ndarray:
        return BACKEND_OF[type(raw)].from_host(index)
    return index
