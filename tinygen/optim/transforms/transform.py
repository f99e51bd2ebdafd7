"""What all gradient transforms share: the optimizer that they serve, and their state.

A transform of your own says `apply`, which changes the gradient in place; `GradientTransform` has
an example.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...backend import Array
from ...state import check_state
from ...tensor import Tensor
from ..flat import Flat

if TYPE_CHECKING:
    from ..optimizer import Optimizer

__all__ = ["GradientTransform"]


class GradientTransform:
    """Base of the transforms: subclasses say `apply`, and `bind` and a state if they remember.

    An optimizer binds its transforms when it is made, and applies them in every step. Whatever
    `apply` computes stays on the device, so a step waits for nothing and can be recorded.

    >>> class Halved(GradientTransform):
    ...     def apply(self, gradient, parts):
    ...         gradient *= 0.5
    >>> w = tg.tensor([1.0], requires_grad=True)
    >>> optim.SGD([w], lr=1.0, transforms=[Halved()]).step([tg.ones(1)])
    >>> w
    Tensor([0.5], requires_grad=True)
    """

    _flat: Flat | None = None

    def bind(self, optimizer: Optimizer) -> None:
        """Serve this optimizer from now on.

        Raises:
            ValueError: another one is served already; each has directions of its own.
        """
        if self._flat is not None:
            who = type(self).__name__
            raise ValueError(
                f"{who}: this object serves another optimizer already; gradients of different "
                f"parameters have no angle, so make a {who} for each optimizer."
            )
        self._flat = optimizer._flat
        self._names = optimizer.names

    def apply(self, gradient: Array, parts: Sequence[Array]) -> None:
        """Change the gradient in place.

        Args:
            gradient: of all parameters, in one array of the optimizer's layout.
            parts: its views, one for each parameter.
        """
        raise NotImplementedError

    def report(self) -> dict[str, Tensor]:
        """What the latest step did, as 0-d tensors on the device, by name."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """What it remembers, on the host."""
        return {}

    def check(self, state: Mapping[str, Any]) -> Any:
        """What `load` takes, if the state fits.

        Raises:
            ValueError: it does not; nothing was changed.
        """
        return check_state(f"{type(self).__name__}.load_state_dict", {}, state)

    def load(self, values: Any) -> None:
        """Remember what `check` returned."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state_dict`; raises as `check`."""
        self.load(self.check(state))

    def _bound(self) -> Flat:
        """Where the parameters lie."""
        if self._flat is None:
            who = type(self).__name__
            raise ValueError(
                f"{who}: no optimizer has it yet; pass it as Adam(params, transforms=[...]) first."
            )
        return self._flat
