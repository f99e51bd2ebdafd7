"""What may be done to a gradient before an update rule sees it.

    Adam(params, lr=2e-4, transforms=[OrthogonalToWeights()])

A transform maps the gradients of one optimizer, and what it remembers, to other gradients of the
same parameters; several are applied in turn. It works with every rule and schedule, and what it
remembers is part of the optimizer's state. Read `transform.py` first.

Both readings of "orthogonal gradients" here are about one player's parameters. The gradients of two
players, such as a GAN's generator and discriminator, are vectors of different spaces and have no
angle; what can be said about both at once is in `tinygen.optim.games`.
"""

from .to_past import OrthogonalToPast
from .to_weights import OrthogonalToWeights
from .transform import GradientTransform

__all__ = ["GradientTransform", "OrthogonalToPast", "OrthogonalToWeights"]
