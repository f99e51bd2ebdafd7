"""Several losses on the same parameters: one gradient in which they contradict each other less.

    surgery = GradientSurgery(tg.Generator(0))
    optimizer.step(surgery([digits_loss, parity_loss], optimizer.params))

The losses may be tasks, or the parts of one: a discriminator's real, fake and penalty terms, a
generator's adversarial and reconstruction terms. Every gradient is of the same parameters: a
generator's and a discriminator's are vectors of different spaces, and are refused.

Every result is a combination of the tasks' gradients, so all that is done to them is done to its
coefficients: with G the matrix whose rows are the gradients, and A the coefficients, the products
of A G with the g_j are A (G G^T). That is one pass over the gradients for G G^T and one for the sum
of the rows of A G; between them there are only matrices as large as the number of tasks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..autograd import grad
from ..backend import Array, Backend
from ..parallel import team
from ..random import Generator
from ..tensor import Tensor
from .flat import Layout

__all__ = ["GradientSurgery", "SharedWeights"]


class Surgery:
    """Base: who gives way to whom, and when, is for subclasses to say in `_turns`."""

    _products: Array = None
    _stacked: Array = None
    _place: tuple | None = None

    def __call__(self, losses: Sequence[Tensor], params: Sequence[Tensor]) -> list[Tensor]:
        """The joint gradient of 0-d losses, in the order of the parameters.

        The gradients are taken from one recorded graph, which is freed with the last of them. A
        parameter that a loss does not depend on has a gradient of 0 from it.

        Raises:
            ValueError: there are fewer than two losses, or one depends on none of the parameters.
        """
        self._check_count(len(losses))
        if not all(isinstance(p, Tensor) for p in params):
            raise ValueError(self._two_spaces("the parameters come in several lists"))
        layout = Layout(params)
        stacked = self._stack(layout, len(losses))
        for i, (loss, row) in enumerate(zip(losses, stacked, strict=True)):
            found = grad(loss, params, retain_graph=i + 1 < len(losses), allow_unused=True)
            if all(g is None for g in found):
                raise ValueError(
                    self._two_spaces(f"loss {i} depends on none of the given parameters")
                )
            for view, g in zip(layout.views(row), found, strict=True):
                view[...] = 0 if g is None else g._data
        return self._joined(layout, stacked)

    def combine(self, gradients: Sequence[Sequence[Tensor]]) -> list[Tensor]:
        """The joint gradient of gradients that are there already: a list for each task.

        Raises:
            ValueError: there are fewer than two lists, or their shapes differ.
        """
        self._check_count(len(gradients))
        first = [g.shape for g in gradients[0]]
        for i, found in enumerate(gradients):
            if [g.shape for g in found] != first:
                raise ValueError(
                    self._two_spaces(f"gradients 0 and {i} belong to different parameters")
                )
        layout = Layout(gradients[0])
        stacked = self._stack(layout, len(gradients))
        for row, found in zip(stacked, gradients, strict=True):
            for view, g in zip(layout.views(row), found, strict=True):
                view[...] = g._data
        return self._joined(layout, stacked)

    def report(self) -> dict[str, Tensor]:
        """Of the latest step, 0-d tensors on the device; nothing is computed until they are read.

        `conflicts` is the share of the pairs of tasks whose gradients have a negative product;
        `cosine_before` the mean cosine of all pairs, and `cosine_after` that of what became of
        them. With three tasks or more, conflicts may remain. A gradient of 0 has the cosine 0.

        Raises:
            ValueError: there was no step yet.
        """
        if self._products is None:
            raise ValueError(f"{type(self).__name__}.report: there was no step yet.")
        backend, before, a = self._backend, self._products, self._coefficients
        after = backend.dot(backend.dot(a, before), a.T)
        negative = (before < 0).astype(before.dtype)
        return {
            "conflicts": Tensor(_mean_of_pairs(backend, negative)),
            "cosine_before": Tensor(_mean_of_pairs(backend, _cosines(backend, before))),
            "cosine_after": Tensor(_mean_of_pairs(backend, _cosines(backend, after))),
        }

    def _turns(self, backend: Backend, tasks: int, dtype: Any) -> list[Array]:
        """Who looks at whom, turn by turn: matrices (tasks, tasks) of 0 and 1.

        A 1 in row i, column j: in this turn task i gives way to task j, if they are in conflict.
        """
        raise NotImplementedError

    def _joined(self, layout: Layout, stacked: Array) -> list[Tensor]:
        """The sum of the gradients after surgery; `stacked` holds them as rows."""
        backend: Any = layout.backend
        team().average(stacked)  # conflicts are those of the whole batch's gradients
        products = backend.gram(stacked)
        # Only where a gradient is 0 is there less, and then its products are 0 too.
        squares = backend.maximum(backend.diagonal(products), backend.least(stacked))
        a = backend.eye(len(stacked), dtype=stacked.dtype)
        for chosen in self._turns(backend, len(stacked), stacked.dtype):
            conflict = backend.minimum(backend.dot(a, products), 0.0)
            a -= chosen * conflict / squares
        self._backend, self._products, self._coefficients = backend, products, a
        total = backend.dot(backend.sum(a, 0, True), stacked)[0]
        return [Tensor(part) for part in layout.views(total)]

    def _stack(self, layout: Layout, tasks: int) -> Array:
        """Rows for the gradients: the same ones as last time where they fit, gaps of 0 between."""
        backend, size = layout.backend, layout.starts[-1]
        wanted = (tasks, size, layout.shapes, layout.dtype, backend)
        if self._place != wanted:
            with backend.current():
                self._stacked = backend.zeros((tasks, size), dtype=layout.dtype)
            self._place = wanted
        return self._stacked

    def _check_count(self, tasks: int) -> None:
        if tasks < 2:
            raise ValueError(f"{type(self).__name__}: two tasks or more are needed, not {tasks}.")

    def _two_spaces(self, found: str) -> str:
        return (
            f"{type(self).__name__}: {found}; gradients of different parameters, such as those of "
            "a generator and a discriminator, have no angle: take all losses' gradients with "
            "respect to the same parameters, or see tinygen.optim.games for two players."
        )


class GradientSurgery(Surgery):
    """Each task's gradient loses what points against another one's; then they are added.

        for each i, for j != i in random order:   g_i = g_i - min(0, g_i . g_j) / |g_j|^2 g_j

    where the g_j on the right are the tasks' own gradients, untouched. Yu et al., "Gradient surgery
    for multi-task learning" (2020), algorithm 1, known as PCGrad. Nothing changes where no two
    gradients conflict. Gradients of 0 take part without effect, and opposite ones cancel.

    The products are those of whole gradients, over all parameters that are given: give it the
    parameters that the tasks share. A task's own head needs no surgery.

    Args:
        rng: draws the order, on the device of the parameters.

    Called with 0-d losses and parameters it returns their joint gradient, a Tensor for each
    parameter. Raises ValueError for fewer than two losses, or one that depends on no parameter.

    >>> w = tg.zeros(2)
    >>> w.requires_grad = True
    >>> surgery = optim.GradientSurgery(tg.Generator(0))
    >>> surgery([w[0], w[1] - w[0]], [w])
    [Tensor([0.5, 1.5])]
    """

    def __init__(self, rng: Generator) -> None:
        self.rng = rng

    def _turns(self, backend: Backend, tasks: int, dtype: Any) -> list[Array]:
        u = self.rng.whole().uniform((tasks, tasks))
        rank = backend.sum((u[:, :, None] > u[:, None, :]).astype(dtype), 2)
        others = 1.0 - backend.eye(tasks, dtype=dtype)
        return [others * (rank == turn).astype(dtype) for turn in range(tasks)]

    def state_dict(self) -> dict[str, Any]:
        """That of the generator."""
        return {"rng": self.rng.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a `state_dict`."""
        self.rng.load_state_dict(state["rng"])


