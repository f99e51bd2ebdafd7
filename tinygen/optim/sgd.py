"""Stochastic gradient descent, plain or with momentum.

    optimizer = SGD(model.named_parameters(), lr=0.1, momentum=0.9)
    optimizer.step(tg.grad(loss, optimizer.params))

`nesterov=True` takes Nesterov's momentum in place of the heavy ball.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..backend import Array
from ..tensor import Tensor
from .optimizer import Optimizer, Schedule, at_least_zero
from .transforms.transform import GradientTransform

__all__ = ["SGD"]


class SGD(Optimizer):
    """Stochastic gradient descent, with heavy-ball or Nesterov momentum.

        d = g + weight_decay * w
        v = momentum * v + d                               (v starts at 0)
        w = w - lr * v                                     (Nesterov: w - lr * (d + momentum * v))

    Polyak 1964 for momentum; Sutskever et al. 2013, "On the importance of initialization and
    momentum in deep learning", for Nesterov's. As in PyTorch, `lr` multiplies v when it is used and
    not when it is added up (Sutskever et al. do the latter): with a changing `lr` they differ.

    Args:
        params, lr, transforms: see `Optimizer`.
        weight_decay: the strength of an L2 penalty, added to the gradient.

    Raises:
        ValueError: as `Optimizer`; momentum or weight_decay is negative, or nesterov without
            momentum.

    >>> w = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> optim.SGD([w], lr=0.1, momentum=0.9).step([tg.ones(2)])
    >>> w
    Tensor([0.9, 1.9], requires_grad=True)
    """

    def __init__(
        self, params: Iterable[Tensor] | Iterable[tuple[str, Tensor]], lr: float | Schedule,
        momentum: float = 0.0, nesterov: bool = False, weight_decay: float = 0.0,
        transforms: Iterable[GradientTransform] = (),
    ) -> None:  # fmt: skip
        self.momentum = at_least_zero(self, "momentum", momentum)
        self.weight_decay = at_least_zero(self, "weight_decay", weight_decay)
        self.nesterov = nesterov
        if nesterov and not momentum:
            raise ValueError("SGD: nesterov needs momentum; pass momentum=0.9, say.")
        self.slots = ("velocity",) if momentum else ()
        super().__init__(params, lr, transforms)

    def _update(self, w: Array, g: Array, numbers: Any) -> None:
        velocity = self._state.get("velocity")
        self._backend.sgd_update(
            w, g, velocity, numbers, self.momentum, self.nesterov, self.weight_decay
        )
