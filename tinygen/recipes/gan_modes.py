"""GANs that reach every mode of a mixture in the plane, evenly and sharply.

What it is made of, and what leaving it out does to the grid (`python -m benchmarks.gan_ablation`, 3
seeds, equal seconds; with all of it 25 modes, reverse KL 0.016 +- 0.004):

- D's first hyperplanes are spread over the data (without: KL 0.052). As layers start by themselves,
  they all pass near the origin, and D tells distant modes apart neither from each other nor from
  what lies between.
- Noise on all that D sees, which fades (without: 23.3 modes, KL 0.129): modes melt into one wide
  distribution, which G learns to cover before it has to leave the space between them (see
  `InstanceNoise`).
- A loss that compares examples in pairs (non-saturating instead: KL 0.024; see `Relativistic`).
- Rates that fall to zero (without: KL 0.071): they end the players' dance about the goal.
- Penalties on D's slope at both kinds of examples, and an average of G's weights: on the grid
  neither can be told from chance.

The networks are smooth, so that D's slopes can be learned, and G is deep and narrow: what lies
between modes is as wide as G's steepest slope makes it (two wide layers: 86% of high quality).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import sqrt
from typing import NamedTuple

import numpy as np

from .. import nn
from ..backend import backend_for, use_device
from ..config import setting
from ..data import load
from ..models.gan import REGULARIZERS, GANTrainer
from ..optim import schedules
from ..random import Generator
from .gan import adversarial, trainer_options
from .gan_settings import AdversarialConfig
from .recipe import WIDEST, Experiment, Recipe, streams

__all__ = ["RECIPES", "ModesConfig", "Scaling", "covering_options", "dense_network",
           "spread_discriminator"]  # fmt: skip

UNIT = sqrt(8.0)
"""Standard deviation of what the networks see: the grid's, for which the settings were chosen."""


@dataclass(frozen=True)
class ModesConfig(AdversarialConfig):
    """Settings of GANs that shall drop no mode."""

    second_penalty: str = setting(
        "r2", "beside the first, as strong", choices=("none", *REGULARIZERS)
    )
    beta2: float = setting(0.99, "of both players' Adam", low=0, high=0.999999)
    decay: bool = setting(True, "rates fall to 0 along half a cosine")
    reach: float = setting(
        sqrt(2.0), "of D's first hyperplanes, in deviations; 0: left as they are", low=0, high=1e3
    )
    gain: float = setting(2.0, "of orthogonal first weights; 0: as layers start", low=0, high=1e3)
    noise: int = setting(16, "its length", low=1, high=WIDEST)
    generator: tuple[int, ...] = setting((64,) * 5, "hidden layers", low=1, high=WIDEST)
    discriminator: tuple[int, ...] = setting((128, 128), "hidden layers", low=1, high=WIDEST)


class Scaling(NamedTuple):
    """From rows (N, D) in the data's units to what the networks see, and back."""

    centre: np.ndarray
    factor: np.float32

    @classmethod
    def of(cls, rows: np.ndarray) -> Scaling:
        """Centred, and of deviation `UNIT` over all features; constant data is only centred."""
        spread = float((rows - rows.mean(0)).std())
        return cls(rows.mean(0), np.float32(UNIT / spread if spread else 1.0))

    def apply(self, rows: np.ndarray) -> np.ndarray:
        """What the networks see."""
        return (rows - self.centre) * self.factor

    def undo(self, rows: np.ndarray) -> np.ndarray:
        """In the data's units."""
        return rows / self.factor + self.centre


def build(config: ModesConfig) -> Experiment:
    """Two dense networks with tanh between their layers, on flattened examples."""
    random = streams(config)
    data = load(config.data, random["data"])
    rows, _ = data.flat()
    scaling = Scaling.of(rows)
    with use_device(config.device):
        trainer = GANTrainer(
            dense_network([config.noise, *config.generator, data.n_features], config.gain, random),
            spread_discriminator(config, data.n_features, random),
            rng=random["noise"],
            noise_shape=config.noise,
            undo=scaling.undo,
            **covering_options(config),
        )
    return adversarial(config, trainer, data, scaling.apply(rows), random)


def covering_options(config: ModesConfig) -> dict:
    """What the settings say to the trainer."""
    second = replace(config, penalty=config.second_penalty)
    options = trainer_options(config)
    return {
        **options,
        "regularizers": options["regularizers"] + trainer_options(second)["regularizers"],
        "lr": tuple(_rate(config, lr) for lr in options["lr"]),
        "betas": (config.beta1, config.beta2),
        "instance_noise_steps": max(1, config.steps // 3),
    }


def _rate(config: ModesConfig, lr: float) -> float | schedules.Schedule:
    return schedules.cosine(lr, config.steps) if config.decay else lr


def dense_network(
    sizes: Sequence[int],
    gain: float,
    random: dict[str, Generator],
    between: Callable[[], nn.Module] = nn.Tanh,
) -> nn.Sequential:
    """Dense layers of these sizes, smooth in all they do unless something else is put between."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layer = nn.Linear(inputs, outputs, rng=random["weights"])
        if gain:
            assert layer.bias is not None
            nn.init.orthogonal_(layer.weight, gain, rng=random["weights"])
            nn.init.zeros_(layer.bias)
        layers += [layer, between()]
    return nn.Sequential(*layers[:-1])


def spread_discriminator(
    config: ModesConfig,
    features: int,
    random: dict[str, Generator],
    between: Callable[[], nn.Module] = nn.Tanh,
    unit: float = UNIT,
) -> nn.Sequential:
    """Examples, of deviation `unit` over all features, to logits."""
    network = dense_network([features, *config.discriminator, 1], config.gain, random, between)
    if config.reach:
        _spread(network[0], config.reach * unit, random["weights"])
    return network


def _spread(layer: nn.Linear, reach: float, rng: Generator) -> None:
    """Move the hyperplanes w x + b = 0 to distances from the origin that are U(-reach, reach)."""
    assert layer.bias is not None
    lengths = np.sqrt((layer.weight.numpy() ** 2).sum(1))
    distances = rng.on("cpu").uniform(lengths.shape, -reach, reach)
    backend = backend_for(layer.bias.device)
    layer.bias[...] = backend.from_host((lengths * distances).astype(lengths.dtype))


COVERING = ModesConfig(
    data="grid",
    steps=20_000,
    batch=128,
    objective="relativistic",
    lr=2e-3,
    beta1=0.0,
    penalty="r1",
    penalty_weight=5e-4,
    penalty_every=8,
    instance_noise=1.0,
    ema=0.999,
)

RECIPES = (
    Recipe("gan-ring", "8 modes on a ring, all reached", replace(COVERING, data="ring"), build, {}),
    Recipe("gan-grid", "25 modes on a grid, all reached", COVERING, build, {}),
)
