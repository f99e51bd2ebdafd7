"""Momentum whose matrices are replaced by nearly orthogonal ones.

    optimizer = Muon(hidden=[layer.weight for layer in hidden], others=rest, lr=0.02)
    optimizer.step(tg.grad(loss, optimizer.params))

Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks". Adam updates
`others`, which is where all that is no matrix belongs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

from ..backend import Array
from ..tensor import Tensor
from .adam import adam_numbers, check_adam
from .flat import Layout, checked
from .optimizer import Optimizer, Schedule, at_least_zero
from .transforms.transform import GradientTransform

__all__ = ["Muon", "newton_schulz"]

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Coefficients a, b, c of the step X -> a X + b (X X^T) X + c (X X^T)^2 X, and how many steps."""
STEPS = 5


def newton_schulz(backend: Any, matrix: Array) -> Array:
    """U S' V^T for the matrix U S V^T: every singular value brought near 1, by products alone.

    Not U V^T: the coefficients are chosen for speed, not for a limit. S' lies between 0.68 and 1.21
    wherever S exceeds 0.002 of the matrix's Frobenius norm; smaller values end lower, zeros at 0.
    Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks"; they compute in
    bfloat16, here it is the matrix's own type.

    Args:
        matrix: (m, n), on the backend.
    """
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    # First by the largest element: a sum of squares of very small numbers would be 0.
    x = x / backend.maximum(backend.amax(abs(x)), backend.least(x))
    x = x / backend.maximum(backend.sqrt(backend.sum(x * x)), backend.least(x))
    a, b, c = NEWTON_SCHULZ
    for _ in range(STEPS):
        square = backend.dot(x, x.T)
        x = a * x + backend.dot(b * square + c * backend.dot(square, square), x)
    return x.T if tall else x


class Muon(Optimizer):
    """Nearly orthogonal steps for the hidden matrices, Adam for everything else.

        Muon(hidden=[layer.weight for layer in hidden], others=rest, lr=0.02)

        m = momentum * m + g                                                 (m starts at 0)
        u = newton_schulz(g + momentum * m) * sqrt(max(1, rows / columns))
        w = (1 - lr * weight_decay) * w - lr * u

    Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks", and their code at
    KellerJordan/Muon. The two groups are named by the caller, for no shape tells them apart: the
    first and the last layer, embeddings and all that is no matrix belong to `others`; of a network
    for images of digits the first layer may well be hidden.

    Which matrix: the first axis of a weight makes the rows, all others together the columns. So a
    kernel (out, in, height, width) of `Conv2d` is (out, in * height * width); one of
    `ConvTranspose2d` is (in, out * height * width); the stacked gates of a recurrent layer are one
    matrix.

    Args:
        hidden: Tensors with two axes or more, or (name, Tensor) pairs. They come first in `params`,
            so take gradients as `tg.grad(loss, optimizer.params)`.
        others: the rest, possibly empty.
        lr: of the hidden matrices, or a function of the step number; a step changes each singular
            direction of a square matrix by about this much.
        momentum: in [0, 1).
        weight_decay: decoupled, of all parameters.
        adam_lr: of the others, or a function of the step number.
        betas, eps: as in `Adam`, of the others.
        transforms: see `Optimizer`.

    Raises:
        ValueError: as `Optimizer`; a hidden parameter is no matrix, or a number is out of range.

    >>> w = tg.ones(3, 3)
    >>> w.requires_grad = True
    >>> muon = optim.Muon(hidden=[w], lr=0.1)
    >>> muon.step([tg.eye(3) * 100.0])
    >>> 0.05 < 1.0 - w[0, 0].item() < 0.15
    True
    """

    slots = ("m",)  # and for the others "v"

    def __init__(
        self, hidden: Iterable[Tensor] | Iterable[tuple[str, Tensor]],
        others: Iterable[Tensor] | Iterable[tuple[str, Tensor]] = (),
        lr: float | Schedule = 0.02, momentum: float = 0.95, weight_decay: float = 0.0,
        adam_lr: float | Schedule = 3e-4, betas: tuple[float, float] = (0.9, 0.95),
        eps: float = 1e-8, transforms: Iterable[GradientTransform] = (),
    ) -> None:  # fmt: skip
        matrices: list[Any] = list(hidden)
        rest: list[Any] = list(others)
        for name, p in checked("Muon", matrices).items():
            if p.ndim < 2:
                raise ValueError(
                    f"Muon: hidden parameter {name} has shape {p.shape}, which is no matrix; pass "
                    "it in `others`."
                )
        if not 0.0 <= momentum < 1.0:
            raise ValueError(f"Muon: momentum must lie in [0, 1), not {momentum}.")
        self.momentum = momentum
        self.weight_decay = at_least_zero(self, "weight_decay", weight_decay)
        self.adam_lr = adam_lr if callable(adam_lr) else at_least_zero(self, "adam_lr", adam_lr)
        self.betas, self.eps = check_adam("Muon", betas, eps)
        super().__init__([*matrices, *rest], lr, transforms)
        layout = self._flat.layout
        self._hidden = Layout(self.params[: len(matrices)])
        self._boundary = layout.starts[len(matrices)]
        with layout.backend.current():
            v = layout.backend.zeros(layout.starts[-1] - self._boundary, dtype=layout.dtype)
        self._state["v"] = v
        self._v_views = Layout(self.params[len(matrices) :]).views(v) if rest else []

    def _numbers(self, lr: float) -> tuple[float, ...]:
        """The learning rate of the matrices; then the numbers of Adam's update."""
        adam_lr = self.adam_lr(self.steps - 1) if callable(self.adam_lr) else self.adam_lr
        size, eps = adam_numbers(adam_lr, self.steps, self.betas, self.eps)
        return lr, size, eps, 1.0 - adam_lr * self.weight_decay

    def _update(self, w: Array, g: Array, numbers: Any) -> None:
        k, m = self._boundary, self._state["m"]
        if k < w.size:
            beta1, beta2 = self.betas
            v = self._state["v"]
            self._backend.adam_update(w[k:], g[k:], m[k:], v, numbers[1:], beta1, beta2, 0.0)
        m = m[:k]
        m *= self.momentum
        m += g[:k]
        update = g[:k] + self.momentum * m
        for part in self._hidden.views(update):
            if part.size:
                matrix = part.reshape(len(part), -1)
                stretch = math.sqrt(max(1.0, matrix.shape[0] / matrix.shape[1]))
                matrix[...] = stretch * newton_schulz(self._backend, matrix)
        self._backend.sgd_update(w[:k], update, None, numbers[:1], 0.0, False, self.weight_decay)

    def _slot_views(self) -> Iterator[tuple[str, str, Array]]:
        yield from super()._slot_views()
        for name, view in zip(self.names[len(self._hidden.shapes) :], self._v_views, strict=True):
            yield name, "v", view