class SharedWeights(Surgery):
    """Losses with a right of way: each gives way to those before it, and to none after it.

        for i = 1, 2, ..., for j = 0, ..., i-1:   g_i = g_i - min(0, g_i . g_j) / |g_j|^2 g_j

    One-sided surgery, for parameters that several objectives own: an energy model's likelihood
    first, its adversarial loss second. The second then has no part in the step that would undo the
    first; the first is left as it is. Called as `GradientSurgery`, with the same errors.

    >>> w = tg.zeros(2)
    >>> w.requires_grad = True
    >>> optim.SharedWeights()([w[0], w[1] - w[0]], [w])
    [Tensor([1., 1.])]
    """

    def _turns(self, backend: Backend, tasks: int, dtype: Any) -> list[Array]:
        below = backend.tri(tasks, tasks, -1, dtype=dtype)
        columns = backend.eye(tasks, dtype=dtype)
        return [below * columns[j] for j in range(tasks - 1)]


def _cosines(backend: Any, products: Array) -> Array:
    """Of vectors with these products."""
    lengths = backend.sqrt(backend.maximum(backend.diagonal(products), backend.least(products)))
    return products / lengths[:, None] / lengths


def _mean_of_pairs(backend: Any, matrix: Array) -> Array:
    """The mean of the elements off the diagonal, 0-d."""
    tasks = len(matrix)
    off = backend.sum(matrix) - backend.sum(backend.diagonal(matrix))
    return off * (1.0 / (tasks * (tasks - 1)))
