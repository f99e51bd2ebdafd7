"""Generative adversarial networks: a generator of samples against a discriminator that judges them.

    trainer = GANTrainer(mlp([64, 128, 128, 64], rng), mlp([64, 128, 128, 1], rng),
                         rng=rng, noise_shape=64)
    losses = trainer.step(batch)          # one update of each player
    images = trainer.sample(16)

Any objective of `OBJECTIVES` goes with any regularizer of `REGULARIZERS`, and with the layers
against collapse. Read `objectives.py` first, then `regularizers.py`, then `trainer.py`.
"""

from .networks import Discriminator, mlp
from .objectives import OBJECTIVES, Objective
from .regularizers import DRAGAN, R1, R2, REGULARIZERS, GradientPenalty, Regularizer
from .trainer import GANTrainer

__all__ = [
    "DRAGAN",
    "OBJECTIVES",
    "R1",
    "R2",
    "REGULARIZERS",
    "Discriminator",
    "GANTrainer",
    "GradientPenalty",
    "Objective",
    "Regularizer",
    "mlp",
]
