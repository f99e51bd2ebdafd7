"""Mode coverage: which Gaussians of a known mixture does a sampler reach, and how evenly?

Lin et al., "PacGAN: the power of two samples in generative adversarial networks" (2018), section
4.1, after Srivastava et al., "VEEGAN" (2017), section 4.1: 2,500 samples are drawn, and one within
three standard deviations of the nearest mode is of high quality.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..data import Mixture

__all__ = ["SAMPLES", "ModeCoverage", "mode_coverage"]

SAMPLES = 2_500
"""As published: a mode counts from one sample on, so the number matters."""


@dataclass(frozen=True)
class ModeCoverage:
    """How a sampler covers a mixture of K modes.

    counts: (K,) high-quality samples nearest to each mode. high_quality: their share of all.

    >>> found = ModeCoverage(np.array([30, 0, 50]), high_quality=0.8)
    >>> found.modes, found.high_quality
    (2, 0.8)
    """

    counts: np.ndarray
    high_quality: float

    @property
    def modes(self) -> int:
        """Modes with at least one high-quality sample."""
        return int((self.counts > 0).sum())

    @property
    def reverse_kl(self) -> float:
        """KL(p || uniform) in nats, p the high-quality samples' share of each mode.

        From 0 to log K; nan without any such sample. N exact draws give (K - 1) / 2N on average.
        """
        total = int(self.counts.sum())
        if total == 0:
            return math.nan
        p = self.counts[self.counts > 0] / total
        return float((p * np.log(p * len(self.counts))).sum())

    def describe(self) -> str:
        """A line for a terminal."""
        return (
            f"{self.modes} of {len(self.counts)} modes reached; {100 * self.high_quality:.1f}% of "
            f"the samples within 3 standard deviations of one; reverse KL {self.reverse_kl:.4f}"
        )


def mode_coverage(samples: np.ndarray, mixture: Mixture) -> ModeCoverage:
    """Of samples (N, 2), N above 0; those that are not finite are of no quality.

    Lin et al., "PacGAN" (2018), section 4.1: of high quality is what lies within three standard
    deviations of the nearest mode. Raises ValueError for another shape.

    >>> from tinygen.data import RING
    >>> found = mode_coverage(RING.centres, RING)
    >>> found.modes, found.high_quality
    (8, 1.0)
    """
    if samples.ndim != 2 or samples.shape[1] != 2 or len(samples) == 0:
        raise ValueError(
            f"mode_coverage: samples have shape {samples.shape}; give points in the plane, (N, 2)."
        )
    points = samples.astype(np.float64)[:, None]
    distances = np.sqrt(((points - mixture.centres) ** 2).sum(2))
    nearest = distances.argmin(1)
    # A comparison with nan is false.
    near = distances[np.arange(len(samples)), nearest] <= 3 * mixture.std
    counts = np.bincount(nearest[near], minlength=len(mixture.centres))
    return ModeCoverage(counts, float(near.mean()))
