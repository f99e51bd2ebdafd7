"""Operations: a forward computation and its derivative rules, declared together.

What one can do with this file:

    square = primitive("square", lambda xp, x: x * x,          # the forward computation
                       lambda g, x: g * (2.0 * x))             # the cotangent of x, given that of y
    x = Tensor(numpy.array([1.0, 2.0, 3.0]), requires_grad=True)
    y = square(x)                                              # y remembers square and x
    grad(y, x, cotangent=Tensor(numpy.ones(3)))                # walks back: Tensor([2., 4., 6.])

The key idea: a rule is written with operators and other primitives only. Given raw arrays it runs
at array speed; given Tensors it records itself, and the derivative can be differentiated again. So
one rule serves every order. There is no mathematics here; that lives in `tinygen.ops`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from operator import itemgetter
from typing import Any

import numpy as np

from .backend import ARRAY_TYPES, BACKEND_OF, Array, Backend
from .tensor import Node, Tensor

__all__ = ["PRIMITIVES", "Operation", "constant", "no_grad", "primitive", "primitive_of_many"]

_recording = True


@contextmanager
def recording(on: bool) -> Iterator[bool]:
    """Record what follows, or do not; gives what held before."""
    global _recording
    before, _recording = _recording, on
    try:
        yield before
    finally:
        _recording = before


def no_grad() -> AbstractContextManager[Any]:
    """`with tg.no_grad():` nothing is recorded; results are constants.

    >>> x = tg.tensor([1.0], requires_grad=True)
    >>> with tg.no_grad():
    ...     (x * 2.0).requires_grad
    False
    """
    return recording(False)


class ShapeError(ValueError):
    """Arguments that do not fit together, told in full by the operation that found out."""


class Operation:
    """A forward computation and, argument by argument, the rule for its cotangent.

    A rule's parameters are exactly what it reads, by name: `g` is the cotangent of the output, `y`
    the output, any parameter of the forward computation that argument, and `x_shape` the shape of
    the argument `x`. What no rule names is not kept alive for the backward pass.
    """

    __slots__ = ("name", "forward", "rules", "through", "parameters", "keep", "shapes")

    def __init__(
        self,
        name: str,
        forward: Callable,
        rules: Sequence[Callable | None],
        through: Callable | None = None,
    ) -> None:
        self.name = name
        self.forward = forward
        for function in (forward, *rules, through):
            if function is not None and not hasattr(function, "__code__"):
                raise TypeError(
                    f"{name}: {function!r} does not tell the names of its parameters; write a "
                    "lambda, such as lambda xp, x: xp.tanh(x)."
                )
        self.parameters = forward.__code__.co_varnames[1 : forward.__code__.co_argcount]
        if {"g", "y"} & set(self.parameters):
            raise TypeError(f"{name}: g and y name the cotangent and the output; rename arguments.")
        # A node keeps (y, *arguments, *shapes asked for); rules pick from there by position.
        slots = {"y": 0} | {p: i + 1 for i, p in enumerate(self.parameters)}
        self.shapes: list[int] = []
        self.rules: Any = []
        reads_of: list[set[int]] = []
        for rule in (*rules, through):
            if rule is None:
                self.rules.append(None)
                reads_of.append(set())
                continue
            positions = []
            for wanted in rule.__code__.co_varnames[1 : rule.__code__.co_argcount]:
                if wanted not in slots:
                    self._add_shape(wanted, slots)
                positions.append(slots[wanted])
            self.rules.append((rule, _picker(positions)))
            reads_of.append(set(positions))
        self.through = self.rules.pop()
        always = reads_of.pop()
        self.rules += [None] * (len(self.parameters) - len(rules))
        # keep[mask]: which of (y, *arguments) to keep when the arguments in `mask` need gradients
        width = 1 + len(self.parameters)
        self.keep = [
            tuple(any(mask >> i & 1 and slot in reads | always for i, reads in enumerate(reads_of))
                  for slot in range(width))
            for mask in range(1 << len(rules))
        ]  # fmt: skip

    def _add_shape(self, wanted: str, slots: dict[str, int]) -> None:
        argument, _, suffix = wanted.rpartition("_")
        if suffix != "shape" or argument not in self.parameters:
            known = ", ".join(["y", *self.parameters, *(f"{p}_shape" for p in self.parameters)])
            raise TypeError(f"{self.name}: a rule asks for {wanted!r}; it can have {known}.")
        self.shapes.append(self.parameters.index(argument))
        slots[wanted] = len(slots)

    def record(self, arguments: Sequence[Any], inputs: Sequence, mask: int, y: Array) -> Tensor:
        """The output as a Tensor with its node."""
        kept = [a if k else None for a, k in zip((y, *arguments), self.keep[mask], strict=False)]
        if self.shapes:
            kept += [arguments[i].shape for i in self.shapes]
        return Tensor(y, Node(self, tuple(inputs), tuple(kept), y))

    def explain(self, arguments: Sequence[Any], error: Exception) -> Exception:
        """The error that a caller should see: the operation, its arguments, the cause."""
        if isinstance(error, ShapeError):
            return error
        described = ", ".join(_describe(a) for a in arguments)
        kinds = {BACKEND_OF[type(a)].name for a in arguments if type(a) in ARRAY_TYPES}
        if len(kinds) > 1:
            return TypeError(
                f"{self.name}({described}): the arguments are on different devices "
                f"({' and '.join(sorted(kinds))}): write a + b.to(a.device), not a + b."
            )
        arrays = arguments
        if isinstance(self.rules, list) and any(self.rules):  # without axes, indices, formulas
            arrays = [a for a, rule in zip(arguments, self.rules, strict=False) if rule]
        for a in arrays:
            unknown = isinstance(error, KeyError) and type(a) not in BACKEND_OF
            if unknown or isinstance(a, list) or type(a) is str:
                return TypeError(
                    f"{self.name}: takes tensors, arrays and numbers, not {type(a).__name__}; "
                    "make a tensor with tg.tensor."
                )
        text = f"{self.name}({described}): {error}"
        try:
            return (TypeError if isinstance(error, KeyError) else type(error))(text)
        except TypeError:  # a kind that is not made from one text, such as NumPy's UFuncTypeError
            plain = next(k for k in (TypeError, ValueError, IndexError) if isinstance(error, k))
            return plain(text)


PRIMITIVES: dict[str, Callable] = {}
"""Every operation by name. Tests walk it: an operation without a checked rule fails them."""


def primitive(
    name: str,
    forward: Callable,
    *rules: Callable | None,
    through: Callable | None = None,
    doc: str | None = None,
) -> Callable:
    """Declare an operation and its derivative rules; returns the function that applies it.

    Args:
        name: what errors and graphs call it; must be new.
        forward: `(xp, *arguments) -> array`, on raw arrays, where `xp` is their backend.
        rules: for each argument in order, what its cotangent is; None (or none left) for arguments
            that are not differentiable, such as masks, axes and shapes. See `Operation`.
        through: what the output's cotangent passes first, once for all rules: the derivative of an
            outer function, such as the rectifier that follows a linear layer.

    The function returned takes its arguments by position. Called with no Tensor it returns a raw
    array; otherwise a Tensor, recorded if an argument with a rule requires gradients.

    Raises:
        ValueError: there is an operation of that name already.
        TypeError: there is no rule.

    >>> cube = tg.primitive("cube", lambda xp, x: x * x * x, lambda g, x: g * (3.0 * x * x))
    >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> tg.grad(cube(x).sum(), x)
    Tensor([ 3., 12.])
    """
    if not any(rules):
        raise TypeError(f"primitive: {name!r} has no rule; use constant() if it has no derivative.")
    op = Operation(name, forward, rules, through)
    if len(rules) == 1 and rules[0]:
        make = _unary
    else:
        make = _binary if len(rules) == 2 == len(op.parameters) else _general
    return _publish(op, make(op), doc)


def primitive_of_many(
    name: str, forward: Callable, rule: Callable, doc: str | None = None
) -> Callable:
    """Declare a linear operation on any number of arrays, such as concatenate.

    Args:
        forward: `(xp, setting, *arrays) -> array`.
        rule: `(g, i, setting, shapes) -> cotangent of arrays[i]`, for arrays of these shapes.
    """
    op = Operation(name, forward, ())

    def apply(setting: Any, *arrays: Any) -> Any:
        raw = [a._data if type(a) is Tensor else a for a in arrays]
        nodes = tuple(a._node if type(a) is Tensor else None for a in arrays)
        backend = _backend_of(raw)
        try:
            y = op.forward(backend, setting, *raw)
        except _EXPLAINED as error:
            raise op.explain(raw, error) from error
        if _recording and any(node is not None for node in nodes):
            shapes = tuple(a.shape for a in raw)
            return Tensor(y, Node(op, nodes, (None, setting, shapes), y))
        return Tensor(y) if any(type(a) is Tensor for a in arrays) else y

    def rule_for(i: int) -> tuple[Callable, Callable]:
        return lambda g, setting, shapes: rule(g, i, setting, shapes), itemgetter(1, 2)

    op.rules = _Endless(rule_for)
    return _publish(op, apply, doc)


class _Endless:
    """A sequence without an end: item i is made when it is asked for."""

    def __init__(self, make: Callable[[int], Any]) -> None:
        self.make = make

    def __getitem__(self, i: int) -> Any:
        return self.make(i)


def constant(name: str, forward: Callable, doc: str | None = None) -> Callable:
    """Declare an operation that is constant almost everywhere, such as `x < y` or `argmax`.

    Its results never require gradients. Arguments and errors as for `primitive`, without rules.

    >>> is_even = tg.constant("is_even", lambda xp, x: x % 2 == 0)
    >>> is_even(tg.tensor([1, 2]))
    Tensor([False,  True], dtype=bool)
    """
    op = Operation(name, forward, ())
    return _publish(op, _general(op), doc)


def _publish(op: Operation, apply: Callable, doc: str | None) -> Callable:
    if op.name in PRIMITIVES:
        raise ValueError(f"primitive: {op.name!r} is already declared; take another name.")
    apply.__name__ = apply.__qualname__ = op.name
    apply.__module__ = op.forward.__module__
    apply.__doc__ = doc
    apply.__signature__ = _without_backend(op.forward)  # type: ignore[attr-defined]
    apply.operation = op  # type: ignore[attr-defined]
    PRIMITIVES[op.name] = apply
    return apply


def _without_backend(forward: Callable) -> inspect.Signature:
    """What `help` shows: the arguments of the forward computation, which go by position."""
    _, *found = inspect.signature(forward).parameters.values()
    plain, bare = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.POSITIONAL_ONLY
    return inspect.Signature([a.replace(kind=bare) if a.kind == plain else a for a in found])


# The three ways to apply an operation differ in speed only: most have one or two tensors.


def _unary(op: Operation) -> Callable:
    """One differentiable argument, then settings that are no tensors: axes, shapes, indices."""
    keep_y, keep_x = op.keep[1][:2]
    wants_shape = bool(op.shapes)

    def apply(x: Any, *settings: Any) -> Any:
        node = None
        is_tensor = type(x) is Tensor
        if is_tensor:
            node = x._node
            x = x._data
        try:
            y = op.forward(BACKEND_OF[type(x)], x, *settings)
        except _EXPLAINED as error:
            raise op.explain((x, *settings), error) from error
        if node is None or not _recording:
            return Tensor(y) if is_tensor else y
        kept: tuple = (y if keep_y else None, x if keep_x else None, *settings)
        if wants_shape:
            kept += (x.shape,)
        return Tensor(y, Node(op, (node,), kept, y))

    return apply


def _binary(op: Operation) -> Callable:
    keep = op.keep
    wants_shape = bool(op.shapes)

    def apply(a: Any, b: Any) -> Any:
        a_node = b_node = None
        a_is_tensor = type(a) is Tensor
        b_is_tensor = type(b) is Tensor
        if a_is_tensor:
            a_node = a._node
            a = a._data
        if b_is_tensor:
            b_node = b._node
            b = b._data
        elif type(b) is list:  # which NumPy alone would take, and as float64
            raise op.explain((a, b), TypeError())
        try:
            backend = BACKEND_OF[type(a)]
            if backend is _HOST and type(b) is not type(a):
                backend = _backend_of((a, b))
            y = op.forward(backend, a, b)
        except _EXPLAINED as error:
            raise op.explain((a, b), error) from error
        if (a_node is None and b_node is None) or not _recording:
            return Tensor(y) if a_is_tensor or b_is_tensor else y
        mask = (a_node is not None) + 2 * (b_node is not None)
        if wants_shape:
            return op.record((a, b), (a_node, b_node), mask, y)
        keep_y, keep_a, keep_b = keep[mask]
        kept = (y if keep_y else None, a if keep_a else None, b if keep_b else None)
        return Tensor(y, Node(op, (a_node, b_node), kept, y))

    return apply


def _general(op: Operation) -> Callable:
    rules = op.rules
    arity = len(rules)

    def apply(*arguments: Any) -> Any:
        raw = [a._data if type(a) is Tensor else a for a in arguments]
        try:
            y = op.forward(_backend_of(raw), *raw)
        except _EXPLAINED as error:
            raise op.explain(raw, error) from error
        inputs: list[Node | None] = []
        mask = 0
        for i, a in enumerate(arguments[:arity]):
            node = a._node if type(a) is Tensor and rules[i] is not None else None
            if node is not None:
                mask |= 1 << i
            inputs.append(node)
        if mask and _recording:
            return op.record(raw, inputs, mask, y)
        return Tensor(y) if Tensor in map(type, arguments) else y

    return apply


_HOST = BACKEND_OF[np.ndarray]
_EXPLAINED = (TypeError, ValueError, IndexError, KeyError)
"""The errors of an array library that `Operation.explain` tells anew; others pass as they are."""


def _backend_of(arguments: Sequence[Any]) -> Backend:
    """The backend of the first array that is not on the host, else the host's."""
    for a in arguments:
        if type(a) in ARRAY_TYPES and BACKEND_OF[type(a)] is not _HOST:
            return BACKEND_OF[type(a)]
    return _HOST


def _describe(argument: Any) -> str:
    if type(argument) in ARRAY_TYPES:
        return f"{argument.dtype} {argument.shape}"
    return repr(argument) if len(repr(argument)) < 40 else type(argument).__name__


def _picker(positions: list[int]) -> Callable[[Sequence], tuple]:
    """A function that picks these positions out of a sequence, as a tuple."""
    if not positions:
        return lambda kept: ()
    if len(positions) == 1:
        only = positions[0]
        return lambda kept: (kept[only],)
    return itemgetter(*positions)
