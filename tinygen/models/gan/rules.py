"""The update rules of a player: Adam, and two that look at its hidden matrices as matrices.

    trainer = GANTrainer(G, D, ..., rules=("adam", "muon"))

Hidden are all weights with two axes or more but the first and the last: what meets examples, noise
or a logit has rows or columns of its own meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import sqrt

from ... import nn
from ...optim import Adam, Muon, Optimizer, StiefelAdam
from ...optim.optimizer import Schedule
from ...optim.transforms import GradientTransform
from ...tensor import Tensor

__all__ = ["RULES", "Rule"]

Rule = Callable[
    [nn.Module, float | Schedule, tuple[float, float], Sequence[GradientTransform]], Optimizer
]
"""A player, its rate, Adam's betas and its transforms, to its optimizer."""

Named = list[tuple[str, Tensor]]


def adam(
    player: nn.Module,
    lr: float | Schedule,
    betas: tuple[float, float],
    transforms: Sequence[GradientTransform],
) -> Adam:
    """What GANs are usually trained by."""
    return Adam(player.named_parameters(), lr, betas, transforms=transforms)


def muon(
    player: nn.Module,
    lr: float | Schedule,
    betas: tuple[float, float],
    transforms: Sequence[GradientTransform],
) -> Muon:
    """Muon with beta1 for its momentum, Adam for the rest.

    Its updates are as large as Adam's, by the root of their mean square: those of an orthogonal
    (m, n) are 1 / sqrt(max(m, n)), and Adam's, an average of numbers of size 1 that know nothing of
    one another, are sqrt((1 - beta1) / (1 + beta1)). At beta1 = 0.9 that is 0.23, for which Liu et
    al., "Muon is scalable for LLM training" (2025), eq. 4, have 0.2. The widest hidden matrix of a
    player says it for all.
    """
    hidden, others = split("muon", player)
    widest = max(max(len(p), p.size // len(p)) for _, p in hidden)
    times = sqrt(widest * (1.0 - betas[0]) / (1.0 + betas[0]))
    of_hidden = (lambda step: times * lr(step)) if callable(lr) else times * lr
    return Muon(
        hidden,
        others,
        of_hidden,
        momentum=betas[0],
        adam_lr=lr,
        betas=betas,
        transforms=transforms,
    )


def stiefel(
    player: nn.Module,
    lr: float | Schedule,
    betas: tuple[float, float],
    transforms: Sequence[GradientTransform],
) -> StiefelAdam:
    """Adam under which the hidden matrices are orthonormal, from the start on."""
    hidden, others = split("stiefel", player)
    return StiefelAdam(hidden, others, lr, betas, transforms=transforms)


RULES: dict[str, Rule] = {"adam": adam, "muon": muon, "stiefel": stiefel}


def split(rule: str, player: nn.Module) -> tuple[Named, Named]:
    """The hidden matrices by their names, and all other parameters.

    Raises:
        ValueError: there are none.
    """
    named = list(player.named_parameters())
    matrices = [name for name, p in named if p.ndim >= 2]
    hidden = set(matrices[1:-1])
    if not hidden:
        raise ValueError(
            f"GANTrainer: the rule {rule!r} is for hidden matrices, and a player has "
            f"{len(matrices)} in all, so none between its first and its last; give it a second "
            "hidden layer."
        )
    return [n for n in named if n[0] in hidden], [n for n in named if n[0] not in hidden]
