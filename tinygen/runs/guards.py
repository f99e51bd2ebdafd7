"""Numbers that are not finite: where they came from, and how to step over them.

Nothing here runs while all is well. The loop looks at losses when it reports them, and at all
arrays when it saves them. Since a run repeats itself to the bit, the cause of a nan is found
afterwards: by going back to the last checkpoint and repeating, with every operation watched.
"""

from __future__ import annotations

import copy
import importlib
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np

from ..backend import ARRAY_TYPES, BACKEND_OF, Array, host
from ..optim import Optimizer
from ..optim.optimizer import guarded
from ..primitive import Operation
from ..replay import suspended
from ..tensor import Node, Tensor
from .files import RunError
from .parts import parts_of
from .progress import Progress

__all__ = ["first_nonfinite", "nonfinite", "repeat_watched", "skipping"]

RECORDING: Any = importlib.import_module("tinygen.primitive")
"""The module; `from .. import primitive` gives the function of that name."""

PATIENCE = 100
"""Updates of one optimizer left out in a row: by then it is not one bad batch."""


class Steps(Protocol):
    """What is asked of a run that is repeated."""

    def step(self) -> Mapping[str, Any]: ...
    def state_dict(self) -> dict[str, Any]: ...


def nonfinite(values: Mapping[str, float]) -> list[str]:
    """ "loss became nan" for each value that is not finite."""
    return [f"{name} became {v}" for name, v in values.items() if not math.isfinite(v)]


def first_nonfinite(state: Any, path: str = "") -> str | None:
    """The path of the first array of a saved state that holds a nan or an infinity."""
    if isinstance(state, np.ndarray):
        return None if state.dtype.kind not in "fc" or np.isfinite(state).all() else path
    if isinstance(state, Mapping):
        parts: Any = state.items()
    else:
        parts = enumerate(state) if isinstance(state, (list, tuple)) else ()
    for name, part in parts:
        found = first_nonfinite(part, f"{path}/{name}" if path else str(name))
        if found is not None:
            return found
    return None


# -- stepping over -----------------------------------------------------------------------------


@contextmanager
def skipping(trainer: Any, progress: Progress) -> Iterator[None]:
    """Inside, an update whose gradient is not finite is left out, and counted in `progress`.

    Looking at each gradient waits for the device. The optimizer's own count of steps stays as it
    was, as if the batch had not been.

    Raises:
        RunError: (in an optimizer's step) `PATIENCE` updates in a row.
    """

    def guard(optimizer: Optimizer, gradient: Array) -> bool:
        if _is_finite(gradient):
            if progress.in_a_row:
                progress.in_a_row.pop(_name_in(trainer, optimizer), None)
            return True
        name = _name_in(trainer, optimizer)
        progress.skipped += 1
        progress.in_a_row[name] = progress.in_a_row.get(name, 0) + 1
        if progress.in_a_row[name] >= PATIENCE:
            raise RunError(
                f"{_of_gradient(trainer, optimizer)} was not finite {PATIENCE} times in a row, up "
                f"to step {progress.step + 1}, and skipping does not help: try a smaller learning "
                "rate, --set lr=..."
            )
        return False

    with guarded(guard):
        yield


# -- finding the cause -------------------------------------------------------------------------


def repeat_watched(
    run: Steps, trainer: Any, steps: range, deep: bool, given_up: Callable[[], bool]
) -> str | None:
    """Repeat these steps: what became nan or infinite first, where and when.

    Results of operations that are infinite in good steps too, such as a mask's, are not blamed.

    Args:
        deep: look at all arrays of the state as well, which copies them at every step.

    Returns:
        None if all stayed finite, or `given_up()` turned true.
    """
    usual: set[str] = set()
    with suspended(), _Watch(trainer) as watch:
        for step in steps:
            if given_up():
                return None
            results = run.step()
            symptoms: list[str] = []
            if not watch.skips:
                symptoms += nonfinite({name: float(value) for name, value in results.items()})
                symptoms += [f"{name} became nan or infinite" for name in watch.gradients]
            broken = first_nonfinite(run.state_dict()) if deep else None
            if broken is not None:
                symptoms.append(f"{broken} became nan or infinite")
            if symptoms:
                causes = [op for op in watch.operations if op not in usual][:1]
                causes += watch.gradients[:1]
                first_of_all = f" (first {', then '.join(causes)})" if causes else ""
                return f"{symptoms[0]} at step {step}{first_of_all}"
            usual.update(watch.operations)
            watch.forget()
    return None


