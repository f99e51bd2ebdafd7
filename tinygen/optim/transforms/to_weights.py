"""Steps that turn the weights and do not stretch them.

    optimizer = Adam(model.named_parameters(), lr=1e-3, transforms=[OrthogonalToWeights()])

Prieto et al., "Grokking at the edge of numerical stability" (2025).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...backend import Array
from ...tensor import Tensor
from .transform import GradientTransform

if TYPE_CHECKING:
    from ..optimizer import Optimizer

__all__ = ["OrthogonalToWeights"]


class OrthogonalToWeights(GradientTransform):
    """g - (w.g / w.w) w for each tensor w, scaled to the length of g.

    Prieto et al., "Grokking at the edge of numerical stability" (2025), section 5: past the point
    where a classifier is right about all its data, it lowers its loss by growing its weights, and
    ends where float32 rounds the gradient away. Without that direction it has to do something else.

    A tensor is taken as one vector: a matrix, a whole kernel of a convolution, the stacked gates of
    a recurrent layer. Biases and other tensors with fewer than two axes keep their gradients, and
    so do tensors of zeros, which have no direction. A gradient that is 0, or parallel to its tensor
    to the last digits of its type, becomes 0: nothing is left of it to be scaled.

    Only the gradient is orthogonal. Momentum remembers gradients that were so at older weights, and
    Adam divides each element by its own number, so that a step may still stretch the weights.

    Args:
        report: keep what `report` returns, which costs two passes over gradients and weights.

    >>> w = tg.tensor([[2.0, 0.0]], requires_grad=True)
    >>> sgd = optim.SGD([w], lr=1.0, transforms=[optim.OrthogonalToWeights()])
    >>> sgd.step([tg.tensor([[3.0, 4.0]])])
    >>> w
    Tensor([[ 2., -5.]], requires_grad=True)
    """

    def __init__(self, *, report: bool = False) -> None:
        self._report = report
        self._before: list[Array] = []
        self._after: list[Array] = []

    def bind(self, optimizer: Optimizer) -> None:
        """As `GradientTransform.bind`."""
        super().bind(optimizer)
        self._chosen = [i for i, p in enumerate(optimizer.params) if p.ndim >= 2 and p.size]
        self._weights = [self._bound().views[i].reshape(-1) for i in self._chosen]

    def apply(self, gradient: Array, parts: Sequence[Array]) -> None:
        """Turn each tensor's gradient, in place."""
        backend = self._bound().layout.backend
        found = [parts[i].reshape(-1) for i in self._chosen]
        if self._report:
            self._before = list(map(backend.cosine, found, self._weights))
        for g, w in zip(found, self._weights, strict=True):
            backend.turn_from(g, w)
        if self._report:
            self._after = list(map(backend.cosine, found, self._weights))

    def report(self) -> dict[str, Tensor]:
        """`cosine_before` and `cosine_after`, of the angles between gradients and weights.

        Each is the root of the mean square over the tensors, 0-d.

        Raises:
            ValueError: reports were not asked for, or there was no step yet.
        """
        if not self._before:
            raise ValueError(
                "OrthogonalToWeights.report: there is nothing to report; pass report=True and "
                "take a step first."
            )
        kept = {"cosine_before": self._before, "cosine_after": self._after}
        return {name: Tensor(_root_mean_square(found)) for name, found in kept.items()}


def _root_mean_square(numbers: list[Array]) -> Array:
    return sum(x * x for x in numbers) ** 0.5 * (1.0 / math.sqrt(len(numbers)))
