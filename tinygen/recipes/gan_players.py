"""The two networks of a dense GAN, as its settings have them.

    players = dense_players(config, noise=64, features=784, output=nn.Sigmoid(), rng=rng)
    GANTrainer(players.generator, players.discriminator, **extras(config, players), **options)

Packing, minibatch discrimination and spectral norms are put in where the settings ask for them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from .. import nn
from ..models.gan import Extra, FeatureMatching, HistoricalAveraging, Packed, mlp
from ..random import Generator
from .gan_settings import GANConfig

__all__ = ["Players", "dense_players", "extras"]


class Players(NamedTuple):
    """Two networks.

    features: examples to what D's last hidden layer makes of them.
    """

    generator: nn.Module
    discriminator: nn.Module
    features: Callable[[Any], Any]


def dense_players(
    config: GANConfig, noise: int, features: int, output: nn.Module | None, rng: Generator
) -> Players:
    """Noise (N, noise) to examples (N, features), and these to logits."""
    generator = mlp([noise, *config.generator, features], rng, slope=config.slope, output=output)
    sizes = [config.pack * features, *config.discriminator, 1]
    *hidden, last = mlp(sizes, rng, slope=config.slope)
    head = [last]
    if config.minibatch:
        across = nn.MinibatchDiscrimination(sizes[-2], config.minibatch, rng=rng)
        head = [across, nn.Linear(sizes[-2] + config.minibatch, 1, rng=rng)]
    layers = [*hidden, *head]
    if config.spectral_norm:
        layers = [nn.SpectralNorm(m, rng=rng) if type(m) is nn.Linear else m for m in layers]
    body = nn.Sequential(*layers)
    inside = body[: len(hidden)]
    if config.pack == 1:
        return Players(generator, body, inside)
    packed = Packed(body, config.pack)
    return Players(generator, packed, lambda x: inside(packed.together(x)))


def extras(config: GANConfig, players: Players) -> dict[str, list[Extra]]:
    """The further losses of each player, as the trainer takes them."""
    of_g: list[Extra] = []
    of_d: list[Extra] = []
    if config.feature_matching:
        of_g.append(FeatureMatching(players.features, config.feature_matching))
    if config.historical:
        of_g.append(HistoricalAveraging(players.generator, config.historical))
        of_d.append(HistoricalAveraging(players.discriminator, config.historical))
    return {"extras_g": of_g, "extras_d": of_d}
