"""What a step of a GAN does, and what the losses of one player may look at in it.

A trainer's `discriminator_terms(seen)` and `generator_terms(seen)` take a `Round`; who writes a
relative of `GANTrainer` overrides these two.
"""

from __future__ import annotations

from typing import NamedTuple

from ...backend import BACKEND_OF, Array
from ...tensor import Tensor

__all__ = ["Plan", "Round", "check_conditions", "total"]


class Plan(NamedTuple):
    """What a step does besides updating D.

    due: which of the regularizers, by their places in the list.
    """

    update_generator: bool
    due: tuple[int, ...]


class Round(NamedTuple):
    """What one player's losses may look at.

    real, fake: (N, ...); in D's turn neither has a graph, in G's turn and in games `fake` has G's.
    noise: what `fake` was made from. conditions: of real and generated examples alike.
    """

    real: Tensor
    fake: Tensor
    noise: Array
    conditions: tuple[Array, ...]


def total(terms: dict[str, Tensor]) -> Tensor:
    """The sum of a player's terms, 0-d."""
    first, *more = terms.values()
    for term in more:
        first = first + term
    return first


def check_conditions(conditions: tuple[Array, ...], n: int, classes: int) -> None:
    """What stands beside a batch of n: labels below `classes`, or nothing where that is 0."""
    if len(conditions) != bool(classes):
        raise ValueError(
            f"GANTrainer.step: {len(conditions)} conditions beside the batch, and the players take "
            f"{'labels (N,)' if classes else 'none'} (classes={classes})."
        )
    for labels in conditions:
        if labels.shape != (n,) or labels.dtype.kind not in "iu":
            raise ValueError(
                f"GANTrainer.step: labels must be {n} integers, one for each example, not "
                f"{labels.dtype} of shape {labels.shape}."
            )
        BACKEND_OF[type(labels)].check_labels(labels, classes)
