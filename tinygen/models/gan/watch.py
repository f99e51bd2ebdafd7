"""Looking at a GAN every so many steps of its training: numbers, and a verdict.

watch = Watch(trainer, landmarks_of(data), batch, every=500)
numbers, line = watch.remark({"loss_d": 1.2})
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ...backend import Array
from .trainer import GANTrainer
from .verdict import EARLY, Verdict
from .vitals import Landmarks, length, measure

__all__ = ["Watch"]


class Watch:
    """What a training run is told about its GAN.

    Args:
        trainer: before its first step.
        landmarks: of the data.
        real: a batch (N, ...) of real examples that D is asked about, as `trainer.step` takes it.
        conditions: of these examples.
        every: steps between looks, at least 1, else ValueError.

    >>> data = tg.data.load("ring", rng)
    >>> trainer = GANTrainer(mlp([4, 8, 2], rng), mlp([2, 8, 1], rng), rng=rng, noise_shape=4)
    >>> watch = Watch(trainer, landmarks_of(data), data.train[:64], every=1)
    >>> losses = trainer.step(data.train[:64])
    >>> numbers, words = watch.remark({name: float(loss) for name, loss in losses.items()})
    >>> sorted(numbers)
    ['coverage', 'd_accuracy', 'diversity', 'g_pull', 'growth', 'modes']
    """

    def __init__(
        self,
        trainer: GANTrainer,
        landmarks: Landmarks,
        real: Array,
        *conditions: Array,
        every: int,
    ) -> None:
        if every < 1:
            raise ValueError(f"Watch: every must be at least 1, not {every}.")
        self.trainer = trainer
        self.landmarks = landmarks
        self.every = every
        players = (trainer.generator, trainer.discriminator)
        weights = tuple(length(player.parameters()) for player in players)
        self.verdict = Verdict(landmarks, (weights[0], weights[1]))
        self._seen = (real, *conditions)
        self._last = 0

    def remark(self, losses: Mapping[str, float]) -> tuple[dict[str, float], str]:
        """Numbers, and the verdict once there is one, where a look is due; else nothing.

        It is due after `every` steps, or when a loss is not finite.

        Args:
            losses: of the latest step; `loss_d` among them.
        """
        step = self.trainer.steps
        broken = not all(math.isfinite(loss) for loss in losses.values())
        if step - self._last < self.every and not broken:
            return {}, ""
        self._last = step
        vitals = measure(self.trainer, self.landmarks, *self._seen)
        self.verdict.hear(step, vitals, losses["loss_d"])
        numbers = {
            "d_accuracy": vitals.d_accuracy,
            "g_pull": vitals.pull,
            "diversity": vitals.diversity,
            "coverage": vitals.coverage,
            "growth": self.verdict.growth(vitals),
        }
        if self.landmarks.kind:
            numbers[self.landmarks.kind] = vitals.modes
        return numbers, "" if self.verdict.kind == EARLY else self.verdict.text

    @property
    def text(self) -> str:
        """The verdict's line."""
        return self.verdict.text

    def state_dict(self) -> dict[str, Any]:
        """What a continued run needs, as JSON holds it."""
        return {"last": self._last, **self.verdict.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        self.verdict.load_state_dict(state)
        self._last = int(state["last"])
