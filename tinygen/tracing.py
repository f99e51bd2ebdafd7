"""A function as the straight line of calls that it came to: no tensors, no graph, no walk.

What one can do with this file:

    step = traced(lambda x, labels: with_gradients(loss_of(x, labels)))
    loss, *grads = step(x, labels)         # runs it twice and notes what it does
    loss, *grads = step(x, labels)         # does just that again: the same bits, sooner
    print(step.source(x, labels))          # as a program: a Wengert list, forward and back

The key idea: all that tinygen computes, it computes by calling an operation's forward computation
or one of its rules on raw arrays. Which calls these are, and which result goes where, depends on
the shapes alone. So the calls are noted in their order (Wengert 1964, "A simple automatic
derivative evaluation program") and written down as a function of Python.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from math import isfinite
from types import NoneType
from typing import Any, NamedTuple

import numpy as np

from . import autograd
from .backend import ARRAY_TYPES, Array
from .primitive import PRIMITIVES, Operation
from .tensor import Tensor, newest_write

__all__ = ["Traced", "traced"]

TENSOR = sys.modules[Tensor.__module__]  # `tinygen.tensor` itself is a function


class Traced:
    """`f` of arrays, traced when it is first called with arguments of these shapes.

    Args:
        f: takes tensors or arrays and returns tensors, one or a sequence of them: values and
            gradients, which `tg.grad` may take inside. It must only compute: random numbers are
            passed to it, optimizers step outside. What else it reads, such as parameters, may be
            written to, but must stay in the same arrays, so make the optimizer first. What it
            decides in Python is decided at the first call, for arguments of the same shapes.

    The results are constants: they remember no graph.

    Raises:
        RuntimeError: when called, `f` does something that calls of operations do not tell.
        TypeError: when called, an argument or a result is no tensor.

    >>> f = Traced(lambda x: tg.tanh(x) * 2.0)
    >>> x = tg.tensor([0.0, 1.0])
    >>> f(x)
    Tensor([0.    , 1.5232])
    >>> "tanh" in f.source(x)
    True
    """

    def __init__(self, f: Callable[..., Any]) -> None:
        self._f = f
        self._programs: dict[tuple, _Program] = {}

    def __call__(self, *arguments: Any) -> Any:
        """What `f` returns.

        Raises:
            RuntimeError: `f` does something that calls of operations do not tell.
            TypeError: an argument is no tensor or array, or what it returns is no tensor.
        """
        return self._program(arguments)(*[_raw(a) for a in arguments])

    def source(self, *arguments: Any) -> str:
        """The program for such arguments: x are the arguments, v results, c what else is read."""
        return self._program(arguments).source

    def _program(self, arguments: tuple) -> _Program:
        key = tuple(map(_kind, arguments))
        program = self._programs.get(key)
        if program is None:
            program = self._programs[key] = _Program(self._f, arguments)
        return program


traced = Traced


class _Call(NamedTuple):
    """name: of the function in the program. arguments: a tree of tuples, `_Name` and constants."""

    name: str
    function: Callable
    arguments: tuple


class _Name(NamedTuple):
    """Of an argument x or of a result v."""

    text: str


class _Recorder:
    """Notes the calls of operations and of their rules on raw arrays."""

    def __init__(self, inputs: Sequence[Array]) -> None:
        self.calls: list[_Call] = []
        self._alive: list[Any] = [*inputs]  # so that no two arrays have one id
        self._names = {id(x): _Name(f"x{i}") for i, x in enumerate(inputs)}
        self._inside = False

    def tree(self, value: Any) -> Any:
        """A value with names in the places of what was computed or passed."""
        if id(value) in self._names:
            return self._names[id(value)]
        return tuple(map(self.tree, value)) if type(value) is tuple else value

    def watched(self, name: str, function: Callable, pure: bool = True) -> Callable:
        """The function, whose calls on raw arrays are noted unless another one makes them."""

        def call(*arguments: Any) -> Any:
            if self._inside or _holds_tensor(arguments):
                return function(*arguments)
            self._inside = True
            try:
                result = function(*arguments)
            finally:
                self._inside = False
            if type(result) is np.bool_:  # there are only two, so that they cannot be told apart
                result = np.asarray(result)
            if not (pure and any(result is a for a in arguments)):
                tree = tuple(map(self.tree, arguments))
                self._names[id(result)] = _Name(f"v{len(self.calls)}")
                self.calls.append(_Call(name, function, tree))
                self._alive.append(result)
            return result

        return call

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Inside, what is computed is noted."""
        with ExitStack() as stack:
            for apply in PRIMITIVES.values():
                op: Operation = apply.operation  # type: ignore[attr-defined]
                rules = _WatchedRules(self, op)
                through = op.through and rules.watched("through", op.through)
                stack.enter_context(_swapped(op, "rules", rules))
                stack.enter_context(_swapped(op, "through", through))
                forward = self.watched(op.name, op.forward)
                stack.enter_context(_swapped(op, "forward", forward))
            for owner, name in (
                (TENSOR, "as_array"), (autograd, "added"), (autograd, "add_into"),
                (autograd, "copied"),
            ):  # fmt: skip
                function = self.watched(name, getattr(owner, name), pure=name != "add_into")
                stack.enter_context(_swapped(owner, name, function))
            stack.enter_context(_swapped(TENSOR, "host", _refuse_to_read))
            yield


class _WatchedRules:
    def __init__(self, recorder: _Recorder, op: Operation) -> None:
        self.recorder, self.name, self.rules = recorder, op.name, op.rules

    def watched(self, which: Any, made: tuple[Callable, Callable]) -> tuple[Callable, Callable]:
        rule, pick = made
        return self.recorder.watched(f"{self.name}_{which}", rule), pick

    def __getitem__(self, i: int) -> tuple[Callable, Callable]:
        return self.watched(i, self.rules[i])


