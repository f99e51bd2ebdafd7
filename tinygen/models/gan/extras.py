"""Further losses of one player, added to its objective's: each with its formula and its source.

    trainer = GANTrainer(G, D, ..., extras_g=[FeatureMatching(D.features)],
                         extras_d=[HistoricalAveraging(D, 0.1)])

Salimans et al., "Improved techniques for training GANs" (2016).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ... import nn
from ...ops import mean, mean_across, sum
from ...optim import HistoricalAverage, orthogonal_penalty
from ...primitive import no_grad
from ...tensor import Tensor
from .rounds import Round

__all__ = ["Extra", "FeatureMatching", "HistoricalAveraging", "Orthogonality"]


class Extra:
    """A loss with its weight: of a `Round`, 0-d.

    name: what the step's results call it. Raises ValueError for a weight that is negative or not
    finite.

    >>> D = Discriminator(mlp([2, 8], rng), mlp([8, 1], rng))
    >>> [extra.weight for extra in (FeatureMatching(D.features), Orthogonality(D, 0.1))]
    [1.0, 0.1]
    """

    name = ""

    def __init__(self, weight: float) -> None:
        if not 0.0 <= weight < float("inf"):
            who = type(self).__name__
            raise ValueError(f"{who}: weight must be finite and at least 0, not {weight}.")
        self.weight = weight

    def __call__(self, seen: Round) -> Tensor:
        """The weighted loss, 0-d, in a step of the player: it may move on what it remembers."""
        raise NotImplementedError

    def state_dict(self) -> dict[str, Any]:
        """What it remembers."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where `state_dict` was taken."""


class FeatureMatching(Extra):
    """weight |E f(x) - E f(x~)|^2, of G: generated examples have the features of real ones.

    Salimans et al., "Improved techniques for training GANs" (2016), section 3.1. There G minimises
    this in place of its objective; here both, for with the objective left out G stops where the
    means agree. f is a hidden layer of D, such as `D.features`.

    Args:
        features: examples (N, ...) to (N, F).

    >>> D = Discriminator(mlp([2, 8], rng), mlp([8, 1], rng))
    >>> trainer = GANTrainer(
    ...     mlp([4, 8, 2], rng), D, rng=rng, noise_shape=4, extras_g=[FeatureMatching(D.features)]
    ... )
    >>> sorted(trainer.step(rng.normal((16, 2))))
    ['feature_matching_g', 'loss_d', 'loss_g']
    """

    name = "feature_matching"

    def __init__(self, features: Callable[[Any], Any], weight: float = 1.0) -> None:
        super().__init__(weight)
        self._features = features

    def __call__(self, seen: Round) -> Tensor:
        """Of the batch in G's turn."""
        with no_grad():
            wanted = mean(self._features(seen.real), 0)
        apart = mean(self._features(seen.fake), 0) - wanted
        return self.weight * sum(mean_across(apart) ** 2)


class Orthogonality(Extra):
    """weight |W W^T (1 - I)|^2 for each matrix W, of either player: rows pulled apart.

    Brock et al., "Large scale GAN training for high fidelity natural image synthesis" (2019), eq.
    3: what is off the diagonal alone, for the rows' lengths are the network's own affair.

    Args:
        player: whose weights these are; in the list of extras of the same player.

    >>> G = mlp([4, 8, 2], rng)
    >>> trainer = GANTrainer(
    ...     G, mlp([2, 8, 1], rng), rng=rng, noise_shape=4, extras_g=[Orthogonality(G, 0.1)]
    ... )
    >>> sorted(trainer.step(rng.normal((16, 2))))
    ['loss_d', 'loss_g', 'orthogonality_g']
    """

    name = "orthogonality"

    def __init__(self, player: nn.Module, weight: float) -> None:
        super().__init__(weight)
        self._matrices = [p for p in player.parameters() if p.ndim >= 2]

    def __call__(self, seen: Round) -> Tensor:
        """Of the present weights."""
        return self.weight * orthogonal_penalty(self._matrices, off_diagonal=True)


class HistoricalAveraging(Extra):
    """weight |w - mean of w over all steps so far|^2, of either player.

    Salimans et al. (2016), section 3.3: it damps orbits around an equilibrium, which gradient
    descent alone may never leave.

    Args:
        player: whose parameters w are; in the list of extras of the same player.

    >>> G = mlp([4, 8, 2], rng)
    >>> trainer = GANTrainer(
    ...     G, mlp([2, 8, 1], rng), rng=rng, noise_shape=4, extras_g=[HistoricalAveraging(G)]
    ... )
    >>> sorted(trainer.step(rng.normal((16, 2))))
    ['historical_g', 'loss_d', 'loss_g']
    """

    name = "historical"

    def __init__(self, player: nn.Module, weight: float = 1.0) -> None:
        super().__init__(weight)
        self.past = HistoricalAverage(player)

    def __call__(self, seen: Round) -> Tensor:
        """Takes in the present weights first."""
        self.past.update()
        return self.weight * self.past.squared_distance()

    def state_dict(self) -> dict[str, Any]:
        """The mean, and of how many."""
        return self.past.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        self.past.load_state_dict(state)
