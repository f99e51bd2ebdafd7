"""Steps that leave alone what a network said before.

    past = OrthogonalToPast(capacity=800)
    optimizer = SGD(model.parameters(), lr=0.01, transforms=[past])
    past.remember(outputs)                           # (n,): later steps leave these alone

This holds to first order: each output's gradient is taken out of all later ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...autograd import grad
from ...backend import Array, host
from ...parallel import team
from ...state import check_state
from ...tensor import Tensor
from .transform import GradientTransform

if TYPE_CHECKING:
    from ..optimizer import Optimizer

__all__ = ["OrthogonalToPast"]


class OrthogonalToPast(GradientTransform):
    """g - B^T B g, where the rows of B are an orthonormal basis of directions to be kept.

        past = OrthogonalToPast(capacity=800)
        optimizer = SGD(model.parameters(), lr=0.01, transforms=[past])
        ...                                              # the first task; the basis is empty
        logits = model(x)                                # 200 of its examples
        past.remember(logits[tg.arange(200), labels])    # each one's logit of its own class

    Farajtabar et al., "Orthogonal gradient descent for continual learning" (2020), algorithm 1: to
    first order a step along the rest changes none of the remembered outputs. With the logit of the
    right class this is their OGD-GTL. A GAN's discriminator may remember what it said of old fakes.

    The basis is refreshed in `remember`: new gradients lose twice what lies along the basis, then
    what lies along one another (double Gram-Schmidt), and what is left of each gets length 1, or
    becomes a row of 0 if nothing is. So rounding does not add up; `defect` measures it. With Adam
    or weight decay only the gradient is orthogonal, not the step.

    Args:
        capacity: the most directions, each as large as the parameters; the oldest are forgotten.
        report: keep what `report` returns, which costs two passes over the gradient.

    Raises:
        ValueError: the capacity is below 1.

    >>> w = tg.tensor([1.0, 1.0], requires_grad=True)
    >>> past = optim.OrthogonalToPast(capacity=4)
    >>> sgd = optim.SGD([w], lr=1.0, transforms=[past])
    >>> past.remember(w[:1] * 3.0)
    >>> sgd.step([tg.ones(2)])
    >>> w
    Tensor([1., 0.], requires_grad=True)
    """

    def __init__(self, capacity: int, *, report: bool = False) -> None:
        if capacity < 1:
            raise ValueError(f"OrthogonalToPast: capacity must be at least 1, not {capacity}.")
        self.capacity = capacity
        self.stored = 0
        self._report = report
        self._kept: Array | None = None

    def bind(self, optimizer: Optimizer) -> None:
        """As `GradientTransform.bind`."""
        super().bind(optimizer)
        layout = self._bound().layout
        with layout.backend.current():
            shape = (self.capacity, layout.starts[-1])
            self._basis = layout.backend.zeros(shape, dtype=layout.dtype)

    def apply(self, gradient: Array, parts: Sequence[Array]) -> None:
        """Take out of the gradient what lies along the basis, in place."""
        backend = self._bound().layout.backend
        # A recorded step stays the same while directions are added, and rows of 0 take nothing.
        count = self.capacity if backend.records else self.stored
        if not count:
            return
        before = backend.sum(gradient * gradient) if self._report else None
        column = gradient.reshape(-1, 1)
        rows = self._basis[:count]
        along = backend.dot(rows.T, backend.dot(rows, column)).reshape(-1)
        # Part by part: a nan in one must not stay behind in the gaps between them.
        for part, taken in zip(parts, self._bound().layout.views(along), strict=True):
            part -= taken
        if self._report:
            least = backend.least(gradient)
            self._kept = backend.sum(gradient * gradient) / backend.maximum(before, least)

    def remember(self, outputs: Tensor) -> None:
        """Keep the directions in which these outputs change: not between `grad` and `step`.

        Args:
            outputs: (n,), computed from the optimizer's parameters; n <= capacity. Where several
                ranks train together, all remember the outputs of each.

        Raises:
            ValueError: they are not a vector, too many, or do not depend on these parameters.
        """
        self.keep(team().gather(self._gradients(outputs)))

    def keep(self, new: Array) -> None:
        """Keep directions that are given, (n, size) in the layout of the parameters, which change.

        Args:
            new: n <= capacity, the same on all ranks.
        """
        backend = self._bound().layout.backend
        forgotten = max(self.stored + len(new) - self.capacity, 0)
        if forgotten:
            self._basis[: self.stored - forgotten] = self._basis[forgotten : self.stored].copy()
            self.stored -= forgotten
        lengths = [backend.sqrt(backend.sum(row * row)) for row in new]
        old = self._basis[: self.stored]
        for _ in range(2 if self.stored else 0):
            new -= backend.dot(backend.dot(new, old.T), old)
        for i, (row, length) in enumerate(zip(new, lengths, strict=True)):
            _normalise(backend, row, new[:i], length)
        self._basis[self.stored : self.stored + len(new)] = new
        self.stored += len(new)

    def defect(self) -> Tensor:
        """The largest element of |B B^T - I|, 0-d; rows of 0 are left out."""
        backend = self._bound().layout.backend
        rows = self._basis[: max(self.stored, 1)]
        products = backend.dot(rows, rows.T)
        alive = (backend.diagonal(products) > 0.5).astype(products.dtype)
        return Tensor(backend.amax(abs(products - backend.diag(alive))))

    def report(self) -> dict[str, Tensor]:
        """`kept`: the length of the latest gradient after projection, over that before, 0-d.

        Raises:
            ValueError: reports were not asked for, or nothing was projected yet.
        """
        if self._kept is None:
            raise ValueError(
                "OrthogonalToPast.report: there is nothing to report; pass report=True, remember "
                "something and take a step first."
            )
        return {"kept": Tensor(self._kept**0.5)}

    # -- saving and loading --------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """{parameter's name: (stored, *shape)}: the basis, oldest direction first."""
        return {
            name: np.array(host(view), order="C")
            for name, view in self._rows(self._basis[: self.stored]).items()
        }

    def check(self, state: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """As `GradientTransform.check`."""
        who = "OrthogonalToPast.load_state_dict"
        counts = {len(value) for value in state.values() if np.ndim(value)}
        stored = max(counts, default=0)
        if stored > self.capacity:
            raise ValueError(
                f"{who} changed nothing: {stored} directions, but a capacity of {self.capacity}; "
                "make it with a larger one."
            )
        return check_state(who, self._rows(self._basis[:stored]), state)

    def load(self, values: dict[str, np.ndarray]) -> None:
        """As `GradientTransform.load`."""
        self.stored = len(next(iter(values.values())))
        self._basis[...] = 0
        backend = self._bound().layout.backend
        for name, view in self._rows(self._basis[: self.stored]).items():
            view[...] = backend.from_host(values[name])

    def _rows(self, basis: Array) -> dict[str, Array]:
        """The parts of directions (n, size), as views (n, *shape) by the parameters' names."""
        layout = self._bound().layout
        parts = layout.stacked_views(basis)
        return dict(zip(self._names, parts, strict=True))

    def _gradients(self, outputs: Tensor) -> Array:
        """The gradient of each output, as rows in the layout of the parameters."""
        flat = self._bound()
        if outputs.ndim != 1 or len(outputs) > self.capacity:
            raise ValueError(
                f"OrthogonalToPast.remember: outputs must be a vector of at most {self.capacity} "
                f"numbers (the capacity), not of shape {outputs.shape}."
            )
        rows = flat.layout.backend.zeros((len(outputs), flat.array.size), dtype=flat.array.dtype)
        for i, parts in enumerate(zip(*flat.layout.stacked_views(rows), strict=True)):
            found = grad(outputs[i], flat.params, retain_graph=True, allow_unused=True)
            if all(g is None for g in found):
                raise ValueError(
                    "OrthogonalToPast.remember: the outputs do not depend on the parameters of "
                    "this optimizer; what another player said is no direction in their space."
                )
            for part, g in zip(parts, found, strict=True):
                if g is not None:
                    part[...] = g._data
        return rows


def _normalise(backend: Any, row: Array, others: Array, length: Array) -> None:
    """Take out of a row what lies along others, orthonormal or 0, and scale it, in place."""
    column = row.reshape(-1, 1)
    for _ in range(2 if len(others) else 0):
        column -= backend.dot(others.T, backend.dot(others, column))
    left = backend.sqrt(backend.sum(row * row))
    known = (left > length * (64.0 * float(np.finfo(row.dtype).eps))).astype(row.dtype)
    row *= known / backend.maximum(left, backend.least(row))
