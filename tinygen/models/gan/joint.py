"""One step of both players of a GAN together, by the rule of a game.

    GANTrainer(G, D, rng=rng, noise_shape=64, game=tg.optim.games.RotationCorrection())

Both losses look at the same real examples and the same generated ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...backend import Array
from ...optim import Optimizer
from ...optim.games import Game
from ...tensor import Tensor
from .rounds import total

if TYPE_CHECKING:
    from .trainer import GANTrainer

__all__ = ["seated", "step_jointly"]


def seated(game: Game | None, d: Optimizer, g: Optimizer, d_steps: int) -> Game | None:
    """The game with its two players, D first."""
    if game is None:
        return None
    if d_steps != 1:
        raise ValueError(
            f"GANTrainer: a game moves both players in every step, and d_steps is {d_steps}; leave "
            "it at 1."
        )
    return game.bind([d, g])


def step_jointly(
    trainer: GANTrainer, real: Array, conditions: tuple[Array, ...], due: tuple[int, ...]
) -> dict[str, Tensor]:
    """One update of both, by losses of one round: G's graph reaches into both of them.

    Returns:
        The terms at the weights before the step, and what the game reports.
    """
    assert trainer.game is not None
    terms: dict[str, Tensor] = {}

    def losses() -> list[Tensor]:
        seen = trainer._round(real, conditions)
        of_d, of_g = trainer.terms_of_d(seen, due), trainer.terms_of_g(seen)
        if not terms:
            terms.update({name: term.detach() for name, term in (of_d | of_g).items()})
        return [total(of_d), total(of_g)]

    return terms | trainer.game.step(losses)
