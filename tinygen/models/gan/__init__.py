r"""Generative adversarial networks: a generator of samples against a discriminator of them.

    trainer = GANTrainer(mlp([64, 128, 128, 64], rng), mlp([64, 128, 128, 1], rng),
                         rng=rng, noise_shape=64)
    losses = trainer.step(batch)          # one update of each player
    images = trainer.sample(16)

The first objective of all, in which D maximises and G minimises

$$V = \mathbb{E}_x \log D(x) + \mathbb{E}_z \log\left(1 - D(G(z))\right)$$

is one of seven. Any of `OBJECTIVES` goes with any of `REGULARIZERS`, and with what is against
collapse: `packing.py`, `extras.py`, `unrolled.py`, nn.MinibatchDiscrimination. Read `objectives.py`
first, then `regularizers.py`, then `trainer.py`. Relatives are its subclasses: `conditional.py` has
networks that are told a class; `auxiliary.py`, `infogan.py` and `bigan.py` read something off
examples, a class, a code or the noise. `from_decoder.py` begins G with the weights of an
autoencoder, a VAE or a stack of RBMs. How training goes: `vitals.py`, `verdict.py`, `watch.py`.
"""

from .auxiliary import ACGANTrainer, AuxiliaryDiscriminator, AuxiliaryTrainer
from .bigan import BidirectionalGenerator, BiGANTrainer
from .conditional import Conditional, ProjectionDiscriminator
from .extras import Extra, FeatureMatching, HistoricalAveraging, Orthogonality
from .from_decoder import start_from_decoder, whiten_decoder
from .infogan import Codes, InfoGANTrainer
from .networks import Discriminator, Standardized, mlp
from .objectives import OBJECTIVES, Objective
from .old_fakes import OrthogonalToOldFakes
from .packing import Packed
from .regularizers import DRAGAN, R1, R2, REGULARIZERS, GradientPenalty, Regularizer
from .rules import RULES
from .trainer import GANTrainer
from .unrolled import UnrolledGANTrainer
from .vitals import landmarks_of
from .watch import Watch

__all__ = [
    "DRAGAN",
    "ACGANTrainer",
    "AuxiliaryDiscriminator",
    "AuxiliaryTrainer",
    "BiGANTrainer",
    "BidirectionalGenerator",
    "Codes",
    "Conditional",
    "InfoGANTrainer",
    "OBJECTIVES",
    "ProjectionDiscriminator",
    "R1",
    "R2",
    "REGULARIZERS",
    "RULES",
    "Discriminator",
    "Extra",
    "FeatureMatching",
    "GANTrainer",
    "GradientPenalty",
    "HistoricalAveraging",
    "Objective",
    "OrthogonalToOldFakes",
    "Orthogonality",
    "Packed",
    "Regularizer",
    "Standardized",
    "UnrolledGANTrainer",
    "Watch",
    "landmarks_of",
    "mlp",
    "start_from_decoder",
    "whiten_decoder",
]
