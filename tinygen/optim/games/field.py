"""The joint gradient field of a game, and what its Jacobian makes of it.

Player i chooses w_i and minimises l_i, which depends on the choices of all:

    xi = (dl_1/dw_1, ..., dl_n/dw_n)        what simultaneous descent follows
    J  = dxi/dw = S + A                     S symmetric, A antisymmetric

With A = 0 (a potential game) xi is the gradient of one function. With S = 0 (a Hamiltonian game)
descent along xi goes round the solution, and |xi|^2 is what it keeps. Balduzzi et al., "The
mechanics of n-player differentiable games" (2018), section 2, who write H for J.

No matrix is formed. Write g_ij for dl_i/dw_j: as second derivatives of one loss are symmetric,
every product is the gradient of one number, in which the second factors are constants:

    (J^T xi)_i = d/dw_i of the sum over j of <g_jj, xi_j>
    (J xi)_i   = d/dw_i of the sum over j of <g_ij, xi_j>
    A^T xi     = (J^T xi - J xi) / 2, in which the terms with j = i cancel

So J xi needs no forward mode, and xi . A^T xi = 0 holds to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from ...autograd import grad
from ...backend import Array
from ...parallel import team
from ...tensor import Tensor
from ...transforms import pull_back
from ..flat import Layout
from .game import check_count, complete

__all__ = ["JointField"]

TINY = 1e-30
"""The least length that is divided by: what is compared with a vector of 0 gives 0."""


class JointField:
    """xi at the present weights, and its products with J and A, each computed when first read.

    A vector of the joint space is one array, in which every parameter has its part (see `flat.py`).

    Args:
        losses: one for each player, 0-d.
        players: the parameters of each, all of one dtype and on one device.
        crossed: A or J will be asked for: so each loss is differentiated in all parameters at once.

    Raises:
        ValueError: a loss is missing, or does not depend on a parameter of its player.

    >>> x, y = (tg.tensor(v, requires_grad=True) for v in (3.0, 4.0))
    >>> field = JointField([x * y, -(x * y)], [[x], [y]])
    >>> [[[slope_x]], [[slope_y]]] = field.by_player(field.split(field.xi))
    >>> float(slope_x), float(slope_y)
    (4.0, -3.0)
    """

    def __init__(
        self,
        losses: Sequence[Tensor],
        players: Sequence[Sequence[Tensor]],
        *,
        crossed: bool = True,
    ) -> None:
        check_count(losses, players)
        self._losses = list(losses)
        self.players = [list(params) for params in players]
        self._params = [p for params in self.players for p in params]
        self._layout = Layout(self._params)
        self.backend = self._layout.backend
        self.size = sum(p.size for p in self._params)
        self._own = [
            complete(i, self._slopes[i][i] if crossed else _recorded(loss, self.players[i]))
            for i, loss in enumerate(losses)
        ]
        self.xi = self._joined(self._own)
        self._constants = [list(map(Tensor, parts)) for parts in self.split(self.xi)]

    def by_player(self, parts: Sequence) -> list[list]:
        """Things that belong to the parameters, one to each, as a list for each player."""
        rest = iter(parts)
        return [[next(rest) for _ in params] for params in self.players]

    def split(self, vector: Array) -> list[list[Array]]:
        """The parts of a vector: for each player, arrays in the shapes of its parameters."""
        return self.by_player(self._layout.views(vector))

    @property
    def j_transposed_xi(self) -> Array:
        """J^T xi, which is the gradient of |xi|^2 / 2."""
        return self._straight + self._across

    @property
    def j_xi(self) -> Array:
        """J xi: how xi changes along itself."""
        return self._straight + self._crossed

    @cached_property
    def a_transposed_xi(self) -> Array:
        """A^T xi, which is -A xi and orthogonal to xi."""
        return 0.5 * (self._across - self._crossed)

    def dot(self, a: Array, b: Array) -> Array:
        """The inner product of two vectors, 0-d."""
        return self.backend.sum(a * b)

    def cosine(self, vector: Array) -> Array:
        """The cosine of the angle between xi and another vector, 0-d; 0 if one of them is 0."""
        return self.dot(self.xi / self._divisor(self.xi), vector / self._divisor(vector))

    def rotation_index(self) -> Array:
        """|A xi| / |J xi|, 0-d: 0 in a potential game, 1 in a Hamiltonian one; more is possible."""
        return self._norm(self.a_transposed_xi) / self._divisor(self.j_xi)

    @cached_property
    def _slopes(self) -> list[list[list[Tensor | None]]]:
        """g_ij by i and j."""
        return [self.by_player(_recorded(loss, self._params)) for loss in self._losses]

    @cached_property
    def _pulled(self) -> list[list[list[Tensor]]]:
        """d/dw_i <g_jj, xi_j> for all i, by j and i."""
        return [
            self.by_player(pull_back(self._own[j], self._params, xi, record=False))
            for j, xi in enumerate(self._constants)
        ]

    @cached_property
    def _straight(self) -> Array:
        """The terms of J xi and J^T xi with j = i."""
        return self._joined([pulled[i] for i, pulled in enumerate(self._pulled)])

    @cached_property
    def _across(self) -> Array:
        """The other terms of J^T xi."""
        total = self._layout.zeros()[0]
        for j, pulled in enumerate(self._pulled):
            total += self._joined([g if i != j else None for i, g in enumerate(pulled)])
        return total

    @cached_property
    def _crossed(self) -> Array:
        """The other terms of J xi."""
        found = []
        for i, (slopes, params) in enumerate(zip(self._slopes, self.players, strict=True)):
            pairs = [
                (g, x)
                for j, xi in enumerate(self._constants)
                for g, x in zip(slopes[j], xi, strict=True)
                if j != i and g is not None
            ]
            outputs, directions = [g for g, _ in pairs], [x for _, x in pairs]
            found.append(pull_back(outputs, params, directions, record=False))
        return self._joined(found)

    def _joined(self, parts: Sequence[Sequence[Tensor] | None]) -> Array:
        """One vector of the players' parts, with zeros for None: the mean over all ranks."""
        vector, views = self._layout.zeros()
        for targets, found in zip(self.by_player(views), parts, strict=True):
            if found is not None:
                for target, part in zip(targets, found, strict=True):
                    target[...] = part._data
        team().average(vector)
        return vector

    def _norm(self, vector: Array) -> Array:
        return self.backend.sqrt(self.dot(vector, vector))

    def _divisor(self, vector: Array) -> Array:
        return self.backend.maximum(self._norm(vector), TINY)


def _recorded(loss: Tensor, params: Sequence[Tensor]) -> list[Tensor | None]:
    """The gradient with its graph."""
    return grad(loss, params, create_graph=True, allow_unused=True)
