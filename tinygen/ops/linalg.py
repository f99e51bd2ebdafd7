"""Matrices: products, solutions, factorisations. Stacks of matrices lie along the leading axes.

Rules follow Giles, "Collected matrix derivative results for forward and reverse mode algorithmic
differentiation" (2008); for cholesky Murray, "Differentiation of the Cholesky decomposition" (2016);
for qr Walter, Lehmann & Lamour, "On evaluating higher-order derivatives of the QR decomposition of
tall matrices" (2012).
"""

from __future__ import annotations

import math
from typing import Any

from ..backend import BACKEND_OF
from ..primitive import ShapeError, primitive
from ..tensor import Tensor
from .indexing import diagonal, getitem, nth_axis, tril, triu
from .reductions import sum
from .shape import expand_dims, reshape, squeeze, swapaxes, transpose

_matmul = primitive("matmul", lambda xp, a, b: _product(xp, a, b),
                    lambda g, b: _matmul(g, swapaxes(b, -1, -2)),
                    lambda g, a: _matmul(swapaxes(a, -1, -2), g))

inv = primitive("inv", lambda xp, a: xp.linalg.inv(a),
                lambda g, y: -(swapaxes(y, -1, -2) @ g @ swapaxes(y, -1, -2)),
                doc="The inverse of square matrices, (..., N, N); ValueError for others.")

_solve = primitive("solve", lambda xp, a, b: xp.linalg.solve(a, b),
                   lambda g, y, a: -(_solve(swapaxes(a, -1, -2), g) @ swapaxes(y, -1, -2)),
                   lambda g, a: _solve(swapaxes(a, -1, -2), g))

_cholesky = primitive("cholesky", lambda xp, a: xp.linalg.cholesky(a),
                      lambda g, y: _cholesky_rule(g, y))

logdet = primitive("logdet", lambda xp, a: xp.linalg.slogdet(a)[1],
                   lambda g, a: expand_dims(expand_dims(g, -1), -1) * swapaxes(inv(a), -1, -2),
                   doc="log |det a| of square matrices, (..., N, N) to (...).")

# One array holds both factors, Q above R, so that one output carries both cotangents.
_qr = primitive("qr", lambda xp, a: xp.concatenate(xp.linalg.qr(a), axis=-2),
                lambda g, y: _qr_rule(g, y))


def product(a: Any, b: Any) -> Any:
    """The product of two matrices, for rules: raw arrays go straight to their library."""
    if type(a) is Tensor or type(b) is Tensor:
        return _matmul(a, b)
    return BACKEND_OF[type(a)].dot(a, b)


def _product(xp: Any, a: Any, b: Any) -> Any:
    try:
        return xp.matmul(a, b)
    except ValueError:
        if a.shape[-1] == b.shape[-2]:
            raise
        raise ShapeError(
            f"matmul: the last axis of a and the last but one of b must be equally long, not {a.shape[-1]} and "
            f"{b.shape[-2]} (a {a.shape}, b {b.shape})."
        ) from None


def matmul(a: Any, b: Any) -> Any:
    """The matrix product of arrays of any rank, (..., M, K) and (..., K, N) to (..., M, N).

    A stack times one matrix is computed as one product of two matrices, which is faster. Raises
    ValueError for shapes that do not fit and for numbers, TypeError for lists.
    """
    if isinstance(a, list) or isinstance(b, list):
        raise TypeError("matmul: takes tensors and arrays, not list; make a tensor with tg.tensor.")
    if a.ndim == 0 or b.ndim == 0:
        raise ValueError("matmul: needs arrays with at least one axis; use * for numbers.")
    if a.ndim == 1:
        y = matmul(expand_dims(a, 0), b)
        return squeeze(y, -2 if b.ndim > 1 else 0)
    if b.ndim == 1:
        return squeeze(matmul(a, expand_dims(b, 1)), -1)
    if a.ndim > 2 and b.ndim == 2 and a.size:
        rows = reshape(a, (-1, a.shape[-1]))
        return reshape(_matmul(rows, b), (*a.shape[:-1], b.shape[-1]))
    return _matmul(a, b)


def solve(a: Any, b: Any) -> Any:
    """x with a @ x = b, for square matrices `a` and a matrix or (in 1-D) a vector `b`.

    (..., N, N) with (..., N, M) to (..., N, M), or with (N,) to (N,). Raises ValueError if `a` is
    singular (on the host) or not square.
    """
    if b.ndim == 1:
        return squeeze(_solve(a, expand_dims(b, 1)), -1)
    return _solve(a, b)


