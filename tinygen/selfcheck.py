"""Every operation against finite differences, on this machine: what `tinygen gradcheck` prints.

    from tinygen.selfcheck import selfcheck
    for result in selfcheck(["conv2d"], order=2):
        print(result)

Orders above 1 are checked as the gradient of a projection of the gradient: see `gradcheck`.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .autograd import grad
from .backend import BACKEND_OF, Backend, backend_for, cuda_status
from .examples import EXAMPLES, Example
from .gradcheck import GradientError, gradcheck
from .ops import multiply, sum
from .primitive import PRIMITIVES
from .random import Generator
from .tensor import Tensor
from .transforms import vjp

__all__ = ["Result", "primitives_to_check", "selfcheck", "usable_devices"]

TOLERANCE = 1e-7
"""On |numeric - analytic| / (1 + |numeric| + |analytic|), in double precision."""


@dataclass(frozen=True)
class Result:
    """How an operation did on a device, over all of its examples."""

    primitive: str
    device: str
    errors: tuple[float, ...]
    """The worst of each order; infinite where it could not be computed."""
    keeps_float32: bool
    """Whether results and gradients of single-precision inputs are so as well, at every order."""
    failure: str = ""
    """What went wrong first; empty if nothing did."""


def usable_devices() -> list[str]:
    """The processor, and CUDA where it works."""
    return ["cpu"] if cuda_status() else ["cpu", "cuda"]


def primitives_to_check() -> list[str]:
    """The operations of tinygen that have derivative rules, by name."""
    return sorted(
        name
        for name, apply in PRIMITIVES.items()
        if apply.operation.forward.__module__.split(".")[0] == "tinygen"  # type: ignore[attr-defined]
        and (not isinstance(rules := apply.operation.rules, list) or any(rules))  # type: ignore[attr-defined]
    )


def selfcheck(
    names: Sequence[str] = (), *, order: int = 3, devices: Sequence[str] | None = None
) -> Iterator[Result]:
    """Check derivatives of every operation, one result at a time.

    Args:
        names: of operations; none for all.
        devices: "cpu", "cuda", ...; None for all that can be used.
    """
    known = primitives_to_check()
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known)
            hint = "what is composed of others, such as mean, has no rule of its own"
            if near:
                hint = f"the nearest names are {', '.join(near)}"
            raise ValueError(f"no differentiable operation is called {name!r}; {hint}.")
    for device in usable_devices() if devices is None else devices:
        backend = backend_for(device)
        for name in names or known:
            yield _check(name, device, backend, order)


def _check(name: str, device: str, backend: Backend, order: int) -> Result:
    examples = [example for example in EXAMPLES if example.op == name]
    result = Result(name, device, (0.0,) * order, True)
    if not examples:
        lacking = "it has no example in tinygen/examples.py"
        return replace(result, errors=(math.inf,) * order, keeps_float32=False, failure=lacking)
    for example in examples:
        result = _check_example(example, result, backend)
    return result


def _check_example(example: Example, result: Result, backend: Backend) -> Result:
    inputs = [np.asarray(a) for a in example.inputs()]
    doubles, singles = (
        [Tensor(backend.from_host(a.astype(dtype))) for a in inputs]
        for dtype in ("float64", "float32")
    )
    errors, kept, failure = list(result.errors), result.keeps_float32, result.failure
    f = _curved(example.function)
    for n in range(len(errors)):
        try:
            error = gradcheck(f, doubles, tolerance=math.inf)
            if error > TOLERANCE:
                failure = failure or _explanation(f, doubles, n + 1)
            if not _keeps_dtype(f, singles):
                kept = False
                failure = failure or f"order {n + 1}: float32 inputs give float64 somewhere"
        except Exception as problem:
            error = math.inf
            failure = failure or f"order {n + 1}: {problem}"
        errors[n] = max(errors[n], error)
        f = _slope(f)
    return replace(result, errors=tuple(errors), keeps_float32=kept, failure=failure)


def _explanation(f: Callable, inputs: list[Tensor], order: int) -> str:
    try:
        gradcheck(f, inputs, tolerance=TOLERANCE)
    except GradientError as error:
        return str(error).replace("order 1", f"order {order}", 1)
    return f"order {order}: above the tolerance of {TOLERANCE:.0e}"


def _curved(f: Callable[..., Any]) -> Callable[..., Any]:
    """y + y^2 / 2 + y^3 / 6: so a linear operation's higher derivatives are not zero either."""

    def curved(*xs: Tensor) -> Tensor:
        y = f(*xs)
        square = multiply(y, y)
        return y + square * 0.5 + multiply(square, y) * (1.0 / 6.0)

    return curved


def _slope(f: Callable[..., Any]) -> Callable[..., Any]:
    """One number that the gradient of `f` decides: its product with fixed random directions."""

    def slope(*xs: Tensor) -> Tensor:
        rng = Generator(1, device="cpu")  # the same at every call
        y, pullback = vjp(f, *xs)
        found = pullback(_random_like(y, rng))
        parts = [found] if isinstance(found, Tensor) else found
        total = sum(parts[0]) * 0.0
        for g in parts:
            total = total + sum(multiply(g, _random_like(g, rng)))
        return total

    return slope


def _random_like(x: Tensor, rng: Generator) -> Tensor:
    values = rng.normal(x.shape, dtype="float64").astype(x.dtype)
    return Tensor(BACKEND_OF[type(x.data)].from_host(values))


def _keeps_dtype(f: Callable[..., Any], inputs: list[Tensor]) -> bool:
    leaves = [Tensor(x.data, requires_grad=True) for x in inputs]
    y = f(*leaves)
    found = [y]
    if y.requires_grad:
        u = _random_like(y, Generator(2, device="cpu"))
        found += grad(y, leaves, cotangent=u, allow_unused=True)
    return all(x is None or x.dtype == np.float32 for x in found)
