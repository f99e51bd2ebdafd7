"""What all optimizers share: the parameters in one array, the gradients in another, the state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..backend import Array, host
from ..parallel import team
from ..state import check_state
from ..tensor import Tensor, note_write
from .flat import checked, pack
from .transforms.transform import GradientTransform

__all__ = ["Optimizer", "Schedule", "guarded"]

Schedule = Callable[[int], float]
"""The learning rate as a function of the number of steps already taken: 0 for the first step."""

Guard = Callable[["Optimizer", Array], bool]

_guard: Guard | None = None


@contextmanager
def guarded(guard: Guard) -> Iterator[Guard | None]:
    """Inside, `guard(optimizer, gradient)` is asked before each update; False leaves that out.

    The gradient is that of all parameters in one array; `optimizer.gradients` has its parts. Gives
    the guard that held before, which this one replaces.
    """
    global _guard
    before, _guard = _guard, guard
    try:
        yield before
    finally:
        _guard = before


class Optimizer:
    """Base of the update rules: subclasses say `slots` and `_update`.

    Args:
        params: leaf Tensors, or (name, Tensor) pairs such as `model.named_parameters()`; without
            names they are called "0", "1", ... All of one dtype and on one device. Their values
            move into one array (see `flat.py`), so make the optimizer after `model.to(device)`.
        lr: the learning rate, or a function of the step number (see `schedules.py`).
        transforms: what is done to the gradients before the rule sees them, in this order.

    Attributes:
        params: the Tensors, in the order in which `step` takes gradients.
        lr: may be assigned at any time.
        steps: how many steps were taken.

    Raises:
        ValueError: there are no parameters, one of them cannot be trained here, or the rate is
            negative.

    >>> w = tg.tensor([1.0], requires_grad=True)
    >>> sgd = optim.SGD([("w", w)], lr=lambda step: 0.5**step)
    >>> for _ in range(2):
    ...     sgd.step([tg.ones(1)])
    >>> w, sgd.steps
    (Tensor([-0.5], requires_grad=True), 2)
    """

    slots: tuple[str, ...] = ()
    """The names of what is remembered for each parameter from step to step."""

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[tuple[str, Tensor]],
        lr: float | Schedule,
        transforms: Iterable[GradientTransform] = (),
    ) -> None:
        self.lr = lr if callable(lr) else at_least_zero(self, "lr", lr)
        self.steps = 0
        named = checked(type(self).__name__, params)
        self.names = list(named)
        self.params = list(named.values())
        self._flat = pack(self.params)
        self._backend = self._flat.layout.backend
        self._gradient, self._gradient_views = self._flat.layout.zeros()
        self._state: dict[str, Array] = {}
        self._state_views: dict[str, list[Array]] = {}
        for slot in self.slots:
            self._state[slot], self._state_views[slot] = self._flat.layout.zeros()
        self.transforms = list(transforms)
        for transform in self.transforms:
            transform.bind(self)

    def step(self, grads: Sequence[Tensor | Array] | None = None) -> None:
        """Update all parameters, in place.

        Args:
            grads: as `tg.grad(loss, optimizer.params)` returns them, in the order of `params`;
                None to use what `loss.backward()` left in each `.grad`.

        Raises:
            ValueError: a gradient is missing, has another shape or is on another device.
            RuntimeError: a parameter was moved after the optimizer was made.

        Either way nothing was changed.
        """
        flat = self._flat
        kind: Any = self._backend.array_type
        found = [p.grad for p in self.params] if grads is None else grads
        arrays: list[Any] = [g._data if type(g) is Tensor else g for g in found]
        if len(arrays) != len(self.params):
            raise ValueError(
                f"{type(self).__name__}.step: there are {len(self.params)} parameters, but "
                f"{len(arrays)} gradients; pass tg.grad(loss, optimizer.params)."
            )
        # Copying part by part beats np.concatenate for up to dozens of parameters, and CuPy's
        # concatenate waits for the device from 9 arrays on.
        for p, view, target, g in zip(
            self.params, flat.views, self._gradient_views, arrays, strict=True
        ):
            if p._data is not view or type(g) is not kind or g.shape != target.shape:
                raise self._refusal(arrays)
            target[...] = g
        # Before anything looks at the gradient: a projection that keeps its length is not linear,
        # so the mean of projected gradients is not the projected gradient of the whole batch.
        team().average(self._gradient)
        if _guard is not None and not _guard(self, self._gradient):
            return
        for transform in self.transforms:
            transform.apply(self._gradient, self._gradient_views)
        self._update(flat.array, self._gradient, self._backend.live(self._advance))

    def _advance(self) -> tuple[float, ...]:
        """Count a step; returns its numbers."""
        lr = self.learning_rate
        self.steps += 1
        note_write(self._flat.array)
        return self._numbers(lr)

    def _numbers(self, lr: float) -> tuple[float, ...]:
        """What changes from step to step in the rule; `self.steps` counts this step already."""
        return (lr,)

    def _update(self, w: Array, g: Array, numbers: Any) -> None:
        """Change `w` in place; `numbers` is what `_numbers` returned, or where a device has it."""
        raise NotImplementedError

    @property
    def gradients(self) -> dict[str, Array]:
        """What the latest step was given, as the transforms left it, by the parameters' names."""
        return dict(zip(self.names, self._gradient_views, strict=True))

    def zero_grad(self) -> None:
        """Forget the gradients that `backward` added up."""
        for p in self.params:
            p.grad = None

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next step."""
        return self.lr(self.steps) if callable(self.lr) else self.lr

    # -- saving and loading --------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """{"step": count, "state": {name: {slot: host array}}}: what resuming needs, bit for bit.

        With transforms there is "transforms": {place: the transform's state} besides. The
        parameters themselves are the model's state, the hyper-parameters the caller's.
        """
        state: dict[str, dict[str, np.ndarray]] = {name: {} for name in self.names}
        for name, slot, view in self._slot_views():
            state[name][slot] = np.array(host(view), order="C")
        whole: dict[str, Any] = {"step": self.steps, "state": state}
        if self.transforms:
            whole["transforms"] = {str(i): t.state_dict() for i, t in enumerate(self.transforms)}
        return whole

    def _slot_views(self) -> Iterator[tuple[str, str, Array]]:
        """What is remembered: the parameter's name, the slot and the array."""
        for i, name in enumerate(self.names):
            for slot, views in self._state_views.items():
                yield name, slot, views[i]

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state_dict` of an optimizer of the same kind and parameters.

        Raises:
            ValueError: names are missing or unexpected, or values misfit; all of them are listed,
                and nothing was changed.
        """
        own = {f"{name}.{slot}": view for name, slot, view in self._slot_views()}
        given = {
            f"{name}.{slot}": value
            for name, slots in state.get("state", {}).items()
            for slot, value in slots.items()
        }
        of_transforms = state.get("transforms", {})
        absent = [] if isinstance(state.get("step"), (int, np.integer)) else ["step"]
        places = {str(i): transform for i, transform in enumerate(self.transforms)}
        absent += [f"transforms.{i}" for i in places if i not in of_transforms]
        given |= {f"transforms.{i}": 0 for i in of_transforms if i not in places}
        values = check_state(f"{type(self).__name__}.load_state_dict", own, given, absent)
        of_transforms = {i: t.check(of_transforms[i]) for i, t in places.items()}
        for name, view in own.items():
            view[...] = self._backend.from_host(values[name])
        for i, transform in places.items():
            transform.load(of_transforms[i])
        self.steps = int(state["step"])

    # -- refusing ------------------------------------------------------------------------------

    def _refusal(self, arrays: list[Any]) -> Exception:
        where = f"{type(self).__name__}.step"
        moved = self._flat.moved()
        if moved is not None:
            return RuntimeError(
                f"{where}: parameter {self.names[moved]} is no longer where this optimizer put it; "
                "it was moved by .to(device), is taken by a later optimizer or swapped for its "
                "average: make the optimizer last, and one for each parameter."
            )
        kind: Any = self._backend.array_type
        for name, p, g in zip(self.names, self.params, arrays, strict=True):
            if g is None:
                return ValueError(
                    f"{where}: parameter {name} has no gradient; leave it out of the optimizer, or "
                    "check that the loss depends on it and that backward() was called."
                )
            if type(g) is not kind:
                return ValueError(
                    f"{where}: the gradient of {name} is a {type(g).__name__}, the parameter is "
                    f"on {p.device}; pass Tensors or arrays of that device."
                )
            if g.shape != p.shape:
                return ValueError(
                    f"{where}: the gradient of {name} has shape {g.shape}, the parameter "
                    f"{p.shape}; pass the gradients in the order of optimizer.params."
                )
        raise AssertionError("step refused without a reason")


def at_least_zero(optimizer: Optimizer, name: str, value: float) -> float:
    """The value, unless it is negative or not finite."""
    if not 0.0 <= value < float("inf"):
        raise ValueError(
            f"{type(optimizer).__name__}: {name} must be finite and at least 0, not {value}."
        )
    return value