class _Watch:
    """Looks at what every operation, derivative rule and optimizer is given, and notes the bad.

    It replaces the name under which `tinygen.primitive` makes nodes, so that recording costs
    nothing more while nobody watches. What is not recorded (`no_grad`) is seen only where
    something recorded goes on with it.
    """

    def __init__(self, trainer: Any) -> None:
        self.trainer = trainer
        self.operations: list[str] = []
        self.gradients: list[str] = []
        self.skips = False

    def forget(self) -> None:
        """Begin another step."""
        self.operations.clear()
        self.gradients.clear()

    def __enter__(self) -> _Watch:
        self._guarding = guarded(self._guard)
        self._guard_before = self._guarding.__enter__()
        self.skips = self._guard_before is not None
        RECORDING.Node = self._node
        return self

    def __exit__(self, *error: Any) -> None:
        RECORDING.Node = Node
        self._guarding.__exit__(None, None, None)

    def look(self, what: str, value: Any) -> None:
        """Note what is not finite."""
        array = value._data if type(value) is Tensor else value
        if type(array) in ARRAY_TYPES and not _is_finite(array):
            self.operations.append(what)

    def _node(self, op: Operation, inputs: tuple, kept: tuple | None, y: Array) -> Node:
        self.look(f"the operation {op.name}", y)
        return Node(_watched(op, self), inputs, kept, y)

    def _guard(self, optimizer: Optimizer, gradient: Array) -> bool:
        if not _is_finite(gradient):
            self.gradients.append(_of_gradient(self.trainer, optimizer))
        return self._guard_before is None or self._guard_before(optimizer, gradient)


def _watched(op: Operation, watch: _Watch) -> Operation:
    """An operation like this one, whose rules are watched."""
    twin = copy.copy(op)
    twin.rules = _WatchedRules(op, watch)
    if op.through is not None:
        twin.through = _watched_rule(op, op.through, watch)
    return twin


class _WatchedRules:
    def __init__(self, op: Operation, watch: _Watch) -> None:
        self.op = op
        self.watch = watch

    def __getitem__(self, i: int) -> tuple[Callable, Callable]:
        return _watched_rule(self.op, self.op.rules[i], self.watch)


def _watched_rule(
    op: Operation, made: tuple[Callable, Callable], watch: _Watch
) -> tuple[Callable, Callable]:
    rule, pick = made

    def watched(g: Any, *read: Any) -> Any:
        cotangent = rule(g, *read)
        watch.look(f"the derivative of {op.name}", cotangent)
        return cotangent

    return watched, pick


def _is_finite(array: Array) -> bool:
    """Whether all elements are: 0 x is 0 for finite x only. Waits for the device."""
    if array.dtype.kind != "f":
        return True
    with np.errstate(invalid="ignore"):
        return bool(host(BACKEND_OF[type(array)].sum(array * 0.0) == 0.0))


def _of_gradient(trainer: Any, optimizer: Optimizer) -> str:
    """Whose gradient is not finite, in words."""
    bad = [name for name, part in optimizer.gradients.items() if not _is_finite(part)]
    return f"the gradient of {bad[0]} in {_name_in(trainer, optimizer)}"


def _name_in(trainer: Any, optimizer: Optimizer) -> str:
    """What a trainer calls its optimizer."""
    names = [name for name, part in parts_of(trainer).items() if part is optimizer]
    return names[0] if names else type(optimizer).__name__
