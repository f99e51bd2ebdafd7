"""Steps of Adam that gradients flow through.

    ahead = UnrolledAdam(optimizer, steps=2)
    with model.substituted(ahead.weights):
        loss = ...
    ahead.step(tg.grad(loss, ahead.weights, create_graph=True))

So a loss can look at what an optimizer is about to do: `UnrolledGANTrainer` lets G look at D.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import ops
from ..tensor import Tensor
from .adam import Adam

__all__ = ["UnrolledAdam"]


class UnrolledAdam:
    """The next steps of an optimizer as functions of their gradients; itself it stays as it is.

        ahead = UnrolledAdam(optimizer, steps=2)
        for _ in range(2):
            with model.substituted(ahead.weights):
                loss = ...
            ahead.step(tg.grad(loss, ahead.weights, create_graph=True))

    The moments begin with what the optimizer remembers, and the learning rate goes on. One thing
    differs from `Adam`: eps is under the root, as sqrt(v + eps^2), for the derivative of sqrt(v) is
    infinite where a weight never had a gradient.

    Args:
        optimizer: Adam without weight decay and transforms.
        steps: how many will be taken.

    Attributes:
        weights: after the steps so far; at first the parameters themselves.

    Raises:
        ValueError: the optimizer has weight decay or transforms.

    >>> w = tg.tensor([1.0], requires_grad=True)
    >>> ahead = optim.UnrolledAdam(optim.Adam([w], lr=0.25), steps=1)
    >>> ahead.step(tg.grad((w**2).sum(), ahead.weights, create_graph=True))
    >>> ahead.weights[0], w
    (Tensor([0.75], op=subtract), Tensor([1.], requires_grad=True))
    """

    def __init__(self, optimizer: Adam, steps: int) -> None:
        if optimizer.weight_decay:
            raise ValueError("UnrolledAdam: an optimizer with weight_decay; set it to 0.")
        if optimizer.transforms:
            raise ValueError("UnrolledAdam: an optimizer with transforms; make it without them.")
        self._optimizer = optimizer
        self._numbers = optimizer._backend.live(lambda: self._scales(steps))
        self._taken = 0
        self.weights = list(optimizer.params)
        moments = optimizer._state_views
        self._m, self._v = ([Tensor(a) for a in moments[slot]] for slot in ("m", "v"))

    def step(self, grads: Sequence[Tensor]) -> None:
        """One more step, by gradients in the order of `weights`."""
        size, eps = (self._scale(2 * self._taken + i) for i in range(2))
        beta1, beta2 = self._optimizer.beta1, self._optimizer.beta2
        self._m = [beta1 * m + g for m, g in zip(self._m, grads, strict=True)]
        self._v = [beta2 * v + g * g for v, g in zip(self._v, grads, strict=True)]
        self.weights = [
            w - size * m / ops.sqrt(v + eps * eps)
            for w, m, v in zip(self.weights, self._m, self._v, strict=True)
        ]
        self._taken += 1

    def _scale(self, i: int) -> Any:
        number = self._numbers[i]
        return number if isinstance(number, float) else number.astype(self.weights[0].dtype)

    def _scales(self, steps: int) -> tuple[float, ...]:
        """Size and eps of each coming step, as `Adam` folds them; the count stays as it is."""
        optimizer, before = self._optimizer, self._optimizer.steps
        found: list[float] = []
        try:
            for _ in range(steps):
                lr = optimizer.learning_rate
                optimizer.steps += 1
                found += optimizer._numbers(lr)[:2]
        finally:
            optimizer.steps = before
        return tuple(found)
