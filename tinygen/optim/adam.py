"""Adam, and AdamW with decoupled weight decay.

    optimizer = Adam(model.named_parameters(), lr=2e-4, betas=(0.5, 0.999))
    optimizer.step(tg.grad(loss, optimizer.params))

Kingma & Ba 2015, "Adam: a method for stochastic optimization"; Loshchilov & Hutter 2019, "Decoupled
weight decay regularization".
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from ..backend import Array
from ..tensor import Tensor
from .optimizer import Optimizer, Schedule, at_least_zero
from .transforms.transform import GradientTransform

__all__ = ["Adam", "AdamW"]


class Adam(Optimizer):
    """Steps of a size that does not depend on the scale of the gradient.

        d = g + weight_decay * w
        m = beta1 * m + (1 - beta1) * d                    (m and v start at 0)
        v = beta2 * v + (1 - beta2) * d^2
        w = w - lr * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)       for t = 1, 2, ...

    Kingma & Ba 2015, "Adam: a method for stochastic optimization", algorithm 1; `weight_decay` is
    PyTorch's addition. The arrays of the state hold m / (1 - beta1) and v / (1 - beta2), and all
    scalars are folded into two numbers before the pass over the arrays, so results differ from the
    formula as written in the last digits.

    Args:
        params, lr, transforms: see `Optimizer`.
        betas: decay of the two moments, in [0, 1). GANs like (0.5, 0.999) or (0, 0.9).
        eps: positive: with 0, a parameter that never had a gradient would become nan.
        weight_decay: the strength of an L2 penalty, added to the gradient; see `AdamW`.

    Raises:
        ValueError: as `Optimizer`; betas, eps or weight_decay are out of range.

    >>> w = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> adam = optim.Adam([w], lr=0.1)
    >>> adam.step(tg.grad((w**2).sum(), adam.params))
    >>> w
    Tensor([0.9, 1.9], requires_grad=True)
    """

    slots = ("m", "v")
    decoupled = False

    def __init__(
        self, params: Iterable[Tensor] | Iterable[tuple[str, Tensor]],
        lr: float | Schedule = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 0.0,
        transforms: Iterable[GradientTransform] = (),
    ) -> None:  # fmt: skip
        who = type(self).__name__
        (self.beta1, self.beta2), self.eps = check_adam(who, betas, eps)
        self.weight_decay = at_least_zero(self, "weight_decay", weight_decay)
        super().__init__(params, lr, transforms)

    def _numbers(self, lr: float) -> tuple[float, ...]:
        size, eps = adam_numbers(lr, self.steps, (self.beta1, self.beta2), self.eps)
        return size, eps, 1.0 - lr * self.weight_decay if self.decoupled else 1.0

    def _update(self, w: Array, g: Array, numbers: Any) -> None:
        l2 = 0.0 if self.decoupled else self.weight_decay
        m, v = self._state["m"], self._state["v"]
        self._backend.adam_update(w, g, m, v, numbers, self.beta1, self.beta2, l2)


class AdamW(Adam):
    """Adam whose weight decay does not pass through the moments.

        w = w - lr * weight_decay * w,  then Adam's step on g alone

    Loshchilov & Hutter 2019, "Decoupled weight decay regularization", algorithm 2. As in PyTorch
    the decay is multiplied by `lr`; the paper multiplies it by the schedule's factor only.

    Args, and errors: as `Adam`.

    >>> w = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> optim.AdamW([w], lr=0.1, weight_decay=0.5).step([tg.zeros(2)])
    >>> w
    Tensor([0.95, 1.9 ], requires_grad=True)
    """

    decoupled = True

    def __init__(
        self, params: Iterable[Tensor] | Iterable[tuple[str, Tensor]],
        lr: float | Schedule = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 0.01,
        transforms: Iterable[GradientTransform] = (),
    ) -> None:  # fmt: skip
        super().__init__(params, lr, betas, eps, weight_decay, transforms)


def check_adam(who: str, betas: tuple[float, float], eps: float) -> tuple[tuple, float]:
    """The decays and eps, unless they are not what `Adam` takes."""
    if not all(0.0 <= beta < 1.0 for beta in betas):
        raise ValueError(f"{who}: betas must lie in [0, 1), not {betas}.")
    if not 0.0 < eps < float("inf"):
        raise ValueError(f"{who}: eps must be positive and finite, not {eps}.")
    return betas, eps


def adam_numbers(
    lr: float, steps: int, betas: tuple[float, float], eps: float
) -> tuple[float, float]:
    """The size of step number `steps` and its eps, for moments kept as plain sums.

    m = beta1 * m + d and v = beta2 * v + d^2 save two passes over the arrays.
    """
    beta1, beta2 = betas
    root = math.sqrt((1.0 - beta2**steps) / (1.0 - beta2))
    return lr * (1.0 - beta1) / (1.0 - beta1**steps) * root, eps * root
