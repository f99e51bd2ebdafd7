"""Founding system E1: a GAN whose players' steps are corrected, by all that "orthogonal" may mean.

| setting | what is orthogonal to what |
|---|---|
| `transforms=to-weights` | a player's gradient to its own weights |
| `d_transforms=to-past` | D's gradient to what it said of old fakes |
| `surgery=true` | what real examples, fakes and penalties ask of D, where they disagree |
| `rule=muon`, `stiefel` | the steps of hidden matrices, or these matrices themselves |
| `orthogonality=1e-4` | the rows of all matrices, by a penalty |
| `game=rotation` | the correction to the joint gradient of both players |

`python -m benchmarks.orthogonal_gan` measures what each of them is worth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .. import nn
from ..backend import use_device
from ..config import ConfigError, setting
from ..data import Dataset, load
from ..models.gan import OBJECTIVES, RULES, GANTrainer, Orthogonality, OrthogonalToOldFakes, mlp
from ..optim import OrthogonalToWeights
from ..optim.games import Consensus, Extragradient, Game, Optimistic, RotationCorrection
from ..optim.optimizer import Schedule
from ..optim.transforms import GradientTransform
from ..random import Generator
from .gan import adversarial, trainer_options
from .gan_modes import Scaling, dense_network
from .gan_settings import AdversarialConfig
from .recipe import WIDEST, Experiment, Recipe, streams

__all__ = ["RECIPES", "OrthogonalConfig"]

GAMES: dict[str, Callable[[float], Game]] = {
    "rotation": RotationCorrection,
    "consensus": Consensus,
    "optimistic": lambda strength: Optimistic(),
    "extragradient": lambda strength: Extragradient(),
}

TRANSFORMS = ("none", "to-weights")
OF_D = (*TRANSFORMS, "to-past")
SAME = "same"


@dataclass(frozen=True)
class OrthogonalConfig(AdversarialConfig):
    """Settings of E1."""

    steps: int = setting(6_000, "updates of both players", low=1, high=10**9)
    decay: bool = setting(False, "rates fall to 0 in the second half")
    game: str = setting("rotation", "how both move at once", choices=("none", *GAMES))
    strength: float = setting(1.0, "of rotation and consensus", low=0, high=1e6)
    transforms: str = setting("none", "of each player's gradient", choices=TRANSFORMS)
    d_transforms: str = setting(SAME, "of D's; same: as the generator's", choices=(SAME, *OF_D))
    directions: int = setting(20, "that to-past keeps", low=1, high=10**4)
    remember_every: int = setting(50, "steps between two of these", low=1, high=10**6)
    surgery: bool = setting(False, "on D's real, fake and penalty gradients; without a game")
    rule: str = setting("adam", "of each player's updates", choices=RULES)
    d_rule: str = setting(SAME, "of D's; same: as the generator's", choices=(SAME, *RULES))
    orthogonality: float = setting(0.0, "weight of a penalty on all matrices", low=0, high=1e6)
    networks: str = setting(
        "article", "article: rectifiers; smooth: as gan-grid's", choices=("article", "smooth")
    )
    noise: int = setting(100, "its length", low=1, high=WIDEST)
    generator: tuple[int, ...] = setting((128, 128, 100), "hidden layers", low=1, high=WIDEST)
    discriminator: tuple[int, ...] = setting((128, 128), "hidden layers", low=1, high=WIDEST)
    slope: float = setting(0.2, "of the rectifiers where negative", low=0, high=1)
    gain: float = setting(2.0, "of smooth networks' orthogonal weights", low=0, high=1e3)


def build(config: OrthogonalConfig) -> Experiment:
    """Two dense networks whose steps, or whose game, is corrected."""
    _check(config)
    random = streams(config)
    data = load(config.data, random["data"])
    rows, _ = data.flat()
    scaling = Scaling.of(rows) if config.networks == "smooth" else None
    with use_device(config.device):
        generator, discriminator = _players(config, data, random)
        trainer = GANTrainer(
            generator,
            discriminator,
            rng=random["noise"],
            noise_shape=config.noise,
            undo=scaling.undo if scaling else None,
            **corrections(config, generator, discriminator),
            **{**trainer_options(config), "lr": _rates(config)},
        )
    return adversarial(config, trainer, data, scaling.apply(rows) if scaling else rows, random)


def _rates(config: OrthogonalConfig) -> tuple[float | Schedule, float | Schedule]:
    """G's and D's."""
    lr_g, lr_d = config.lr, config.d_lr or config.lr
    if not config.decay:
        return lr_g, lr_d
    return _falling(lr_g, config.steps), _falling(lr_d, config.steps)


def _falling(lr: float, steps: int) -> Schedule:
    """As it is until half of the steps, then in a straight line to 0."""
    return lambda step: lr * min(1.0, 2.0 * max(0.0, 1.0 - step / steps))


def corrections(
    config: OrthogonalConfig, generator: nn.Module, discriminator: nn.Module
) -> dict[str, Any]:
    """What the settings of this recipe say to the trainer."""
    of_d = config.transforms if config.d_transforms == SAME else config.d_transforms
    weight = config.orthogonality
    return {
        "transforms": (_transforms(config.transforms, config), _transforms(of_d, config)),
        "surgery": config.surgery,
        "game": None if config.game == "none" else GAMES[config.game](config.strength),
        "rules": (config.rule, _rule_of_d(config)),
        "extras_g": [Orthogonality(generator, weight)] if weight else [],
        "extras_d": [Orthogonality(discriminator, weight)] if weight else [],
    }


def _rule_of_d(config: OrthogonalConfig) -> str:
    return config.rule if config.d_rule == SAME else config.d_rule


def _transforms(name: str, config: OrthogonalConfig) -> list[GradientTransform]:
    """New ones: each serves one optimizer."""
    made: dict[str, Callable[[], list[GradientTransform]]] = {
        "none": list,
        "to-weights": lambda: [OrthogonalToWeights()],
        "to-past": lambda: [OrthogonalToOldFakes(config.directions, config.remember_every)],
    }
    return made[name]()


def _players(
    config: OrthogonalConfig, data: Dataset, random: dict[str, Generator]
) -> tuple[nn.Module, nn.Module]:
    """G and D."""
    of_g = [config.noise, *config.generator, data.n_features]
    of_d = [data.n_features, *config.discriminator, 1]
    if config.networks == "smooth":
        gain = config.gain
        return dense_network(of_g, gain, random), dense_network(of_d, gain, random)
    output = nn.Sigmoid() if data.is_image else None
    rng, slope = random["weights"], config.slope
    return mlp(of_g, rng, slope=slope, output=output), mlp(of_d, rng, slope=slope)


def _check(config: OrthogonalConfig) -> None:
    if config.surgery and config.game != "none":
        raise ConfigError(
            f"surgery takes D's gradient apart, and game={config.game} needs it whole: set "
            "game=none."
        )
    if config.surgery and OBJECTIVES[config.objective].relative:
        raise ConfigError(
            f"objective={config.objective} compares real examples with generated ones, so that "
            "surgery has no part of either: set surgery=false, or take another objective."
        )
    for of, rule, hidden in (
        ("generator", config.rule, config.generator),
        ("discriminator", _rule_of_d(config), config.discriminator),
    ):
        if rule != "adam" and len(hidden) < 2:
            raise ConfigError(
                f"{rule} is for matrices between hidden layers, and {of} has {len(hidden)} of "
                "these: give it two or more."
            )


PLANE = {
    "networks": "smooth",
    "noise": 16,
    "generator": (64,) * 5,
    "batch": 128,
    "steps": 20_000,
    "penalty": "none",
    "ema": 0.0,
}

RECIPES = (
    Recipe(
        "og-gan",
        "founding system E1: G 100-128-128-100-784, D 784-128-128-1 on MNIST, corrected steps",
        OrthogonalConfig(),
        build,
        {"ring": PLANE, "grid": PLANE},
    ),
)