class _Program:
    """The calls of `f` on arguments of some shapes, as a function of their arrays."""

    def __init__(self, f: Callable[..., Any], arguments: tuple) -> None:
        first, calls, _ = _run(f, arguments)
        again, repeated, several = _run(f, arguments)
        # What is the same object in both runs was there before them; what is not was made in
        # a way that was not noted, and the program would go on reading that of the second run.
        if len(calls) != len(repeated) or len(first) != len(again):
            raise RuntimeError(
                "traced: the function did different things when it was called twice; decide what "
                "it does by the shapes of its arguments alone."
            )
        for a, b in zip(calls, repeated, strict=True):
            _compare(a.name, (a.function, a.arguments), (b.function, b.arguments))
        _compare("the result", first, again)
        namespace, self.source = _written(repeated, again, len(arguments))
        exec(compile(self.source, "<traced>", "exec"), namespace)
        self._compute = namespace["program"]
        self._several = several

    def __call__(self, *inputs: Array) -> Any:
        results = [Tensor(y) for y in self._compute(*inputs)]
        return results if self._several else results[0]


def _kind(argument: Any) -> tuple:
    """What a program is made for."""
    x = _raw(argument)
    if type(x) not in ARRAY_TYPES:
        raise TypeError(
            f"traced: the arguments are tensors and arrays, not {type(x).__name__}; let the "
            "function close over what else it needs."
        )
    return type(x), x.dtype, x.shape, type(argument) is Tensor and argument.requires_grad


def _run(f: Callable[..., Any], arguments: tuple) -> tuple[tuple, list[_Call], bool]:
    """The results, the calls, and whether it returned several."""
    inputs = [_raw(a).copy() for a in arguments]  # so that no two of them are one
    given = [
        Tensor(x, requires_grad=a.requires_grad) if type(a) is Tensor else x
        for a, x in zip(arguments, inputs, strict=True)
    ]
    recorder, written = _Recorder(inputs), newest_write()
    with recorder.recording():
        found = f(*given)
    if newest_write() != written:
        raise RuntimeError(
            "traced: the function writes into a tensor, which its program would not repeat; return "
            "the new values and write them outside."
        )
    several = not isinstance(found, Tensor)
    results = tuple(found) if several else (found,)
    if not all(type(y) is Tensor for y in results):
        raise TypeError("traced: the function must return a tensor, or a sequence of them.")
    return recorder.tree(tuple(y._data for y in results)), recorder.calls, several


def _compare(name: str, a: Any, b: Any) -> None:
    """Refuse what differs between two runs of the same function on the same values."""
    if type(a) is tuple and type(b) is tuple and len(a) == len(b):
        for x, y in zip(a, b, strict=True):
            _compare(name, x, y)
    elif type(a) in ARRAY_TYPES and a is not b:
        raise RuntimeError(
            f"traced: {name} reads an array of shape {a.shape} that was not made by tinygen's "
            "operations; make it by them, or pass it as an argument, as random numbers are."
        )
    elif not (a is b or _alike(a, b)):
        raise RuntimeError(
            f"traced: {name} was given {a!r} once and then {b!r}; pass what changes as an argument."
        )


def _alike(a: Any, b: Any) -> bool:
    """Equal; of functions: the same code that closes over equal values."""
    if hasattr(a, "__code__") and hasattr(b, "__code__"):
        within = [[cell.cell_contents for cell in f.__closure__ or ()] for f in (a, b)]
        return a.__code__ is b.__code__ and within[0] == within[1]
    if type(a) is list and type(b) is list:
        return len(a) == len(b) and all(map(_alike, a, b))
    return type(a) is type(b) and type(a) not in ARRAY_TYPES and bool(a == b)


def _written(calls: list[_Call], results: tuple, arity: int) -> tuple[dict[str, Any], str]:
    """The names that the program reads, and its text. A result goes after its last use."""
    namespace: dict[str, Any] = {}
    names: dict[int, str] = {}
    last: dict[str, int] = {}

    def text(value: Any, line: int) -> str:
        if type(value) is _Name:
            last[value.text] = line
            return value.text
        if type(value) is tuple:
            return f"({''.join(f'{text(v, line)}, ' for v in value)})"
        if type(value) in (bool, int, NoneType) or (type(value) is float and isfinite(value)):
            return repr(value)
        name = names.setdefault(id(value), f"c{len(names)}")
        namespace[name] = value
        return name

    lines = []
    for i, (name, function, arguments) in enumerate(calls):
        namespace[name] = function
        lines.append(f"v{i} = {name}({', '.join(text(a, i) for a in arguments)})")
        last.setdefault(f"v{i}", i)
    lines.append(f"return {text(results, len(calls))}")
    for name, line in last.items():
        if line < len(calls):
            lines[line] += f"; del {name}" if lines[line].count("; del") == 0 else f", {name}"
    head = f"def program({', '.join(f'x{i}' for i in range(arity))}):\n"
    return namespace, head + "".join(f"    {line}\n" for line in lines)


def _holds_tensor(value: Any) -> bool:
    return type(value) is Tensor or (type(value) is tuple and any(map(_holds_tensor, value)))


def _raw(value: Any) -> Array:
    return value._data if type(value) is Tensor else value


def _refuse_to_read(array: Array) -> Any:
    raise RuntimeError(
        "traced: the function reads the value of a tensor, which its program would not do again; "
        "use tg.where to decide, and read results outside."
    )


@contextmanager
def _swapped(owner: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)
