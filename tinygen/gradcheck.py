"""Checking derivatives of any order against finite differences.

    tg.gradcheck(lambda x: tg.tanh(x) ** 2, [x], order=3)

The derivative of order n + 1 is checked as the first derivative of the derivative of order n. Each
check draws a random direction v in the inputs and a random cotangent u of the output (never ones: a
softmax whose rule returns zero passes with ones) and compares

    <u, f(x + h v) - f(x - h v)> / 2h      with      <v, gradient of <u, f> at x>.

The numeric side is computed in float64 whatever the dtype of the inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .autograd import grad
from .backend import ARRAY_TYPES, BACKEND_OF, Backend
from .ops import multiply, sum
from .random import Generator
from .tensor import Tensor

__all__ = ["GradientError", "gradcheck"]


class GradientError(AssertionError):
    """A derivative disagrees with finite differences.

    >>> wrong = tg.primitive("wrong", lambda xp, x: x * x, lambda g, x: g * x)
    >>> try:
    ...     tg.gradcheck(wrong, [[1.0]])
    ... except tg.GradientError as error:
    ...     print(str(error)[:35])
    order 1: finite differences give 0.
    """


def gradcheck(
    f: Callable[..., Any],
    inputs: Sequence[Any],
    *,
    order: int = 1,
    step: float = 1e-5,
    tolerance: float = 1e-6,
    directions: int = 2,
    rng: Generator | None = None,
) -> float:
    """Check the derivatives of `f` with respect to every input, up to `order`.

    Args:
        f: takes tensors, returns a tensor; smooth near the inputs, and the same at every call.
        inputs: floating-point arrays or tensors, all of them differentiated.
        step: h, the half-width of the central difference, for inputs of size about 1.
        tolerance: on |numeric - analytic| / (1 + |numeric| + |analytic|). With h = 1e-5 the
            difference itself errs by about 1e-10.
        directions: how many random (v, u) pairs at each order.
        rng: the source of directions (default: seed 0).

    Returns:
        The worst error found, at or below `tolerance`.

    Raises:
        GradientError: with the order, the input and the element that disagree most, or where the
            output or a gradient has the wrong dtype or shape, or an input was written to.
        ValueError: there is nothing to check.
        TypeError: an input has elements that are not floats.

    >>> tg.gradcheck(lambda x, y: tg.tanh(x * y), [[0.5, -1.0], [2.0, 1.0]], order=2) < 1e-6
    True
    """
    if order < 1 or directions < 1 or not len(inputs):
        raise ValueError(
            "gradcheck: there is nothing to check: order and directions must be at least 1, and "
            f"there must be an input, not {order}, {directions} and {len(inputs)} inputs."
        )
    tensors = [
        x if isinstance(x, Tensor) else Tensor(x if type(x) in ARRAY_TYPES else np.asarray(x))
        for x in inputs
    ]
    for i, x in enumerate(tensors):
        if x.dtype.kind != "f":
            raise TypeError(f"gradcheck: input {i} is {x.dtype}; only floats have derivatives.")
    rng = Generator(0, device="cpu") if rng is None else rng
    _check_dtypes(f, tensors, rng)
    arrays = [x.numpy().astype(np.float64) for x in tensors]
    backend = BACKEND_OF[type(tensors[0].data)]
    worst = 0.0
    for n in range(1, order + 1):
        for _ in range(directions):
            worst = max(worst, _check_once(f, arrays, n, backend, step, tolerance, rng))
        f = _derivative(f, len(arrays), rng)
    return worst


def _check_once(
    f: Callable, arrays: list[np.ndarray], order: int, backend: Backend,
    step: float, tolerance: float, rng: Generator,
) -> float:  # fmt: skip
    def value(shifted: list[np.ndarray]) -> float:
        return float(np.sum(u * f(*(_tensor(backend, a) for a in shifted)).numpy()))

    leaves = [_tensor(backend, a, requires_grad=True) for a in arrays]
    y = f(*leaves)
    u = rng.normal(y.shape, dtype="float64")
    found: list[Tensor | None] = [None] * len(leaves)
    if y.requires_grad:
        found = grad(y, leaves, cotangent=backend.from_host(u), allow_unused=True)
    gradients = [
        np.zeros(a.shape) if g is None else g.numpy() for a, g in zip(arrays, found, strict=True)
    ]

    along = [rng.normal(a.shape, dtype="float64") for a in arrays]
    analytic = float(sum_products(along, gradients))
    ahead = [a + step * v for a, v in zip(arrays, along, strict=True)]
    behind = [a - step * v for a, v in zip(arrays, along, strict=True)]
    numeric = (value(ahead) - value(behind)) / (2 * step)
    error = _relative(numeric, analytic)
    if not error <= tolerance:  # a NaN fails too
        raise GradientError(
            f"order {order}: finite differences give {numeric:.10g}, the gradient {analytic:.10g} "
            f"along a random direction; {_worst_element(value, arrays, gradients, step)}."
        )
    return error


def _worst_element(
    value: Callable, arrays: list[np.ndarray], gradients: list[np.ndarray], step: float
) -> str:
    """Which single element disagrees most: one more difference for each, up to 200."""
    worst, message = -1.0, "there are no elements"
    checked = 0
    for i, (a, g) in enumerate(zip(arrays, gradients, strict=True)):
        for index in np.ndindex(a.shape):
            checked += 1
            if checked > 200:
                return message
            shifted = [b.copy() for b in arrays]
            shifted[i][index] += step
            ahead = value(shifted)
            shifted[i][index] -= 2 * step
            numeric = (ahead - value(shifted)) / (2 * step)
            error = _relative(numeric, float(g[index]))
            if not error <= worst:
                worst = error
                message = (
                    f"the worst element is {list(index)} of input {i}: "
                    f"{numeric:.10g} against {float(g[index]):.10g}"
                )
    return message


def _derivative(f: Callable, count: int, rng: Generator) -> Callable:
    """The gradient of <u, f>, itself a function of the inputs, with its parts weighted and summed.

    Weights are drawn once, at the first call, and stay: the result is one fixed smooth function.
    """
    weights: dict[str, np.ndarray] = {}

    def fixed(name: str, x: Any) -> Any:
        if name not in weights:
            weights[name] = rng.normal(x.shape, dtype="float64")
        return BACKEND_OF[type(x.data)].from_host(weights[name])

    def derivative(*leaves: Tensor) -> Tensor:
        # Inputs that need no gradient themselves still are what is differentiated here.
        xs = [x if x.requires_grad else Tensor(x.data, requires_grad=True) for x in leaves]
        y = f(*xs)
        total = sum(y) * 0.0
        if y.requires_grad:
            found = grad(y, xs, cotangent=fixed("u", y), create_graph=True, allow_unused=True)
            for i, g in enumerate(found):
                if g is not None:
                    total = total + sum(multiply(g, fixed(f"v{i}", g)))
        return total

    return derivative


def _check_dtypes(f: Callable, tensors: list[Tensor], rng: Generator) -> None:
    """In the inputs' own dtype: results and gradients have it, and nothing is written to."""
    leaves = [Tensor(x.data.copy(), requires_grad=True) for x in tensors]
    y = f(*leaves)
    widest = np.result_type(*(x.dtype for x in tensors))
    if y.dtype.itemsize > widest.itemsize:
        raise GradientError(
            f"the output is {y.dtype}, the inputs at most {widest}: a constant widened it."
        )
    if not y.requires_grad:
        return
    u = BACKEND_OF[type(y.data)].from_host(rng.normal(y.shape, dtype="float64").astype(y.dtype))
    before = u.copy()
    found = grad(y, leaves, cotangent=u, allow_unused=True)
    for i, (x, leaf, g) in enumerate(zip(tensors, leaves, found, strict=True)):
        if g is not None and (g.shape, g.dtype) != (x.shape, x.dtype):
            raise GradientError(
                f"the gradient of input {i} is {g.dtype} {g.shape}, not {x.dtype} {x.shape} as "
                "the input."
            )
        if not np.array_equal(leaf.numpy(), x.numpy(), equal_nan=True):
            raise GradientError(f"input {i} was written to.")
    if not np.array_equal(Tensor(u).numpy(), Tensor(before).numpy()):
        raise GradientError("the cotangent was written to.")


def _tensor(backend: Backend, array: np.ndarray, requires_grad: bool = False) -> Tensor:
    return Tensor(backend.from_host(array), requires_grad=requires_grad)


def sum_products(a: list[np.ndarray], b: list[np.ndarray]) -> float:
    """The inner product of two lists of arrays."""
    total = 0.0
    for x, y in zip(a, b, strict=True):
        total += float(np.sum(x * y))
    return total


def _relative(a: float, b: float) -> float:
    return abs(a - b) / (1.0 + abs(a) + abs(b))
