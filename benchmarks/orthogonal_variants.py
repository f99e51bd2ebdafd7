"""What `orthogonal_gan` compares: plain Adam, and whatever is orthogonal to something."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.orthogonal_report import COMBINATION, FALLING, MUON
from benchmarks.orthogonal_report import PLAIN as REFERENCE
from tinygen import recipes
from tinygen.backend import Array
from tinygen.models.gan import GANTrainer
from tinygen.optim import Optimizer
from tinygen.optim.transforms import GradientTransform

__all__ = ["VARIANTS", "OrthogonalToChance", "Variant", "made"]

PLAIN = {"game": "none", "penalty": "none", "ema": 0.0}
R1 = {"penalty": "r1", "penalty_weight": 5e-5, "penalty_every": 8}
R1_OF_DIGITS = {"penalty": "r1", "penalty_weight": 0.3, "penalty_every": 8}


class OrthogonalToChance(GradientTransform):
    """The placebo: `OrthogonalToWeights` with a direction that is drawn anew in each step.

    It is a random stretch of many normal numbers: drawing all of them would take a third of the
    time that there is, and the placebo shall cost what it stands for.
    """

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def bind(self, optimizer: Optimizer) -> None:
        super().bind(optimizer)
        self._chosen = [i for i, p in enumerate(optimizer.params) if p.ndim >= 2]
        self._pool = self._rng.normal(size=8 * self._bound().array.size).astype(np.float32)

    def apply(self, gradient: Array, parts: Sequence[Array]) -> None:
        backend = self._bound().layout.backend
        for part in (parts[i].reshape(-1) for i in self._chosen):
            start = self._rng.integers(len(self._pool) - part.size)
            backend.turn_from(part, self._pool[start : start + part.size])


def with_placebo(trainer: GANTrainer) -> None:
    """Both players have it from now on."""
    for place, optimizer in enumerate((trainer.optimizer_g, trainer.optimizer_d)):
        transform = OrthogonalToChance(seed=place)
        transform.bind(optimizer)
        optimizer.transforms.append(transform)


@dataclass(frozen=True)
class Variant:
    """What is changed in plain Adam.

    settings: of `og-gan`. on: more of them for one dataset. attach: what no setting says.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    on: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    attach: Callable[[GANTrainer], None] = lambda trainer: None


PENALISED = {"on": {"digits": R1_OF_DIGITS}}

VARIANTS: dict[str, Variant] = {
    REFERENCE: Variant(),
    "placebo": Variant(attach=with_placebo),
    "to-weights": Variant({"transforms": "to-weights"}),
    "to-weights, G's alone": Variant({"transforms": "to-weights", "d_transforms": "none"}),
    "to-weights, D's alone": Variant({"d_transforms": "to-weights"}),
    "to-past, D's": Variant({"d_transforms": "to-past"}),
    "surgery: real, fake": Variant({"surgery": True}),
    "R1": Variant(R1, **PENALISED),
    "surgery: real, fake, R1": Variant({**R1, "surgery": True}, **PENALISED),
    "Muon": Variant({"rule": "muon"}),
    "Muon, D's alone": Variant({"d_rule": "muon"}),
    "Stiefel, D's alone": Variant({"d_rule": "stiefel"}),
    "orthogonality penalty": Variant({"orthogonality": 1e-4}),
    "rotation": Variant({"game": "rotation"}),
    "consensus": Variant({"game": "consensus", "strength": 0.1}),
    "optimistic": Variant({"game": "optimistic"}),
    "extragradient": Variant({"game": "extragradient"}),
    FALLING: Variant({"decay": True}),
    "to-weights, falling rates": Variant({"transforms": "to-weights", "decay": True}),
    "R1, falling rates": Variant({**R1, "decay": True}, **PENALISED),
    MUON: Variant({"d_rule": "muon", "decay": True}),
    COMBINATION: Variant({"d_transforms": "to-weights", "decay": True}),
}

BETA1 = {"ring": 0.5, "grid": 0.0, "digits": 0.5}
"""What plain Adam had in `gan_ablation --tune`; on digits the usual one."""


def made(data: str, name: str, seed: int, lr: float, steps: int) -> recipes.Experiment:
    """A variant, ready to be trained for so many steps."""
    variant = VARIANTS[name]
    settings = {
        **PLAIN, **variant.settings, **variant.on.get(data, {}), "data": data, "seed": seed,
        "lr": lr, "beta1": BETA1[data], "steps": steps,
    }  # fmt: skip
    recipe = recipes.find("og-gan")
    experiment = recipe.build(recipes.resolve(recipe, settings))
    variant.attach(experiment.trainer)
    return experiment
