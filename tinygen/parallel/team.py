"""Which ranks compute together here and now: nobody else, unless `joined` says so.

    with joined(communicator):
        trainer.step(batch)                              # gradients are averaged over all ranks

Outside of it each process computes alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .communicator import Alone, Communicator

__all__ = ["ALONE", "joined", "team"]

ALONE = Alone()

_team: Communicator = ALONE


def team() -> Communicator:
    """The communicator in force. Optimizers, batch norms, loaders and chains ask for it.

    >>> team().rank, team().size
    (0, 1)
    """
    return _team


@contextmanager
def joined(communicator: Communicator) -> Iterator[Communicator]:
    """Inside, all that trains does so together with the other ranks of this communicator.

    `joined(ALONE)` is for what one rank does by itself, such as drawing a picture: other ranks
    would be waited for in vain.

    >>> with joined(Alone()) as us:
    ...     us is team()
    True
    """
    global _team
    before, _team = _team, communicator
    try:
        yield communicator
    finally:
        _team = before
