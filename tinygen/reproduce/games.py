"""Ways to play the bilinear game, against closed forms.

`tinygen reproduce game-rates` runs it and judges it by its mark; with `--quick` one only sees that
it works.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..optim import SGD
from ..optim.games import (
    Alternating,
    Consensus,
    Extragradient,
    Game,
    Optimistic,
    RotationCorrection,
    Simultaneous,
)
from ..tensor import Tensor
from .row import Figures, Row, Verdict

__all__ = ["ROWS"]

RATE = 0.1
STRENGTH = 1.0
TOLERANCE = 1e-6

PLAYED = {
    "simultaneous": (Simultaneous, math.sqrt(1.0 + RATE**2)),
    "alternating": (Alternating, 1.0),
    "extragradient": (Extragradient, math.hypot(1.0 - RATE**2, RATE)),
    # The roots of z^2 = (1 - 2 i rate) z + i rate, by the eigenvalue i of the field's Jacobian.
    "optimistic": (Optimistic, float(abs(np.roots([1.0, 2j * RATE - 1.0, -1j * RATE])).max())),
    "symplectic adjustment": (
        lambda: RotationCorrection(STRENGTH),
        math.hypot(1.0 - RATE * STRENGTH, RATE),
    ),
    "consensus": (lambda: Consensus(STRENGTH), math.hypot(1.0 - RATE * STRENGTH, RATE)),
}
"""How to play, and by what a step multiplies the distance from the solution in the long run."""


class Bilinear:
    """The game x y, which one player minimises and the other maximises, played by SGD."""

    def __init__(self, game: Game) -> None:
        self.weights = [Tensor(np.zeros(()), requires_grad=True) for _ in range(2)]
        self.game = game.bind([SGD([w], lr=RATE) for w in self.weights])

    @property
    def state(self) -> np.ndarray:
        """Both weights, then what the game remembers."""
        return np.array([*(w.item() for w in self.weights), *_numbers(self.game.state_dict())])

    def step(self, state: np.ndarray) -> np.ndarray:
        """The state after a step from this one."""
        rest = iter(state)
        for w in self.weights:
            w[...] = next(rest)
        self.game.load_state_dict(_filled(self.game.state_dict(), rest))
        x, y = self.weights
        self.game.step(lambda: [x * y, -(x * y)])
        return self.state


def spectral_radius(game: Game, seed: int) -> float:
    """The largest modulus of an eigenvalue of a step, which is linear: by what it does to a basis.

    Args:
        seed: draws the basis.
    """
    played = Bilinear(game)
    size = len(played.state)
    basis = np.random.default_rng(seed).normal(size=(size, size))
    images = np.stack([played.step(column) for column in basis.T], axis=1)
    return float(abs(np.linalg.eigvals(images @ np.linalg.inv(basis))).max())


def run(seed: int, quick: bool) -> Figures:
    """How far the radii are from the closed forms at most, and all of them."""
    found = {name: spectral_radius(make(), seed) for name, (make, _) in PLAYED.items()}
    off = max(abs(found[name] - expected) for name, (_, expected) in PLAYED.items())
    return {"largest distance from a closed form": off, **found}


def judge(found: Sequence[Figures]) -> Verdict:
    """The worst of all."""
    off = max(f["largest distance from a closed form"] for f in found)
    return Verdict(off <= TOLERANCE, None, f"at most {off:.1e} from the closed forms")


def _numbers(state: dict[str, Any]) -> list[float]:
    """All that a nested state holds."""
    found = []
    for part in state.values():
        found += _numbers(part) if isinstance(part, dict) else [float(part)]
    return found


def _filled(state: dict[str, Any], numbers: Iterator[float]) -> dict[str, Any]:
    """A state of the same names with other numbers."""
    return {
        name: _filled(part, numbers) if isinstance(part, dict) else np.array(next(numbers))
        for name, part in state.items()
    }


ROWS = (
    Row(
        "game-rates",
        "what a step does to the distance from the solution of the game x y, in the long run",
        ", ".join(f"{name} {radius:.6f}" for name, (_, radius) in PLAYED.items())
        + ", in closed form",
        f"spectral radius of one step in float64, by SGD of rate {RATE} for both players, strength "
        f"{STRENGTH} of both corrections",
        f"each to {TOLERANCE:.0e}",
        "none",
        1,
        run,
        judge,
    ),
)
