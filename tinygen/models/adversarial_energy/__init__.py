r"""Contrastive divergence and adversarial training as one: founding system A3.

    trainer = AdversarialEnergyTrainer(rbm, rng=rng, negative_sampler=PersistentChains(100),
                                       adversary=NearestNeighbourCritic(), gamma=0.5)
    trainer = EnergyGANTrainer(generator, discriminator, rng=rng, noise_shape=16)

An energy model $p(x) = e^{-F(x)} / Z$ learns by what is also the loss of a Wasserstein critic $-F$:

$$\mathbb{E}_{\mathrm{data}} F - \mathbb{E}_{\mathrm{model}} F$$

Read `contrast.py` first, which says why that is a
critic's loss, and `time_reversal.py`, which says what contrastive divergence classifies. Where the
negative states come from is a choice: k Gibbs steps or persistent chains (`tinygen.models.rbm`), a
generator network (`amortised.py`), or some of each (`samplers.py`). `trainer.py` has an adversary
beside the likelihood, whose features and verdict are in `critic.py`. The other way round, a GAN may
leave a log-density behind (`calibrated.py`, with `entropy.py`), or draw its noise from an RBM of
what D sees (`prior.py`).
"""

from .amortised import GeneratorSampler
from .calibrated import EnergyGANTrainer
from .contrast import FreeEnergyCritic, contrast
from .critic import NearestNeighbourCritic
from .entropy import Encoded, NearestNeighbourEntropy, VariationalEntropy
from .prior import RBMPriorGANTrainer
from .samplers import MixtureSampler
from .time_reversal import time_reversal_loss, time_reversal_odds
from .trainer import AdversarialEnergyTrainer

__all__ = [
    "AdversarialEnergyTrainer",
    "Encoded",
    "EnergyGANTrainer",
    "FreeEnergyCritic",
    "GeneratorSampler",
    "MixtureSampler",
    "NearestNeighbourCritic",
    "NearestNeighbourEntropy",
    "RBMPriorGANTrainer",
    "VariationalEntropy",
    "contrast",
    "time_reversal_loss",
    "time_reversal_odds",
]