def cholesky(a: Any) -> Any:
    """The lower triangular L with L @ L.T = a, for symmetric positive definite `a`.

    (..., N, N) to the same shape. That `a` is symmetric is not checked: its lower triangle is read.
    The gradient is symmetric. Raises ValueError, on the host, where `a` is not positive definite.
    """
    return _cholesky(a)


def qr(a: Any) -> tuple[Any, Any]:
    """Q with orthonormal columns and upper triangular R with Q @ R = a.

    (..., M, N) to (..., M, N) and (..., N, N). Needs full rank, and M >= N, for which the
    rule is made; ValueError where M < N.
    """
    rows, columns = a.shape[-2:]
    if rows < columns:
        raise ValueError(f"qr: needs at least as many rows as columns, not {rows} x {columns}.")
    both = _qr(a)
    return (getitem(both, (Ellipsis, slice(0, rows), slice(None))),
            getitem(both, (Ellipsis, slice(rows, None), slice(None))))  # fmt: skip


def trace(a: Any) -> Any:
    """The sum of the main diagonal of the last two axes: (..., M, N) to (...)."""
    return sum(diagonal(a), -1)


def outer(a: Any, b: Any) -> Any:
    """All products of two vectors' elements, (len(a), len(b))."""
    return reshape(a, (-1, 1)) * reshape(b, (1, -1))


def dot(a: Any, b: Any) -> Any:
    """The inner product of two vectors (N,), 0-d."""
    return sum(a * b)


def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """Sum over pairs of axes: the last `axes` of a with the first of b, or two given lists.

    The result has the other axes of a, then those of b. Raises ValueError where two axes of a pair
    have different lengths.
    """
    if isinstance(axes, int):
        axes = (range(a.ndim - axes, a.ndim), range(axes))
    of_a, of_b = ([ax] if isinstance(ax, int) else list(ax) for ax in axes)
    of_a, of_b = [nth_axis(i, a.ndim) for i in of_a], [nth_axis(i, b.ndim) for i in of_b]
    if [a.shape[i] for i in of_a] != [b.shape[i] for i in of_b]:
        raise ValueError(f"tensordot: axes {axes} of shapes {a.shape} and {b.shape} do not match.")
    rest_a = [i for i in range(a.ndim) if i not in of_a]
    rest_b = [i for i in range(b.ndim) if i not in of_b]
    summed = math.prod(a.shape[i] for i in of_a)
    left = reshape(transpose(a, (*rest_a, *of_a)), (math.prod(a.shape[i] for i in rest_a), summed))
    right = reshape(transpose(b, (*of_b, *rest_b)), (summed, math.prod(b.shape[i] for i in rest_b)))
    shape = [a.shape[i] for i in rest_a] + [b.shape[i] for i in rest_b]
    return reshape(_matmul(left, right), shape)


def _cholesky_rule(g: Any, low: Any) -> Any:
    """Murray 2016: with P = Phi(L^T g), half of L^-T (P + P^T) L^-1."""
    p = tril(swapaxes(low, -1, -2) @ g)
    p = p - 0.5 * (p - tril(p, -1))
    both = p + swapaxes(p, -1, -2)
    upper = swapaxes(low, -1, -2)
    return 0.5 * _solve(upper, swapaxes(_solve(upper, both), -1, -2))


def _qr_rule(g: Any, y: Any) -> Any:
    """Walter et al. 2012: (gQ + Q sym(M)) R^-T with M = R gR^T - gQ^T Q, sym from its lower part."""
    columns = y.shape[-1]
    rows = y.shape[-2] - columns
    of_q, of_r = (Ellipsis, slice(0, rows), slice(None)), (Ellipsis, slice(rows, None), slice(None))
    q, r = getitem(y, of_q), getitem(y, of_r)
    gq, gr = getitem(g, of_q), triu(getitem(g, of_r))
    m = r @ swapaxes(gr, -1, -2) - swapaxes(gq, -1, -2) @ q
    lower = tril(m)
    symmetric = lower + swapaxes(tril(m, -1), -1, -2)
    right = gq + q @ symmetric
    return swapaxes(_solve(r, swapaxes(right, -1, -2)), -1, -2)
