"""A discriminator with a second head, which reads something off examples; and AC-GAN, the class.

discriminator = AuxiliaryDiscriminator(features, nn.Linear(128, 1), nn.Linear(128, 10))
trainer = ACGANTrainer(generator, discriminator, ..., classes=10)
losses = trainer.step(batch, labels)        # loss_d, class_d, loss_g, class_g
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ... import nn
from ...backend import Array
from ...ops import softmax_cross_entropy
from ...tensor import Tensor
from .networks import Discriminator
from .rounds import Round
from .trainer import GANTrainer

__all__ = ["ACGANTrainer", "AuxiliaryDiscriminator", "AuxiliaryTrainer"]


class AuxiliaryDiscriminator(Discriminator):
    """Two heads on one trunk: called, it is a plain discriminator.

    Args:
        features: (N, D) to (N, F).
        head: (N, F) to logits (N, 1).
        auxiliary: (N, F) to (N, K), what the trainer makes use of.

    >>> D = AuxiliaryDiscriminator(mlp([2, 8], rng), mlp([8, 1], rng), mlp([8, 3], rng))
    >>> D(tg.zeros(5, 2)).shape, D.auxiliary(D.features(tg.zeros(5, 2))).shape
    ((5, 1), (5, 3))
    """

    def __init__(self, features: nn.Module, head: nn.Module, auxiliary: nn.Module) -> None:
        super().__init__(features, head)
        self.auxiliary = auxiliary


class AuxiliaryTrainer(GANTrainer):
    """Both players minimise `weight` times the second head's loss besides their objectives.

    Args: as `GANTrainer`, and
        discriminator: is not told the labels, if there are any.
        weight: of the loss that subclasses define; ValueError below 0.

    >>> issubclass(ACGANTrainer, AuxiliaryTrainer), issubclass(InfoGANTrainer, AuxiliaryTrainer)
    (True, True)
    """

    name = ""
    discriminator: AuxiliaryDiscriminator

    def __init__(
        self,
        generator: nn.Module,
        discriminator: AuxiliaryDiscriminator,
        *,
        weight: float = 1.0,
        **options: Any,
    ) -> None:
        if not 0.0 <= weight < float("inf"):
            who = type(self).__name__
            raise ValueError(f"{who}: weight must be finite and at least 0, not {weight}.")
        super().__init__(generator, discriminator, **options)
        self.weight = weight

    def auxiliary_loss(self, outputs: Tensor, seen: Round) -> Tensor:
        """Of the second head's outputs, 0-d.

        Args:
            outputs: (2N, K) of real and then of generated examples, or (N, K) of generated ones.
        """
        raise NotImplementedError

    def discriminator_terms(self, seen: Round) -> dict[str, Tensor]:
        """The trunk goes over the batch once for both heads."""
        features = self._of_both(self.discriminator.features, seen)
        logits = self.discriminator.head(features)
        return {
            "loss_d": self.objective.discriminator(logits, self._target(len(logits))),
            f"{self.name}_d": self._weighted(features, seen),
        }

    def generator_terms(self, seen: Round) -> dict[str, Tensor]:
        """Likewise, of generated examples."""
        d = self.discriminator
        features = d.features(self.blurred(seen.fake))
        real = d(self.blurred(seen.real)) if self.objective.relative else None
        return {
            "loss_g": self.objective.generator(d.head(features), real),
            f"{self.name}_g": self._weighted(features, seen),
        }

    def _weighted(self, features: Tensor, seen: Round) -> Tensor:
        return self.weight * self.auxiliary_loss(self.discriminator.auxiliary(features), seen)

    def _critic(self, conditions: tuple[Array, ...]) -> Callable[[Tensor], Tensor]:
        """D is not told the labels."""
        return self.discriminator


class ACGANTrainer(AuxiliaryTrainer):
    """D also says which class an example is of, and G wants it to say the one that was asked for.

    Odena et al., "Conditional image synthesis with auxiliary classifier GANs" (2017), eqs. 2 and 3:
    D maximises L_S + L_C and G L_C - L_S, with L_S the objective's part and

        L_C = E log P(C = y | x) + E log P(C = y | x~)

    Here each player minimises -weight L_C: `class_d`, and of generated examples alone `class_g`.

    Args: as `AuxiliaryTrainer`; classes is needed (else ValueError), and the second head's K.

    >>> trainer = ACGANTrainer(
    ...     Conditional(mlp([4 + 3, 8, 2], rng), classes=3),
    ...     AuxiliaryDiscriminator(mlp([2, 8], rng), mlp([8, 1], rng), mlp([8, 3], rng)),
    ...     rng=rng, noise_shape=4, classes=3,
    ... )
    >>> sorted(trainer.step(rng.normal((16, 2)), np.arange(16) % 3))
    ['class_d', 'class_g', 'loss_d', 'loss_g']
    """

    name = "class"

    def __init__(
        self, generator: nn.Module, discriminator: AuxiliaryDiscriminator, **options: Any
    ) -> None:
        super().__init__(generator, discriminator, **options)
        if not self.classes:
            raise ValueError("ACGANTrainer: there are no classes to tell apart; pass classes=.")

    def auxiliary_loss(self, outputs: Tensor, seen: Round) -> Tensor:
        """-L_C: the cross-entropy of each kind of examples, added up."""
        (labels,) = seen.conditions
        kinds = len(outputs) // len(labels)
        return kinds * softmax_cross_entropy(
            outputs, self.backend.concatenate([labels] * kinds) if kinds > 1 else labels
        )
