"""Update rules, learning-rate schedules, gradient clipping and averages of weights."""

from . import schedules
from .adam import Adam, AdamW
from .clip import clip_grad_norm, clip_grad_value
from .ema import ExponentialMovingAverage
from .optimizer import Optimizer
from .sgd import SGD

__all__ = [
    "SGD", "Adam", "AdamW", "ExponentialMovingAverage", "Optimizer", "clip_grad_norm",
    "clip_grad_value", "schedules",
]  # fmt: skip
