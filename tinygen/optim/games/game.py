"""What all ways to play share: the players' optimizers, and their plain gradients.

    game = Simultaneous().bind([SGD([x], lr=0.1), SGD([y], lr=0.1)])
    game.step(lambda: [x * y, -(x * y)])             # the losses, one for each player

`Simultaneous` and `Alternating` descend by those gradients alone; other rules change them first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

from ...autograd import grad
from ...state import check_state
from ...tensor import Tensor
from ..flat import pack
from ..optimizer import Optimizer

__all__ = ["Alternating", "Game", "Losses", "Simultaneous", "check_count", "complete", "slopes"]

Losses = Callable[[], Sequence[Tensor]]
"""The loss of each player, 0-d, at the present weights; some ways to play ask for it twice a step.

It may draw new noise each time; second derivatives are those of one evaluation."""


class Game:
    """How players who each minimise their own loss take a step together.

    Subclasses say `step`. `bind` comes first; the optimizers' update rules come after whatever is
    done to the gradients, and their states are theirs to save.

    Raises:
        ValueError: `bind` gets fewer than two players, or is called again; `step` gets too few
            losses, or one that does not depend on a parameter of its player.

    >>> class Backwards(Game):
    ...     def step(self, losses):
    ...         for loss, player in zip(losses(), self.players):
    ...             player.step([-g for g in tg.grad(loss, player.params)])
    ...         return {}
    >>> x, y = (tg.tensor(1.0, requires_grad=True) for _ in range(2))
    >>> game = Backwards().bind([optim.SGD([x], lr=0.25), optim.SGD([y], lr=0.5)])
    >>> _ = game.step(lambda: [x * x, y * y])
    >>> x, y
    (Tensor(1.5, requires_grad=True), Tensor(2., requires_grad=True))
    """

    def bind(self, players: Sequence[Optimizer]) -> Self:
        """Play with these from now on: one optimizer for each player.

        Raises:
            ValueError: there are fewer than two, or this object plays elsewhere already.
        """
        who = type(self).__name__
        if len(players) < 2:
            raise ValueError(f"{who}: a game has at least 2 players, not {len(players)}.")
        if hasattr(self, "players"):
            raise ValueError(f"{who}: it plays with other optimizers already; make a second one.")
        self.players = tuple(players)
        self._flats = [pack(player.params) for player in players]
        return self

    def step(self, losses: Losses) -> dict[str, Tensor]:
        """Update all players.

        Args:
            losses: see `Losses`; in the order of the players.

        Returns:
            What there is to report, by name: 0-d, on the device.

        Raises:
            ValueError: a loss is missing, or does not depend on a parameter of its player.
        """
        raise NotImplementedError

    def state_dict(self) -> dict[str, Any]:
        """What it remembers from step to step, on the host."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state_dict` of a game of the same kind and players.

        Raises:
            ValueError: the state does not fit; nothing was changed.
        """
        check_state(f"{type(self).__name__}.load_state_dict", {}, state)


class Simultaneous(Game):
    """w_i = w_i - lr dl_i/dw_i for all players at once: where plain descent stands.

    On the bilinear game x y, whose solution is 0, with a rate of lr every step multiplies the
    distance from it by sqrt(1 + lr^2) > 1.

    >>> x, y = (tg.tensor(1.0, requires_grad=True) for _ in range(2))
    >>> game = Simultaneous().bind([optim.SGD([x], lr=0.1), optim.SGD([y], lr=0.1)])
    >>> _ = game.step(lambda: [x * y, -(x * y)])
    >>> x, y
    (Tensor(0.9, requires_grad=True), Tensor(1.1, requires_grad=True))
    """

    def step(self, losses: Losses) -> dict[str, Tensor]:
        """Update all players by their own slopes at the same weights."""
        for player, found in zip(self.players, slopes(losses(), self.players), strict=True):
            player.step(found)
        return {}


class Alternating(Game):
    """The same one after the other, in order: each player sees what those before it have done.

    On the bilinear game it neither leaves nor comes nearer. All losses are computed for each
    player, which a trainer of its own would avoid.

    >>> x, y = (tg.tensor(1.0, requires_grad=True) for _ in range(2))
    >>> game = Alternating().bind([optim.SGD([x], lr=0.1), optim.SGD([y], lr=0.1)])
    >>> _ = game.step(lambda: [x * y, -(x * y)])
    >>> x, y
    (Tensor(0.9, requires_grad=True), Tensor(1.09, requires_grad=True))
    """

    def step(self, losses: Losses) -> dict[str, Tensor]:
        """Update all players by turns."""
        for i, player in enumerate(self.players):
            found = losses()
            check_count(found, self.players)
            player.step(_slope(i, found[i], player.params))
        return {}


def slopes(losses: Sequence[Tensor], players: Sequence[Optimizer]) -> list[list[Tensor]]:
    """The gradient of each loss in the parameters of its own player."""
    check_count(losses, players)
    return [_slope(i, losses[i], player.params) for i, player in enumerate(players)]


def check_count(losses: Sequence[Tensor], players: Sequence) -> None:
    """One loss for each player."""
    if len(losses) != len(players):
        raise ValueError(
            f"there are {len(players)} players, but {len(losses)} losses; give each one."
        )


def complete(i: int, found: Sequence[Tensor | None]) -> list[Tensor]:
    """Slopes of a loss in all parameters of its own player, who could not play with one less."""
    present = [slope for slope in found if slope is not None]
    if len(present) < len(found):
        k = list(found).index(None)
        raise ValueError(
            f"the loss of player {i} does not depend on its parameter {k}; leave that out of its "
            "optimizer, or check the order of the losses."
        )
    return present


def _slope(i: int, loss: Tensor, params: Sequence[Tensor]) -> list[Tensor]:
    # Losses may have a part of their graphs in common, such as the generated examples of a GAN.
    return complete(i, grad(loss, params, retain_graph=True, allow_unused=True))
