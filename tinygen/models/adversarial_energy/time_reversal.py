"""Contrastive divergence as a game about the direction of time.

Yair and Michaeli, "Contrastive divergence learning is a time reversal adversarial game" (2021).
Somebody draws a from the data, makes one step of a Markov chain to b, and shows the pair: in this
order, or exchanged. Which of the two was first?

If the data had the distribution p of the model, nobody could tell, as the steps of the chain obey
detailed balance: with k(b | a) its transitions,

    p(a) k(b | a) = p(b) k(a | b)                                               at weights w0

A classifier that takes the chain's k at w0 for given, and believes the data to be distributed as
p_w, answers "a was first" with log-odds

    u_w(a, b) = log p_w(a) k(b | a) - log p_w(b) k(a | b)
              = [F_w(b) - F_w(a)] - [F_w0(b) - F_w0(a)]

where log Z has dropped out. At w = w0 it is undecided, and there the gradient of its loss
-log sigmoid(u_w(a, b)) - log sigmoid(-u_w(b, a)) is

    2 * (1/2) d/dw [F_w(a) - F_w(b)]                  the update of contrastive divergence, exactly

So nothing was left out of a formula, as Hinton 2002 does with the third term of his equation 5: CD
trains a discriminator and then makes it the generator, whose chain the next batch is drawn from.
The game is another one after each step, which is why CD is no function's gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...ops import mean, softplus
from ...primitive import no_grad
from ...tensor import Tensor

__all__ = ["time_reversal_loss", "time_reversal_odds"]

FreeEnergy = Callable[[Any], Any]


def time_reversal_odds(free_energy: FreeEnergy, of_chain: FreeEnergy, a: Any, b: Any) -> Tensor:
    """u(a, b) of pairs of states (N, ...): log-odds (N,) that a was before b.

    Args:
        free_energy: of the model that classifies.
        of_chain: of the model whose chain made the pairs.

    Yair and Michaeli, "Contrastive divergence learning is a time reversal adversarial game" (2021).

    >>> sharp, flat = lambda x: 2.0 * (x**2).sum(1), lambda x: (x**2).sum(1)
    >>> time_reversal_odds(sharp, flat, tg.zeros(1, 2), tg.ones(1, 2))
    Tensor([2.])
    """
    with no_grad():
        known = of_chain(b) - of_chain(a)
    return free_energy(b) - free_energy(a) - known


def time_reversal_loss(
    free_energy: FreeEnergy, earlier: Any, later: Any, of_chain: FreeEnergy | None = None
) -> Tensor:
    """The classifier's mean cross-entropy over both orders of each pair, added, 0-d, in nats.

    Args:
        earlier: (N, ...) from the data. later: (N, ...), k steps of the chain after them.
        of_chain: None for the model itself, held fixed: then the value is 2 log 2, and the
            gradient that of CD-k. Source: as of `time_reversal_odds`.

    >>> energy = lambda x: (x**2).sum(1)
    >>> time_reversal_loss(energy, tg.zeros(5, 2), tg.ones(5, 2))  # 2 log 2: it cannot tell
    Tensor(1.3863)
    """
    chain = free_energy if of_chain is None else of_chain
    in_order = time_reversal_odds(free_energy, chain, earlier, later)
    exchanged = time_reversal_odds(free_energy, chain, later, earlier)
    return mean(softplus(-in_order)) + mean(softplus(exchanged))
