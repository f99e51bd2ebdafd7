"""A discriminator that keeps what it said of old fakes: gradients orthogonal to its own past."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...backend import Array
from ...ops import mean
from ...optim import OrthogonalToPast
from ...parallel import team
from ...primitive import no_grad
from ...tensor import Tensor

if TYPE_CHECKING:
    from .trainer import GANTrainer

__all__ = ["OrthogonalToOldFakes", "look_back"]


class OrthogonalToOldFakes(OrthogonalToPast):
    """D's gradient without what would change, to first order, its mean logit of earlier fakes.

        trainer = GANTrainer(G, D, ..., transforms=((), [OrthogonalToOldFakes(20, every=50)]))

    To D each G is a task, and the tasks come one after the other: as it learns the present fakes it
    forgets those before, and G may go back to them (Thanh-Tung & Tran, "Catastrophic forgetting and
    mode collapse in GANs", 2020). So each of the last `capacity` directions is the gradient of D's
    mean logit over a batch of the fakes of its time.

    Args:
        capacity, report: see `OrthogonalToPast`.
        every: steps of the trainer between two directions, at least 1, else ValueError.

    >>> past = OrthogonalToOldFakes(capacity=4, every=1)
    >>> trainer = GANTrainer(
    ...     mlp([4, 8, 2], rng), mlp([2, 8, 1], rng), rng=rng, noise_shape=4,
    ...     transforms=((), [past]),
    ... )
    >>> sorted(trainer.step(rng.normal((16, 2))))
    ['loss_d', 'loss_g']
    """

    def __init__(self, capacity: int, every: int, *, report: bool = False) -> None:
        super().__init__(capacity, report=report)
        if every < 1:
            raise ValueError(f"OrthogonalToOldFakes: every must be at least 1, not {every}.")
        self.every = every

    def look(self, trainer: GANTrainer, n: int, conditions: tuple[Array, ...]) -> None:
        """Remember what D says of n fakes of now."""
        with no_grad():
            fake = trainer.generator(Tensor(trainer.noise(n)), *conditions)
        logits = trainer._critic(conditions)(fake)
        direction = self._gradients(mean(logits).reshape(1))
        team().average(direction)  # of all ranks' fakes one mean
        self.keep(direction)


def look_back(trainer: GANTrainer, n: int, conditions: tuple[Array, ...]) -> None:
    """After a step of the trainer: D's transforms look at n fakes, those for which it is time."""
    for transform in trainer.optimizer_d.transforms:
        if isinstance(transform, OrthogonalToOldFakes) and trainer.steps % transform.every == 0:
            transform.look(trainer, n, conditions)
