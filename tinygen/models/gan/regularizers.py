"""Penalties on the slope of the discriminator: derivatives of a derivative.

    regularizer = R1(weight=10.0)
    loss = loss + regularizer(critic, real, fake, rng)

C is the critic, that is the discriminator's logits; the slope is its gradient with respect to the
examples, and |.| its length over all features of an example. A critic that takes m examples
together (see `Packed`) has one slope for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...autograd import grad
from ...backend import Array
from ...ops import maximum, mean, sqrt, std_across, sum
from ...random import Generator
from ...tensor import Tensor
from .rounds import Round

__all__ = ["DRAGAN", "R1", "R2", "REGULARIZERS", "GradientPenalty", "Regularizer", "penalties"]

Critic = Callable[[Tensor], Tensor]

TINY = 1e-12
"""Under the root: the length of a slope of 0 has no derivative."""


@dataclass(frozen=True)
class Regularizer:
    """A penalty with its weight: of a critic, and examples (N, ...) of each kind, 0-d.

    every: the trainer adds it once in so many steps, that many times as strong (Karras et al. 2020,
        "Analyzing and improving the image quality of StyleGAN", section 3.1).

    Raises:
        ValueError: the weight is negative or not finite, or `every` is below 1.

    >>> REGULARIZERS["dragan"](10.0, 4)  # of weight 10, once in 4 steps
    DRAGAN(weight=10.0, every=4, spread=0.5)
    """

    weight: float
    every: int = 1

    def __post_init__(self) -> None:
        who = type(self).__name__
        if not 0.0 <= self.weight < float("inf"):
            raise ValueError(f"{who}: weight must be finite and at least 0, not {self.weight}.")
        if self.every < 1:
            raise ValueError(f"{who}: every must be at least 1, not {self.every}.")

    def __call__(self, critic: Critic, real: Array, fake: Array, rng: Generator) -> Tensor:
        """The weighted penalty, 0-d.

        Args:
            critic: examples (N, ...) to logits.
            real, fake: (N, ...) of each kind.
            rng: for those that look between examples.
        """
        raise NotImplementedError


class R1(Regularizer):
    """weight/2 E |slope at x|^2: it flattens C around the data.

    Mescheder et al., "Which training methods for GANs do actually converge?" (2018), eq. 9: without
    it the two players circle the solution for ever.

    >>> critic = lambda x: x @ tg.tensor([[3.0], [4.0]])
    >>> real, fake = np.zeros((8, 2), "float32"), np.ones((8, 2), "float32")
    >>> R1(weight=2.0)(critic, real, fake, rng)
    Tensor(25.)
    """

    def __call__(self, critic: Critic, real: Array, fake: Array, rng: Generator) -> Tensor:
        """At real examples."""
        return self.weight * _half_square(slope(critic, real))


class R2(Regularizer):
    """weight/2 E |slope at x~|^2: Mescheder et al. (2018), eq. 10, see `R1`.

    >>> critic = lambda x: x @ tg.tensor([[3.0], [4.0]])
    >>> real, fake = np.zeros((8, 2), "float32"), np.ones((8, 2), "float32")
    >>> R2(weight=2.0)(critic, real, fake, rng)
    Tensor(25.)
    """

    def __call__(self, critic: Critic, real: Array, fake: Array, rng: Generator) -> Tensor:
        """At generated examples."""
        return self.weight * _half_square(slope(critic, fake))


@dataclass(frozen=True)
class GradientPenalty(Regularizer):
    """weight E (|slope| - 1)^2 on the lines between real and generated examples.

    Gulrajani et al., "Improved training of Wasserstein GANs" (2017), eq. 3, with weight 10: the
    best 1-Lipschitz critic has slope 1 there.

    one_sided: E max(0, |slope| - 1)^2, which leaves smaller slopes alone: Petzka et al., "On the
        regularization of Wasserstein GANs" (2018), eq. 8.

    >>> critic = lambda x: x @ tg.tensor([[3.0], [4.0]])
    >>> real, fake = np.zeros((8, 2), "float32"), np.ones((8, 2), "float32")
    >>> GradientPenalty(weight=10.0)(critic, real, fake, rng)
    Tensor(160.)
    """

    one_sided: bool = False

    def __call__(self, critic: Critic, real: Array, fake: Array, rng: Generator) -> Tensor:
        """At one random point of each line."""
        share = rng.uniform((len(real), *(1,) * (real.ndim - 1)), dtype=real.dtype)
        between = fake + share * (real - fake)
        return self.weight * _off_one(slope(critic, between), self.one_sided)


@dataclass(frozen=True)
class DRAGAN(Regularizer):
    """weight E (|slope| - 1)^2 around real examples: no sharp edges where the data is.

    Kodali et al., "On convergence and stability of GANs" (2017), section 2.5: at x + noise. The
    noise is N(0, (spread s)^2), with s the standard deviation of all features of the batch (the
    authors' code: half of it, times a uniform number; the article leaves the scale open).

    >>> trainer = GANTrainer(
    ...     mlp([4, 8, 2], rng), mlp([2, 8, 1], rng), rng=rng, noise_shape=4,
    ...     regularizers=[DRAGAN(weight=10.0)],
    ... )
    >>> sorted(trainer.step(rng.normal((16, 2))))
    ['loss_d', 'loss_g', 'penalty_dragan']
    """

    spread: float = 0.5

    def __call__(self, critic: Critic, real: Array, fake: Array, rng: Generator) -> Tensor:
        """At one noisy copy of each real example."""
        noise = rng.normal(real.shape, dtype=real.dtype)
        around = real + (self.spread * std_across(real)) * noise
        return self.weight * _off_one(slope(critic, around))


def penalties(
    due: Sequence[Regularizer], critic: Critic, seen: Round, rng: Generator
) -> dict[str, Tensor]:
    """What D minimises besides, 0-d each, by name, in a step in which these are due.

    Those of one class have one name, and are added up.
    """
    real, fake = (x if x.requires_grad else x.data for x in (seen.real, seen.fake))
    found: dict[str, Tensor] = {}
    for regularizer in due:
        name = f"penalty_{type(regularizer).__name__.lower()}"
        penalty = regularizer(critic, real, fake, rng) * regularizer.every
        found[name] = found[name] + penalty if name in found else penalty
    return found


def slope(critic: Critic, points: Array | Tensor) -> Tensor:
    """The slope at each of the points (N, ...): (N, D), or (N/m, mD) if m are taken together.

    Points with a graph keep it: in a game, a penalty on D also depends on how G generates them.
    """
    x = points if isinstance(points, Tensor) else Tensor(points, requires_grad=True)
    logits = critic(x)
    return grad(sum(logits), x, create_graph=True).reshape(len(logits), -1)


def _half_square(slopes: Tensor) -> Tensor:
    """E |slope|^2 / 2."""
    return sum(slopes * slopes) * (0.5 / len(slopes))


def _off_one(slopes: Tensor, one_sided: bool = False) -> Tensor:
    """How far the lengths are from 1 (or above it), squared."""
    excess = sqrt(sum(slopes * slopes, axis=1) + TINY) - 1.0
    return mean((maximum(excess, 0.0) if one_sided else excess) ** 2)


REGULARIZERS: dict[str, Callable[[float, int], Regularizer]] = {
    "r1": R1,
    "r2": R2,
    "gradient-penalty": GradientPenalty,
    "one-sided": lambda weight, every: GradientPenalty(weight, every, one_sided=True),
    "dragan": DRAGAN,
}
