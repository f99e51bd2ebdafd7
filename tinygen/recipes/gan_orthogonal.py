"""Founding system E1: a GAN whose players' steps are corrected, against rotation above all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .. import nn
from ..backend import use_device
from ..config import setting
from ..data import load
from ..models.gan import GANTrainer, mlp
from ..optim import OrthogonalToWeights
from ..optim.games import Consensus, Extragradient, Game, Optimistic, RotationCorrection
from .gan import adversarial, trainer_options
from .gan_settings import AdversarialConfig
from .recipe import WIDEST, Experiment, Recipe, streams

__all__ = ["RECIPES"]

GAMES: dict[str, Callable[[float], Game]] = {
    "rotation": RotationCorrection,
    "consensus": Consensus,
    "optimistic": lambda strength: Optimistic(),
    "extragradient": lambda strength: Extragradient(),
}

TRANSFORMS = {"to-weights": OrthogonalToWeights}


@dataclass(frozen=True)
class OrthogonalConfig(AdversarialConfig):
    """Settings of E1."""

    steps: int = setting(6_000, "updates of both players", low=1, high=10**9)
    game: str = setting("rotation", "how both move at once", choices=("none", *GAMES))
    strength: float = setting(1.0, "of rotation and consensus", low=0, high=1e6)
    transforms: str = setting("none", "of each player's gradient", choices=("none", *TRANSFORMS))
    noise: int = setting(100, "its length", low=1, high=WIDEST)
    generator: tuple[int, ...] = setting((128, 128, 100), "hidden layers", low=1, high=WIDEST)
    discriminator: tuple[int, ...] = setting((128, 128), "hidden layers", low=1, high=WIDEST)
    slope: float = setting(0.2, "of the rectifiers where negative", low=0, high=1)


def build(config: OrthogonalConfig) -> Experiment:
    """Two dense networks that move at once, by a rule that looks at both of their gradients."""
    random = streams(config)
    data = load(config.data, random["data"])
    rows, _ = data.flat()
    output = nn.Sigmoid() if data.is_image else None
    sizes = [config.noise, *config.generator, data.n_features]
    with use_device(config.device):
        trainer = GANTrainer(
            mlp(sizes, random["weights"], slope=config.slope, output=output),
            mlp([sizes[-1], *config.discriminator, 1], random["weights"], slope=config.slope),
            rng=random["noise"],
            noise_shape=config.noise,
            transforms=(_transforms(config), _transforms(config)),
            game=None if config.game == "none" else GAMES[config.game](config.strength),
            **trainer_options(config),
        )
    return adversarial(config, trainer, data, rows, random)


def _transforms(config: OrthogonalConfig) -> list[OrthogonalToWeights]:
    """New ones: each serves one optimizer."""
    return [] if config.transforms == "none" else [TRANSFORMS[config.transforms]()]


RECIPES = (
    Recipe(
        "og-gan",
        "founding system E1: G 100-128-128-100-784, D 784-128-128-1 on MNIST, corrected steps",
        OrthogonalConfig(),
        build,
        {},
    ),
)
