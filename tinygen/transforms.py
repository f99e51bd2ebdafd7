"""Functions of functions: derivatives of any order, in any direction.

What one can do with this file:

    y, pullback = tg.vjp(f, x)              # pullback(u) is J^T u: reverse mode
    y, dy = tg.jvp(f, x, v)                 # dy is J v: forward mode
    tg.hvp(f, x, v)                         # H v, without forming H
    tg.jacobian(f, x), tg.hessian(f, x)     # J and H themselves
    loss, slope = tg.value_and_grad(f)(x)

A transform behaves like any operation: what it returns is recorded if something that it was
computed from (an input, a direction, a parameter that `f` reads) requires gradients, so transforms
nest and can be trained through. Where that is not wanted, `with tg.no_grad():` saves its cost.

The key idea: J^T u is linear in u, and it is recorded like everything else. So its own transpose,
once more by the reverse pass, is J v: forward mode needs no rules of its own.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from .autograd import grad
from .backend import ARRAY_TYPES, BACKEND_OF
from .ops import astype, multiply, reshape, stack, sum, zeros_like
from .primitive import primitive, recording
from .tensor import Node, Tensor, tick

__all__ = ["hessian", "hvp", "jacobian", "jvp", "value_and_grad", "vjp"]

identity = primitive("identity", lambda xp, x: x,
                      lambda g: g,
                      doc="The same values under a node of their own.")  # fmt: skip


def vjp(f: Callable[..., Any], *inputs: Tensor) -> tuple[Any, Callable[[Any], Any]]:
    """The outputs of `f`, and the function that pulls cotangents back: J^T u.

    Args:
        f: takes tensors, returns a tensor or several. What it reads besides is constant.
        inputs: floating-point tensors; they need not require gradients.

    Returns:
        f(*inputs), and `pullback(u)`, to be called as often as wanted: `u` has the shape of the
        output (a list of them for several outputs), the result that of the input (a list for
        several inputs), zeros where nothing depends on it.

    Raises:
        TypeError: an input is no floating-point Tensor.
        ValueError: (from `pullback`) a cotangent has another shape than its output.

    >>> value, pullback = tg.vjp(lambda x: x**2, tg.tensor([1.0, 2.0]))
    >>> value, pullback(tg.tensor([1.0, 10.0]))
    (Tensor([1., 4.]), Tensor([ 2., 40.]))
    """
    run = _Run("vjp", f, inputs)

    def pullback(cotangent: Any) -> Any:
        us = _directions("vjp", "cotangent", cotangent, run.outputs, run.several)
        return _one_or_list(run.pull(us), len(inputs) > 1)

    return run.result(), pullback


def jvp(f: Callable[..., Any], inputs: Any, tangents: Any) -> tuple[Any, Any]:
    """The outputs of `f`, and how they move when the inputs move along `tangents`: J v.

    Forward mode as the transpose of reverse mode (Townsend 2017, "A new trick for calculating
    Jacobian vector products"): exact, of every order, by the same rules. It costs one evaluation
    and two reverse passes, and remembers the graph of the first: about twice the time of a forward
    mode with rules of its own, and memory like reverse mode's.

    Args:
        inputs, tangents: one tensor and its direction, or a list of each, of equal shapes.

    Raises:
        TypeError: an input is no floating-point Tensor.
        ValueError: a tangent has another shape than its input.

    >>> value, rate = tg.jvp(lambda x: x**2, tg.tensor([1.0, 2.0]), tg.tensor([1.0, 10.0]))
    >>> value, rate
    (Tensor([1., 4.]), Tensor([ 2., 40.]))
    """
    several = not isinstance(inputs, Tensor)
    xs = list(inputs) if several else [inputs]
    run = _Run("jvp", f, xs)
    moved = run.transpose()(_directions("jvp", "tangent", tangents, xs, several))
    return run.result(), tuple(moved) if run.several else moved[0]


def value_and_grad(f: Callable[..., Any]) -> Callable[..., tuple[Tensor, Any]]:
    """The function that returns f(*inputs), one number, and its gradient in every input.

    The gradient is a tensor for one input, a list for several, each in the shape of its input. It
    raises TypeError for an input that is no floating-point Tensor, ValueError where f returns more
    than one number.

    >>> value, gradient = tg.value_and_grad(lambda x: (x**2).sum())(tg.tensor([1.0, 2.0]))
    >>> value, gradient
    (Tensor(5.), Tensor([2., 4.]))
    """
    return _value_and_grad("value_and_grad", f)


def hvp(f: Callable[..., Any], x: Any, v: Any) -> Any:
    """The Hessian of f at x times v, in about twice the time of a gradient.

    Args:
        f: returns one number.
        x, v: one tensor and a direction of its shape, or a list of each; so is the result.

    Raises:
        TypeError: an input is no floating-point Tensor.
        ValueError: f returns more than one number, or a direction has another shape than its input.

    >>> tg.hvp(lambda x: x[0] ** 2 * x[1], tg.tensor([1.0, 2.0]), tg.tensor([1.0, 0.0]))
    Tensor([4., 2.])
    """
    several = not isinstance(x, Tensor)
    gradient = _value_and_grad("hvp", f)
    run = _Run("hvp", lambda *xs: gradient(*xs)[1], list(x) if several else [x])
    # H is symmetric, so that H v is H^T v
    return _one_or_list(run.pull(_directions("hvp", "direction", v, run.inputs, several)), several)


def jacobian(f: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Every derivative of every element of f(x): an array of shape (*y.shape, *x.shape).

    One pass for each element of the output, or of the input if that is smaller.

    Raises:
        TypeError: an input is no floating-point Tensor, or f returns several tensors.

    >>> tg.jacobian(lambda x: tg.stack([x[0] * x[1], x[0]]), tg.tensor([2.0, 3.0]))
    Tensor([[3., 2.],
            [1., 0.]])
    """
    return _jacobian("jacobian", f, x)


def hessian(f: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """The second derivatives of `f`, which returns one number: shape (*x.shape, *x.shape).

    Raises:
        TypeError: an input is no floating-point Tensor.
        ValueError: f returns more than one number.

    >>> tg.hessian(lambda x: x[0] ** 2 * x[1], tg.tensor([1.0, 2.0]))
    Tensor([[4., 2.],
            [2., 0.]])
    """
    gradient = _value_and_grad("hessian", f)
    return _jacobian("hessian", lambda x: gradient(x)[1], x)


class _Run:
    """One evaluation of a function, recorded, at stand-ins for its inputs.

    A stand-in is a node that nothing else has. So a derivative with respect to it is that of the
    argument alone, also where the function reads the same tensor from outside.
    """

    def __init__(self, name: str, f: Callable, inputs: Sequence[Any]) -> None:
        for i, x in enumerate(inputs):
            if not isinstance(x, Tensor) or x.dtype.kind != "f":
                kind = f"{x.dtype} tensor" if isinstance(x, Tensor) else type(x).__name__
                raise TypeError(
                    f"{name}: input {i} is a {kind}, not a floating-point Tensor; what is not "
                    "to be differentiated goes into the function: lambda x: f(x, labels)."
                )
        start = tick()
        with recording(True) as connected:
            self.inputs = [
                identity(x)
                if connected and x._node is not None
                else Tensor(x._data, requires_grad=True)
                for x in inputs
            ]
            self.outputs, self.several = as_tensors(name, f(*self.inputs))
        self.connected = connected and bool(nodes_behind(self.outputs, start)[1])

    def result(self) -> Any:
        """The outputs, without a graph unless they depend on something from outside."""
        ys = self.outputs if self.connected else [y.detach() for y in self.outputs]
        return tuple(ys) if self.several else ys[0]

    def pull(self, cotangents: list[Tensor], once: bool = False) -> list[Tensor]:
        """J^T u. With `once` the graph may go as it is used."""
        return pull_back(self.outputs, self.inputs, cotangents, self._record(cotangents), not once)

    def transpose(self) -> Callable[[list[Tensor]], list[Tensor]]:
        """The function that takes v to J v: the pullback of the pullback, which is linear."""
        live = [k for k, y in enumerate(self.outputs) if y._node is not None]
        # Being linear, its derivative is the same everywhere: zero cannot overflow.
        us = [Tensor(zeros_like(self.outputs[k])._data, requires_grad=True) for k in live]
        pulled = pull_back([self.outputs[k] for k in live], self.inputs, us, record=True)

        def push(tangents: list[Tensor]) -> list[Tensor]:
            moved = pull_back(pulled, us, tangents, self._record(tangents))
            still = [zeros_like(y.detach()) for y in self.outputs]
            return [moved[live.index(k)] if k in live else z for k, z in enumerate(still)]

        return push

    def _record(self, directions: list[Tensor]) -> bool:
        with recording(True) as now:
            return now and (self.connected or any(v._node is not None for v in directions))


def _value_and_grad(name: str, f: Callable) -> Callable[..., tuple[Tensor, Any]]:
    def value_and_gradient(*inputs: Tensor) -> tuple[Tensor, Any]:
        run = _Run(name, f, inputs)
        y = run.outputs[0]
        if run.several or y.size != 1:
            what = f"{len(run.outputs)} tensors" if run.several else f"shape {y.shape}"
            raise ValueError(
                f"{name}: the function must return one number, not {what}; reduce it with .sum() "
                "or .mean()."
            )
        one = Tensor(zeros_like(y.detach())._data + 1)
        return run.result(), _one_or_list(run.pull([one], once=True), len(inputs) > 1)

    return value_and_gradient


def _jacobian(name: str, f: Callable, x: Tensor) -> Tensor:
    run = _Run(name, f, [x])
    if run.several:
        raise TypeError(f"{name}: the function must return one Tensor, not {len(run.outputs)}.")
    y = run.outputs[0]
    forward = x.size < y.size
    apply = run.transpose() if forward else run.pull
    parts = [apply([unit])[0] for unit in _units(x if forward else y)]
    if not parts:
        return Tensor(BACKEND_OF[type(y._data)].zeros(y.shape + x.shape, dtype=y.dtype))
    return reshape(stack(parts, axis=-1 if forward else 0), y.shape + x.shape)


def _units(x: Tensor) -> list[Tensor]:
    """The unit vectors of the space of x."""
    eye = BACKEND_OF[type(x._data)].eye(x.size, dtype=x.dtype)
    return [Tensor(eye[i].reshape(x.shape)) for i in range(x.size)]


def pull_back(
    outputs: list[Tensor], inputs: list[Tensor], cotangents: list[Tensor], record: bool,
    retain: bool = True,
) -> list[Tensor]:  # fmt: skip
    """The cotangents of `inputs`, given those of `outputs`; zeros where nothing depends on one."""
    pairs = [(y, u) for y, u in zip(outputs, cotangents, strict=True) if y._node is not None]
    found: list[Tensor | None] = [None] * len(inputs)
    if pairs:
        y: Tensor = pairs[0][0]
        u: Tensor | None = pairs[0][1]
        with recording(True):
            if len(pairs) > 1:  # the gradient of <u, y>
                products = [sum(multiply(y, astype(u, y.dtype))) for y, u in pairs]
                y, u = functools.reduce(lambda a, b: a + b, products), None
            found = grad(
                y, inputs, cotangent=u, create_graph=record, retain_graph=retain, allow_unused=True
            )
    return [zeros_like(x.detach()) if g is None else g for x, g in zip(inputs, found, strict=True)]


def nodes_behind(outputs: Sequence[Tensor], start: int) -> tuple[list[Node], list[Node]]:
    """The nodes made since `start` from which these were computed, and the older ones they read."""
    stack = [y._node for y in outputs if y._node is not None]
    seen = set(stack)
    inside, outside = [], []
    while stack:
        node = stack.pop()
        if node.time < start:
            outside.append(node)
            continue
        inside.append(node)
        for older in node.inputs:
            if older is not None and older not in seen:
                seen.add(older)
                stack.append(older)
    return inside, sorted(outside, key=lambda node: node.time)


def as_tensors(name: str, result: Any) -> tuple[list[Tensor], bool]:
    """What a function returned, as a list, and whether it was one."""
    several = isinstance(result, (tuple, list))
    ys = list(result) if several else [result]
    for y in ys:
        if not isinstance(y, Tensor):
            raise TypeError(
                f"{name}: the function must return a Tensor or several, not a {type(y).__name__}."
            )
    return ys, several


def _directions(
    name: str, what: str, given: Any, like: list[Tensor], several: bool
) -> list[Tensor]:
    directions = list(given) if several else [given]
    if len(directions) != len(like):
        raise ValueError(f"{name}: {len(like)} {what}s are needed, not {len(directions)}.")
    for i, (v, x) in enumerate(zip(directions, like, strict=True)):
        if type(v) in ARRAY_TYPES:
            directions[i] = v = Tensor(v)
        if not isinstance(v, Tensor):
            raise TypeError(f"{name}: {what} {i} is a {type(v).__name__}; make it with tg.tensor.")
        if v.shape != x.shape:
            raise ValueError(f"{name}: {what} {i} has shape {v.shape}; it must be {x.shape}.")
    return directions


def _one_or_list(tensors: list[Tensor], several: bool) -> Any:
    return tensors if several else tensors[0]
