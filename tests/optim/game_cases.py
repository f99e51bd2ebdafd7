"""Games for tests: every way to play, and quadratic games, in which everything is a matrix."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

import tinygen as tg
from tinygen.backend import host
from tinygen.optim.games import (
    Alternating,
    Consensus,
    Extragradient,
    JointField,
    Optimistic,
    RotationCorrection,
    Simultaneous,
)

GAMES = {
    "simultaneous": Simultaneous,
    "alternating": Alternating,
    "rotation": RotationCorrection,
    "rotation, reported": lambda: RotationCorrection(0.3, align=False, report=True),
    "consensus": lambda: Consensus(0.5, report=True),
    "optimistic": Optimistic,
    "extragradient": Extragradient,
}

SIZES = {2: (3, 2), 3: (2, 1, 4)}


class Quadratic:
    """l_i = w^T M_i w / 2 + b_i . w, in which player i owns a part of w, as two parameters."""

    def __init__(self, players: int, seed: int = 0, scale: float = 1.0) -> None:
        rng = np.random.default_rng(seed)
        self.sizes = SIZES[players]
        n = sum(self.sizes)
        self.ends = np.cumsum((0, *self.sizes))
        self.m = [scale * (a + a.T) / 2 for a in rng.normal(size=(players, n, n))]
        self.b = list(rng.normal(size=(players, n)))
        self.w = rng.normal(size=n)

    def start(self, backend=None) -> None:
        own = [self.w[a:z] for a, z in pairwise(self.ends)]
        parts = [(w[:1].reshape(1, 1), w[1:]) if len(w) > 1 else (w,) for w in own]
        place = backend.from_host if backend else np.copy
        self.params = [[tg.Tensor(place(p), requires_grad=True) for p in own] for own in parts]
        self.matrices = [tg.Tensor(place(m)) for m in self.m]
        self.offsets = [tg.Tensor(place(b)) for b in self.b]

    def losses(self) -> list[tg.Tensor]:
        w = tg.concatenate([p.reshape(-1) for own in self.params for p in own])
        return [
            0.5 * tg.sum(w * (m @ w)) + tg.sum(b * w)
            for m, b in zip(self.matrices, self.offsets, strict=True)
        ]

    def _rows(self, of_player) -> np.ndarray:
        ends = enumerate(pairwise(self.ends))
        return np.concatenate([of_player(i)[a:z] for i, (a, z) in ends])

    @property
    def jacobian(self) -> np.ndarray:
        return self._rows(lambda i: self.m[i])

    @property
    def xi(self) -> np.ndarray:
        return self._rows(lambda i: self.m[i] @ self.w + self.b[i])

    def values(self) -> np.ndarray:
        return flattened(self.params)


def flattened(players) -> np.ndarray:
    return np.concatenate([np.ravel(p.numpy()) for own in players for p in own])


def dense(field: JointField, vector) -> np.ndarray:
    """A vector without the gaps between its parts."""
    return np.concatenate([np.ravel(host(p)) for own in field.split(vector) for p in own])


def by_hand(game: Quadratic, strength: float) -> tuple[np.ndarray, float]:
    """Balduzzi et al. 2018, Algorithm 1, with explicit matrices; and its sign's argument."""
    j, xi = game.jacobian, game.xi
    h, turned = j.T @ xi, (j.T - j) @ xi / 2
    both = (xi @ h) * (turned @ h)
    return xi + strength * np.sign(both / len(xi) + 0.1) * turned, both
