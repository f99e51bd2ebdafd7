"""What `GANTrainer` refuses: options that contradict one another, and batches that do not fit.

Each refusal is a ValueError that says what to do instead, and comes before anything is updated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ... import nn
from ...backend import Array
from .objectives import OBJECTIVES
from .packing import Packed
from .rounds import check_conditions
from .rules import RULES

if TYPE_CHECKING:
    from .trainer import GANTrainer

__all__ = ["ACROSS", "check_batch", "check_options", "check_surgery"]

ACROSS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.MinibatchDiscrimination, nn.MinibatchStdDev)
"""Layers that look at the whole batch."""


def check_options(
    discriminator: nn.Module,
    objective: str,
    d_steps: int,
    real_label: float,
    one_batch: bool,
    rules: tuple[str, str],
) -> None:
    """Options of `GANTrainer`, as it is made.

    Raises:
        ValueError: one of them is unknown, out of range, or does not go with another.
    """
    if objective not in OBJECTIVES:
        known = ", ".join(OBJECTIVES)
        raise ValueError(f"GANTrainer: unknown objective {objective!r}; known are {known}.")
    for rule in rules:
        if rule not in RULES:
            known = ", ".join(RULES)
            raise ValueError(f"GANTrainer: unknown rule {rule!r}; known are {known}.")
    if d_steps < 1:
        raise ValueError(f"GANTrainer: d_steps must be at least 1, not {d_steps}.")
    if not 0.0 < real_label <= 1.0:
        raise ValueError(f"GANTrainer: real_label must lie in (0, 1], not {real_label}.")
    if real_label != 1.0 and not OBJECTIVES[objective].smooth:
        raise ValueError(
            f"GANTrainer: the objective {objective!r} has no labels to smooth; leave "
            "real_label at 1."
        )
    across = [type(m).__name__ for m in discriminator.modules() if isinstance(m, ACROSS)]
    if one_batch and across:
        raise ValueError(
            f"GANTrainer: {across[0]} in D would mix real and generated examples of one batch; "
            "pass one_batch=False."
        )


def check_surgery(objective: str, jointly: bool) -> None:
    """Whether D's loss comes in parts, in a turn of its own.

    Raises:
        ValueError: it does not.
    """
    if jointly:
        raise ValueError(
            "GANTrainer: surgery takes D's gradient apart, and a game needs it whole; leave one "
            "of them out."
        )
    if OBJECTIVES[objective].relative:
        raise ValueError(
            f"GANTrainer: the objective {objective!r} compares real examples with generated ones, "
            "and has no part of either for surgery; take another objective, or leave surgery out."
        )


def check_batch(trainer: GANTrainer, batch: Array, conditions: tuple[Array, ...]) -> None:
    """What `GANTrainer.step` is given.

    Raises:
        ValueError: it is empty, of another dtype than the weights, or not of the conditions' size.
    """
    wanted = trainer.optimizer_d.params[0].dtype
    if len(batch) == 0:
        raise ValueError("GANTrainer.step: the batch is empty; give at least one example.")
    if batch.dtype != wanted:
        raise ValueError(
            f"GANTrainer.step: the batch is {batch.dtype}, the weights are {wanted}; convert "
            f"it with batch.astype({str(wanted)!r})."
        )
    m = trainer.discriminator.m if isinstance(trainer.discriminator, Packed) else 1
    if len(batch) % m:
        raise ValueError(
            f"GANTrainer.step: packs of {m} do not divide a batch of {len(batch)}; take a "
            f"multiple of {m}."
        )
    check_conditions(conditions, len(batch), trainer.classes)
