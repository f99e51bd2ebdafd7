"""Ranks that never speak, for tests in one process."""

from __future__ import annotations

from tinygen.parallel import Communicator


class Pretended(Communicator):
    """One of several ranks that never speak."""

    def __init__(self, rank: int, size: int) -> None:
        self.rank, self.size = rank, size
