"""Update rules, learning-rate schedules, what is done to gradients, and averages of weights.

    optimizer = optim.Adam(model.named_parameters(), lr=optim.schedules.cosine(1e-3, steps=10_000))
    grads, norm = optim.clip_grad_norm(tg.grad(loss, optimizer.params), max_norm=1.0)
    optimizer.step(grads)

What changes gradients within an optimizer is in `transforms`; how several players take a step
together, in `games`.
"""

from . import games, schedules, transforms
from .adam import Adam, AdamW
from .clip import clip_grad_norm, clip_grad_value
from .ema import ExponentialMovingAverage
from .historical import HistoricalAverage
from .muon import Muon
from .optimizer import Optimizer
from .penalty import orthogonal_penalty
from .sgd import SGD
from .stiefel import Stiefel, StiefelAdam
from .surgery import GradientSurgery, SharedWeights
from .transforms import OrthogonalToPast, OrthogonalToWeights
from .unrolled import UnrolledAdam

__all__ = [
    "SGD", "Adam", "AdamW", "ExponentialMovingAverage", "GradientSurgery", "HistoricalAverage",
    "Muon", "Optimizer", "OrthogonalToPast", "OrthogonalToWeights", "SharedWeights", "Stiefel",
    "StiefelAdam", "UnrolledAdam", "clip_grad_norm", "clip_grad_value", "games",
    "orthogonal_penalty", "schedules", "transforms",
]  # fmt: skip
