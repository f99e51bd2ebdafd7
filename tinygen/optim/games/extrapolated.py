"""Looking ahead instead of correcting: first derivatives only, one evaluation or two a step.

    game = Extragradient().bind([SGD([x], lr=0.1), SGD([y], lr=0.1)])
    game.step(lambda: [x * y, -(x * y)])

`Extragradient` computes the losses twice a step, `Optimistic` once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from ...backend import host
from ...state import check_state
from ...tensor import Tensor, note_write
from ..optimizer import Optimizer
from .game import Game, Losses, slopes

__all__ = ["Extragradient", "Optimistic"]


class Extragradient(Game):
    """Take the step, look at the slopes there, go back, and take the step by those.

        w' = w - lr xi(w);   w = w - lr xi(w')

    Korpelevich 1976; for GANs Gidel et al., "A variational inequality perspective on generative
    adversarial networks" (2019), section 3.2. With Adam it is their Algorithm 4: both steps update
    the moments. So an optimizer counts two steps for each of the game, and schedules run by that.
    It costs two evaluations, and keeps nothing of its own between steps.

    >>> x, y = (tg.tensor(1.0, requires_grad=True) for _ in range(2))
    >>> game = Extragradient().bind([optim.SGD([x], lr=0.1), optim.SGD([y], lr=0.1)])
    >>> _ = game.step(lambda: [x * y, -(x * y)])
    >>> x, y
    (Tensor(0.89, requires_grad=True), Tensor(1.09, requires_grad=True))
    """

    def step(self, losses: Losses) -> dict[str, Tensor]:
        """Update all players by their slopes at where a first update would lead."""
        starts = [flat.array.copy() for flat in self._flats]
        self._descend(losses)
        ahead = slopes(losses(), self.players)
        for flat, start in zip(self._flats, starts, strict=True):
            flat.array[...] = start
            note_write(flat.array)
        for player, found in zip(self.players, ahead, strict=True):
            player.step(found)
        return {}

    def _descend(self, losses: Losses) -> None:
        for player, found in zip(self.players, slopes(losses(), self.players), strict=True):
            player.step(found)


class Optimistic(Game):
    """Expect that the next step will be like this one: go twice this one, less the last one.

        u = what the update rule does to w, for all players at the same weights
        w = w + 2 u - u_before                                 (u_before starts at 0)

    Daskalakis et al., "Training GANs with optimism" (2018): with SGD eq. 6, w - 2 lr g + lr
    g_before, with Adam their Algorithm 1. It costs one evaluation and an array for each player.

    >>> x, y = (tg.tensor(1.0, requires_grad=True) for _ in range(2))
    >>> game = Optimistic().bind([optim.SGD([x], lr=0.1), optim.SGD([y], lr=0.1)])
    >>> _ = game.step(lambda: [x * y, -(x * y)])
    >>> x, y
    (Tensor(0.8, requires_grad=True), Tensor(1.2, requires_grad=True))
    """

    def bind(self, players: Sequence[Optimizer]) -> Self:
        """As `Game.bind`."""
        super().bind(players)
        self._before = [flat.layout.zeros() for flat in self._flats]
        return self

    def step(self, losses: Losses) -> dict[str, Tensor]:
        """Update all players by the extrapolated step."""
        found = slopes(losses(), self.players)
        for player, flat, (before, _), own in zip(
            self.players, self._flats, self._before, found, strict=True
        ):
            start = flat.array.copy()
            player.step(own)
            taken = flat.array - start
            flat.array += taken - before
            before[...] = taken
            note_write(flat.array)
        return {}

    def state_dict(self) -> dict[str, Any]:
        """{player's place: {parameter's name: the last step}}."""
        return {
            str(i): {
                name: np.array(host(view), order="C")
                for name, view in zip(player.names, views, strict=True)
            }
            for i, (player, (_, views)) in enumerate(zip(self.players, self._before, strict=True))
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state_dict`.

        Raises:
            ValueError: names are missing or unexpected, or values misfit; all of them are listed,
                and nothing was changed.
        """
        own = {
            f"{i}.{name}": view
            for i, (player, (_, views)) in enumerate(zip(self.players, self._before, strict=True))
            for name, view in zip(player.names, views, strict=True)
        }
        given = {f"{i}.{name}": value for i, part in state.items() for name, value in part.items()}
        values = check_state("Optimistic.load_state_dict", own, given)
        for name, view in own.items():
            view[...] = self._flats[0].layout.backend.from_host(values[name])
