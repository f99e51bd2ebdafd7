"""Corrections of the joint gradient field by second derivatives: xi plus something, then descent.

    RotationCorrection    xi + lambda A^T xi      turns xi towards the solution that it circles
    Consensus             xi + strength J^T xi    descends |xi|^2 / 2 too, to where all slopes are 0

(For the letters see `field.py`.)
"""

from __future__ import annotations

from ...backend import Array
from ...tensor import Tensor
from .field import JointField
from .game import Game, Losses

__all__ = ["Consensus", "RotationCorrection"]

ALIGNMENT_BIAS = 0.1
"""epsilon of Balduzzi et al. 2018, Algorithm 1: near a fixed point of any kind the sign is +1."""


class Corrected(Game):
    """Base of the corrections: subclasses say `adjusted`.

    Args:
        strength: the weight of the correction.
        report: return what `step` names below. It costs a few passes over the parameters, and for
            `Consensus` second derivatives that it does not need itself.
    """

    crossed = True
    """It needs A."""

    def __init__(self, strength: float = 1.0, *, report: bool = False) -> None:
        if not 0.0 <= strength < float("inf"):
            who = type(self).__name__
            raise ValueError(f"{who}: strength must be finite and at least 0, not {strength}.")
        self.strength = strength
        self.report = report

    def adjusted(self, field: JointField) -> Array:
        """The vector that the players descend along."""
        raise NotImplementedError

    def step(self, losses: Losses) -> dict[str, Tensor]:
        """Update all players along the corrected field.

        Returns:
            With `report`: `rotation_index` (|A xi| / |J xi|) and `cosine` (of the angle between xi
            and what became of it).
        """
        params = [player.params for player in self.players]
        field = JointField(losses(), params, crossed=self.crossed or self.report)
        vector = self.adjusted(field)
        report = self._look(field, vector) if self.report else {}
        for player, parts in zip(self.players, field.split(vector), strict=True):
            player.step(parts)
        return report

    @staticmethod
    def _look(field: JointField, vector: Array) -> dict[str, Tensor]:
        return {
            "rotation_index": Tensor(field.rotation_index()),
            "cosine": Tensor(field.cosine(vector)),
        }


class RotationCorrection(Corrected):
    """xi + lambda A^T xi: symplectic gradient adjustment.

    Balduzzi et al., "The mechanics of n-player differentiable games" (2018), Algorithm 1. Of all
    that "orthogonal gradients of two players" may mean, this is the one about both of them: A^T xi
    is orthogonal to xi in the joint space. A potential game is left alone (A = 0); in a Hamiltonian
    one it points to the solution. Alignment takes for lambda, up to `strength`,

        sign(<xi, h> <A^T xi, h> / d + 0.1),  h = J^T xi, d the number of all parameters

    so that it turns xi towards stable fixed points and away from unstable ones (section 3.3). The
    0.1 is the paper's and has a scale: where slopes are small, lambda is `strength`.

    Args:
        strength, report: see `Corrected`.
        align: choose the sign of lambda like that, on the device; otherwise it is +1.

    Raises:
        ValueError: the strength is negative or not finite; in `step`, as `Game`.

    >>> x, y = (tg.tensor(1.0, requires_grad=True) for _ in range(2))
    >>> game = RotationCorrection().bind([optim.SGD([x], lr=0.1), optim.SGD([y], lr=0.1)])
    >>> _ = game.step(lambda: [x * y, -(x * y)])
    >>> x, y
    (Tensor(0.8, requires_grad=True), Tensor(1., requires_grad=True))
    """

    def __init__(self, strength: float = 1.0, *, align: bool = True, report: bool = False) -> None:
        super().__init__(strength, report=report)
        self.align = align

    def adjusted(self, field: JointField) -> Array:
        """xi + lambda A^T xi."""
        correction = self.strength * field.a_transposed_xi
        return field.xi + (self._sign(field) * correction if self.align else correction)

    @staticmethod
    def _sign(field: JointField) -> Array:
        h = field.j_transposed_xi
        both = field.dot(field.xi, h) * field.dot(field.a_transposed_xi, h)
        return field.backend.sign(both / field.size + ALIGNMENT_BIAS)


class Consensus(Corrected):
    """xi + strength J^T xi.

    Mescheder et al., "The numerics of GANs" (2017), Algorithm 1: descent on |xi|^2 / 2 besides the
    game. It is drawn to every fixed point, the unstable ones too. Arguments and errors as of
    `RotationCorrection`, without `align`.

    >>> x, y = (tg.tensor(1.0, requires_grad=True) for _ in range(2))
    >>> game = Consensus(strength=0.5).bind([optim.SGD([x], lr=0.1), optim.SGD([y], lr=0.1)])
    >>> _ = game.step(lambda: [x * y, -(x * y)])
    >>> x, y
    (Tensor(0.85, requires_grad=True), Tensor(1.05, requires_grad=True))
    """

    crossed = False

    def adjusted(self, field: JointField) -> Array:
        """xi + strength J^T xi."""
        return field.xi + self.strength * field.j_transposed_xi
