r"""Restricted Boltzmann machines: units, training, sampling, likelihoods, stacks.

    rbm = RBM(784, 500, rng=rng).start_at(images)
    trainer = RBMTrainer(rbm, rng=rng, negative=PersistentChains(100), centred=True)

For units that are 0 or 1, with the hidden ones summed out:

$$p(v) = \frac{e^{-F(v)}}{Z}, \qquad
F(v) = -b^\top v - \sum_j \log\left(1 + e^{c_j + (W v)_j}\right)$$

$$-\frac{\partial \log p(v)}{\partial \theta}
= \frac{\partial F(v)}{\partial \theta} - \mathbb{E}_p \frac{\partial F}{\partial \theta}$$

The first term is exact; the second, the negative phase, is what the samplers of `negative.py` stand
for. Read `units.py`, `model.py`, `gradient.py`, `negative.py` and `trainer.py`, in this order.
"""

from .dbn import DBNTrainer, DeepBeliefNetwork, unroll
from .discrete import Bernoulli, Softmax
from .enumeration import exact_log_z
from .estimator import BernoulliRBM, GaussianRBM
from .gibbs import gibbs_samples
from .likelihood import (
    LogZ,
    annealed_importance_sampling,
    free_energy_gap,
    log_likelihood,
    mean_log_likelihood,
    reverse_annealing,
    temperatures,
)
from .model import RBM
from .negative import (
    ContrastiveDivergence,
    Exact,
    FastPersistentChains,
    NegativeSampler,
    Particles,
    PersistentChains,
    TemperedChains,
)
from .pseudo import pseudo_log_likelihood
from .real import Gaussian, NoisyRectified
from .trainer import RBMTrainer
from .units import Units

__all__ = [
    "RBM",
    "Bernoulli",
    "BernoulliRBM",
    "ContrastiveDivergence",
    "DBNTrainer",
    "DeepBeliefNetwork",
    "Exact",
    "FastPersistentChains",
    "Gaussian",
    "GaussianRBM",
    "LogZ",
    "NegativeSampler",
    "NoisyRectified",
    "Particles",
    "PersistentChains",
    "RBMTrainer",
    "Softmax",
    "TemperedChains",
    "Units",
    "annealed_importance_sampling",
    "exact_log_z",
    "free_energy_gap",
    "gibbs_samples",
    "log_likelihood",
    "mean_log_likelihood",
    "pseudo_log_likelihood",
    "reverse_annealing",
    "temperatures",
    "unroll",
]
