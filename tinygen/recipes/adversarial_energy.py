"""RBMs trained with an adversary or a generator: founding system A3 from the RBM's side.

    tinygen train beam --data mnist

Its recipes are `beam` and `amortised-cd`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..backend import host, use_device
from ..config import setting
from ..data import load
from ..models.adversarial_energy import (
    AdversarialEnergyTrainer,
    GeneratorSampler,
    MixtureSampler,
    NearestNeighbourCritic,
)
from ..models.adversarial_energy.critic import UNITS
from ..models.gan import mlp
from ..models.rbm import Bernoulli, ContrastiveDivergence, NegativeSampler
from ..random import Generator
from .rbm import SHOWN, RBMConfig, binary_rows, negative_phase, one_rbm, thresholded
from .recipe import WIDEST, Experiment, Recipe, picture_maker, streams

__all__ = ["RECIPES", "AmortisedConfig", "BEAMConfig"]


@dataclass(frozen=True)
class BEAMConfig(RBMConfig):
    """Settings of an RBM with an adversary."""

    negative: str = setting(
        "pcd", "cd, pcd, fpcd or tempered chains", choices=("cd", "pcd", "fpcd", "tempered")
    )
    gamma: float = setting(
        0.7, "of the likelihood; the rest is the adversary's; 1: none", low=1e-3, high=1
    )
    neighbours: int = setting(5, "that the adversary looks at", low=1, high=2**16)
    softness: float = setting(
        0.1, "of their distances, in units' probabilities", low=1e-6, high=1e3
    )
    units: str = setting("both", "by which distances are told", choices=UNITS)
    projected: bool = setting(False, "no part of the adversary's that opposes the likelihood")


@dataclass(frozen=True)
class AmortisedConfig(RBMConfig):
    """Settings of an RBM whose negative phase is a generator."""

    negative: str = setting(
        "generator", "generator, or mixture: half of it CD-k", choices=("generator", "mixture")
    )
    k: int = setting(1, "Gibbs steps of the mixture's other half", low=1, high=10**6)
    chains: int = setting(100, "draws of the generator for each update", low=1, high=2**20)
    layer: str = setting("visible", "that the generator draws", choices=("visible", "hidden"))
    weighted: bool = setting(True, "weigh the draws by how likely the RBM has them")
    noise: int = setting(32, "bits that the generator starts from", low=1, high=WIDEST)
    generator: tuple[int, ...] = setting((128,), "hidden layers", low=1, high=WIDEST)
    generator_lr: float = setting(3e-3, "of the generator's Adam", low=1e-12, high=1e3)


def build_beam(config: BEAMConfig) -> Experiment:
    """An RBM on thresholded pixels, by its likelihood and against nearest neighbours."""
    random = streams(config)
    data = load(config.data, random["data"])
    rows, test = binary_rows(data, "beam")
    against: dict[str, Any] = {}
    if config.gamma < 1:
        critic = NearestNeighbourCritic(config.neighbours, config.softness, config.units)
        against = {"adversary": critic, "gamma": config.gamma, "projected": config.projected}
    kind = partial(AdversarialEnergyTrainer, negative_sampler=negative_phase(config), **against)
    return one_rbm(config, data, rows, test, Bernoulli, random, thresholded, kind=kind)


def build_amortised(config: AmortisedConfig) -> Experiment:
    """An RBM on thresholded pixels; a generator that learns beside it draws its negative phase."""
    random = streams(config)
    data = load(config.data, random["data"])
    rows, test = binary_rows(data, "amortised-cd")
    with use_device(config.device):
        units = data.n_features if config.layer == "visible" else config.hidden
        generator = _generator(config, units, random["weights"])
        negative: NegativeSampler = generator
        if config.negative == "mixture":
            negative = MixtureSampler([generator, ContrastiveDivergence(config.k)])
    kind = partial(AdversarialEnergyTrainer, negative_sampler=negative)
    experiment = one_rbm(config, data, rows, test, Bernoulli, random, thresholded, kind=kind)
    of_rbm, picture = experiment.draw, picture_maker(data)

    def draw() -> Mapping[str, bytes]:
        rbm = experiment.trainer.rbm.arrays()
        drawn = generator.sample(rbm, random["noise"], SHOWN)
        return {**of_rbm(), "generated": picture(host(drawn))}

    experiment.draw = draw
    return experiment


def _generator(config: AmortisedConfig, units: int, rng: Generator) -> GeneratorSampler:
    """Bits to logits of so many units, and an encoder back."""
    sizes = [config.noise, *config.generator, units]
    return GeneratorSampler(
        mlp(sizes, rng, slope=0.2),
        mlp(sizes[::-1], rng, slope=0.2),
        noise=config.noise,
        layer=config.layer,
        particles=config.chains,
        weighted=config.weighted,
        lr=config.generator_lr,
    )


ON_MNIST = {"steps": 12_000, "hidden": 500, "batch": 100}

RECIPES = (
    Recipe(
        "beam",
        "founding system A3: an RBM by contrastive divergence and against an adversary (2018)",
        BEAMConfig(),
        build_beam,
        {"mnist": ON_MNIST, "fashion-mnist": ON_MNIST},
    ),
    Recipe(
        "amortised-cd",
        "an RBM whose negative phase a generator draws, without a chain (2016)",
        AmortisedConfig(lr=0.02),
        build_amortised,
        {name: {**ON_MNIST, "lr": 5e-3} for name in ("mnist", "fashion-mnist")},
    ),
)
