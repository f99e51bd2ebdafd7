"""Noise on all that the discriminator sees, fading: it melts modes into one until they part.

    GANTrainer(G, D, rng=rng, noise_shape=64, instance_noise=0.5, instance_noise_steps=10_000)

Sonderby et al., "Amortised MAP inference for image super-resolution" (2017).
"""

from __future__ import annotations

from typing import Any

from ...optim import Optimizer
from ...random import Generator
from ...tensor import Tensor

__all__ = ["InstanceNoise"]


class InstanceNoise:
    """x + s(t) * N(0, 1), with s falling in a straight line from `std` to 0 within `steps`.

    Sonderby et al., "Amortised MAP inference for image super-resolution" (2017), section 3.3: it
    makes the two distributions overlap, so that no D is sure of itself while G is far off.

    Args:
        std: in the units of the examples; 0 for none.
        steps: updates of D; 0 leaves the noise as it is.
        clock: D's optimizer, which counts them.
    """

    def __init__(self, std: float, steps: int, clock: Optimizer, rng: Generator) -> None:
        if not 0.0 <= std < float("inf"):
            raise ValueError(
                f"GANTrainer: instance_noise must be finite and at least 0, not {std}."
            )
        self.std, self.steps, self._clock, self._rng = std, steps, clock, rng

    def __call__(self, x: Tensor) -> Tensor:
        """Examples with noise; x itself where there is none."""
        if not self.std:
            return x
        return x + self._level(x.dtype) * self._rng.normal(x.shape, dtype=x.dtype)

    def _level(self, dtype: Any) -> Any:
        """The standard deviation in this step: a number, or where the device has it."""
        if not self.steps:
            return self.std
        (level,) = self._rng.backend.live(
            lambda: (self.std * max(0.0, 1.0 - self._clock.steps / self.steps),)
        )
        return level if isinstance(level, float) else level.astype(dtype)
