"""Operators and methods of Tensor: each is an operation of this package under another name."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..primitive import PRIMITIVES
from ..tensor import Tensor
from . import arithmetic, elementwise, indexing, linalg, reductions, shape


def _reversed(op: Any) -> Any:
    return lambda b, a: op(a, b)


METHODS = {
    "__add__": arithmetic.add,
    "__radd__": arithmetic.add,
    "__sub__": arithmetic.subtract,
    "__rsub__": _reversed(arithmetic.subtract),
    "__mul__": arithmetic.multiply,
    "__rmul__": arithmetic.multiply,
    "__truediv__": arithmetic.divide,
    "__rtruediv__": _reversed(arithmetic.divide),
    "__floordiv__": arithmetic.floor_divide,
    "__rfloordiv__": _reversed(arithmetic.floor_divide),
    "__pow__": arithmetic.power,
    "__rpow__": _reversed(arithmetic.power),
    "__matmul__": linalg.matmul,
    "__rmatmul__": _reversed(linalg.matmul),
    "__neg__": arithmetic.negative,
    "__abs__": elementwise.absolute,
    "__lt__": arithmetic.less,
    "__le__": arithmetic.less_equal,
    "__gt__": arithmetic.greater,
    "__ge__": arithmetic.greater_equal,
    "__eq__": arithmetic.equal,
    "__ne__": arithmetic.not_equal,
    "__and__": arithmetic.logical_and,
    "__or__": arithmetic.logical_or,
    "__invert__": arithmetic.logical_not,
    "__getitem__": indexing.getitem,
    "T": property(shape.transpose),
    "dot": linalg.matmul,  # as arrays have it, for one and two axes
    **{op.__name__: op for op in (
        elementwise.exp, elementwise.log, elementwise.sqrt, elementwise.tanh, elementwise.sigmoid,
        elementwise.relu, elementwise.astype, arithmetic.clip,
        reductions.sum, reductions.mean, reductions.var, reductions.std, reductions.max,
        reductions.min, reductions.prod, reductions.cumsum, reductions.argmax, reductions.argmin,
        reductions.norm, shape.reshape, shape.transpose, shape.swapaxes, shape.squeeze,
        shape.expand_dims, linalg.trace,
    )},
}  # fmt: skip

for _name, _method in METHODS.items():
    setattr(Tensor, _name, _method)


class _UfuncGuard:
    """`Tensor.__array_ufunc__`, which NumPy reads on the class and CuPy on the instance.

    CuPy wants None there, to leave `array * tensor` to the tensor. NumPy would do the same for
    None, but then `np.exp(tensor)` fails without naming the remedy, so NumPy gets a function.
    """

    def __get__(self, tensor: Tensor | None, cls: type) -> Any:
        return self.on_numpy_ufunc if tensor is None else None

    @staticmethod
    def on_numpy_ufunc(
        tensor: Tensor, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any
    ) -> Any:
        op = PRIMITIVES.get(ufunc.__name__)
        if ufunc.nin == 2 and op is not None and method == "__call__" and not kwargs:
            return op(*inputs)  # an operator with an array on its left
        raise TypeError(_instead_of(ufunc.__name__))


def _on_numpy_function(
    tensor: Tensor, function: Any, types: Any, arguments: tuple, keywords: dict
) -> Any:
    """`Tensor.__array_function__`: what NumPy's functions that are no ufuncs come to."""
    if function in (np.shape, np.ndim, np.size):
        return function._implementation(*arguments, **keywords)
    inside = function.__module__.removeprefix("numpy").removeprefix(".")
    several = bool(arguments) and isinstance(arguments[0], (list, tuple))
    raise TypeError(_instead_of(function.__name__, f"{inside}." if inside else "", several))


def _instead_of(name: str, inside: str = "", several: bool = False) -> str:
    """The sentence that names tinygen's own function, if there is one."""
    from . import __all__ as known

    x, values = ("xs", "[x.numpy() for x in xs]") if several else ("x", "x.numpy()")
    own, theirs = {"amax": "max", "amin": "min"}.get(name, name), f"np.{inside}{name}"
    instead = f"write tg.{own}({x}), not {theirs}({x})" if own in known else "build it of tg's operations"
    return f"{theirs} cannot record what it does to a Tensor: {instead}; for values only, {theirs}({values})."


Tensor.__array_ufunc__ = _UfuncGuard()  # type: ignore[attr-defined]
Tensor.__array_function__ = _on_numpy_function  # type: ignore[attr-defined]
