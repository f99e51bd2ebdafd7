"""Two-dimensional Gaussian mixtures, where a dropped mode can be counted.

`ring` and `grid` are the standard tests of mode coverage in GANs. Sources: Srivastava et al.,
"VEEGAN", 2017, section 4.1; Lin et al., "PacGAN", 2018, section 4.1.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..backend import host
from ..random import Generator
from .errors import DataError


@dataclass(frozen=True, eq=False)
class Mixture:
    """Equally weighted isotropic Gaussians in the plane.

    centres: (K, 2), the exact means; std: the standard deviation (not the variance) of each axis.
    Raises DataError for another shape, a NaN or infinite centre, or a std that is not above 0.

    >>> RING.centres.shape, RING.std
    ((8, 2), 0.01)
    >>> points, modes = Mixture(np.array([[0.0, 0.0], [4.0, 0.0]]), 0.1).sample(5, rng)
    >>> points.shape, modes.shape
    ((5, 2), (5,))
    """

    centres: NDArray[np.float64]
    std: float

    def __post_init__(self) -> None:
        centres = np.array(self.centres, dtype=np.float64)
        if centres.ndim != 2 or centres.shape[1] != 2 or len(centres) == 0:
            raise DataError(
                f"mixture centres have shape {centres.shape}: give one (x, y) row per mode, (K, 2)."
            )
        if not np.isfinite(centres).all():
            raise DataError("mixture centres hold NaN or infinite values: give finite centres.")
        if not (math.isfinite(self.std) and self.std > 0):
            raise DataError(f"mixture std is {self.std}: give a finite standard deviation above 0.")
        # Every run shares RING and GRID: an in-place change would move the modes of all of them.
        centres.flags.writeable = False
        object.__setattr__(self, "centres", centres)

    def sample(self, n: int, rng: Generator) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """n points (n, 2) and the mode (n,) that each was drawn from, independently."""
        if n < 1:
            raise DataError(f"cannot draw {n} points from a mixture: ask for at least 1.")
        modes = host(rng.integers(0, len(self.centres), (n,))).astype(np.int64)
        noise = host(rng.normal((n, 2), dtype="float64"))
        return (self.centres[modes] + self.std * noise).astype(np.float32), modes


def _ring(n_modes: int, radius: float, std: float) -> Mixture:
    # The endpoint is left out: at 2 pi the last mode would fall on the first.
    angles = np.linspace(0.0, 2.0 * math.pi, n_modes, endpoint=False)
    return Mixture(radius * np.stack([np.cos(angles), np.sin(angles)], axis=1), std)


def _grid(coordinates: Sequence[float], std: float) -> Mixture:
    return Mixture(np.array([(x, y) for x in coordinates for y in coordinates]), std)


RING = _ring(n_modes=8, radius=1.0, std=0.01)
GRID = _grid((-4.0, -2.0, 0.0, 2.0, 4.0), std=0.05)
MIXTURES: dict[str, Mixture] = {"ring": RING, "grid": GRID}


def sample_mixture(mixture: str | Mixture, n: int, rng: Generator) -> NDArray[np.float32]:
    """n points (n, 2), float32, of a mixture, given as "ring", "grid" or a `Mixture`.

    Raises DataError for an unknown name or n < 1. `Mixture.sample` also tells the modes.

    >>> sample_mixture("grid", 5, rng).shape
    (5, 2)
    """
    return find_mixture(mixture).sample(n, rng)[0]


def find_mixture(mixture: str | Mixture) -> Mixture:
    """The mixture of this name, or the mixture itself. Raises DataError for an unknown name."""
    if isinstance(mixture, Mixture):
        return mixture
    if mixture not in MIXTURES:
        known = " or ".join(MIXTURES)
        raise DataError(f"unknown mixture {mixture!r}: use {known}, or a Mixture of your own.")
    return MIXTURES[mixture]
