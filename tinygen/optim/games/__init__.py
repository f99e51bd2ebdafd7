r"""Steps of several players who each minimise a loss of their own: GANs above all.

    x, y = (tg.tensor(1.0, dtype="float64", requires_grad=True) for _ in range(2))
    game = RotationCorrection().bind([SGD([x], lr=0.1), SGD([y], lr=0.1)])
    game.step(lambda: [x * y, -(x * y)])

With $l_i$ the loss of player $i$ and $w_i$ its weights, all of them follow the field

$$\xi = \left(\frac{\partial l_1}{\partial w_1}, \ldots, \frac{\partial l_n}{\partial w_n}\right),
\qquad J = \frac{\partial \xi}{\partial w} = S + A$$

whose Jacobian has a symmetric part $S$ and an antisymmetric one $A$, the rotation. Descent of each
player on its own loss need not converge: on x y it circles the solution outwards. What these rules
do about it is either to correct the gradients by second derivatives (`corrected.py`) or to look
ahead (`extrapolated.py`). Any update rule may come after them. Read `field.py` first.
"""

from .corrected import Consensus, RotationCorrection
from .extrapolated import Extragradient, Optimistic
from .field import JointField
from .game import Alternating, Game, Simultaneous

__all__ = [
    "Alternating", "Consensus", "Extragradient", "Game", "JointField", "Optimistic",
    "RotationCorrection", "Simultaneous",
]  # fmt: skip
