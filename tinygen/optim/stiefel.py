"""Matrices that stay orthonormal, by descent on the manifold of such matrices.

    nn.init.orthogonal_(layer.weight, rng=rng)
    optimizer = Stiefel([layer.weight], lr=0.1)          # X^T X = I after every step

`StiefelAdam` does so to some matrices of a model, and is Adam to everything else.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..backend import Array, host
from ..tensor import Tensor
from .adam import Adam
from .optimizer import Optimizer, Schedule, at_least_zero
from .transforms.transform import GradientTransform

__all__ = ["Stiefel", "StiefelAdam"]


class Stiefel(Optimizer):
    """Descent that keeps X^T X = I, for tall matrices X (m, n), m >= n.

        D = momentum * D + G                                                 (D starts at 0)
        T = D - X sym(X^T D)                      sym(Z) = (Z + Z^T) / 2
        X = retraction of X at -lr T

    T is the part of D that is tangent to the Stiefel manifold, which follows it to first order;
    the retraction goes the same way and stays on it:

        qr       Q of Q R = X - lr T, with a positive diagonal of R
        cayley   (I + lr/2 A)^-1 (I - lr/2 A) X,  A = P T X^T - X T^T P,  P = I - X X^T / 2

    Absil, Mahony & Sepulchre 2008, "Optimization algorithms on matrix manifolds", sections 3.6.1
    and 4.1.1; Wen & Yin 2013, "A feasible method for optimization with orthogonality constraints",
    sections 2.1 and 2.2, whose formula solves for 2n numbers only. Rounding in the latter is taken
    out by one step of Newton's method for the nearest orthonormal matrix.

    Both solve linear systems, for which CuPy has no recording: a training step with `capture` is
    refused. `orthogonal_penalty` is the cheap form.

    Args:
        params: Tensors with two axes or more, or (name, Tensor) pairs. Each is the matrix (first
            axis, all others), or its transpose if that is the tall one, and orthonormal at first:
            `nn.init.orthogonal_` makes it so.
        lr: see `Optimizer`.
        momentum: of the gradients in the surrounding space; only their sum is projected.
        retraction: "qr" or "cayley".
        transforms: see `Optimizer`.

    Raises:
        ValueError: as `Optimizer`; a parameter is no matrix, or not orthonormal to 1e-3; the
            retraction is unknown, or the momentum negative.

    >>> x = nn.init.orthogonal_(tg.zeros(4, 2), rng=rng)
    >>> x.requires_grad = True
    >>> optim.Stiefel([x], lr=0.5).step([rng.normal((4, 2))])
    >>> np.allclose((x.T @ x).numpy(), np.eye(2), atol=1e-5)
    True
    """

    def __init__(
        self, params: Iterable[Tensor] | Iterable[tuple[str, Tensor]], lr: float | Schedule,
        momentum: float = 0.0, retraction: str = "qr",
        transforms: Iterable[GradientTransform] = (),
    ) -> None:  # fmt: skip
        self.momentum = at_least_zero(self, "momentum", momentum)
        self.slots = ("velocity",) if momentum else ()
        if retraction not in RETRACTIONS:
            raise ValueError(f"Stiefel: retraction must be 'qr' or 'cayley', not {retraction!r}.")
        self.retraction = retraction
        super().__init__(params, lr, transforms)
        for name, p, view in zip(self.names, self.params, self._flat.views, strict=True):
            if p.ndim < 2:
                raise ValueError(f"Stiefel: parameter {name} has shape {p.shape}; pass matrices.")
            off = float(host(_defect(self._backend, _tall(view))))
            if not off <= 1e-3:
                raise ValueError(
                    f"Stiefel: parameter {name} is not orthonormal, but off by {off:.2g}; "
                    "start it with nn.init.orthogonal_."
                )

    def _update(self, w: Array, g: Array, numbers: Any) -> None:
        velocity = self._state.get("velocity")
        if velocity is not None:
            velocity *= self.momentum
            velocity += g
            g = velocity
        lr = numbers[0] if isinstance(numbers, tuple) else numbers[0].astype(w.dtype)
        retract = RETRACTIONS[self.retraction]
        for view, part in zip(self._flat.views, self._flat.layout.views(g), strict=True):
            x, d = _tall(view), _tall(part)
            tangent = tangent_part(self._backend, x, d)
            x[...] = retract(self._backend, x, lr * tangent)


class StiefelAdam(Adam):
    """Adam, some of whose matrices stay orthonormal.

        X = retraction of X at -T,  T the tangent part of Adam's own step      (see `Stiefel`)

    Adam divides each element by its own number, so its step leaves the manifold even where the
    gradient does not; what points away from it is taken out of the step, by QR. The moments are
    those of the gradients in the surrounding space, and stay where they are as X moves.

    Args:
        hidden: the matrices, as `Stiefel` takes them, but of any start: it is retracted.
        others: the rest, possibly empty, which Adam updates as ever.
        lr, betas, eps, transforms: see `Adam`.

    Raises:
        ValueError: as `Adam`; a parameter in `hidden` is no matrix.

    >>> x = nn.init.orthogonal_(tg.zeros(4, 2), rng=rng)
    >>> x.requires_grad = True
    >>> optim.StiefelAdam([("x", x)], lr=0.5).step([tg.ones(4, 2)])
    >>> np.allclose((x.T @ x).numpy(), np.eye(2), atol=1e-5)
    True
    """

    def __init__(
        self, hidden: Iterable[tuple[str, Tensor]], others: Iterable[tuple[str, Tensor]] = (),
        lr: float | Schedule = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        transforms: Iterable[GradientTransform] = (),
    ) -> None:  # fmt: skip
        matrices = list(hidden)
        for name, p in matrices:
            if p.ndim < 2:
                raise ValueError(
                    f"StiefelAdam: hidden parameter {name} has shape {p.shape}, which is no "
                    "matrix; pass it in `others`."
                )
        super().__init__([*matrices, *others], lr, betas, eps, transforms=transforms)
        self._orthonormal = [_tall(view) for view in self._flat.views[: len(matrices)]]
        for x in self._orthonormal:
            x[...] = _qr(self._backend, x, 0.0 * x)

    def _update(self, w: Array, g: Array, numbers: Any) -> None:
        before = [x.copy() for x in self._orthonormal]
        super()._update(w, g, numbers)
        for x, old in zip(self._orthonormal, before, strict=True):
            x[...] = _qr(self._backend, old, tangent_part(self._backend, old, old - x))


def tangent_part(backend: Any, x: Array, d: Array) -> Array:
    """d - x sym(x^T d)."""
    product = backend.dot(x.T, d)
    return d - backend.dot(x, 0.5 * (product + product.T))


def _qr(backend: Any, x: Array, step: Array) -> Array:
    q, r = backend.linalg.qr(x - step)
    return q * (1.0 - 2.0 * (backend.diagonal(r) < 0).astype(q.dtype))


def _cayley(backend: Any, x: Array, step: Array) -> Array:
    n = x.shape[1]
    across = step - 0.5 * backend.dot(x, backend.dot(x.T, step))
    u = backend.concatenate([across, x], axis=1)
    v = backend.concatenate([x, -across], axis=1)
    inner = backend.eye(2 * n, dtype=x.dtype) + 0.5 * backend.dot(v.T, u)
    y = x - backend.dot(u, backend.linalg.solve(inner, backend.dot(v.T, x)))
    return 1.5 * y - 0.5 * backend.dot(y, backend.dot(y.T, y))


RETRACTIONS = {"qr": _qr, "cayley": _cayley}


def _tall(array: Array) -> Array:
    """The matrix (first axis, all others) or its transpose, as a view with more rows."""
    matrix = array.reshape(len(array), -1)
    return matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T


def _defect(backend: Any, x: Array) -> Array:
    """The largest element of |x^T x - I|, 0-d."""
    return backend.amax(abs(backend.dot(x.T, x) - backend.eye(x.shape[1], dtype=x.dtype)))
